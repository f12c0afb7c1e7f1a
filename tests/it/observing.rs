//! The daemon seen from outside: its log, its health, its numbers, and scrapers that misbehave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Daemon, MANNERLESS, free_port, get, health, request, wait_until};
use crate::target::{Target, page, read_head};

fn watching(target: &Target, metrics: u16) -> String {
    format!(
        "[metrics]\nlisten = \"127.0.0.1:{metrics}\"\n[[component]]\nid = \"web\"\nname = \"Web\"\n\
         [[endpoint]]\nid = \"login\"\ncomponent = \"web\"\nurl = {:?}\nevery = \"1s\"\ndeadline = \"2s\"\n",
        target.url()
    )
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Feeds `text` to promtool and gives what it complains about; none without promtool.
pub fn promtool(arguments: &[&str], text: &str) -> Option<(bool, String)> {
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    if child.is_err() && std::env::var_os("CI").is_none() {
        println!("skipped: promtool is missing (Debian package prometheus)");
        return None;
    }
    let child = child.as_mut().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    Some((child.wait().unwrap().success(), out + &err))
}

#[test]
fn the_metrics_are_accepted_by_promtool_and_follow_the_target() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::answering(page("200 OK", "fine"));
    let metrics = free_port();
    let daemon = Daemon::start(dir.path(), &watching(&target, metrics));
    wait_until("it is known to be up", || (health(&daemon.summary(), "login") == "up").then_some(()));
    let text = || get(local(metrics), "/metrics").text();
    wait_until("the metrics say so", || {
        text().contains("porchlight_endpoint_health{endpoint=\"login\",health=\"up\"} 1\n").then_some(())
    });
    let said = text();
    for sample in [
        "porchlight_verdict{verdict=\"yes\"} 1",
        "porchlight_component_status{component=\"web\",status=\"operational\"} 1",
        "porchlight_results_total{endpoint=\"login\",outcome=\"success\",reason=\"none\"} ",
        "porchlight_probe_phase_seconds_count{endpoint=\"login\",phase=\"connect\"} ",
        "porchlight_storing 1",
        "porchlight_http_requests_total{route=\"/api/v1/summary.json\",class=\"2xx\"} ",
        "porchlight_rings_dropped_total{endpoint=\"login\"} ",
    ] {
        assert!(said.contains(sample), "{sample} is not in\n{said}");
    }
    assert!(!said.contains("http://"), "an address is told");
    if let Some((accepted, complaints)) = promtool(&["check", "metrics"], &said) {
        assert!(accepted && complaints.is_empty(), "{complaints}");
    }
    let open = request(
        local(metrics),
        "GET",
        "/metrics",
        "Accept: application/openmetrics-text;version=1.0.0\r\n",
        "",
    );
    let open = open.unwrap();
    assert!(open.header("content-type").unwrap().starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(open.text().ends_with("# EOF\n"));
    let packed = request(local(metrics), "GET", "/metrics", "Accept-Encoding: gzip\r\n", "").unwrap();
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() * 3 < said.len());
    assert_eq!(get(local(metrics), "/").status, 404);
    assert_eq!(get(daemon.addr, "/metrics").status, 404, "the page's listener shows no numbers");
    for addr in [daemon.addr, local(metrics)] {
        for path in ["/livez", "/readyz"] {
            let answer = get(addr, path);
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        }
    }
}

#[test]
fn an_endpoint_taken_out_of_the_config_is_gone_from_the_metrics_after_a_reload() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::answering(page("200 OK", "fine"));
    let metrics = free_port();
    let more = format!(
        "[[endpoint]]\nid = \"second\"\ncomponent = \"web\"\nurl = {:?}\nevery = \"1s\"\n",
        target.url()
    );
    let daemon = Daemon::start(dir.path(), &format!("{}{more}", watching(&target, metrics)));
    let text = || get(local(metrics), "/metrics").text();
    let counted = || text().contains("porchlight_probe_seconds_count{endpoint=\"second\"}");
    wait_until("the second is counted", || counted().then_some(()));
    let file = dir.path().join("config.toml");
    let less = std::fs::read_to_string(&file).unwrap().replace(&more, "");
    std::fs::write(&file, less).unwrap();
    daemon.signal("HUP");
    wait_until("the second is gone", || (!text().contains("\"second\"")).then_some(()));
    assert!(text().contains("porchlight_probe_seconds_count{endpoint=\"login\"}"));
}

