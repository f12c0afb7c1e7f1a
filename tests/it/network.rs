//! The door on a network: names, TLS, both protocols, IPv6.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::crowd::is_gone;
use crate::pki::Pki;
use crate::support::{Daemon, free_port, get, logging, wait_until};
use crate::target::{Target, page, read_head};
use crate::wallet::Wallet;

const NOTHING: &str = "[[component]]\nid = \"web\"\nname = \"Web\"\n";

fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

/// Sends exactly these bytes; the answer's status and all that came.
fn raw(addr: SocketAddr, bytes: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    let said = String::from_utf8_lossy(&said).into_owned();
    (said.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or_default(), said)
}

#[test]
fn once_our_name_is_told_no_other_is_answered_to() {
    let dir = tempfile::tempdir().unwrap();
    let server = "public_url = \"https://status.example.com/login/\"";
    let metrics = local();
    let config = format!("{NOTHING}[metrics]\nlisten = \"{metrics}\"\n");
    let daemon = Daemon::start_served(dir.path(), &config, local(), server, |_| ());
    let ask =
        |line: &str, hosts: &str| raw(daemon.addr, &format!("{line}\r\n{hosts}Connection: close\r\n\r\n"));
    for (line, hosts, status) in [
        ("GET /login/ HTTP/1.1", "Host: status.example.com\r\n", 200),
        ("GET /login/ HTTP/1.1", "Host: localhost:1234\r\n", 200),
        ("GET https://status.example.com/login/ HTTP/1.1", "Host: status.example.com\r\n", 200),
        ("GET /login/ HTTP/1.1", "Host: evil.example\r\n", 421),
        ("GET /login/ HTTP/1.1", "Host: status.example.com\r\nX-Forwarded-Host: evil.example\r\n", 200),
        ("GET /login/ HTTP/1.1", "Host: evil.example\r\nX-Forwarded-Host: status.example.com\r\n", 421),
        ("GET http://evil.example/login/ HTTP/1.1", "Host: status.example.com\r\n", 421),
        ("GET /login/ HTTP/1.1", "Host: status.example.com\r\nHost: status.example.com\r\n", 400),
        ("GET /login/ HTTP/1.1", "", 400),
        ("GET /login/ HTTP/1.0", "", 400),
        ("GET / HTTP/1.1", "Host: status.example.com\r\n", 307),
        ("GET /en/ HTTP/1.1", "Host: status.example.com\r\n", 404),
        ("GET /livez HTTP/1.1", "Host: 192.0.2.9:8080\r\n", 200),
        ("GET /login/livez HTTP/1.1", "Host: 192.0.2.9:8080\r\n", 421),
        ("GET /login/livez HTTP/1.1", "Host: status.example.com\r\n", 404),
    ] {
        let (found, said) = ask(line, hosts);
        assert_eq!(found, status, "{line} {hosts:?}: {said}");
        assert!(!said.contains("evil.example"), "{line} {hosts:?}");
        if status == 400 || status == 421 {
            assert!(said.len() < 1000, "{said}");
        }
    }
    wait_until("it says where it serves", || daemon.log().contains("Serving page=http://").then_some(()));
    let log = daemon.log();
    assert!(log.contains(&format!("http://{}/login/", daemon.addr)), "{log}");
    assert!(!log.contains("Ctrl-C"), "the banner is for terminals: {log}");
    // Two were 404, seven were refused before any door.
    let counted = get(metrics, "/metrics").text();
    let is_other = |it: &&str| {
        it.starts_with("porchlight_http_requests_total{") && it.contains("other") && it.contains("4xx")
    };
    let other = counted.lines().find(is_other);
    assert!(other.is_some_and(|it| it.ends_with(" 9")), "{other:?}");
}

