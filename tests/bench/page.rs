//! How many front pages a second, and what one costs, against a bare server.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::daemon::{self, Daemon, Watch};
use crate::load::press;
use crate::process::Process;
use crate::report::{Goal, Row, Series, quantile};
use crate::target::Target;
use crate::{Lab, bare, progress};

const ROUNDS: u32 = 5;
const ROUND: Duration = Duration::from_secs(2);
/// Every endpoint is knocked at once within five seconds of a start; after that the daemon is quiet.
const SETTLED: Duration = Duration::from_secs(7);

/// What one server did in one round.
struct Round {
    per_second: f64,
    /// CPU of the server, in microseconds a request.
    cost: f64,
    p99: f64,
}

pub fn run(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let room = lab.room("page")?;
    let target = Target::start()?;
    let ours = Daemon::start(&room, &Watch::new(target.addr, 10, "60s"))?;
    std::thread::sleep(SETTLED);
    let answer = daemon::get(ours.addr, "/").context("fetching the page")?;
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").context("no head in the answer")?;
    let (head, body) = answer.split_at(end + 4);
    let mut short = b"HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\n\r\n".to_vec();
    short.extend_from_slice(body);
    let (same, same_addr) = bare_server(&room, "same", &answer)?;
    let (plain, plain_addr) = bare_server(&room, "plain", &short)?;
    let mut rounds = Vec::new();
    for round in 1..=ROUNDS {
        progress(format_args!("  round {round} of {ROUNDS}"));
        rounds.push([serve(&ours.process, ours.addr)?, serve(&same, same_addr)?, serve(&plain, plain_addr)?]);
    }
    for process in [same, plain] {
        process.hang_up().context("ending a bare server")?;
    }
    ours.stop()?;
    let series = |pick: fn(&Round) -> f64| {
        [0, 1, 2].map(|who: usize| rounds.iter().filter_map(|it| it.get(who)).map(pick).collect::<Series>())
    };
    let [fast, same, plain] = series(|it| it.per_second);
    let [cost, same_cost, _] = series(|it| it.cost);
    let [p99, same_p99, _] = series(|it| it.p99);
    let size = format!("{} bytes of brotli after {} of head", body.len(), head.len());
    Ok(vec![
        Row::new("front page, same bytes", "/s", fast.clone())
            .beside(same)
            .goal(Goal::RatioAtLeast(0.9))
            .note(format!("bare axum with all our headers; {size}")),
        Row::new("front page, one header", "/s", fast)
            .beside(plain)
            .note("bare axum with nothing but a content type"),
        Row::new("front page, CPU of the server", "us", cost).beside(same_cost),
        Row::new("front page, p99 latency", "ms", p99).beside(same_p99),
    ])
}

fn bare_server(room: &Path, name: &str, answer: &[u8]) -> anyhow::Result<(Process, std::net::SocketAddr)> {
    let (file, addr) = (room.join(name), daemon::free_addr()?);
    std::fs::write(&file, answer)?;
    let arguments = ["--bare-server", &addr.port().to_string(), &file.display().to_string()];
    let mut process = bare::spawn(&arguments, &room.join("bare-log"))?;
    daemon::first_page(addr, || process.must_live()).context("waiting for a bare server")?;
    Ok((process, addr))
}

fn serve(process: &Process, addr: std::net::SocketAddr) -> anyhow::Result<Round> {
    let before = process.cpu()?;
    let served = press(addr, ROUND)?;
    let used = process.cpu()? - before;
    Ok(Round {
        per_second: served.per_second,
        cost: used / f64::from(served.requests) * 1e6,
        p99: quantile(&served.latencies, 0.99),
    })
}
