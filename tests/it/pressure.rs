//! A store in trouble: a full disk, a failing one, a slow one. Probing and the page
//! go on, nothing is acknowledged that is not there, and it recovers by itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;

use crate::scribe::{Scribe, stored};
use crate::support::{Daemon, get, health, wait_until};
use crate::target::{Target, page, read_head};
use crate::traced::{Tracer, words};
use crate::wallet::Wallet;

/// A file system in memory, of a size that can change.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn new(mib: u32) -> Self {
        let it = Self(tempfile::tempdir().unwrap());
        it.mount(&format!("size={mib}m"));
        it
    }

    fn mount(&self, options: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "porchlight-test"]).arg(self.0.path());
        assert!(mount.status().unwrap().success());
    }

    fn grow(&self, mib: u32) {
        self.mount(&format!("remount,size={mib}m"));
    }

    /// Takes all that is left; further calls take what was freed since.
    fn fill(&self, name: &str) {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(self.0.path().join(name));
        let mut file = file.unwrap();
        while std::io::Write::write_all(&mut file, &[0xA5; 4096]).is_ok() {}
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

fn storing(daemon: &Daemon) -> Value {
    daemon.summary()["storing"].clone()
}

fn works(daemon: &Daemon) -> bool {
    storing(daemon)["works"] == true
}

fn last_knock(daemon: &Daemon) -> String {
    daemon.summary()["last_knock"].as_str().unwrap_or_default().to_owned()
}

/// Every result is stored after the one before it, and no endpoint was ever down.
fn check_whole(data: &Path) {
    let connection = Connection::open(data.join("porchlight.db")).unwrap();
    let number = |sql: &str| -> i64 { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
    let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    assert_eq!(number("SELECT count(*) FROM span WHERE health = 2"), 0, "an endpoint was marked down");
}

/// T65.
#[test]
#[ignore = "needs root: tests/run root"]
fn root_a_full_disk_is_told_and_recovers_when_there_is_room() {
    let disk = Tmpfs::new(16);
    let wallet = Wallet::new();
    let mut daemon = Daemon::start(disk.0.path(), &wallet.config("1s"));
    wait_until("it knocks", || (daemon.summary()["verdict"] == "yes").then_some(()));
    let ballast = disk.0.path().join("data/ballast");
    let held = std::fs::metadata(&ballast).unwrap().len();
    assert!((2 << 20..=4 << 20).contains(&held), "{held} bytes of a disk of 16 MiB");

    // The first time the ballast makes room, and results are stored on.
    disk.fill("first");
    wait_until("the ballast is given up", || (!ballast.exists()).then_some(()));
    wait_until("results are stored again", || works(&daemon).then_some(()));
    // The second time there is none.
    disk.fill("second");
    wait_until("results are not stored", || (!works(&daemon)).then_some(()));
    assert!(storing(&daemon)["since"].is_string(), "{}", storing(&daemon));
    let before = last_knock(&daemon);
    wait_until("it knocks on", || (last_knock(&daemon) > before).then_some(()));
    assert_eq!(get(daemon.addr, "/en/").status, 200);
    assert_eq!(daemon.summary()["verdict"], "yes");
    wait_until("results wait", || (storing(&daemon)["waiting"].as_u64() > Some(3)).then_some(()));

    let began = Instant::now();
    disk.grow(64);
    wait_until("storing works again", || works(&daemon).then_some(()));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!(storing(&daemon)["lost"], 0);
    wait_until("the ballast is back", || ballast.exists().then_some(()));
    let log = daemon.log();
    assert_eq!(log.matches("kept for this were given up").count(), 1, "{log}");
    assert!(!log.contains("panicked"), "{log}");
    daemon.signal("TERM");
    assert!(daemon.child.wait().unwrap().success(), "{}", daemon.log());
    check_whole(&disk.0.path().join("data"));
}

#[test]
#[ignore = "needs root: tests/run root"]
fn root_on_a_full_disk_nothing_can_be_deleted_without_the_ballast() {
    let disk = Tmpfs::new(4);
    let path = disk.0.path().join("some.db");
    let connection = Connection::open(&path).unwrap();
    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![0; 1 << 20]).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x)")
        .unwrap();
    while connection.execute("INSERT INTO t VALUES (zeroblob(4000))", []).is_ok() {}
    disk.fill("rest");
    let delete = || connection.execute("DELETE FROM t", []);
    let fold = || connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    assert!(delete().is_err() && fold().is_err(), "the ballast is for nothing");
    std::fs::remove_file(&ballast).unwrap();
    assert!(fold().is_ok(), "{:?}", fold());
    assert!(delete().unwrap() > 100);
}

