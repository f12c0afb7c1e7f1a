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

/// Many short rounds: what disturbs the machine for seconds then meets both servers.
const ROUNDS: usize = 30;
const ROUND: Duration = Duration::from_millis(600);
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
    let (same, same_addr) = bare_server(&room, &answer)?;
    let servers = [(&ours.process, ours.addr), (&same, same_addr)];
    let mut rounds = servers.map(|_| Vec::new());
    for round in 1..=ROUNDS {
        if round % 10 == 0 {
            progress(format_args!("  round {round} of {ROUNDS}"));
        }
        for turn in 0..servers.len() {
            // Nobody is always first.
            let who = (round + turn) % servers.len();
            let (process, addr) = servers[who];
            rounds[who].push(serve(process, addr)?);
        }
    }
    same.hang_up().context("ending a bare server")?;
    ours.stop()?;
    let series =
        |pick: fn(&Round) -> f64| rounds.each_ref().map(|it| it.iter().map(pick).collect::<Series>());
    let [fast, same] = series(|it| it.per_second);
    let [cost, same_cost] = series(|it| it.cost);
    let [p99, same_p99] = series(|it| it.p99);
    let size = format!("{} bytes of brotli after {} of head", body.len(), head.len());
    Ok(vec![
        Row::new("front page, same bytes", "/s", fast)
            .beside(same)
            .goal(Goal::RatioAtLeast(0.9))
            .note(format!("bare axum with all our headers; {size}")),
        Row::new("front page, CPU of the server", "us", cost).beside(same_cost),
        Row::new("front page, p99 latency", "ms", p99).beside(same_p99),
    ])
}

fn bare_server(room: &Path, answer: &[u8]) -> anyhow::Result<(Process, std::net::SocketAddr)> {
    let (file, addr) = (room.join("answer"), daemon::free_addr()?);
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
