//! Many readers of one page: keep-alive connections on one thread, as cheap as a client can be.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Readers at once.
pub const CONNECTIONS: usize = 64;
/// More than a page and its head; a read that fills it goes on.
const BUFFER: usize = 64 * 1024;

/// What the readers saw.
pub struct Served {
    pub per_second: f64,
    /// Of every request, in milliseconds.
    pub latencies: Vec<f64>,
    pub requests: u32,
}

/// Reads the front page at `addr` over and over for `length`.
pub fn press(addr: SocketAddr, length: Duration) -> anyhow::Result<Served> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut readers = Vec::new();
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(addr).await.context("connecting a reader")?;
            stream.set_nodelay(true)?;
            readers.push(stream);
        }
        let began = Instant::now();
        let request = format!("GET / HTTP/1.1\r\nHost: {addr}\r\nAccept-Encoding: br\r\n\r\n");
        let readers: Vec<_> = readers
            .into_iter()
            .map(|stream| tokio::spawn(read_until(stream, request.clone().into_bytes(), began + length)))
            .collect();
        let mut latencies = Vec::new();
        for reader in readers {
            latencies.extend(reader.await??);
        }
        let requests = u32::try_from(latencies.len())?;
        Ok(Served { per_second: f64::from(requests) / began.elapsed().as_secs_f64(), latencies, requests })
    })
}

async fn read_until(mut stream: TcpStream, request: Vec<u8>, end: Instant) -> anyhow::Result<Vec<f64>> {
    let mut latencies = Vec::with_capacity(4096);
    let mut answer = Vec::with_capacity(BUFFER);
    let mut shape = Shape { head: 0, whole: 0, sizes: Vec::new() };
    loop {
        let asked = Instant::now();
        if end <= asked {
            return Ok(latencies);
        }
        stream.write_all(&request).await?;
        answer.clear();
        while !shape.is_whole(&answer)? {
            if stream.read_buf(&mut answer).await? == 0 {
                bail!("the server hung up on a reader");
            }
        }
        latencies.push(asked.elapsed().as_secs_f64() * 1000.0);
    }
}

/// Where the last answer's head ended. The next usually ends there too, and
/// then need not be read, which leaves the machine to the server.
struct Shape {
    head: usize,
    whole: usize,
    /// The line that says how long the body is, and where it stood.
    sizes: Vec<(usize, Vec<u8>)>,
}

impl Shape {
    fn is_whole(&mut self, answer: &[u8]) -> anyhow::Result<bool> {
        if !self.fits(answer) && !self.learn(answer)? {
            return Ok(false);
        }
        Ok(self.whole <= answer.len())
    }

    fn fits(&self, answer: &[u8]) -> bool {
        !self.sizes.is_empty()
            && answer.get(..self.head).is_some_and(|head| head.ends_with(b"\r\n\r\n"))
            && self.sizes.iter().all(|(at, line)| answer.get(*at..at + line.len()) == Some(line.as_slice()))
    }

    /// Reads a head for the first time; says whether there is a whole one.
    fn learn(&mut self, answer: &[u8]) -> anyhow::Result<bool> {
        let Some(end) = answer.windows(4).position(|it| it == b"\r\n\r\n") else { return Ok(false) };
        let head = std::str::from_utf8(answer.get(..end).unwrap_or_default()).context("reading a head")?;
        let status = head.lines().next().unwrap_or_default();
        if !status.starts_with("HTTP/1.1 200 ") {
            bail!("a reader was answered `{status}`");
        }
        let line = head.lines().find(|it| it.to_ascii_lowercase().starts_with("content-length:"));
        let Some((line, (_, length))) = line.and_then(|it| Some((it, it.split_once(':')?))) else {
            bail!("an answer does not say how long it is");
        };
        let length: usize = length.trim().parse().context("reading a length")?;
        let at = head.find(line).unwrap_or_default();
        self.head = end + 4;
        self.whole = self.head + length;
        self.sizes = vec![(0, status.as_bytes().to_vec()), (at, format!("{line}\r\n").into_bytes())];
        Ok(true)
    }
}
