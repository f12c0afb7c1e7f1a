//! A device that reports by itself, through the daemon's real door.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use crate::support::{Answer, Daemon, free_port, health, request, wait_until};

const TOKEN: &str = "correct-horse-battery-staple";

fn config(dir: &Path, more: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let secret = dir.join("token");
    std::fs::write(&secret, TOKEN).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let endpoint = |id: &str, more: &str| {
        format!(
            "[[endpoint]]\nid = \"{id}\"\ncomponent = \"sms\"\nfailure_threshold = 1\nsuccess_threshold = 1\n\
             deadline = \"60s\"\ndegraded_after = \"20s\"\npush = {{ token = {{ file = \"token\" }}, {more} }}\n"
        )
    };
    format!(
        "[[component]]\nid = \"sms\"\nname = \"SMS\"\n{}{}[[endpoint]]\nid = \"plain\"\ncomponent = \"sms\"\n\
         url = \"http://127.0.0.1:1/\"\nevery = \"1h\"\n",
        endpoint("code", &format!("silence = \"20m\"{more}")),
        endpoint("loose", "silence = \"20m\", token_in_query = true"),
    )
}

fn push(addr: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> Answer {
    let header = if token.is_empty() { String::new() } else { format!("X-Token: {token}\r\n") };
    request(addr, method, path, &header, body).unwrap()
}

#[test]
fn a_report_is_stored_and_shown_and_a_wrong_one_learns_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &config(dir.path(), ""));
    let ask = |method, path: &str, token, body: &str| push(daemon.addr, method, path, token, body);
    let long = "x".repeat(5_000);
    for (method, path, token, body, status) in [
        ("POST", "/push/code", TOKEN, "", 202),
        ("GET", "/push/code?latency=3.5", TOKEN, "", 202),
        ("POST", "/push/code", "wrong", "", 401),
        ("POST", "/push/code", "", "", 401),
        ("POST", "/push/plain", TOKEN, "", 401),
        ("POST", "/push/nobody", TOKEN, "", 401),
        ("POST", "/push/..", TOKEN, "", 401),
        ("POST", &format!("/push/code?token={TOKEN}"), "", "", 401),
        ("POST", &format!("/push/loose?token={TOKEN}"), "", "", 202),
        ("GET", &format!("/push/loose?token={TOKEN}&message=hi"), "", "", 202),
        ("POST", "/push/code", TOKEN, "ok=perhaps", 400),
        ("POST", "/push/code", TOKEN, &long, 413),
        ("POST", "/push/code", "wrong", &long, 401),
        ("HEAD", "/push/code", TOKEN, "", 405),
        ("PUT", "/push/code", TOKEN, "", 405),
        ("POST", "/push/code/", TOKEN, "", 404),
    ] {
        let answer = ask(method, path, token, body);
        assert_eq!(answer.status, status, "{method} {path} {token:?}: {}", answer.text());
        assert!(!answer.head.contains(TOKEN) && !answer.text().contains(TOKEN));
    }
    let told = |path: &str, token: &str| {
        let answer = push(daemon.addr, "POST", path, token, "");
        let head: Vec<String> =
            answer.head.lines().filter(|it| !it.starts_with("date:")).map(str::to_owned).collect();
        (head, answer.text())
    };
    let wrong = told("/push/code", "wrong");
    for (path, token) in [("/push/nobody", TOKEN), ("/push/plain", TOKEN), ("/push/code", "")] {
        assert_eq!(told(path, token), wrong, "{path} {token:?}");
    }
    wait_until("it is up", || (health(&daemon.summary(), "code") == "up").then_some(()));
    assert_eq!(ask("POST", "/push/code", TOKEN, "ok=false&message=no+code+came").status, 202);
    wait_until("it is down", || (health(&daemon.summary(), "code") == "down").then_some(()));
    assert_eq!(ask("POST", "/push/code", TOKEN, "latency=25").status, 202);
    wait_until("it is slow", || (health(&daemon.summary(), "code") == "degraded").then_some(()));
    assert_eq!(ask("POST", "/push/code", TOKEN, "latency=61").status, 202);
    wait_until("it is too late", || (health(&daemon.summary(), "code") == "down").then_some(()));
    let log = daemon.log();
    assert!(log.contains("(assertion)") && log.contains("(slow)") && log.contains("(timeout_ttfb)"), "{log}");
    assert!(!log.contains(TOKEN));
}

#[test]
fn one_that_never_ends_its_report_is_shown_out_and_one_too_many_told_to_wait() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &config(dir.path(), ""));
    let mut slow = TcpStream::connect(daemon.addr).unwrap();
    slow.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    write!(slow, "POST /push/code HTTP/1.1\r\nHost: a\r\nX-Token: {TOKEN}\r\nContent-Length: 90\r\n\r\nok=")
        .unwrap();
    let many: Vec<u16> = (0..40).map(|_| push(daemon.addr, "POST", "/push/code", TOKEN, "").status).collect();
    assert!(many.iter().all(|it| [202, 429].contains(it)), "{many:?}");
    let taken = many.iter().filter(|it| **it == 202).count();
    assert!((5..40).contains(&taken), "{many:?}");
    let refused = (0..40).map(|_| push(daemon.addr, "POST", "/push/code", TOKEN, ""));
    let refused = refused.into_iter().find(|it| it.status == 429).unwrap();
    assert_eq!(refused.header("retry-after"), Some("1"));
    let mut said = String::new();
    let _ = slow.read_to_string(&mut said);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
}

#[test]
fn silence_is_down_only_where_the_operator_says_so_and_never_before_a_first_report() {
    let dir = tempfile::tempdir().unwrap();
    let config =
        config(dir.path(), ", silence_is = \"down\"").replace("silence = \"20m\"", "silence = \"10s\"");
    let daemon = Daemon::start(dir.path(), &config);
    for id in ["code", "loose"] {
        assert_eq!(push(daemon.addr, "POST", &format!("/push/{id}"), TOKEN, "").status, 202);
    }
    wait_until("both are up", || {
        let summary = daemon.summary();
        ["code", "loose"].iter().all(|id| health(&summary, id) == "up").then_some(())
    });
    wait_until("one is down, of the other nothing is known", || {
        let summary = daemon.summary();
        (health(&summary, "code") == "down" && health(&summary, "loose") == "unknown").then_some(())
    });
    assert_eq!(push(daemon.addr, "POST", "/push/code", TOKEN, "").status, 202);
    wait_until("it is up again", || (health(&daemon.summary(), "code") == "up").then_some(()));
}

#[test]
fn below_a_base_path_it_is_there_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let server = "public_url = \"https://status.example.com/login/\"";
    let daemon = Daemon::start_served(dir.path(), &config(dir.path(), ""), addr, server, |_| ());
    wait_until("it is taken", || {
        (push(daemon.addr, "POST", "/login/push/code", TOKEN, "").status == 202).then_some(())
    });
    assert_eq!(push(daemon.addr, "POST", "/push/code", TOKEN, "").status, 404);
}
