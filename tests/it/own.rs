//! Our own faults are never the endpoint's: stalls, missing routes, spent descriptors.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::support::{Daemon, free_port, health, wait_until};
use crate::target::{Target, page, read_head};

/// Every outcome code an endpoint's results ever had.
fn outcomes(daemon: &Daemon) -> Vec<(u8, i64)> {
    let database = daemon.dir.join("data/porchlight.db");
    let connection = rusqlite::Connection::open(database).unwrap();
    let mut query = connection.prepare("SELECT outcome, count(*) FROM result GROUP BY outcome").unwrap();
    query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

fn failures(daemon: &Daemon) -> Vec<(u8, i64)> {
    outcomes(daemon).into_iter().filter(|(code, _)| (1..64).contains(code)).collect()
}

fn down_spans(daemon: &Daemon) -> i64 {
    let connection = rusqlite::Connection::open(daemon.dir.join("data/porchlight.db")).unwrap();
    connection.query_row("SELECT count(*) FROM span WHERE health = 2", [], |row| row.get(0)).unwrap()
}

/// Watches a healthy target that takes a while, so that a probe is always in flight.
fn watching(target: &Target) -> String {
    format!(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n\
         [[endpoint]]\nid = \"a\"\ncomponent = \"web\"\nurl = {url:?}\nevery = \"1s\"\ndeadline = \"2s\"\ndegraded_after = \"1900ms\"\n\
         [[endpoint]]\nid = \"b\"\ncomponent = \"web\"\nurl = {url:?}\nevery = \"1s\"\ndeadline = \"2s\"\ndegraded_after = \"1900ms\"\n",
        url = target.url()
    )
}

/// T61.
#[test]
fn a_stop_of_six_seconds_is_never_an_outage() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::new(|mut stream| {
        read_head(&mut stream);
        std::thread::sleep(Duration::from_millis(600));
        let _ = std::io::Write::write_all(&mut stream, page("200 OK", "fine").as_bytes());
    });
    let daemon = Daemon::start(dir.path(), &watching(&target));
    wait_until("it is known to be up", || (daemon.summary()["verdict"] == "yes").then_some(()));
    // Only a probe that is under way can suffer from it.
    let before = target.accepted.load(Ordering::Acquire);
    wait_until("a probe is under way", || (before < target.accepted.load(Ordering::Acquire)).then_some(()));
    daemon.signal("STOP");
    std::thread::sleep(Duration::from_secs(6));
    daemon.signal("CONT");
    let stall = porchlight::domain::outcome::UnknownReason::OwnStall.code();
    wait_until("own_stall is recorded", || {
        outcomes(&daemon).iter().any(|(code, _)| *code == stall).then_some(())
    });
    wait_until("it is up again", || (daemon.summary()["verdict"] == "yes").then_some(()));
    assert_eq!(failures(&daemon), []);
    assert_eq!(down_spans(&daemon), 0);
}

/// T66. A twentieth of a processor: stopped for 380 ms of every 400, which is no stall.
#[test]
fn a_twentieth_of_a_processor_is_never_an_outage_nor_slow() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::new(|mut stream| {
        read_head(&mut stream);
        std::thread::sleep(Duration::from_millis(100));
        let _ = std::io::Write::write_all(&mut stream, page("200 OK", "fine").as_bytes());
    });
    let config = watching(&target).replace("1900ms", "300ms").replace("\"2s\"", "\"1s\"");
    let daemon = Daemon::start(dir.path(), &config);
    wait_until("it is known to be up", || (daemon.summary()["verdict"] == "yes").then_some(()));
    let known: i64 = outcomes(&daemon).iter().map(|(_, count)| count).sum();
    for _ in 0..40 {
        daemon.signal("STOP");
        std::thread::sleep(Duration::from_millis(380));
        daemon.signal("CONT");
        std::thread::sleep(Duration::from_millis(20));
    }
    wait_until("it is up again", || (daemon.summary()["verdict"] == "yes").then_some(()));
    let seen = outcomes(&daemon);
    let stall = porchlight::domain::outcome::UnknownReason::OwnStall.code();
    assert!(known + 10 < seen.iter().map(|(_, count)| count).sum(), "{seen:?}");
    assert!(seen.iter().all(|(code, _)| *code == 0 || *code == stall), "{seen:?}");
    assert!(seen.iter().any(|(code, _)| *code == stall), "{seen:?}");
    assert_eq!(down_spans(&daemon), 0);
}

