//! Twenty random kills while probing: nothing acknowledged is lost.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::{Daemon, wait_until};
use crate::wallet::Wallet;

#[test]
fn twenty_kills_lose_nothing_acknowledged() {
    kill_often(20);
}

#[test]
#[ignore = "takes long: tests/run soak"]
fn soak_five_hundred_kills_lose_nothing_acknowledged() {
    kill_often(500);
}

fn kill_often(kills: u64) {
    let dir = tempfile::tempdir().unwrap();
    let wallet = Wallet::new();
    let config = wallet.config("1s");
    let mut daemon = Daemon::start(dir.path(), &config);
    wait_until("both are known", || (daemon.summary()["verdict"] == "yes").then_some(()));
    for round in 0..kills {
        if round == 5 || round == 12 {
            wallet.set("app", "error503");
            wait_until("it is down", || (daemon.summary()["verdict"] == "partial").then_some(()));
        }
        if round == 9 {
            wallet.set("app", "works");
            wait_until("it is up", || (daemon.summary()["verdict"] == "yes").then_some(()));
        }
        std::thread::sleep(Duration::from_millis(rand::random_range(50..500)));
        let seen = daemon.summary();
        daemon.kill();
        check_history(dir.path(), &seen);
        daemon = Daemon::start(dir.path(), &config);
        if (12..kills).contains(&round) {
            wallet.set("app", "error503");
        }
        let after = daemon.summary();
        assert_eq!(without_ages(after), without_ages(seen), "after kill {round}");
    }
}

/// Every result a reader saw is in the database, and no span overlaps or leaves a hole.
fn check_history(dir: &Path, seen: &Value) {
    let database = dir.join("data/porchlight.db");
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let connection = Connection::open_with_flags(database, flags).unwrap();
    let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    for component in seen["components"].as_array().unwrap() {
        for endpoint in component["endpoints"].as_array().unwrap() {
            let Some(at) = endpoint["last_at"].as_str() else { continue };
            let at: jiff::Timestamp = at.parse().unwrap();
            let stored: i64 = connection
                .query_row(
                    "SELECT count(*) FROM result JOIN endpoint ON endpoint.id = result.endpoint \
                     WHERE name = ?1 AND at_ms / 1000 = ?2",
                    (endpoint["id"].as_str().unwrap(), at.as_second()),
                    |row| row.get(0),
                )
                .unwrap();
            assert!(stored >= 1, "{endpoint} was shown and is not stored");
        }
    }
    let mut spans: HashMap<i64, Vec<(i64, Option<i64>)>> = HashMap::new();
    let mut query =
        connection.prepare("SELECT endpoint, from_ms, to_ms FROM span ORDER BY endpoint, from_ms").unwrap();
    let mut rows = query.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        spans.entry(row.get(0).unwrap()).or_default().push((row.get(1).unwrap(), row.get(2).unwrap()));
    }
    for (endpoint, spans) in spans {
        for pair in spans.windows(2) {
            assert_eq!(pair[0].1, Some(pair[1].0), "endpoint {endpoint}: {pair:?}");
        }
        assert_eq!(spans.last().unwrap().1, None, "endpoint {endpoint} has no open span");
    }
}

/// What may not change by a restart: everything but times that pass and are counted.
fn without_ages(mut summary: Value) -> Value {
    for key in ["generated_at", "valid_until", "last_knock", "until"] {
        summary[key] = Value::Null;
    }
    if summary["verdict"] == "recovering" {
        summary["verdict"] = "yes".into();
    }
    for key in ["action", "advice"] {
        summary[key] = Value::Null;
    }
    for component in summary["components"].as_array_mut().unwrap() {
        for key in ["uptime_90d", "uptime_30d", "days"] {
            component[key] = Value::Null;
        }
        for endpoint in component["endpoints"].as_array_mut().unwrap() {
            for key in ["last_at", "total_ms"] {
                endpoint[key] = Value::Null;
            }
        }
    }
    for outage in summary["outages"].as_array_mut().unwrap() {
        outage["down_s"] = Value::Null;
    }
    summary
}
