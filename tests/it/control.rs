//! The socket: for its owner alone, and nobody can hold the daemon by it.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::support::{Daemon, health, wait_until};
use crate::target::{Target, page};

fn porchlight(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_porchlight"));
    command.arg("--config").arg(dir.join("config.toml")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn config(target: &Target) -> String {
    format!(
        "[[component]]\nid = \"web\"\nname = {{ zh = \"网页登录\", en = \"Web\" }}\n\
         [[component]]\nid = \"inner\"\nname = \"Inner\"\npublic = false\n\
         [[endpoint]]\nid = \"login\"\ncomponent = \"web\"\nurl = \"http://{}/login\"\nevery = \"60s\"\n\
         [[maintenance]]\nid = \"upgrade\"\ntitle = {{ zh = \"升级\", en = \"Upgrade\" }}\ncomponents = [\"web\"]\n\
         starts_at = \"2099-01-01T00:00:00Z\"\nends_at = \"2099-01-01T01:00:00Z\"\n",
        target.addr
    )
}

fn socket(dir: &Path) -> PathBuf {
    dir.join("data/porchlight.sock")
}

fn running(dir: &Path) -> (Target, Daemon) {
    let target = Target::answering(page("200 OK", "fine"));
    let daemon = Daemon::start(dir, &config(&target));
    wait_until("the login is known", || (health(&daemon.summary(), "login") == "up").then_some(()));
    (target, daemon)
}

/// What the daemon says to these bytes.
fn answer(dir: &Path, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket(dir)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let _ = stream.write_all(bytes);
    let mut said = String::new();
    let _ = stream.read_to_string(&mut said);
    said
}

#[test]
fn status_shows_components_endpoints_and_own_health_and_exits_by_readiness() {
    let dir = tempfile::tempdir().unwrap();
    let (_target, daemon) = running(dir.path());
    let output = porchlight(dir.path(), &["status"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for word in ["ready", "网页登录 / Web", "inner", "login", "success", "in ", "storing", "rendered", "data"]
    {
        assert!(said(&output).contains(word), "{word}: {}", said(&output));
    }
    let json = porchlight(dir.path(), &["status", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["ready"], true);
    assert_eq!(json["daemon"]["pid"].to_string(), daemon.pid());
    assert_eq!(json["endpoints"][0]["health"], "up");
    let next = json["endpoints"][0]["next_in_s"].as_f64().unwrap();
    assert!((0.0..=90.0).contains(&next), "{next}");
}

#[test]
fn without_a_daemon_every_command_says_so_and_does_what_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let (_target, mut daemon) = running(dir.path());
    daemon.signal("TERM");
    assert!(daemon.child.wait().unwrap().success(), "{}", daemon.log());
    assert!(!socket(dir.path()).exists());
    for command in ["status", "reload"] {
        let output = porchlight(dir.path(), &[command]);
        assert_eq!(output.status.code(), Some(69), "{}", said(&output));
        assert!(said(&output).contains("no porchlight runs with the data directory"), "{}", said(&output));
    }
    assert!(
        said(&porchlight(dir.path(), &["status"])).contains("login     up"),
        "{}",
        said(&porchlight(dir.path(), &["status"]))
    );
    let notices = porchlight(dir.path(), &["notice", "list"]);
    assert!(notices.status.success() && said(&notices).contains("升级 / Upgrade"), "{}", said(&notices));
    let probe = porchlight(dir.path(), &["probe", "login"]);
    assert!(said(&probe).contains("knocked by  this command"), "{}", said(&probe));
}

#[test]
fn the_running_daemon_knocks_and_lists() {
    let dir = tempfile::tempdir().unwrap();
    let (_target, _daemon) = running(dir.path());
    let probe = porchlight(dir.path(), &["probe", "login"]);
    assert_eq!(probe.status.code(), Some(0), "{}", said(&probe));
    assert!(said(&probe).contains("knocked by  the running porchlight"), "{}", said(&probe));
    let nobody = porchlight(dir.path(), &["probe", "other"]);
    assert_eq!(nobody.status.code(), Some(2), "{}", said(&nobody));
    let notices = porchlight(dir.path(), &["notice", "list", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&notices.stdout).unwrap();
    assert_eq!(json["from"], "daemon");
    assert_eq!(json["notices"][0]["phase"], "scheduled");
}

#[test]
fn the_socket_is_its_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (_target, _daemon) = running(dir.path());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&socket(dir.path())), mode(&dir.path().join("data"))), (0o600, 0o700));
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // Even where all modes let everybody in, the daemon asks who is there.
    for open in [dir.path().to_owned(), dir.path().join("data")] {
        std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let program = dir.path().join("program");
    std::fs::copy(env!("CARGO_BIN_EXE_porchlight"), &program).unwrap();
    let stranger = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        command.arg("--data").arg(dir.path().join("data")).args(arguments).output().unwrap()
    };
    // Whether it is the directory that is closed or the file in it.
    for mode in [0o700, 0o755] {
        let data = dir.path().join("data");
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(mode)).unwrap();
        let locked = stranger(&["backup", "never.db"]);
        assert_eq!(locked.status.code(), Some(73), "{}", said(&locked));
        assert!(said(&locked).contains("Permission denied"), "{}", said(&locked));
        let refused = stranger(&["status"]);
        assert_eq!(refused.status.code(), Some(77), "{}", said(&refused));
    }
    let refused = stranger(&["status"]);
    assert_eq!(refused.status.code(), Some(77), "{}", said(&refused));
    let refused = said(&refused);
    assert!(refused.contains("only the user that runs this porchlight"), "{refused}");
    std::fs::set_permissions(socket(dir.path()), std::fs::Permissions::from_mode(0o777)).unwrap();
    let refused = said(&stranger(&["status"]));
    assert!(refused.contains("only the user that runs this daemon"), "{refused}");
    assert!(!refused.contains("login"), "{refused}");
}

