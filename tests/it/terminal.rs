//! The command line: sentences that help, and exit codes that mean something.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::support::Daemon;
use crate::target::{Target, page};
use crate::wallet::Wallet;

fn porchlight(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_porchlight")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn write(dir: &Path, text: &str) -> String {
    let file = dir.join("config.toml");
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn small(dir: &Path, url: &str) -> String {
    write(
        dir,
        &format!(
            "[server]\nlisten = \"127.0.0.1:{}\"\n[store]\ndata = {:?}\n[[component]]\nid = \"web\"\nname = \"Web\"\n\
             [[endpoint]]\nid = \"login\"\ncomponent = \"web\"\nurl = {url:?}\n",
            crate::support::free_port(),
            dir.join("data").display().to_string()
        ),
    )
}

#[test]
fn help_names_the_commands_and_the_exit_codes() {
    let output = porchlight(&["--help"]);
    assert!(output.status.success());
    for word in ["backup", "check", "probe", "restore", "serve", "--config", "66", "78"] {
        assert!(said(&output).contains(word), "{word}: {}", said(&output));
    }
}

#[test]
fn the_shipped_config_is_right() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config.toml");
    let output = porchlight(&["--config", file, "check"]);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_fault_in_the_config_is_78_from_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "[[endpoint]]\nid = \"a\"\nurll = \"x\"\n");
    for command in [vec!["check"], vec!["serve"], vec!["probe", "a"]] {
        let output = porchlight(&[&["--config", &file], &command[..]].concat());
        assert_eq!(output.status.code(), Some(78), "{command:?}: {}", said(&output));
        assert!(said(&output).contains("urll"), "{}", said(&output));
    }
    let gone = porchlight(&["--config", "/no/such/file.toml", "check"]);
    assert_eq!(gone.status.code(), Some(78), "{}", said(&gone));
    assert!(said(&gone).contains("/no/such/file.toml"));
}