#[test]
#[ignore = "needs root: tests/run root"]
fn root_an_upgrade_without_room_for_its_copy_changes_nothing() {
    let disk = Tmpfs::new(2);
    let data = disk.0.path().join("data");
    let database = crate::first_release::make(&data);
    let before = std::fs::read(&database).unwrap();
    let config = disk.0.path().join("config.toml");
    let listen = crate::support::free_port();
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:{listen}\"\n[store]\ndata = {:?}\n",
        data.display().to_string()
    );
    std::fs::write(&config, text).unwrap();
    disk.fill("rest");
    // Room for a lock file, and for half a copy.
    let rest = std::fs::OpenOptions::new().write(true).open(disk.0.path().join("rest")).unwrap();
    rest.set_len(rest.metadata().unwrap().len() - (64 << 10)).unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_porchlight")).arg("--config").arg(&config).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(73), "{said}");
    assert!(said.contains("nothing was changed"), "{said}");
    assert!(std::fs::read(&database).unwrap() == before, "{said}");
}

/// Breaks one call of a process that only stores, and looks at what it told.
fn break_one(inject: &str) {
    let dir = tempfile::tempdir().unwrap();
    let words = words(inject);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let acknowledged = Scribe::start(dir.path(), 100, &words, false).wait().1;
    let database: PathBuf = dir.path().join("porchlight.db");
    // A start that failed has made nothing, or what the next one takes for a start.
    let again = Scribe::start(dir.path(), 0, &[], false).wait().0;
    assert!(again, "{inject}: it does not start again");
    let stored = stored(&database);
    let missing: Vec<&i64> = acknowledged.iter().filter(|number| !stored.contains(number)).collect();
    assert!(missing.is_empty(), "{inject}: acknowledged and not there: {missing:?}");
    assert!(stored.is_sorted(), "{inject}: {stored:?}");
}

#[test]
fn strace_what_was_acknowledged_is_there_whichever_call_failed() {
    for number in [3, 6, 9, 12] {
        break_one(&format!("fsync,fdatasync:error=EIO:when={number}"));
        break_one(&format!("pwrite64:error=ENOSPC:when={}..{}", 7 * number, 7 * number + 5));
        break_one(&format!("pwrite64:error=EIO:when={}", 5 * number));
    }
}

#[test]
#[ignore = "needs root: tests/run root"]
fn root_strace_what_was_acknowledged_is_there_whichever_of_300_calls_failed() {
    for number in 1..=60 {
        break_one(&format!("fsync,fdatasync:error=EIO:when={number}"));
    }
    for number in 1..=120 {
        break_one(&format!("pwrite64:error=ENOSPC:when={number}..{}", number + 5));
        break_one(&format!("pwrite64:signal=KILL:when={number}"));
    }
}

#[test]
fn strace_a_disk_that_fails_and_one_that_hangs_hold_neither_the_page_nor_the_probes() {
    let dir = tempfile::tempdir().unwrap();
    let wallet = Wallet::new();
    let mut daemon = wallet.watched(dir.path());

    let failing = Tracer::attach(daemon.child.id(), "fsync,fdatasync:error=EIO");
    wait_until("results are not stored", || (!works(&daemon)).then_some(()));
    let before = last_knock(&daemon);
    wait_until("it knocks on", || (last_knock(&daemon) > before).then_some(()));
    assert_eq!(daemon.summary()["verdict"], "yes");
    assert!(get(daemon.addr, "/").status == 200);
    drop(failing);
    wait_until("storing works again", || works(&daemon).then_some(()));
    assert_eq!(storing(&daemon)["lost"], 0);

    // A third of a second a flush: slower than a result, and still in time.
    let slow = Tracer::attach(daemon.child.id(), "fsync,fdatasync:delay_enter=300000");
    let before = last_knock(&daemon);
    for _ in 0..3 {
        let asked = Instant::now();
        assert_eq!(get(daemon.addr, "/").status, 200);
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
        let now = last_knock(&daemon);
        wait_until("it knocks on", || (last_knock(&daemon) > now).then_some(()));
    }
    assert!(last_knock(&daemon) > before && works(&daemon));
    drop(slow);

    // Longer than the store's patience: that is said, and nothing counts as heard.
    let hanging = Tracer::attach(daemon.child.id(), "fsync,fdatasync:delay_enter=8000000");
    wait_until("it is told", || daemon.log().contains("The database does not answer").then_some(()));
    wait_until("it is said", || (storing(&daemon)["works"] == false).then_some(()));
    assert_eq!(get(daemon.addr, "/").status, 200);
    drop(hanging);
    wait_until("storing works again", || works(&daemon).then_some(()));
    wait_until("it may be said again", || (daemon.summary()["verdict"] == "yes").then_some(()));
    let log = daemon.log();
    assert!(!log.contains("panicked"), "{log}");
    daemon.signal("TERM");
    assert!(daemon.child.wait().unwrap().success(), "{}", daemon.log());
    check_whole(&dir.path().join("data"));
}

