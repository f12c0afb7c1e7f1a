//! Attacks on HTTP/2: each ends with a closed connection or harms nobody, and the page answers meanwhile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::crowd::OLDEST;
use crate::support::{Daemon, get, wait_until};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// `:method GET`, `:scheme http`, `:path /`, `:authority a`.
const REQUEST: &[u8] = &[0x82, 0x86, 0x84, 0x41, 0x01, b'a'];
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// While any attack goes on the page answers within this; it takes about a millisecond.
const PAGE: Duration = Duration::from_secs(2);
/// What the daemon may hold more after all attacks, in kilobytes.
const GROWTH: u64 = 64 * 1024;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Sends `frames` until there are no more, the other side goes, or it takes no
/// more for a while; then waits until the connection is closed or old.
/// Whether it was closed while it still wrote.
fn attack(daemon: &Daemon, settings: &[u8], reads: bool, frames: impl Iterator<Item = Vec<u8>>) -> bool {
    let mut stream = TcpStream::connect(daemon.addr).unwrap();
    let began = Instant::now();
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    stream.write_all(PREFACE).unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, settings)).unwrap();
    let mut closed = false;
    let mut sink = [0; 65_536];
    for (index, frame) in frames.enumerate() {
        if stream.write_all(&frame).is_err() {
            closed = true;
            break;
        }
        if index % 64 == 0 {
            if reads && matches!(stream.read(&mut sink), Ok(0)) {
                closed = true;
                break;
            }
            let asked = Instant::now();
            assert_eq!(get(daemon.addr, "/en/").status, 200);
            assert!(asked.elapsed() < PAGE, "the page took {:?}", asked.elapsed());
        }
        if OLDEST < began.elapsed() {
            break;
        }
    }
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    wait_until("the attacker is shown out", || match stream.read(&mut sink) {
        Ok(0) => Some(()),
        Ok(_) => None,
        Err(error) => (error.kind() != std::io::ErrorKind::WouldBlock).then_some(()),
    });
    assert!(began.elapsed() < 2 * OLDEST, "one lived {:?}", began.elapsed());
    closed
}

fn resident(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn http2_attacks_are_shown_out_while_the_page_answers() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), "[[component]]\nid = \"web\"\nname = \"Web\"\n");
    for _ in 0..100 {
        get(daemon.addr, "/en/");
    }
    let before = resident(&daemon);
    let streams = || (0..100_000_u32).map(|it| 2 * it + 1);
    let asks = |stream| frame(HEADERS, END_STREAM | END_HEADERS, stream, REQUEST);

    let resets = streams().map(|it| [asks(it), frame(RST_STREAM, 0, it, &[0, 0, 0, 8])].concat());
    // Answers are ready at once, so many a reset comes too late to be rapid; what
    // is refused is a pile of them.
    attack(&daemon, &[], true, resets.take(20_000));

    let first = std::iter::once(frame(HEADERS, END_STREAM, 1, REQUEST));
    // A literal header that is never indexed, `x: …`, again and again.
    let more = [&[0x10, 1, b'x', 100][..], &[b'a'; 100]].concat();
    let endless = (0..100_000).map(|_| frame(CONTINUATION, 0, 1, &more));
    assert!(attack(&daemon, &[], true, first.chain(endless)), "endless headers are cut off");

    attack(&daemon, &[], false, (0..20_000).map(|_| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])));
    attack(&daemon, &[], false, (0..20_000).map(|_| frame(PING, 0, 0, &[0; 8])));

    // Answers that may leave one byte at a time, and nobody who takes them.
    let window = [0, 4, 0, 0, 0, 1];
    attack(&daemon, &window, false, streams().take(200).map(asks));

    let after = resident(&daemon);
    println!("resident: {before} kB before, {after} kB after");
    assert!(after < before + GROWTH, "{before} kB before, {after} kB after");
    assert_eq!(get(daemon.addr, "/en/").status, 200);
}