#[test]
fn a_head_that_is_too_long_is_answered_and_never_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), NOTHING);
    let long = "a".repeat(70_000);
    for (head, statuses) in [
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), [414, 431]),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {long}\r\n\r\n"), [431, 431]),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X-A: b\r\n".repeat(300)), [431, 431]),
    ] {
        let (status, said) = raw(daemon.addr, &head);
        // Who writes on after the answer may lose it to a reset.
        assert!(statuses.contains(&status) || said.is_empty(), "{said}");
    }
}

fn client(pki: &Pki, protocols: &[&str]) -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_backend_preconfigured(pki.client(protocols)).build().unwrap()
}

fn write_pair(dir: &std::path::Path, pki: &Pki) {
    use std::os::unix::fs::PermissionsExt;
    let (chain, key) = pki.pems();
    // First the key: a look in between finds a pair that does not fit, and the old one stays.
    std::fs::write(dir.join("key.pem"), key).unwrap();
    std::fs::set_permissions(dir.join("key.pem"), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(dir.join("chain.pem"), chain).unwrap();
}

const TLS: &str = "tls = { certificate = \"chain.pem\", key = \"key.pem\" }";

#[tokio::test(flavor = "multi_thread")]
async fn tls_of_our_own_speaks_both_protocols_and_takes_a_new_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (Pki::new(), Pki::new());
    write_pair(dir.path(), &old);
    let daemon = Daemon::start_served(dir.path(), NOTHING, local(), TLS, |_| ());
    let url = format!("https://localhost:{}/en/", daemon.addr.port());
    for (protocols, version) in [
        (&["h2", "http/1.1"][..], reqwest::Version::HTTP_2),
        (&["http/1.1"], reqwest::Version::HTTP_11),
        (&[], reqwest::Version::HTTP_11),
    ] {
        let answer = client(&old, protocols).get(&url).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version), "{protocols:?}");
        assert!(answer.headers().get("strict-transport-security").is_none());
    }
    assert!(client(&new, &[]).get(&url).send().await.is_err(), "the new authority is not served yet");
    std::fs::write(dir.path().join("key.pem"), "half a key").unwrap();
    daemon.signal("HUP");
    wait_until("the bad pair is refused", || daemon.log().contains("certificate").then_some(()));
    assert!(client(&old, &[]).get(&url).send().await.is_ok(), "the old pair stays");
    write_pair(dir.path(), &new);
    daemon.signal("HUP");
    let began = Instant::now();
    while client(&new, &[]).get(&url).send().await.is_err() {
        assert!(began.elapsed() < crate::support::PATIENCE, "{}", daemon.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(client(&old, &[]).get(&url).send().await.is_err());
}

#[test]
fn handshakes_that_never_end_are_shown_out_while_the_page_answers() {
    const SLOW: usize = 100;
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::new();
    write_pair(dir.path(), &pki);
    let daemon = Daemon::start_served(dir.path(), NOTHING, local(), TLS, |_| ());
    let mut slow: Vec<(TcpStream, Instant)> = (0..SLOW)
        .map(|index| {
            let mut stream = TcpStream::connect(daemon.addr).unwrap();
            stream.set_nonblocking(true).unwrap();
            // Some say nothing, the others begin a hello and never end it.
            if index % 2 == 0 {
                let _ = stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00");
            }
            (stream, Instant::now())
        })
        .collect();
    let settings = Arc::new(pki.client(&["http/1.1"]));
    wait_until("all of them were closed", || {
        slow.retain_mut(|(stream, began)| {
            let gone = is_gone(stream);
            assert!(gone || began.elapsed() < crate::crowd::OLDEST, "one lived {:?}", began.elapsed());
            !gone
        });
        let name = "localhost".try_into().unwrap();
        let mut session = rustls::ClientConnection::new(settings.clone(), name).unwrap();
        let mut stream = TcpStream::connect(daemon.addr).unwrap();
        let mut tls = rustls::Stream::new(&mut session, &mut stream);
        tls.write_all(b"GET /en/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut said = [0; 12];
        tls.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"HTTP/1.1 200");
        slow.is_empty().then_some(())
    });
}

#[test]
fn a_wrong_certificate_is_one_sentence_when_starting_and_when_checking() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (Pki::new(), Pki::new());
    write_pair(dir.path(), &one);
    std::fs::write(dir.path().join("key.pem"), other.pems().1).unwrap();
    let file = dir.path().join("config.toml");
    std::fs::write(&file, format!("[server]\nlisten = \"{}\"\n{TLS}\n", local())).unwrap();
    for command in ["check", "serve"] {
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_porchlight"))
            .args(["--config", file.to_str().unwrap(), command])
            .output()
            .unwrap();
        assert_eq!(done.status.code(), Some(78), "{command}");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(said.contains("does not fit the certificate") && said.contains("config.toml:3:"), "{said}");
    }
    assert!(!dir.path().join("data").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_is_spoken_in_the_clear_to_those_who_know() {
    let dir = tempfile::tempdir().unwrap();
    let server = "public_url = \"http://status.example.com/\"";
    let daemon = Daemon::start_served(dir.path(), NOTHING, local(), server, |_| ());
    let knows = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let ask = |name: &str| knows.get(format!("http://{}/en/", daemon.addr)).header("host", name).send();
    let direct = knows.get(format!("http://{}/en/", daemon.addr)).send().await.unwrap();
    assert_eq!((direct.status().as_u16(), direct.version()), (200, reqwest::Version::HTTP_2));
    assert_eq!(ask("evil.example").await.unwrap().status().as_u16(), 421);
    let long = "a".repeat(20_000);
    let heavy = knows.get(format!("http://{}/en/", daemon.addr)).header("x-long", &long).send().await;
    assert!(heavy.is_err() || heavy.is_ok_and(|it| it.status().as_u16() == 431));
}

fn has_ipv6() -> bool {
    let has = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        eprintln!("skipped: this machine has no IPv6");
    }
    has
}

#[test]
fn the_page_and_probes_go_over_ipv6() {
    if !has_ipv6() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let target = Target::at("[::1]:0", |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(page("200 OK", "fine").as_bytes());
    });
    let config = format!(
        "{NOTHING}[[endpoint]]\nid = \"six\"\ncomponent = \"web\"\nurl = {:?}\nevery = \"1s\"\n",
        target.url()
    );
    let addr = SocketAddr::from((Ipv6Addr::LOCALHOST, free_port()));
    let daemon = Daemon::start_served(dir.path(), &config, addr, "", |_| ());
    wait_until("it is known to be up", || (daemon.summary()["verdict"] == "yes").then_some(()));
    assert_eq!(get(addr, "/en/").status, 200);
}

