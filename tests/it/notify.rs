//! A service manager's view: ready, alive, reloading, stopping, and a socket handed over.

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Daemon, free_port, get, wait_until};

const CONFIG: &str = "[[component]]\nid = \"web\"\nname = \"Web\"\n";

/// What has arrived by now, one word a line as it was sent.
fn heard(manager: &UnixDatagram, so_far: &mut Vec<String>) {
    let mut bytes = [0; 4096];
    while let Ok(length) = manager.recv(&mut bytes) {
        so_far.extend(String::from_utf8_lossy(&bytes[..length]).lines().map(str::to_owned));
    }
}

fn at(heard: &[String], word: &str) -> Option<usize> {
    heard.iter().position(|it| it == word)
}

#[test]
fn a_service_manager_hears_ready_alive_reloading_and_stopping_in_this_order() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut daemon = Daemon::start_with(dir.path(), CONFIG, free_port(), |command| {
        // A third of it is how often it speaks.
        command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "600000");
    });
    let mut all = Vec::new();
    let mut hear = |what: &str, word: &str, times: usize| {
        wait_until(what, || {
            heard(&manager, &mut all);
            (times <= all.iter().filter(|it| *it == word).count()).then_some(())
        });
        all.clone()
    };
    let words = hear("it is ready", "READY=1", 1);
    assert!(words.iter().any(|it| it.starts_with("STATUS=watching 0 endpoints")), "{words:?}");
    hear("it lives", "WATCHDOG=1", 3);
    daemon.signal("HUP");
    hear("it has reloaded", "READY=1", 2);
    // While it cannot run, it cannot say that it lives.
    daemon.signal("STOP");
    std::thread::sleep(Duration::from_millis(300));
    let before = hear("nothing", "READY=1", 2).iter().filter(|it| *it == "WATCHDOG=1").count();
    std::thread::sleep(Duration::from_millis(1500));
    let after = hear("nothing", "READY=1", 2).iter().filter(|it| *it == "WATCHDOG=1").count();
    assert_eq!(before, after);
    daemon.signal("CONT");
    hear("it lives again", "WATCHDOG=1", after + 1);
    daemon.signal("TERM");
    assert!(daemon.child.wait().unwrap().success());
    let words = hear("it stops", "STOPPING=1", 1);
    assert!(at(&words, "READY=1") < at(&words, "RELOADING=1"), "{words:?}");
    assert!(at(&words, "RELOADING=1") < at(&words, "STOPPING=1"), "{words:?}");
    let last = words.iter().rposition(|it| it == "WATCHDOG=1");
    assert!(last < at(&words, "STOPPING=1"), "{words:?}");
}

#[test]
fn a_watchdog_that_nobody_asked_for_is_not_fed() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut all = Vec::new();
    // Not told of the socket, it says nothing at all.
    let quiet = Daemon::start(dir.path(), CONFIG);
    heard(&manager, &mut all);
    assert_eq!(all, Vec::<String>::new());
    drop(quiet);
    let mut daemon = Daemon::start_with(dir.path(), CONFIG, free_port(), |command| {
        command.env("NOTIFY_SOCKET", &socket);
    });
    daemon.signal("TERM");
    assert!(daemon.child.wait().unwrap().success());
    wait_until("it stops", || {
        heard(&manager, &mut all);
        at(&all, "STOPPING=1")
    });
    assert_eq!(at(&all, "WATCHDOG=1"), None);
}

#[test]
fn a_socket_that_is_handed_over_serves_the_page() {
    let dir = tempfile::tempdir().unwrap();
    let (port, other) = (free_port(), free_port());
    let file = dir.path().join("config.toml");
    std::fs::write(&file, format!("[server]\nlisten = \"127.0.0.1:{other}\"\n")).unwrap();
    let address = format!("127.0.0.1:{port}");
    let mut child = Command::new("systemd-socket-activate")
        .args(["--listen", &address, env!("CARGO_BIN_EXE_porchlight"), "--config"])
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("systemd-socket-activate, which tests/run installs");
    let at = address.parse().unwrap();
    let reached = wait_until("the socket is there", || std::net::TcpStream::connect(at).ok());
    assert_eq!(get(at, "/api/v1/summary.json").status, 200);
    assert!(std::net::TcpStream::connect(("127.0.0.1", other)).is_err());
    drop(reached);
    // It has become the daemon itself.
    child.kill().unwrap();
    child.wait().unwrap();
}
