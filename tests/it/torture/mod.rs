//! A target that misbehaves in every way we know, and the one right verdict on each.
//!
//! One daemon watches all of them at once. Of each it must store exactly one
//! result a knock, by the deadline, and hold no memory and no descriptor after.

mod answers;
mod cases;
mod faults;
mod lengths;
mod plain;
mod reached;
mod redirects;
pub mod tls;
pub mod wire;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use porchlight::domain::outcome::Outcome;

use self::cases::{Bench, Case};
use crate::knock::told;
use crate::support::{Daemon, free_port, logging, wait_until};

/// Cases whose verdict is not what it must be yet, each with why. Empty, or this is not done.
const WAITS: &[(&str, &str)] = &[];

const DEADLINE: Duration = Duration::from_secs(2);
/// On a machine whose cores are busy; the deadline itself is what is tested.
const MARGIN: Duration = Duration::from_secs(4);
/// What all cases together may add while they run, hundreds at once …
const GROWTH_AT_MOST: u64 = 64 * 1024;
/// … and what may be left of it, in KiB: caches and the allocator's own, once for all.
const GROWTH_LEFT: u64 = 32 * 1024;
/// Starved of its cores the daemon says so, and nothing of a target; then it is asked again.
const ROUNDS: usize = 6;
/// Descriptors that are open for a moment whatever is watched.
const MORE_FILES: usize = 8;

fn name(case: &Case, round: usize) -> String {
    format!("{}-{round}", case.id.to_lowercase())
}

/// Every case is knocked at once, and confirmed; the next knock is an hour away.
fn config(cases: &[&Case], round: usize) -> String {
    let mut text = String::from(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n[[endpoint]]\nid = \"calm\"\ncomponent = \"web\"\n",
    );
    text.push_str("url = \"http://127.0.0.1:1/\"\nevery = \"1h\"\n");
    for case in cases {
        text.push_str(&format!(
            "[[endpoint]]\nid = {:?}\ncomponent = \"web\"\nurl = {:?}\nevery = \"1h\"\ndeadline = \"2s\"\n{}\n",
            name(case, round),
            case.url,
            case.keys
        ));
    }
    text
}

/// What is stored of each endpoint: outcomes and how long each took.
pub fn stored(dir: &Path) -> BTreeMap<String, Vec<(String, Duration)>> {
    let connection = rusqlite::Connection::open(dir.join("data/porchlight.db")).unwrap();
    let sql = "SELECT name, outcome, total_us FROM result JOIN endpoint ON endpoint.id = result.endpoint ORDER BY result.id";
    let mut query = connection.prepare(sql).unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, u8>(1)?, row.get::<_, i64>(2)?)));
    let mut found: BTreeMap<String, Vec<(String, Duration)>> = BTreeMap::new();
    for row in rows.unwrap() {
        let (name, code, total): (String, u8, i64) = row.unwrap();
        let outcome = told(Outcome::from_code(code).unwrap());
        found.entry(name).or_default().push((outcome, Duration::from_micros(u64::try_from(total).unwrap())));
    }
    found
}

fn status(daemon: &Daemon, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = text.lines().find(|it| it.starts_with(field)).unwrap().to_owned();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn files(daemon: &Daemon) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap().count()
}

/// What the daemon said of a case, for whoever has to understand a verdict.
fn said(log: &str, name: &str) -> String {
    let name = format!("`{name}` gave no whole answer: ");
    let line = log.lines().find_map(|it| it.split_once(name.as_str()));
    line.map(|it| format!(" ({})", it.1)).unwrap_or_default()
}

/// Whether there was a verdict on a case; what is wrong with it goes to `wrong`.
fn judged(
    case: &Case,
    name: &str,
    results: &[(String, Duration)],
    log: &str,
    wrong: &mut Vec<String>,
) -> bool {
    if 2 < results.len() {
        wrong.push(format!("{}: {} results of two knocks", case.id, results.len()));
    }
    if let Some((_, total)) = results.iter().find(|it| DEADLINE + MARGIN < it.1) {
        wrong.push(format!("{}: {}: took {total:?}", case.id, case.does));
    }
    let verdicts: Vec<&str> =
        results.iter().map(|it| it.0.as_str()).filter(|it| *it != "unknown/own_stall").collect();
    if !verdicts.iter().all(|it| case.verdict.split(" | ").any(|verdict| verdict == *it)) {
        let said = said(log, name);
        wrong.push(format!("{}: {}: must be {}, is {verdicts:?}{said}", case.id, case.does, case.verdict));
    }
    !verdicts.is_empty()
}

