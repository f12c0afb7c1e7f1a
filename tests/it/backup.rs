//! Backup and restore, as an operator uses them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::first_release;
use crate::scribe::{Scribe, stored};
use crate::support::{Daemon, wait_until};
use crate::wallet::Wallet;

fn porchlight(config: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_porchlight"))
        .arg("--config")
        .arg(config)
        .args(arguments)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A config whose data directory is `data` beside it.
fn config(dir: &Path) -> std::path::PathBuf {
    let file = dir.join("config.toml");
    let data = dir.join("data").display().to_string();
    std::fs::write(&file, format!("[store]\ndata = {data:?}\n[[component]]\nid = \"web\"\nname = \"Web\"\n"))
        .unwrap();
    file
}

#[test]
fn a_backup_beside_a_daemon_is_restored_elsewhere_with_all_that_was_seen() {
    let dir = tempfile::tempdir().unwrap();
    let wallet = Wallet::new();
    let mut daemon = wallet.watched(dir.path());
    wallet.set("app", "error503");
    wait_until("it is down", || (daemon.summary()["verdict"] == "partial").then_some(()));
    let seen = daemon.summary()["outages"].clone();
    let (file, to) = (dir.path().join("config.toml"), dir.path().join("monday.db"));
    let target = to.display().to_string();
    let output = porchlight(&file, &["backup", &target, "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["bytes"].as_u64().unwrap(), std::fs::metadata(&to).unwrap().len());
    assert!(told["results"].as_u64().unwrap() >= 4 && told["schema"] == 3, "{told}");
    assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(output.stderr.is_empty(), "no progress where nobody looks: {}", said(&output));

    let again = porchlight(&file, &["backup", &target]);
    assert_eq!(again.status.code(), Some(73), "{}", said(&again));
    assert!(said(&again).contains("is there already and is not overwritten"), "{}", said(&again));
    let beside = porchlight(&file, &["restore", &target]);
    assert_eq!(beside.status.code(), Some(75), "a daemon runs: {}", said(&beside));
    daemon.kill();
    let over = porchlight(&file, &["restore", &target]);
    assert_eq!(over.status.code(), Some(73), "{}", said(&over));
    assert!(said(&over).contains("already a database"), "{}", said(&over));

    let other = tempfile::tempdir().unwrap();
    let restored = porchlight(&config(other.path()), &["restore", &target]);
    assert!(restored.status.success(), "{}", said(&restored));
    assert!(said(&restored).starts_with("restored "), "{}", said(&restored));
    let lock = std::fs::read_to_string(other.path().join("data/porchlight.lock")).unwrap();
    assert!(lock.lines().any(|line| line == "born"), "{lock}");
    let daemon = Daemon::start(other.path(), &wallet.config("1s"));
    assert_eq!(daemon.summary()["outages"][0]["started_at"], seen[0]["started_at"], "{seen}");
}

/// Makes a database so large that a copy takes many steps.
fn fill(data: &Path) {
    assert!(Scribe::start(data, 5, &[], false).wait().0);
    let connection = rusqlite::Connection::open(data.join("porchlight.db")).unwrap();
    connection
        .execute_batch(
            "PRAGMA synchronous = OFF;
             INSERT INTO endpoint (id, name) VALUES (9, 'old');
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900000)
             INSERT INTO result (endpoint, at_ms, outcome, total_us) SELECT 9, i, 0, 1 FROM n;
             PRAGMA wal_checkpoint(TRUNCATE)",
        )
        .unwrap();
}

#[test]
fn a_backup_under_load_is_a_beginning_of_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let file = config(dir.path());
    let data = dir.path().join("data");
    fill(&data);
    let scribe = Scribe::start(&data, 1_000_000, &[], false);
    wait_until("it writes", || (scribe.acknowledged() >= 100).then_some(()));
    let mut lengths = Vec::new();
    for name in ["a.db", "b.db", "c.db"] {
        let before = scribe.acknowledged();
        let to = dir.path().join(name);
        // Every commit beside it is a reason to begin again; it must not.
        let mut bounded = Command::new("timeout");
        bounded.args(["60", env!("CARGO_BIN_EXE_porchlight"), "--config"]).arg(&file);
        let output = bounded.arg("backup").arg(&to).output().unwrap();
        assert!(output.status.success(), "{name}: {} {}", output.status, said(&output));
        // The first five are from before.
        let rows = stored(&to).split_off(5);
        assert_eq!(rows, (1..).take(rows.len()).collect::<Vec<_>>(), "{name} is no beginning");
        assert!(before <= rows.len(), "{name}: {before} were acknowledged, {} are there", rows.len());
        lengths.push(rows.len());
        wait_until("it writes on", || (scribe.acknowledged() > before + 50).then_some(()));
    }
    assert!(lengths.is_sorted_by(|one, next| one < next), "{lengths:?}");
    let acknowledged = scribe.kill();
    assert!(lengths[2] <= acknowledged.len() + 5, "{lengths:?}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 5, "nothing half done is left");
}

#[test]
fn a_backup_asks_for_no_secret_of_the_config() {
    let dir = tempfile::tempdir().unwrap();
    let file = config(dir.path());
    assert!(Scribe::start(&dir.path().join("data"), 5, &[], false).wait().0);
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("[[endpoint]]\nid = \"login\"\ncomponent = \"web\"\nurl = \"http://127.0.0.1:9/\"\n");
    text.push_str("body = { env = \"PORCHLIGHT_TEST_NOWHERE\" }\n");
    std::fs::write(&file, text).unwrap();
    assert_eq!(porchlight(&file, &["check"]).status.code(), Some(78));
    let to = dir.path().join("monday.db").display().to_string();
    let output = porchlight(&file, &["backup", &to]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let away = dir.path().join("elsewhere").display().to_string();
    let output = porchlight(&file, &["--data", &away, "restore", &to]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let mistyped = porchlight(&dir.path().join("confg.toml"), &["restore", &to]);
    assert_eq!(mistyped.status.code(), Some(78), "{}", said(&mistyped));
}

#[test]
fn a_backup_in_progress_is_left_alone_and_a_killed_one_leaves_nothing_for_long() {
    let dir = tempfile::tempdir().unwrap();
    let file = config(dir.path());
    fill(&dir.path().join("data"));
    let (to, part) = (dir.path().join("monday.db"), dir.path().join("monday.db.part"));
    let target = to.display().to_string();
    // Fast disks may be done before it is held; then it is tried again.
    let mut held = (0..20).find_map(|_| held_while_copying(&file, &to, &part)).expect("one is held midway");
    let other = porchlight(&file, &["backup", &target]);
    assert_eq!(other.status.code(), Some(75), "{}", said(&other));
    assert!(said(&other).contains("monday.db.part just now; wait"), "{}", said(&other));
    signal(&held, "CONT");
    assert!(held.wait().unwrap().success(), "the other one did not disturb it");
    let whole = stored(&to);
    std::fs::remove_file(&to).unwrap();

    let mut killed = (0..20).find_map(|_| held_while_copying(&file, &to, &part)).expect("one is held midway");
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(!to.exists() && part.exists());
    let again = porchlight(&file, &["backup", &target]);
    assert!(again.status.success(), "{}", said(&again));
    assert!(!part.exists());
    assert_eq!(stored(&to), whole);
}

/// A backup that stands still while it copies, or none if it was done before.
fn held_while_copying(config: &Path, to: &Path, part: &Path) -> Option<Child> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_porchlight"));
    command.arg("--config").arg(config).arg("backup").arg(to).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let begun = || std::fs::metadata(part).is_ok_and(|part| part.len() > 0);
    let done = wait_until("it copies", || {
        let done = child.try_wait().unwrap();
        (begun() || done.is_some()).then_some(done)
    });
    signal(&child, "STOP");
    wait_until("it stands still", || stopped(&child).then_some(()));
    if done.is_none() && begun() && !to.exists() {
        return Some(child);
    }
    signal(&child, "CONT");
    assert!(child.wait().unwrap().success());
    std::fs::remove_file(to).unwrap();
    None
}

/// Whether a process is held, or has ended.
fn stopped(child: &Child) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|it| it.is_empty() || it.starts_with(['T', 'Z', 'X']))
}

fn signal(child: &Child, name: &str) {
    let _ = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(child.id().to_string())
        .stderr(Stdio::null())
        .status();
}

#[test]
fn what_is_not_a_whole_database_of_ours_is_not_restored() {
    let dir = tempfile::tempdir().unwrap();
    let file = config(dir.path());
    let made = |name: &str, change: &dyn Fn(&Path)| {
        let home = dir.path().join(format!("{name}-home"));
        let made = first_release::make(&home);
        let path = dir.path().join(name);
        std::fs::rename(made, &path).unwrap();
        change(&path);
        path.display().to_string()
    };
    let sql = |sql: &'static str| {
        move |path: &Path| rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap()
    };
    let bytes = |change: &'static dyn Fn(&mut Vec<u8>)| {
        move |path: &Path| {
            let mut bytes = std::fs::read(path).unwrap();
            change(&mut bytes);
            std::fs::write(path, bytes).unwrap();
        }
    };
    let cases = [
        (made("newer", &sql("PRAGMA user_version = 99")), 65),
        (made("foreign", &sql("PRAGMA application_id = 7")), 65),
        (made("short", &bytes(&|bytes| bytes.truncate(20_000))), 65),
        (made("holed", &bytes(&|bytes| bytes[40_960..45_056].fill(0xA5))), 65),
        (made("text", &bytes(&|bytes| *bytes = b"dear friend".to_vec())), 65),
        (made("empty", &bytes(&Vec::clear)), 65),
        (dir.path().join("nowhere").display().to_string(), 66),
    ];
    for (path, code) in cases {
        let output = porchlight(&file, &["restore", &path]);
        assert_eq!(output.status.code(), Some(code), "{path}: {}", said(&output));
        assert!(said(&output).contains(&path), "{}", said(&output));
        assert!(!dir.path().join("data/porchlight.db").exists(), "{path}");
    }
    let good = made("good", &|_| ());
    let output = porchlight(&file, &["restore", &good]);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn without_a_database_there_is_nothing_to_back_up() {
    let dir = tempfile::tempdir().unwrap();
    let output = porchlight(&config(dir.path()), &["backup", "never.db"]);
    assert_eq!(output.status.code(), Some(66), "{}", said(&output));
    assert!(!dir.path().join("data").exists(), "asking makes nothing");
}