#[test]
fn scrapers_that_never_read_touch_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::answering(page("200 OK", "fine"));
    let metrics = free_port();
    let daemon = Daemon::start(dir.path(), &watching(&target, metrics));
    wait_until("it is known to be up", || (health(&daemon.summary(), "login") == "up").then_some(()));
    // More than there are places for, each asking for more than any buffer holds.
    let ask = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1_000);
    let mut deaf = Vec::new();
    for _ in 0..24 {
        let mut stream = TcpStream::connect(local(metrics)).unwrap();
        stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
        let _ = stream.write_all(&ask);
        deaf.push(stream);
    }
    let count = || daemon.summary()["components"][0]["endpoints"][0]["last_at"].clone();
    for _ in 0..5 {
        let before = count();
        wait_until("probing goes on", || (count() != before).then_some(()));
        assert_eq!(get(daemon.addr, "/").status, 200);
        assert_eq!(get(daemon.addr, "/readyz").status, 200);
    }
    assert_eq!(daemon.summary()["verdict"], "yes");
    // And they are dropped: one who does read is served while they all still hold on.
    wait_until("a scraper that reads is served", || {
        request(local(metrics), "GET", "/metrics", "", "").ok().filter(|it| it.status == 200)
    });
    drop(deaf);
}

/// Starts a daemon whose log goes through a pipe.
fn piped(
    dir: &std::path::Path,
    config: &str,
    extra: &[&str],
) -> (Daemon, BufReader<std::process::ChildStdout>) {
    let mut daemon = Daemon::start_with(dir, config, free_port(), |command| {
        command.args(extra).stdout(Stdio::piped());
    });
    let out = BufReader::new(daemon.child.stdout.take().unwrap());
    (daemon, out)
}

#[test]
fn whatever_a_target_sends_a_line_is_an_event_and_an_event_is_a_line() {
    let dir = tempfile::tempdir().unwrap();
    // Nothing of this is HTTP, and all of it would like to be a line of its own.
    let evil = Target::new(|mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(
            b"HTTP/1.1 200 \x1b[2J\r\x1b[31m\r\n2026-11-23T00:00:00.000Z ERROR app: forged\r\nX-\x9b: \xe2\x80\xae\r\n\r\n",
        );
    });
    let config = watching(&evil, free_port());
    let (mut daemon, out) = piped(dir.path(), &config, &["--log", "debug", "--log-format", "json"]);
    wait_until("it is known to be down", || (health(&daemon.summary(), "login") == "down").then_some(()));
    daemon.signal("TERM");
    let _ = daemon.child.wait();
    let mut rooms = std::collections::BTreeSet::new();
    for line in out.lines() {
        let line = line.unwrap();
        let it: serde_json::Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
        let at = it["at"].as_str().unwrap();
        assert!(at.len() == 24 && at.ends_with('Z'), "{at}");
        assert!(!it["message"].as_str().unwrap().starts_with("forged"));
        rooms.insert(it["room"].as_str().unwrap().to_owned());
    }
    assert!(rooms.contains("pipeline") && rooms.contains("cli"), "{rooms:?}");
}

#[test]
fn a_log_that_nobody_reads_any_more_ends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::answering(page("503 Service Unavailable", "down"));
    let (mut daemon, mut out) = piped(dir.path(), &watching(&target, free_port()), &["--log", "debug"]);
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    drop(out);
    // It has something to say now, and nobody to say it to.
    wait_until("it is known to be down", || (health(&daemon.summary(), "login") == "down").then_some(()));
    assert_eq!(get(daemon.addr, "/readyz").status, 200);
    daemon.signal("TERM");
    assert!(daemon.child.wait().unwrap().success());
    assert!(!std::fs::read_to_string(dir.path().join("log")).unwrap().contains("panicked"));
}

/// Many endpoints, so that there is much to log.
fn busy(target: &Target, metrics: u16) -> String {
    let more = (0..80).map(|number| {
        format!(
            "[[endpoint]]\nid = \"busy-{number}\"\ncomponent = \"web\"\nurl = {:?}\nevery = \"1s\"\ndeadline = \"5s\"\n",
            target.url()
        )
    });
    watching(target, metrics) + &more.collect::<String>() + MANNERLESS
}

