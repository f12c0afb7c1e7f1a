//! Targets that misbehave, each on a loopback port of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Accepts on loopback and hands each connection to `serve` on a thread of its own.
pub struct Target {
    pub addr: SocketAddr,
    pub accepted: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
}

impl Target {
    pub fn new(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0", serve)
    }

    pub fn at(addr: &str, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(addr).unwrap();
        let addr = listener.local_addr().unwrap();
        let (accepted, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, over, serve) = (accepted.clone(), ended.clone(), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                count.fetch_add(1, Ordering::AcqRel);
                let serve = serve.clone();
                std::thread::spawn(move || serve(stream));
            }
        });
        Self { addr, accepted, ended }
    }

    /// Reads a request's head and answers with exactly these bytes, then closes.
    pub fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::new(move |mut stream| {
            read_head(&mut stream);
            let _ = stream.write_all(&bytes);
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}/login", self.addr)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.addr);
    }
}

pub fn read_head(stream: &mut impl Read) {
    let mut seen = Vec::new();
    let mut byte = [0_u8; 1];
    while !seen.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        seen.push(byte[0]);
    }
}

/// Writes slowly until the other side goes or a minute is over.
pub fn drip(stream: &mut TcpStream, bytes: impl Iterator<Item = u8>) {
    for byte in bytes.take(300) {
        if stream.write_all(&[byte]).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A whole answer with this status and body.
pub fn page(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}