/// T62.
#[test]
fn spent_descriptors_are_never_an_outage() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::answering(page("200 OK", "fine"));
    let daemon = Daemon::start(dir.path(), &watching(&target));
    wait_until("it is known to be up", || (daemon.summary()["verdict"] == "yes").then_some(()));
    // No new descriptor at all from here on: not for a probe, not for a visitor.
    let limit = |files: &str| {
        let done = std::process::Command::new("prlimit")
            .args(["--pid", &daemon.pid(), &format!("--nofile={files}")])
            .status();
        assert!(done.unwrap().success());
    };
    limit("8:4096");
    let spent = porchlight::domain::outcome::UnknownReason::OwnResources.code();
    wait_until("own_resources is recorded", || {
        outcomes(&daemon).iter().any(|(code, _)| *code == spent).then_some(())
    });
    limit("4096:4096");
    wait_until("it is up again", || (daemon.summary()["verdict"] == "yes").then_some(()));
    assert_eq!(failures(&daemon), []);
    assert_eq!(down_spans(&daemon), 0);
}

/// T63. Needs root: the daemon lives in a network namespace of its own, its target at
/// the other end of a wire that is pulled and put back.
#[test]
#[ignore = "needs root: tests/run root"]
fn root_no_route_is_never_an_outage() {
    let tag = free_port();
    let (space, near, far) = (format!("pl-{tag}"), format!("pn{tag}"), format!("pf{tag}"));
    let ip = |arguments: &str| {
        let done = std::process::Command::new("ip").args(arguments.split(' ')).status().unwrap();
        assert!(done.success(), "ip {arguments}");
    };
    ip(&format!("netns add {space}"));
    ip(&format!("link add {near} type veth peer name {far} netns {space}"));
    ip(&format!("addr add 10.213.7.1/30 dev {near}"));
    ip(&format!("link set {near} up"));
    ip(&format!("-n {space} addr add 10.213.7.2/30 dev {far}"));
    ip(&format!("-n {space} link set {far} up"));
    let target = Target::at("10.213.7.1:0", |mut stream| {
        read_head(&mut stream);
        let _ = std::io::Write::write_all(&mut stream, page("200 OK", "fine").as_bytes());
    });
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    let data = dir.path().join("data").display().to_string();
    let config =
        format!("{}[server]\nlisten = \"0.0.0.0:8080\"\n[store]\ndata = {data:?}\n", watching(&target));
    std::fs::write(&file, config).unwrap();
    let mut child = std::process::Command::new("ip")
        .args(["netns", "exec", &space, env!("CARGO_BIN_EXE_porchlight"), "--config"])
        .arg(&file)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let count = |sql: &str| -> i64 {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
        let database = dir.path().join("data/porchlight.db");
        let Ok(connection) = rusqlite::Connection::open_with_flags(database, flags) else { return 0 };
        connection.query_row(sql, [], |row| row.get(0)).unwrap_or(0)
    };
    let seen = std::panic::catch_unwind(|| {
        wait_until("both are up", || {
            (count("SELECT count(*) FROM span WHERE health = 0") == 2).then_some(())
        });
        ip(&format!("-n {space} link set {far} down"));
        let code = porchlight::domain::outcome::UnknownReason::OwnNetwork.code();
        let ours = format!("SELECT count(*) FROM result WHERE outcome = {code}");
        wait_until("it is recorded as ours", || (count(&ours) >= 4).then_some(()));
        ip(&format!("-n {space} link set {far} up"));
        std::thread::sleep(Duration::from_secs(5));
        let failed = count("SELECT count(*) FROM result WHERE outcome BETWEEN 1 AND 63");
        (failed, count("SELECT count(*) FROM span WHERE health = 2"))
    });
    let _ = child.kill();
    let _ = child.wait();
    ip(&format!("netns del {space}"));
    assert_eq!(seen.unwrap(), (0, 0));
}

/// Needs root: in a network of its own the kernel says of each address why nothing gets there.
#[test]
#[ignore = "needs root: tests/run root"]
fn root_why_nothing_gets_there_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let all = [
        ("no-such-host", "198.51.100.1", "failure (connect_unreachable)"),
        ("forbidden", "198.51.100.2", "failure (connect_unreachable)"),
        ("no-route", "198.51.100.3", "unknown (own_network)"),
    ];
    let mut config = "[[component]]\nid = \"web\"\nname = \"Web\"\n".to_owned();
    for (id, address, _) in all {
        config += &format!("[[endpoint]]\nid = \"{id}\"\ncomponent = \"web\"\nurl = \"http://{address}/\"\n");
    }
    config += &format!("[store]\ndata = {:?}\n", dir.path().join("data").display().to_string());
    let file = dir.path().join("config.toml");
    std::fs::write(&file, config).unwrap();
    for (id, _, expected) in all {
        let script = "ip link set lo up && ip route add unreachable 198.51.100.1 && \
                      ip route add prohibit 198.51.100.2 && exec \"$0\" --config \"$1\" probe \"$2\"";
        let mut alone = std::process::Command::new("unshare");
        alone.args(["-n", "sh", "-c", script, env!("CARGO_BIN_EXE_porchlight")]).arg(&file).arg(id);
        let output = alone.output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(expected), "{id}: {said}");
    }
}

