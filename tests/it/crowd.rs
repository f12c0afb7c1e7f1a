//! Many connections that mean no good, and a page that answers all the same.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{Daemon, get, wait_until};
use crate::wallet::Wallet;

const SLOW: usize = 2000;
/// None of them may live longer than this.
const OLDEST: Duration = Duration::from_secs(15);

#[test]
fn two_thousand_slow_headers_are_shown_out_while_the_page_answers() {
    // The test holds one end of each, so it needs the descriptors too.
    raise_own_limit();
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &Wallet::new().config("1s"));
    let mut slow: Vec<(TcpStream, Instant)> = Vec::with_capacity(SLOW);
    let mut oldest = Duration::ZERO;
    let mut shut = 0;
    let mut answered = 0;
    // The system admits them in bursts, so each is timed from its own start.
    wait_until("all of them came and were closed", || {
        for _ in 0..100 {
            if slow.len() + shut < SLOW {
                let began = Instant::now();
                let mut stream = TcpStream::connect(daemon.addr).unwrap();
                stream.set_nonblocking(true).unwrap();
                // Half say nothing at all, the others begin and never end.
                if slow.len().is_multiple_of(2) {
                    let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ");
                }
                slow.push((stream, began));
            }
        }
        slow.retain_mut(|(stream, began)| {
            let _ = stream.write(b"x");
            if !is_gone(stream) {
                return true;
            }
            oldest = oldest.max(began.elapsed());
            shut += 1;
            false
        });
        assert_eq!(get(daemon.addr, "/en/").status, 200, "the page answers beside them");
        answered += 1;
        (shut == SLOW).then_some(())
    });
    assert!(oldest <= OLDEST, "one lived {oldest:?}");
    assert!(answered > 1);
}

fn is_gone(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0_u8; 1024]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

fn raise_own_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
