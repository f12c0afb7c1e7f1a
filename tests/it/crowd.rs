//! Many connections that mean no good, and a page that answers all the same.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;

use crate::support::{Daemon, MANNERLESS, free_port, get, wait_until};
use crate::target::{Target, page, read_head};
use crate::wallet::Wallet;

const SLOW: usize = 2000;
/// None of them may live longer than this.
pub const OLDEST: Duration = Duration::from_secs(15);

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

pub fn is_gone(stream: &mut TcpStream) -> bool {
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

/// More than are served at once, so room has to be made.
const IDLE: usize = 10_000;
/// How many come between two looks at the page.
const BURST: usize = 250;
/// A page beside them takes a few milliseconds.
const PAGE: Duration = Duration::from_secs(2);
/// Probes are rung every second; none may be later than this after the one before.
const GAP_MS: i64 = 2_500;
/// What the daemon may hold more once they are gone, in kilobytes.
const LEFT_BEHIND: u64 = 48 * 1024;

/// Endpoints that are well, each asked every second.
fn watching(target: &Target, endpoints: usize) -> String {
    let mut config = format!("{MANNERLESS}[[component]]\nid = \"web\"\nname = \"Web\"\n");
    for index in 0..endpoints {
        config += &format!(
            "[[endpoint]]\nid = \"e{index}\"\ncomponent = \"web\"\nurl = {:?}\nevery = \"1s\"\n",
            target.url()
        );
    }
    config
}

fn well() -> Target {
    Target::new(|mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(page("200 OK", "fine").as_bytes());
    })
}

fn query(daemon: &Daemon, sql: &str) -> i64 {
    let connection = rusqlite::Connection::open(daemon.dir.join("data/porchlight.db")).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Waits until each endpoint has had its first words confirmed and is in step; the last result so far.
fn in_step(daemon: &Daemon, endpoints: i64) -> i64 {
    let sql = "SELECT count(*) FROM (SELECT endpoint FROM result GROUP BY endpoint HAVING count(*) >= 4)";
    wait_until("every endpoint is in step", || (query(daemon, sql) == endpoints).then_some(()));
    query(daemon, "SELECT max(id) FROM result")
}

/// Results that are no success, and the longest time between two of one endpoint, after result `from`.
fn probes(daemon: &Daemon, from: i64) -> (i64, i64) {
    let gaps = format!(
        "SELECT max(gap) FROM (SELECT at_ms - lag(at_ms) OVER (PARTITION BY endpoint ORDER BY at_ms) AS gap
         FROM result WHERE id > {from})"
    );
    let amiss = format!("SELECT count(*) FROM result WHERE id > {from} AND outcome <> 0");
    (query(daemon, &amiss), query(daemon, &gaps))
}

fn resident(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Connects from one of four addresses, so that ports do not run out.
async fn idle(daemon: std::net::SocketAddr, index: usize) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    let from = [127, 0, 0, 2 + u8::try_from(index % 4).unwrap()];
    socket.bind((from, 0).into()).unwrap();
    let stream = socket.connect(daemon).await.unwrap().into_std().unwrap();
    stream.set_nonblocking(true).unwrap();
    stream
}

#[test]
fn ten_thousand_idle_connections_change_nothing_for_the_page_and_the_probes() {
    raise_own_limit();
    let dir = tempfile::tempdir().unwrap();
    let target = well();
    let daemon = Daemon::start(dir.path(), &watching(&target, 20));
    let from = in_step(&daemon, 20);
    let before = resident(&daemon);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut idlers = Vec::with_capacity(IDLE);
    let mut slowest = Duration::ZERO;
    let mut look = || {
        let asked = Instant::now();
        assert_eq!(get(daemon.addr, "/en/").status, 200);
        slowest = slowest.max(asked.elapsed());
    };
    let mut most = before;
    while idlers.len() < IDLE {
        for _ in 0..BURST {
            let index = idlers.len();
            idlers.push((runtime.block_on(idle(daemon.addr, index)), Instant::now()));
        }
        look();
        most = most.max(resident(&daemon));
    }
    let mut oldest = Duration::ZERO;
    wait_until("all of them are gone", || {
        idlers.retain_mut(|(stream, began)| {
            if !is_gone(stream) {
                return true;
            }
            // Those shown out long ago are seen only now.
            oldest = oldest.max(began.elapsed());
            false
        });
        look();
        most = most.max(resident(&daemon));
        idlers.is_empty().then_some(())
    });
    let after = resident(&daemon);
    let (amiss, gap) = probes(&daemon, from);
    println!(
        "slowest page {slowest:?}, longest gap between probes {gap} ms, \
         resident: {before} kB before, {most} kB at most, {after} kB after"
    );
    assert!(slowest < PAGE, "a page took {slowest:?}");
    assert_eq!(amiss, 0);
    assert!(gap < GAP_MS, "{gap} ms between two probes");
    assert!(after < before + LEFT_BEHIND, "{before} kB before, {after} kB after");
}

#[test]
fn with_few_descriptors_a_crowd_takes_none_from_the_probes() {
    const CROWD: usize = 1_000;
    raise_own_limit();
    let dir = tempfile::tempdir().unwrap();
    let target = well();
    let port = free_port();
    let daemon = Daemon::start_with(dir.path(), &watching(&target, 20), port, |command| {
        let mut limited = Command::new("prlimit");
        limited.arg("--nofile=256:256").arg(command.get_program()).args(command.get_args());
        let log = std::fs::OpenOptions::new().append(true).open(dir.path().join("log")).unwrap();
        limited.stdout(log.try_clone().unwrap()).stderr(log);
        *command = limited;
    });
    let from = in_step(&daemon, 20);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut crowd = Vec::new();
    while crowd.len() < CROWD {
        for index in 0..100 {
            crowd.push(runtime.block_on(idle(daemon.addr, index)));
        }
        assert_eq!(get(daemon.addr, "/en/").status, 200);
    }
    // Several rounds of every probe beside what is left of the crowd.
    let stored = || query(&daemon, "SELECT count(*) FROM result");
    let enough = stored() + 5 * 20;
    wait_until("five more rounds are stored", || (enough <= stored()).then_some(()));
    let (amiss, gap) = probes(&daemon, from);
    assert_eq!(amiss, 0, "{}", daemon.log());
    assert!(gap < GAP_MS, "{gap} ms between two probes");
    assert!(!daemon.log().contains("could not be accepted"), "{}", daemon.log());
}