/// Runs every case once against one daemon; says what was not as it must be.
fn torture(bench: &Bench) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let roots = dir.path().join("roots.pem");
    std::fs::write(&roots, bench.authority.pem()).unwrap();
    let daemon = Daemon::start_with(dir.path(), &config(&[], 0), free_port(), |command| {
        logging(dir.path(), "info,pipeline=debug")(command);
        command
            .env("SSL_CERT_FILE", &roots)
            .env_remove("SSL_CERT_DIR")
            .env("TORTURE_SECRET", "torture-5ecret");
    });
    let before = std::fs::read_to_string(dir.path().join("config.toml")).unwrap();
    let (memory, open) = (status(&daemon, "VmRSS:"), files(&daemon));
    let (_, rest) = before.split_once("[server]").unwrap();
    let began = Instant::now();
    let mut wrong = Vec::new();
    let mut left: Vec<&Case> = bench.cases.iter().collect();
    for round in 0..ROUNDS {
        let text = format!("{}\n[server]{rest}", config(&left, round));
        std::fs::write(dir.path().join("config.toml"), text).unwrap();
        daemon.signal("HUP");
        wait_until("every case has its results", || {
            let (found, log) = (stored(dir.path()), daemon.log());
            assert!(!log.contains("The old config keeps running"), "{log}");
            left.iter().all(|it| found.contains_key(&name(it, round))).then_some(())
        });
        // A first word is confirmed within five seconds and a deadline.
        std::thread::sleep(Duration::from_secs(5) + DEADLINE + MARGIN);
        let found = stored(dir.path());
        left.retain(|case| {
            let name = name(case, round);
            let results = found.get(&name).cloned().unwrap_or_default();
            !judged(case, &name, &results, &daemon.log(), &mut wrong)
        });
        println!(
            "round {round}: {} without a verdict after {:.1} s",
            left.len(),
            began.elapsed().as_secs_f64()
        );
        if left.is_empty() {
            break;
        }
    }
    wrong.extend(left.iter().map(|it| format!("{}: {}: no verdict in {ROUNDS} rounds", it.id, it.does)));
    let peak = status(&daemon, "VmHWM:");
    let log = daemon.log();
    if log.contains("panicked") || log.contains("torture-5ecret") {
        wrong.push(format!("the log tells of a panic or of a secret:\n{log}"));
    }
    if bench.sink.accepted.load(Ordering::Acquire) != 0 {
        wrong.push("a redirect to another origin was followed".to_owned());
    }

    std::fs::write(dir.path().join("config.toml"), before).unwrap();
    daemon.signal("HUP");
    wait_until("nothing is open any more", || (files(&daemon) <= open + MORE_FILES).then_some(()));
    let left = status(&daemon, "VmRSS:");
    println!(
        "memory: {memory} KiB before, {peak} at most, {left} after; {open} files before, {} after",
        files(&daemon)
    );
    if memory + GROWTH_AT_MOST < peak || memory + GROWTH_LEFT < left {
        wrong.push(format!("memory grew from {memory} KiB to {peak}, and {left} were left"));
    }
    wrong
}

/// `TORTURE=T0,H` tries those whose ids begin so.
fn chosen() -> Bench {
    let mut bench = cases::all();
    if let Ok(wanted) = std::env::var("TORTURE") {
        bench.cases.retain(|case| wanted.split(',').any(|it| case.id.starts_with(it)));
    }
    println!("{} cases", bench.cases.len());
    bench
}

fn judge(wrong: Vec<String>) {
    let waits = |it: &String| WAITS.iter().any(|(id, _)| it.starts_with(&format!("{id}:")));
    let (waiting, wrong): (Vec<String>, Vec<String>) = wrong.into_iter().partition(waits);
    for it in &waiting {
        println!("waits: {it}");
    }
    assert!(wrong.is_empty(), "{} of the verdicts are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_misbehaviour_has_its_one_right_verdict() {
    judge(torture(&chosen()));
}

#[test]
fn nothing_waits() {
    assert_eq!(WAITS, [], "each of these is a verdict that is not right yet");
}

#[test]
#[ignore = "takes long: tests/run soak"]
fn soak_torture() {
    let over = Arc::new(AtomicBool::new(false));
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    for _ in 0..cores {
        let over = over.clone();
        std::thread::spawn(move || {
            while !over.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
        });
    }
    let bench = chosen();
    for round in 1..=20 {
        println!("round {round}");
        judge(torture(&bench));
    }
    over.store(true, Ordering::Release);
}
