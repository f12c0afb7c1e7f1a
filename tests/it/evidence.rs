//! What failing probes saw: kept, shown, and told once where it comes and goes.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use std::io::Write;

use crate::support::{Daemon, health, wait_until};
use crate::target::{Target, page, read_head};

fn porchlight(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_porchlight"));
    command.arg("--config").arg(dir.join("config.toml")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn config(target: &Target, id: &str, more: &str) -> String {
    format!(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n\
         [[endpoint]]\nid = \"{id}\"\ncomponent = \"web\"\nurl = \"http://{}/login\"\nevery = \"1s\"\n{more}\n",
        target.addr
    )
}

#[test]
fn evidence_of_an_outage_is_kept_and_shown_with_and_without_a_daemon_and_through_a_renaming() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::answering(page("503 Nope", "<h1>try later \u{1b}[2J</h1>"));
    let mut daemon = Daemon::start(dir.path(), &config(&target, "login", ""));
    wait_until("it is down", || (health(&daemon.summary(), "login") == "down").then_some(()));
    let shows = |dir: &Path, id: &str, more: &[&str]| {
        let output = porchlight(dir, &[&["evidence", id], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        said(&output)
    };
    wait_until("the start of the outage is stored", || {
        shows(dir.path(), "login", &[]).contains("OUTAGE").then_some(())
    });
    let told = shows(dir.path(), "login", &[]);
    for words in
        ["the last trouble", "failure (http_5xx)", "first byte", "503", "<h1>try later \\u{1b}[2J</h1>"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!told.contains('\u{1b}'));
    assert!(shows(dir.path(), "login", &["--outage", "1"]).contains("the start of an outage"));
    let json: serde_json::Value = serde_json::from_str(&shows(dir.path(), "login", &["--json"])).unwrap();
    assert_eq!(json["outages"].as_array().unwrap().len(), 1);
    assert_eq!(json["shown"]["reason"], "http_5xx");
    for (arguments, code) in [
        (&["evidence", "login", "--outage", "2"][..], 66),
        (&["evidence", "login", "--at", "2001-01-01T00:00:00Z"], 66),
        (&["evidence", "nobody"], 2),
        (&["evidence", "login", "--outage", "0"], 2),
    ] {
        let output = porchlight(dir.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
    }
    daemon.signal("TERM");
    assert!(daemon.child.wait().unwrap().success());
    assert!(shows(dir.path(), "login", &[]).contains("http_5xx"), "without a daemon");
    let _daemon = Daemon::start(dir.path(), &config(&target, "renamed", "was = [\"login\"]"));
    assert!(shows(dir.path(), "renamed", &["--outage", "1"]).contains("http_5xx"));
}

/// T60.
#[test]
fn an_endpoint_that_comes_and_goes_is_told_once_and_not_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let asked = count.clone();
    let target = Target::new(move |mut stream| {
        read_head(&mut stream);
        let fine = asked.fetch_add(1, Ordering::AcqRel).is_multiple_of(2);
        let _ = stream.write_all(page(if fine { "200 OK" } else { "500 No" }, "x").as_bytes());
    });
    let once = "failure_threshold = 1\nsuccess_threshold = 1";
    let daemon = Daemon::start(dir.path(), &config(&target, "login", once));
    wait_until("it flaps", || (daemon.summary()["components"][0]["flapping"] == true).then_some(()));
    let before = count.load(Ordering::Acquire);
    wait_until("it has flapped on", || (before + 6 < count.load(Ordering::Acquire)).then_some(()));
    let log = daemon.log();
    assert_eq!(log.matches("To the operator: endpoint `login`: it changes between").count(), 1, "{log}");
    let told = log.matches("`login` is ").count();
    assert!((6..=8).contains(&told), "{told}: {log}");
    let status = said(&porchlight(dir.path(), &["status"]));
    assert!(status.contains("(flapping") && status.contains("single changes are not told"), "{status}");
    let outages = daemon.summary()["outages"].clone();
    assert_eq!(outages.as_array().unwrap().len(), 1, "{outages}");
    assert!(3 <= outages[0]["times"].as_u64().unwrap(), "{outages}");
}
