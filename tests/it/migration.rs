//! An upgrade from the first release: a checked copy first, and a kill at every
//! write leaves the old schema or the new one.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::first_release;
use crate::scribe::Scribe;
use crate::support::{Daemon, get};
use crate::traced;

fn version(database: &Path) -> i64 {
    Connection::open(database).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

/// The copies from before upgrades in a data directory.
fn copies(data: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.display().to_string().contains(".before-")).collect()
}

/// Everything in a data directory, elsewhere, so that looking changes nothing.
fn apart(data: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    dir
}

fn upgrade(data: &Path, inject: Option<&str>) -> bool {
    let words = inject.map(traced::words).unwrap_or_default();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Scribe::start(data, 0, &words, false).wait().0
}

#[test]
fn the_first_releases_database_is_copied_upgraded_and_served() {
    let dir = tempfile::tempdir().unwrap();
    let database = first_release::make(&dir.path().join("data"));
    let before = first_release::rows(&database);
    let config = "[[component]]\nid = \"web\"\nname = \"Web\"\n\
                  [[endpoint]]\nid = \"web-signin\"\ncomponent = \"web\"\nurl = \"http://127.0.0.1:1/\"\nevery = \"1h\"\n";
    let mut daemon = Daemon::start(dir.path(), config);
    assert_eq!(get(daemon.addr, "/c/web").status, 200);
    let log = daemon.log();
    assert!(log.contains("from schema 1 to 3; a checked copy of it as it was: "), "{log}");
    daemon.signal("TERM");
    assert!(daemon.child.wait().unwrap().success(), "{}", daemon.log());
    assert_eq!(version(&database), 3);
    let copies = copies(&dir.path().join("data"));
    assert_eq!(copies.len(), 1, "{copies:?}");
    assert_eq!(version(&copies[0]), 1);
    assert_eq!(first_release::rows(&copies[0]), before);
    // What the first release had counted as announced still is.
    let connection = Connection::open(&database).unwrap();
    let announced: Vec<bool> = connection
        .prepare("SELECT announced_end_ms IS ends_ms FROM notice WHERE kind = 0")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(announced, [true, true]);
}

#[test]
fn strace_a_kill_at_every_write_of_a_migration_leaves_the_old_schema_or_the_new() {
    let fixture = tempfile::tempdir().unwrap();
    let before = first_release::rows(&first_release::make(fixture.path()));
    let (mut old, mut new) = (0, 0);
    for call in traced::CHANGES {
        for number in 1.. {
            let data = apart(fixture.path());
            if upgrade(data.path(), Some(&format!("{call}:signal=KILL:when={number}"))) {
                break;
            }
            assert!(number < 1000, "{call} has no end");
            let what = format!("killed at {call} number {number}");
            let seen = apart(data.path());
            let database = seen.path().join("porchlight.db");
            match version(&database) {
                // Each step is whole by itself; the next start takes those that are left.
                1 | 2 => old += 1,
                3 => new += 1,
                other => panic!("{what}: schema {other}"),
            }
            assert_eq!(first_release::rows(&database), before, "{what}");
            assert!(upgrade(data.path(), None), "{what}: it does not start again");
            let database = data.path().join("porchlight.db");
            assert_eq!(version(&database), 3, "{what}");
            assert_eq!(first_release::rows(&database), before, "{what}");
            let copies = copies(data.path());
            assert_eq!(copies.len(), 1, "{what}: {copies:?}");
            assert_eq!(first_release::rows(&copies[0]), before, "{what}");
            let left = data.path().join("porchlight.db.copying");
            assert!(!left.exists(), "{what}: the half copy was left");
        }
    }
    assert!(old >= 10 && new >= 1, "killed {old} times before and {new} times after");
}