#[test]
fn probe_shows_phases_and_assertions_and_exits_by_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let good = Target::answering(page("200 OK", "fine"));
    let output = porchlight(&["--config", &small(dir.path(), &good.url()), "probe", "login"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for word in ["connect", "first byte", "total", "held", "success"] {
        assert!(said(&output).contains(word), "{word}: {}", said(&output));
    }
    let bad = Target::answering(page("503 Service Unavailable", ""));
    let output = porchlight(&["--config", &small(dir.path(), &bad.url()), "probe", "login", "--json"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["reason"], "http_5xx");
    assert_eq!(json["speaks_to"], "server");
    let nobody = porchlight(&["--config", &small(dir.path(), &bad.url()), "probe", "other"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(said(&nobody).contains("there are: login"), "{}", said(&nobody));
}

#[test]
fn a_taken_port_is_69_and_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let file = write(
        dir.path(),
        &format!(
            "[server]\nlisten = \"127.0.0.1:{port}\"\n[store]\ndata = {:?}\n[[component]]\nid = \"web\"\nname = \"Web\"\n",
            dir.path().join("data").display().to_string()
        ),
    );
    let output = porchlight(&["--config", &file]);
    assert_eq!(output.status.code(), Some(69), "{}", said(&output));
    assert!(
        said(&output).contains(&port.to_string()) && said(&output).contains("server.listen"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_damaged_foreign_or_newer_database_is_65_and_stays_untouched() {
    for (name, bytes) in [
        ("garbage", b"this is not a database, it is a letter to a friend".repeat(200)),
        ("foreign", foreign()),
        ("newer", newer()),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let file = small(dir.path(), "http://127.0.0.1:1/");
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join("porchlight.db"), &bytes).unwrap();
        let output = porchlight(&["--config", &file]);
        assert_eq!(output.status.code(), Some(65), "{name}: {}", said(&output));
        assert_eq!(std::fs::read(data.join("porchlight.db")).unwrap(), bytes, "{name} was touched");
    }
}

fn database(prepare: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("made.db");
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.execute_batch(prepare).unwrap();
    drop(connection);
    std::fs::read(file).unwrap()
}

fn foreign() -> Vec<u8> {
    database("CREATE TABLE recipes(name TEXT); INSERT INTO recipes VALUES ('soup');")
}

/// One of ours from a later release: made by starting once, then raising its version.
fn newer() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(dir.path(), "[[component]]\nid = \"web\"\nname = \"Web\"\n");
    daemon.signal("TERM");
    daemon.child.wait().unwrap();
    let file = dir.path().join("data/porchlight.db");
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection
        .execute_batch(
            "PRAGMA user_version = 999; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;",
        )
        .unwrap();
    drop(connection);
    std::fs::read(file).unwrap()
}

#[test]
fn a_second_daemon_on_the_same_data_is_75_and_names_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = Daemon::start(dir.path(), "[[component]]\nid = \"web\"\nname = \"Web\"\n");
    let file = write(
        dir.path(),
        &format!(
            "[server]\nlisten = \"127.0.0.1:{}\"\n[store]\ndata = {:?}\n",
            crate::support::free_port(),
            dir.path().join("data").display().to_string()
        ),
    );
    let second = porchlight(&["--config", &file]);
    // The very same config finds the address taken before it comes to the data.
    let same = dir.path().join("config.toml").display().to_string();
    let whole =
        format!("[server]\nlisten = \"{}\"\n[store]\ndata = {:?}\n", first.addr, first.dir.join("data"));
    std::fs::write(&same, whole).unwrap();
    for second in [second, porchlight(&["--config", &same])] {
        assert_eq!(second.status.code(), Some(75), "{}", said(&second));
        assert!(said(&second).contains(&first.pid()), "{}", said(&second));
    }
    first.kill();
}

#[test]
fn a_stop_signal_drains_and_ends_within_five_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let wallet = Wallet::new();
    let mut daemon = wallet.watched(dir.path());
    wallet.set("all", "drip");
    for name in ["TERM", "INT"] {
        let began = Instant::now();
        daemon.signal(name);
        let status = daemon.child.wait().unwrap();
        assert!(status.success(), "{name}: {status}, {}", daemon.log());
        assert!(began.elapsed() < Duration::from_secs(5), "{name}: {:?}", began.elapsed());
        daemon = Daemon::start(dir.path(), &wallet.config("1s"));
    }
}

#[test]
fn a_head_that_is_half_sent_does_not_hold_a_stop_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(dir.path(), "[[component]]\nid = \"web\"\nname = \"Web\"\n");
    let mut visitor = std::net::TcpStream::connect(daemon.addr).unwrap();
    std::io::Write::write_all(&mut visitor, b"GET / HTTP/1.1\r\nHost: page").unwrap();
    // It was accepted before this one, which is answered.
    daemon.summary();
    let began = Instant::now();
    daemon.signal("TERM");
    let status = daemon.child.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{}", daemon.log());
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[test]
fn a_locked_database_does_not_hold_a_stop_up() {
    let dir = tempfile::tempdir().unwrap();
    let wallet = Wallet::new();
    let mut daemon = wallet.watched(dir.path());
    let other = rusqlite::Connection::open(dir.path().join("data/porchlight.db")).unwrap();
    other.busy_timeout(Duration::from_secs(10)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Long enough for results to wait for it.
    std::thread::sleep(Duration::from_secs(2));
    let began = Instant::now();
    daemon.signal("TERM");
    let status = daemon.child.wait().unwrap();
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    assert_eq!(status.code(), Some(1), "results were lost: {}", daemon.log());
    assert!(daemon.log().contains("could not be stored"), "{}", daemon.log());
}

#[test]
fn a_taken_port_of_the_sample_is_named_as_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let held = std::net::TcpListener::bind(taken).unwrap();
    let free = |_| format!("127.0.0.1:{}", crate::support::free_port());
    for (key, other) in [("control", "listen"), ("listen", "control")] {
        let file = write(
            dir.path(),
            &format!(
                "[server]\nlisten = {:?}\n[store]\ndata = {:?}\n[sample]\n{key} = \"{taken}\"\n{other} = {:?}\n\
                 [[component]]\nid = \"web\"\nname = \"Web\"\n",
                free(()),
                dir.path().join("data").display().to_string(),
                free(()),
            ),
        );
        let output = porchlight(&["--config", &file]);
        assert_eq!(output.status.code(), Some(69), "{}", said(&output));
        let said = said(&output);
        assert!(said.contains(&format!("on {taken} ")), "{said}");
        assert!(
            said.contains(&format!("sample.{key}`")) && !said.contains(&format!("sample.{other}")),
            "{said}"
        );
        assert_eq!(said.matches("os error").count(), 1, "{said}");
    }
    drop(held);
}

#[test]
fn a_data_directory_that_cannot_be_made_is_73() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let file = write(
        dir.path(),
        &format!(
            "[server]\nlisten = \"127.0.0.1:{}\"\n[store]\ndata = \"file/x\"\n[[component]]\nid = \"web\"\nname = \"Web\"\n",
            crate::support::free_port()
        ),
    );
    let output = porchlight(&["--config", &file]);
    assert_eq!(output.status.code(), Some(73), "{}", said(&output));
    assert!(said(&output).contains("file/x"), "{}", said(&output));
}

#[test]
fn an_announcement_without_a_start_does_not_move_at_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let config =
        "[[component]]\nid = \"web\"\nname = \"Web\"\n[[announcement]]\nid = \"news\"\ntitle = \"News\"\n";
    let starts = || -> (i64, i64) {
        let connection = rusqlite::Connection::open(dir.path().join("data/porchlight.db")).unwrap();
        let sql = "SELECT max(starts_ms), (SELECT count(*) FROM change WHERE subject = 'news') FROM notice";
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    let mut daemon = Daemon::start(dir.path(), config);
    let first = starts();
    daemon.kill();
    let daemon = Daemon::start(dir.path(), config);
    assert_eq!(starts(), first, "{}", daemon.log());
}