#[test]
fn a_log_whose_reader_stops_reading_holds_up_nothing_and_loses_lines_by_count() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::answering(page("200 OK", "fine"));
    let metrics = free_port();
    let config = busy(&target, metrics);
    // Held open and read no more; it is full within a second or two.
    let (mut daemon, out) = piped(dir.path(), &config, &["--log", "trace,libraries=trace"]);
    let lost = || -> u64 {
        let text = get(local(metrics), "/metrics").text();
        let line = text.lines().find_map(|it| it.strip_prefix("porchlight_log_lines_lost_total "));
        line.unwrap().parse().unwrap()
    };
    wait_until("lines are lost", || (lost() > 0).then_some(()));
    for _ in 0..3 {
        let last = || daemon.summary()["components"][0]["endpoints"][0]["last_at"].clone();
        let before = last();
        wait_until("probing goes on", || (last() != before).then_some(()));
        assert_eq!(get(daemon.addr, "/").status, 200);
        assert_eq!(get(daemon.addr, "/readyz").status, 200);
    }
    daemon.signal("TERM");
    let began = std::time::Instant::now();
    let status = wait_until("it stops", || daemon.child.try_wait().unwrap());
    assert!(status.success(), "{status}");
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?} to stop", began.elapsed());
    drop(out);
}

#[test]
fn a_reader_that_reads_again_is_told_how_much_it_missed() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::answering(page("200 OK", "fine"));
    let metrics = free_port();
    let (mut daemon, out) = piped(dir.path(), &busy(&target, metrics), &["--log", "trace,libraries=trace"]);
    let lost = || !get(local(metrics), "/metrics").text().contains("porchlight_log_lines_lost_total 0\n");
    wait_until("lines are lost", || lost().then_some(()));
    let reader = std::thread::spawn(move || out.lines().map_while(Result::ok).collect::<Vec<String>>());
    let said = |lines: &[String]| lines.iter().any(|it| it.contains("lines of this log are missing here"));
    let before =
        get(daemon.addr, "/api/v1/summary.json").json()["components"][0]["endpoints"][0]["last_at"].clone();
    wait_until("it goes on for a while", || {
        (daemon.summary()["components"][0]["endpoints"][0]["last_at"] != before).then_some(())
    });
    daemon.signal("TERM");
    assert!(daemon.child.wait().unwrap().success());
    let lines = reader.join().unwrap();
    assert!(said(&lines), "{} lines", lines.len());
    assert!(lines.last().unwrap().contains("cli: Stopped"), "{:?}", lines.last());
}

#[test]
fn a_level_or_a_room_that_is_not_there_is_answered_with_those_that_are() {
    for (levels, said) in [("loud", "the levels are: off, error"), ("kitchen=debug", "there are: app, ")] {
        let out =
            Command::new(env!("CARGO_BIN_EXE_porchlight")).args(["serve", "--log", levels]).output().unwrap();
        let error = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{error}");
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn the_dashboard_asks_only_for_numbers_that_there_are() {
    let board: serde_json::Value =
        serde_json::from_str(include_str!("../../contrib/grafana/porchlight.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let expressions: Vec<&str> = panels
        .iter()
        .flat_map(|it| it["targets"].as_array().into_iter().flatten())
        .map(|it| it["expr"].as_str().unwrap())
        .collect();
    assert!(20 <= expressions.len(), "{}", expressions.len());
    let known = |name: &str| {
        let bare = ["_bucket", "_sum", "_count"].iter().find_map(|it| name.strip_suffix(it)).unwrap_or(name);
        porchlight::observe::CATALOGUE.iter().any(|it| it.name == name || it.name == bare)
    };
    let mut rules = "groups: [{ name: board, rules: [".to_owned();
    for (number, expression) in expressions.iter().enumerate() {
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names: Vec<&str> =
            words.filter(|it| it.starts_with("porchlight_") || it.starts_with("process_")).collect();
        assert!(!names.is_empty() && names.iter().all(|it| known(it)), "{expression}");
        let plain = expression.replace("$__rate_interval", "1m");
        rules.push_str(&format!("{{ record: \"board:{number}\", expr: {plain:?} }},\n"));
    }
    rules.push_str("] }]\n");
    if let Some((accepted, complaints)) = promtool(&["check", "rules", "/dev/stdin"], &rules) {
        assert!(accepted, "{complaints}\n{rules}");
    }
}