#[test]
fn listening_on_all_of_ipv6_takes_ipv4_as_well() {
    if !has_ipv6() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let all = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let _daemon = Daemon::start_served(dir.path(), NOTHING, all, "", |_| ());
    for addr in [SocketAddr::from((Ipv6Addr::LOCALHOST, port)), SocketAddr::from(([127, 0, 0, 1], port))] {
        assert_eq!(get(addr, "/en/").status, 200, "{addr}");
    }
}

#[test]
fn the_log_names_the_client_only_as_trusted_proxies_tell() {
    let told = |server: &str| {
        let dir = tempfile::tempdir().unwrap();
        let daemon = Daemon::start_served(
            dir.path(),
            &Wallet::new().config("60s"),
            local(),
            server,
            logging(dir.path(), "info,serve=debug"),
        );
        let (status, _) = raw(
            daemon.addr,
            "GET /en/?a HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6, 198.51.100.7\r\nConnection: close\r\n\r\n",
        );
        assert_eq!(status, 200);
        wait_until("the request is logged", || {
            let log = daemon.log();
            let line = log.lines().find(|line| line.contains("asks: GET \"/en/\""));
            line.map(|line| {
                (line.contains("198.51.100.7"), line.contains("127.0.0.1"), line.contains("6.6.6.6"))
            })
        })
    };
    assert_eq!(told(""), (false, true, false));
    assert_eq!(told("trusted_proxies = [\"127.0.0.0/8\"]"), (true, false, false));
}
