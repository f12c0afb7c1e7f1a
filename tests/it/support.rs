//! What the tests share: a daemon in its own process, a plain HTTP client, and waiting without luck.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use porchlight::probe::own::OwnHealth;

/// How long a test waits for something that takes a second or two; ten times that.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One answer of an HTTP server.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// One request over a connection of its own; `extra` are further header lines.
pub fn request(
    addr: SocketAddr,
    method: &str,
    path: &str,
    extra: &str,
    body: &str,
) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nContent-Length: {}\r\n{extra}\r\n{body}",
        body.len()
    )?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    parsed(bytes)
}

/// The answer in all that a connection gave.
pub fn parsed(mut bytes: Vec<u8>) -> std::io::Result<Answer> {
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n");
    let end = end.ok_or_else(|| std::io::Error::other("no head in the answer"))?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or_default();
    let mut body = bytes.split_off(end + 4);
    if head.to_lowercase().contains("transfer-encoding: chunked") {
        body = unchunked(&body);
    }
    Ok(Answer { status, head, body })
}

pub fn get(addr: SocketAddr, path: &str) -> Answer {
    request(addr, "GET", path, "", "").unwrap_or_else(|error| panic!("GET {path}: {error}"))
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|it| it == b"\r\n") {
        let size = usize::from_str_radix(&String::from_utf8_lossy(&bytes[..end]), 16).unwrap_or_default();
        let rest = &bytes[end + 2..];
        if size == 0 || rest.len() < size {
            break;
        }
        whole.extend_from_slice(&rest[..size]);
        bytes = &rest[size..];
        bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    }
    whole
}

/// Asks again until `ready` says yes; panics with `what` when patience ends.
pub fn wait_until<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = ready() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A loopback port that was free a moment ago.
/// For many endpoints on one target, which wants to be asked so much.
pub const MANNERLESS: &str = "[probe]\nper_host = { requests_per_second = 1000, connections = 1000 }\n";

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A porchlight in a process of its own, ended with the test.
pub struct Daemon {
    pub child: Child,
    pub addr: SocketAddr,
    pub dir: PathBuf,
}

impl Daemon {
    /// Starts one in `dir` with this config and waits for its page. The config
    /// gets `[server]` and `[store]` added.
    pub fn start(dir: &Path, config: &str) -> Self {
        let port = free_port();
        Self::start_with(dir, config, port, |_| ())
    }

    pub fn start_with(dir: &Path, config: &str, port: u16, prepare: impl FnOnce(&mut Command)) -> Self {
        let daemon = Self::start_served(dir, config, SocketAddr::from(([127, 0, 0, 1], port)), "", prepare);
        wait_until("the page answers", || {
            request(daemon.addr, "GET", "/api/v1/summary.json", "", "").ok().filter(|it| it.status == 200)
        });
        daemon
    }

    /// Starts one that serves at `addr` with these lines in `[server]`, and waits
    /// until it lets somebody in.
    pub fn start_served(
        dir: &Path,
        config: &str,
        addr: SocketAddr,
        server: &str,
        prepare: impl FnOnce(&mut Command),
    ) -> Self {
        let file = dir.join("config.toml");
        let whole = format!(
            "{config}\n[server]\nlisten = \"{addr}\"\n{server}\n[store]\ndata = {:?}\n",
            dir.join("data").display().to_string()
        );
        std::fs::write(&file, whole).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_porchlight"));
        command.arg("--config").arg(&file).args(["serve", "--log", "info"]);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.join("log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
        prepare(&mut command);
        let child = command.spawn().unwrap();
        let mut daemon = Self { child, addr, dir: dir.to_owned() };
        wait_until("it can be connected to", || {
            if let Some(status) = daemon.child.try_wait().unwrap() {
                panic!("the daemon ended with {status}: {}", daemon.log());
            }
            TcpStream::connect(addr).ok()
        });
        daemon
    }

    pub fn summary(&self) -> serde_json::Value {
        get(self.addr, "/api/v1/summary.json").json()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Sends a signal by its name, as `kill -NAME` does.
    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").arg(format!("-{name}")).arg(self.pid()).status().unwrap();
        assert!(done.success());
    }

    /// Ends it at once, as a power cut would, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// For [`Daemon::start_served`]: the same command with another `--log`.
pub fn logging<'a>(dir: &'a Path, filter: &'a str) -> impl FnOnce(&mut Command) + 'a {
    move |command| {
        let log = std::fs::OpenOptions::new().append(true).open(dir.join("log")).unwrap();
        let mut louder = Command::new(command.get_program());
        louder.args(command.get_args().map(|it| if it == "info" { filter.as_ref() } else { it }));
        louder.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
        *command = louder;
    }
}

/// An endpoint's health in a summary.
pub fn health(summary: &serde_json::Value, endpoint: &str) -> String {
    let components = summary["components"].as_array().cloned().unwrap_or_default();
    let endpoints = components.iter().flat_map(|it| it["endpoints"].as_array().cloned().unwrap_or_default());
    endpoints
        .filter(|it| it["id"] == endpoint)
        .map(|it| it["health"].as_str().unwrap_or_default().to_owned())
        .next()
        .unwrap_or_default()
}

/// Adds results of the first endpoint to a database that nobody has open.
pub fn many_results(connection: rusqlite::Connection, count: u32) {
    let sql = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO result (endpoint, at_ms, outcome, total_us)
         SELECT 1, (SELECT max(at_ms) FROM result), 0, 180000 FROM n;
         UPDATE meta SET value = (SELECT max(id) FROM result) WHERE key = 'newest_through';
         PRAGMA wal_checkpoint(TRUNCATE)"
    );
    connection.execute_batch(&sql).unwrap();
}

/// With the watchdog ticking beside it, as in the daemon; but a busy machine is no fault of ours here.
pub async fn ticking<T>(own: &Arc<OwnHealth>, doing: impl Future<Output = T>) -> T {
    let ticked = own.clone();
    let ticker = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        loop {
            ticks.tick().await;
            ticked.tick();
        }
    });
    let done = doing.await;
    ticker.abort();
    done
}
