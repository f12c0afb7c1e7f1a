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
    let began = Instant::now();
    let mut slow = Vec::with_capacity(SLOW);
    for index in 0..SLOW {
        let mut stream = TcpStream::connect(daemon.addr).unwrap();
        stream.set_nonblocking(true).unwrap();
        // Half say nothing at all, the others begin and never end.
        if index % 2 == 0 {
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ");
        }
        slow.push(stream);
    }
    assert_eq!(get(daemon.addr, "/").status, 200, "the page answers beside them");
    let mut answered = 0;
    wait_until("all of them are closed", || {
        assert_eq!(get(daemon.addr, "/en/").status, 200);
        answered += 1;
        slow.retain_mut(|stream| {
            let _ = stream.write(b"x");
            !matches!(stream.read(&mut [0_u8; 1024]), Ok(0)) && !is_gone(stream)
        });
        std::thread::sleep(Duration::from_millis(200));
        slow.is_empty().then_some(())
    });
    assert!(began.elapsed() < OLDEST + Duration::from_secs(5), "took {:?}", began.elapsed());
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