/// Needs faketime: the wall clock of the daemon alone is moved by 400 days.
/// A daemon whose wall clock is told by a file, and that file.
fn with_a_clock_of_ours(dir: &std::path::Path, target: &Target) -> (Daemon, std::path::PathBuf) {
    let library = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    ]
    .into_iter()
    .find(|it| std::path::Path::new(it).exists());
    let library = library.ok_or("this test needs faketime; tests/run installs it or skips by name").unwrap();
    let offset = dir.join("offset");
    std::fs::write(&offset, "+0").unwrap();
    let daemon = Daemon::start_with(dir, &watching(target), free_port(), |command| {
        command
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", &offset)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    });
    (daemon, offset)
}

#[test]
fn a_clock_that_jumps_to_and_fro_leaves_spans_in_order_and_nothing_down() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::answering(page("200 OK", "fine"));
    let (daemon, offset) = with_a_clock_of_ours(dir.path(), &target);
    wait_until("it is known to be up", || (daemon.summary()["verdict"] == "yes").then_some(()));
    let query = |sql: &str| -> i64 {
        let connection = rusqlite::Connection::open(daemon.dir.join("data/porchlight.db")).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    for step in ["-1h", "+2h", "-400d", "@1970-01-02 00:00:00", "@2040-01-01 00:00:00", "+0"] {
        let before = query("SELECT max(id) FROM result");
        std::fs::write(&offset, step).unwrap();
        wait_until(&format!("it knocks on after {step}"), || {
            (query("SELECT max(id) FROM result") >= before + 4).then_some(())
        });
        wait_until("it is up again", || (daemon.summary()["verdict"] == "yes").then_some(()));
    }
    assert_eq!(failures(&daemon), []);
    assert_eq!(down_spans(&daemon), 0);
    // Each span ends where the next of its endpoint begins, and after it began.
    let disorder = "SELECT count(*) FROM (SELECT from_ms, to_ms,
            lead(from_ms) OVER (PARTITION BY endpoint ORDER BY from_ms) AS next FROM span)
        WHERE to_ms <= from_ms OR to_ms IS NOT next";
    assert_eq!(query(disorder), 0);
    for component in daemon.summary()["components"].as_array().unwrap() {
        let uptime = &component["uptime_90d"];
        assert_eq!(uptime["down_s"].as_i64().unwrap_or_default(), 0, "{uptime}");
        assert!(uptime["up_s"].as_i64().unwrap_or_default() >= 0, "{uptime}");
    }
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
}

/// T64.
#[test]
fn a_clock_400_days_off_is_never_an_outage() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::answering(page("200 OK", "fine"));
    let (daemon, offset) = with_a_clock_of_ours(dir.path(), &target);
    wait_until("it is known to be up", || (daemon.summary()["verdict"] == "yes").then_some(()));
    wait_until("both are known", || {
        let summary = daemon.summary();
        (health(&summary, "a") == "up" && health(&summary, "b") == "up").then_some(())
    });
    let began = jiff::Timestamp::now();
    // What is there before the step must be there after it.
    let kept = || -> (i64, i64) {
        let connection = rusqlite::Connection::open(daemon.dir.join("data/porchlight.db")).unwrap();
        let sql = "SELECT (SELECT count(*) FROM result WHERE id <= 2),
                          (SELECT count(*) FROM span WHERE from_ms < ?1)";
        connection.query_row(sql, [began.as_millisecond()], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    assert_eq!(kept(), (2, 2));
    for (steps, step) in [(1, "+400d"), (2, "+0")] {
        std::fs::write(&offset, step).unwrap();
        let noticed = || daemon.log().matches("The wall clock was set").count();
        wait_until("the step is noticed", || (noticed() == steps).then_some(()));
        std::thread::sleep(Duration::from_secs(3));
        wait_until("it is up again", || (daemon.summary()["verdict"] == "yes").then_some(()));
    }
    assert_eq!(failures(&daemon), []);
    assert_eq!(down_spans(&daemon), 0);
    assert_eq!(kept(), (2, 2));
}
