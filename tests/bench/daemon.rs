//! A daemon under measurement: its config, its process, and one page of it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::process::Process;

/// A start that takes longer is a failure, not a figure.
const START: Duration = Duration::from_secs(20);
const ANSWER: Duration = Duration::from_secs(5);
/// Between two tries to get the first page: a hundredth of what a start takes.
const TRY_AGAIN: Duration = Duration::from_micros(250);

/// All endpoints are one host's, which wants to be asked so much.
const MANNERLESS: &str = "[probe]\nper_host = { requests_per_second = 100000, connections = 10000 }\n";

/// What the daemon is told to watch.
pub struct Watch {
    pub target: SocketAddr,
    pub endpoints: usize,
    pub components: usize,
    pub every: &'static str,
    /// Results in a row that change the health.
    pub threshold: u8,
    /// Asked over TLS, trusting the roots in this file.
    pub roots: Option<PathBuf>,
    /// What each endpoint has besides, as TOML.
    pub more: String,
}

impl Watch {
    /// The usual: thresholds as shipped, a component each for the first fifty.
    pub fn new(target: SocketAddr, endpoints: usize, every: &'static str) -> Self {
        let components = endpoints.min(50);
        Self { target, endpoints, components, every, threshold: 2, roots: None, more: String::new() }
    }

    fn config(&self, listen: SocketAddr, data: &Path) -> String {
        let mut text = format!(
            "[server]\nlisten = \"{listen}\"\n[store]\ndata = {:?}\n{MANNERLESS}",
            data.display().to_string()
        );
        for component in 0..self.components {
            text.push_str(&format!("[[component]]\nid = \"c{component}\"\nname = \"Way {component}\"\n"));
        }
        let Self { target, components, every, threshold, more, .. } = self;
        let scheme = if self.roots.is_some() { "https" } else { "http" };
        for endpoint in 0..self.endpoints {
            let component = endpoint % components;
            text.push_str(&format!(
                "[[endpoint]]\nid = \"e{endpoint}\"\ncomponent = \"c{component}\"\n\
                 url = \"{scheme}://{target}/login/{endpoint}\"\nevery = \"{every}\"\n\
                 failure_threshold = {threshold}\nsuccess_threshold = {threshold}\n{more}"
            ));
        }
        text
    }
}

/// A porchlight in a process of its own.
pub struct Daemon {
    pub process: Process,
    pub addr: SocketAddr,
    /// From the start of the process to the last byte of the first page.
    pub first_page: Duration,
}

impl Daemon {
    /// Starts one with its data in `room` and waits for its page.
    pub fn start(room: &Path, watch: &Watch) -> anyhow::Result<Self> {
        let addr = free_addr()?;
        let config = room.join("config.toml");
        std::fs::write(&config, watch.config(addr, &data(room))).context("writing the config")?;
        let log = room.join("log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_porchlight"));
        command.arg("--config").arg(&config);
        if let Some(roots) = &watch.roots {
            command.env("SSL_CERT_FILE", roots);
        }
        let began = Instant::now();
        let mut process = Process::spawn(&mut command, &log)?;
        let first = first_page(addr, || process.must_live());
        first.with_context(|| format!("waiting for the page; its log:\n{}", tail(&log)))?;
        Ok(Self { process, addr, first_page: began.elapsed() })
    }

    /// An orderly end: everything that was seen is in the database.
    pub fn stop(self) -> anyhow::Result<()> {
        self.process.end().context("stopping the daemon")
    }
}

/// The data directory of the daemon in `room`.
pub fn data(room: &Path) -> PathBuf {
    room.join("data")
}

/// A loopback address that was free a moment ago.
pub fn free_addr() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
    Ok(listener.local_addr()?)
}

/// Tries until the front page arrives; `alive` says why there is no more hope.
pub fn first_page(addr: SocketAddr, mut alive: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let began = Instant::now();
    while began.elapsed() < START {
        if let Ok(answer) = get(addr, "/")
            && answer.starts_with(b"HTTP/1.1 200")
        {
            return Ok(());
        }
        alive()?;
        std::thread::sleep(TRY_AGAIN);
    }
    bail!("no page within {} s", START.as_secs())
}

/// A whole answer, head and body, over a connection of its own.
pub fn get(addr: SocketAddr, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&addr, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nAccept-Encoding: br\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// The last lines of a log, for an error that must explain itself.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(20);
    lines.into_iter().skip(from).collect::<Vec<_>>().join("\n")
}