#[test]
fn a_dead_daemons_socket_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let (target, mut daemon) = running(dir.path());
    daemon.kill();
    assert!(socket(dir.path()).exists());
    assert_eq!(porchlight(dir.path(), &["status"]).status.code(), Some(69));
    let _daemon = Daemon::start(dir.path(), &config(&target));
    wait_until("it answers", || porchlight(dir.path(), &["status"]).status.success().then_some(()));
}

#[test]
fn nonsense_gets_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let (_target, _daemon) = running(dir.path());
    let long = vec![b'a'; 100_000];
    for bytes in [&b"{\"v\":1,\"ask\":\"stop\"}\n"[..], b"\n", b"GET / HTTP/1.1\r\n\r\n", b"{\"v\":9}\n"] {
        let answer = answer(dir.path(), bytes);
        assert!(answer.contains("\"why\":\"not_understood\""), "{answer}");
    }
    // It may be cut off before it could read that.
    let answer = answer(dir.path(), &long);
    assert!(answer.is_empty() || answer.contains("not_understood"), "{answer}");
    assert!(porchlight(dir.path(), &["status"]).status.success());
}

#[test]
fn a_hundred_at_once_are_answered_or_refused_and_the_silent_ones_are_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let (_target, _daemon) = running(dir.path());
    let began = Instant::now();
    let asking: Vec<_> = (0..100)
        .map(|_| {
            let dir = dir.path().to_owned();
            std::thread::spawn(move || answer(&dir, b"{\"v\":1,\"ask\":\"status\"}\n"))
        })
        .collect();
    let answers: Vec<String> = asking.into_iter().map(|it| it.join().unwrap()).collect();
    let answered = answers.iter().filter(|it| it.contains("\"is\":\"status\"")).count();
    let refused = answers.iter().filter(|it| it.contains("others are talking")).count();
    assert_eq!(answered + refused, 100, "{answers:?}");
    assert!(0 < answered);
    // Nobody says a word; the places are free again when patience ends.
    let silent: Vec<UnixStream> =
        (0..100).map(|_| UnixStream::connect(socket(dir.path())).unwrap()).collect();
    wait_until("somebody who asks is answered", || {
        porchlight(dir.path(), &["status"]).status.success().then_some(())
    });
    assert!(began.elapsed() < Duration::from_secs(50), "{:?}", began.elapsed());
    drop(silent);
}
