//! What a start cannot see or may not touch: a page broken in a large database,
//! and directories and files that belong to somebody else.

use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output};

use rusqlite::Connection;

use crate::first_release;
use crate::support::{Daemon, free_port, get, wait_until};
use crate::wallet::Wallet;

#[test]
fn a_page_broken_in_a_large_database_is_told_soon_after_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let wallet = Wallet::new();
    let mut daemon = wallet.watched(dir.path());
    daemon.signal("TERM");
    daemon.child.wait().unwrap();
    let database = dir.path().join("data/porchlight.db");
    let connection = Connection::open(&database).unwrap();
    connection.execute_batch("PRAGMA synchronous = OFF").unwrap();
    crate::support::many_results(connection, 900_000);
    let file = std::fs::OpenOptions::new().write(true).open(&database).unwrap();
    let size = file.metadata().unwrap().len();
    assert!(size > 18 << 20, "{size}");
    file.write_all_at(&[0xA5; 4096], size / 8192 * 4096).unwrap();

    let metrics = free_port();
    let config = format!("{}\n[metrics]\nlisten = \"127.0.0.1:{metrics}\"\n", wallet.config("1s"));
    let daemon = Daemon::start(dir.path(), &config);
    wait_until("it is told", || daemon.log().contains("The database is DAMAGED").then_some(()));
    // What can be stored still is.
    wait_until("it knocks", || (daemon.summary()["verdict"] == "yes").then_some(()));
    assert_eq!(daemon.summary()["storing"]["works"], true);
    assert_eq!(get(daemon.addr, "/").status, 200);
    // And it is told wherever an operator looks.
    let ready = get(daemon.addr, "/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("the database is damaged"), "{}", ready.text());
    samples_say(metrics, "porchlight_database_damaged 1");
    let (code, said) = status(dir.path(), &[]);
    assert!(code == Some(5) && said.contains("NOT READY: the database is damaged"), "{said}");
    assert!(said.contains("database    DAMAGED"), "{said}");
    let (code, said) = status(dir.path(), &["--json"]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (code, &said["own"]["damaged"], &said["own"]["vanished"]),
        (Some(5), &true.into(), &false.into())
    );
}

#[test]
fn a_database_whose_file_is_taken_away_is_told_until_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let (wallet, metrics) = (Wallet::new(), free_port());
    let config = format!("{}\n[metrics]\nlisten = \"127.0.0.1:{metrics}\"\n", wallet.config("1s"));
    let daemon = Daemon::start(dir.path(), &config);
    wait_until("it knocks", || (daemon.summary()["verdict"] == "yes").then_some(()));
    samples_say(metrics, "porchlight_database_vanished 0");
    let (here, away) = (dir.path().join("data/porchlight.db"), dir.path().join("data/away.db"));
    std::fs::rename(&here, &away).unwrap();
    wait_until("it is not ready", || {
        let ready = get(daemon.addr, "/readyz");
        (ready.status == 503 && ready.text().contains("file was removed or replaced")).then_some(())
    });
    samples_say(metrics, "porchlight_database_vanished 1");
    let (code, said) = status(dir.path(), &[]);
    assert!(code == Some(5) && said.contains("database    GONE"), "{said}");
    std::fs::rename(&away, &here).unwrap();
    wait_until("it is ready again", || (get(daemon.addr, "/readyz").status == 200).then_some(()));
    samples_say(metrics, "porchlight_database_vanished 0");
    assert_eq!(daemon.log().matches(" ERROR ").count(), 1, "{}", daemon.log());
}

/// Waits for it, since scrapes close upon each other read the same bytes.
fn samples_say(metrics: u16, sample: &str) {
    let said = || get(([127, 0, 0, 1], metrics).into(), "/metrics").text().lines().any(|it| it == sample);
    wait_until(sample, || said().then_some(()));
}

/// The exit code of `porchlight status`, and what it printed.
fn status(dir: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_porchlight"));
    let output =
        command.arg("--config").arg(dir.join("config.toml")).arg("status").args(flags).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// Runs porchlight as somebody who owns nothing here, with data in `dir`.
fn as_a_stranger(dir: &Path) -> Output {
    let open = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open(dir, 0o755);
    let (config, program) = (dir.join("config.toml"), dir.join("porchlight"));
    let data = dir.join("data").display().to_string();
    let listen = free_port();
    let text = format!("[server]\nlisten = \"127.0.0.1:{listen}\"\n[store]\ndata = {data:?}\n");
    std::fs::write(&config, text).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_porchlight"), &program).unwrap();
    open(&config, 0o644);
    open(&program, 0o755);
    let root = std::fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0);
    let mut command = if root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        command
    } else {
        Command::new(&program)
    };
    command.arg("--config").arg(&config).output().unwrap()
}

#[test]
fn what_belongs_to_somebody_else_is_73_and_left_alone() {
    for (name, directory, file) in [("a directory", 0o555, 0o644), ("a file", 0o777, 0o000)] {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let database = first_release::make(&data);
        let before = std::fs::read(&database).unwrap();
        std::fs::set_permissions(&database, std::fs::Permissions::from_mode(file)).unwrap();
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(directory)).unwrap();
        let output = as_a_stranger(dir.path());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(73), "{name}: {said}");
        assert!(said.contains("must belong to the user that runs porchlight"), "{name}: {said}");
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::set_permissions(&database, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(std::fs::read(&database).unwrap() == before, "{name}");
    }
}