/// T65. Another process holds the database; what is learnt meanwhile is stored later, with
/// its own time.
#[test]
fn a_locked_database_costs_no_result_and_a_login_that_cannot_be_written_down_is_not_tried() {
    let dir = tempfile::tempdir().unwrap();
    let posts = Arc::new(AtomicUsize::new(0));
    let counted = posts.clone();
    let target = Target::new(move |mut stream| {
        let mut method = [0_u8; 4];
        if std::io::Read::read_exact(&mut stream, &mut method).is_ok() && method == *b"POST" {
            counted.fetch_add(1, Ordering::AcqRel);
        }
        read_head(&mut stream);
        let _ = std::io::Write::write_all(&mut stream, page("200 OK", "fine").as_bytes());
    });
    let config = format!(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n\
         [[account]]\nid = \"probe\"\nusername = \"prober\"\n\
         [[endpoint]]\nid = \"page\"\ncomponent = \"web\"\nurl = {url:?}\nevery = \"3s\"\n\
         [[endpoint]]\nid = \"signin\"\ncomponent = \"web\"\nurl = {url:?}\naccount = \"probe\"\nmethod = \"POST\"\n\
         form = {{ name = \"{{{{username}}}}\" }}\n",
        url = target.url()
    );
    let daemon = Daemon::start(dir.path(), &config);
    let up = |id: &str| health(&daemon.summary(), id) == "up";
    wait_until("both are up", || (up("page") && up("signin")).then_some(()));
    let sent = posts.load(Ordering::Acquire);
    let holder = Connection::open(dir.path().join("data/porchlight.db")).unwrap();
    holder.busy_timeout(Duration::from_secs(30)).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let from = jiff::Timestamp::now();
    wait_until("results are not stored", || (!works(&daemon)).then_some(()));
    let mut probe = Command::new(env!("CARGO_BIN_EXE_porchlight"));
    probe.arg("--config").arg(dir.path().join("config.toml")).args(["probe", "signin"]);
    let said = String::from_utf8(probe.output().unwrap().stdout).unwrap();
    assert!(said.contains("unknown (own_storage)"), "{said}");
    assert_eq!(posts.load(Ordering::Acquire), sent, "what cannot be written down is not sent");
    wait_until("results wait", || (storing(&daemon)["waiting"].as_u64() > Some(3)).then_some(()));
    while jiff::Timestamp::now().duration_since(from) < jiff::SignedDuration::from_secs(20) {
        assert!(up("page"), "what is learnt is told, stored or not: {}", daemon.log());
        std::thread::sleep(Duration::from_millis(500));
    }
    holder.execute_batch("ROLLBACK").unwrap();
    let to = jiff::Timestamp::now();
    wait_until("storing works again", || works(&daemon).then_some(()));
    assert_eq!(storing(&daemon)["lost"], 0);
    let meanwhile = "SELECT count(*) FROM result WHERE at_ms BETWEEN ?1 AND ?2";
    let of = [from.as_millisecond(), to.as_millisecond()];
    wait_until("what was learnt meanwhile is stored with its own time", || {
        let count: i64 = holder.query_row(meanwhile, of, |row| row.get(0)).unwrap();
        (3 < count).then_some(())
    });
    check_whole(&dir.path().join("data"));
}
