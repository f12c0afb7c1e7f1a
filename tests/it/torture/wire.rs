//! Bytes that targets send: answers of HTTP/1.1, frames of HTTP/2, records of TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::target::read_head;

/// The longest a target goes on misbehaving: longer than any probe waits.
pub const FOR_LONG: Duration = Duration::from_secs(8);

/// An answer with this head and body, and nothing added.
pub fn raw(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = head.replace('\n', "\r\n").into_bytes();
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes.extend_from_slice(body.as_ref());
    bytes
}

/// `200 OK` with these header lines and this body, its length told.
pub fn fine(lines: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let length = body.as_ref().len();
    raw(
        &format!(
            "HTTP/1.1 200 OK\n{lines}{}Content-Length: {length}",
            if lines.is_empty() { "" } else { "\n" }
        ),
        body,
    )
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// So many MiB of zeros, gzipped without being held.
pub fn gzip_bomb(mebibytes: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1024 * 1024];
    for _ in 0..mebibytes {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap()
}

pub fn brotli_bomb(mebibytes: usize) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut packed, 1024 * 1024, 5, 22);
    let zeros = vec![0; 1024 * 1024];
    for _ in 0..mebibytes {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.flush().unwrap();
    drop(encoder);
    packed
}

/// Says nothing more until the other side goes, or for long.
pub fn hold(stream: &mut TcpStream) {
    let _ = stream.set_read_timeout(Some(FOR_LONG));
    let mut bytes = [0; 4096];
    while matches!(stream.read(&mut bytes), Ok(1..)) {}
}

/// Writes until the other side goes, or for long.
pub fn flood(stream: &mut impl Write, piece: &[u8]) {
    #[expect(clippy::disallowed_methods, reason = "a target is at the edge")]
    let began = std::time::Instant::now();
    while began.elapsed() < FOR_LONG && stream.write_all(piece).is_ok() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Resets the connection instead of closing it.
pub fn reset(stream: TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
    drop(stream);
}

/// Reads a request, answers so, and closes in good order.
pub fn says(bytes: Vec<u8>) -> impl Fn(TcpStream) + Send + Sync + 'static {
    move |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        hold(&mut stream);
    }
}

// ---- HTTP/2

pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const CONTINUATION: u8 = 9;
pub const DATA: u8 = 0;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
/// `:status: 200` of the static table.
pub const STATUS_200: &[u8] = &[0x88];

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Reads the preface and frames up to the request's head; true when it came.
pub fn h2_request(stream: &mut impl Read) -> bool {
    let mut preface = [0; 24];
    if stream.read_exact(&mut preface).is_err() {
        return false;
    }
    let mut head = [0; 9];
    while stream.read_exact(&mut head).is_ok() {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        if stream.read_exact(&mut payload).is_err() {
            return false;
        }
        if head[3] == HEADERS {
            return true;
        }
    }
    false
}
