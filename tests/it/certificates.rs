//! A certificate that runs out: an operator is told once, across restarts.

use std::path::Path;
use std::process::Command;

use crate::pki::Pki;
use crate::support::{Daemon, free_port, health, wait_until};

fn told(daemon: &Daemon) -> usize {
    daemon.log().lines().filter(|it| it.contains("its certificate runs out")).count()
}

fn rounds(dir: &Path) -> i64 {
    let database = rusqlite::Connection::open(dir.join("data/porchlight.db")).unwrap();
    database.query_row("SELECT count(*) FROM result", [], |row| row.get(0)).unwrap()
}

/// T33.
#[test]
fn a_warning_is_told_once_and_marked_as_long_as_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let pki = Pki::new();
    let ending = runtime.block_on(pki.serve("ends-in-five-days"));
    let short = runtime.block_on(pki.serve("short-intermediate"));
    let good = runtime.block_on(pki.serve("good"));
    let endpoint = |id: &str, url: String| {
        format!("[[endpoint]]\nid = \"{id}\"\ncomponent = \"web\"\nurl = \"{url}\"\nevery = \"1s\"\n")
    };
    let config = format!(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n{}{}{}",
        endpoint("leaf", format!("https://localhost:{ending}/")),
        endpoint("between", format!("tls://localhost:{short}")),
        endpoint("good", format!("https://localhost:{good}/")),
    );
    let roots = dir.path().join("roots.pem");
    std::fs::write(&roots, pki.pem()).unwrap();
    let start = || {
        Daemon::start_with(dir.path(), &config, free_port(), |command| {
            command.env("SSL_CERT_FILE", &roots).env_remove("SSL_CERT_DIR");
        })
    };
    let all_up = |daemon: &Daemon| {
        let summary = daemon.summary();
        ["leaf", "between", "good"].iter().all(|id| health(&summary, id) == "up").then_some(())
    };
    let mut daemon = start();
    wait_until("all are up", || all_up(&daemon));
    wait_until("both are told", || (told(&daemon) == 2).then_some(()));
    for _ in 0..2 {
        let before = rounds(dir.path());
        wait_until("more rounds were stored", || (before + 9 < rounds(dir.path())).then_some(()));
        assert_eq!(told(&daemon), 2, "{}", daemon.log());
        daemon.kill();
        daemon = start();
        wait_until("all are up", || all_up(&daemon));
    }
    let status = wait_until("both are marked", || {
        let config = dir.path().join("config.toml");
        let done = Command::new(env!("CARGO_BIN_EXE_porchlight"))
            .arg("--config")
            .arg(config)
            .args(["status", "--json"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        (text.matches("certificate_ends").count() == 2).then_some(text)
    });
    assert!(!status.contains("\"good\"") || status.contains("leaf"), "{status}");
    assert_eq!(told(&daemon), 2, "{}", daemon.log());
}
