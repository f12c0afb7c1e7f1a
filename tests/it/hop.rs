//! Probes through proxies of ours: real ones that work, and small ones with every fault.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use porchlight::domain::endpoint::Endpoint;
use porchlight::domain::request::{Proxy, ProxyLogin, Value};
use porchlight::probe::Outbound;

use crate::knock::{endpoint, knock_with, step, told};
use crate::pki::Pki;
use crate::support::{free_port, wait_until};
use crate::target::{Target, drip, page, read_head};

const OURS: &str = "unknown/own_network";

fn through(proxy: &str, url: &str) -> Endpoint {
    let mut endpoint = endpoint(url);
    // A real proxy in the way, on a busy machine.
    endpoint.deadline = Duration::from_secs(5);
    endpoint.degraded_after = endpoint.deadline;
    step(&mut endpoint).request.proxy = Some(Proxy { url: proxy.parse().unwrap(), login: None });
    endpoint
}

async fn knock(outbound: Outbound, endpoint: &Endpoint) -> String {
    let probed = knock_with(outbound, endpoint).await;
    let told = told(probed.result.outcome);
    if told == "success" { told } else { format!("{told} [{}]", probed.error.unwrap_or_default()) }
}

async fn outcome(proxy: &str, url: &str) -> String {
    outcome_of(&through(proxy, url)).await
}

async fn outcome_of(endpoint: &Endpoint) -> String {
    told(knock_with(Outbound::new(), endpoint).await.result.outcome)
}

/// Ended by its id when the test is over.
struct Program(Child);

impl Program {
    fn start(command: &mut Command, port: u16) -> Self {
        let program = command.get_program().to_owned();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("this test needs {program:?}; tests/run installs it or skips by name: {error}")
        });
        let program = Self(child);
        wait_until("the proxy listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        program
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port nobody listens on.
fn closed() -> String {
    format!("127.0.0.1:{}", free_port())
}

#[tokio::test(flavor = "multi_thread")]
async fn through_tinyproxy_an_endpoint_is_told_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let file = dir.path().join("tinyproxy.conf");
    let pki = Pki::new();
    let (good, expired) = (pki.serve("good").await, pki.serve("expired").await);
    let settings = format!(
        "Port {port}\nListen 127.0.0.1\nTimeout 30\nMaxClients 20\nConnectPort {good}\nConnectPort {expired}\n\
         BasicAuth porchlight hunter2\nPidFile \"{}\"\n",
        dir.path().join("pid").display()
    );
    std::fs::write(&file, settings).unwrap();
    let _proxy = Program::start(Command::new("tinyproxy").arg("-d").arg("-c").arg(&file), port);
    let proxy = format!("http://127.0.0.1:{port}");
    let with = |url: &str, password: &str| {
        let mut endpoint = through(&proxy, url);
        let login = ProxyLogin {
            username: Value::Plain("porchlight".into()),
            password: Value::Secret(password.into()),
        };
        step(&mut endpoint).request.proxy.as_mut().unwrap().login = Some(login);
        endpoint
    };
    let trusting = || Outbound::trusting(pki.verifier());
    let target = Target::answering(page("200 OK", "fine"));
    let broken = Target::answering(page("500 Internal Server Error", "broken"));
    let https = |port: u16| format!("https://localhost:{port}/login");
    for (url, password, expected) in [
        (target.url(), "hunter2", "success"),
        (broken.url(), "hunter2", "failure/http_5xx"),
        (https(good), "hunter2", "success"),
        (https(expired), "hunter2", "failure/tls_expired"),
        // The proxy cannot reach it, or will not: nothing was learnt.
        (format!("http://{}/", closed()), "hunter2", OURS),
        (https(free_port()), "hunter2", OURS),
        (target.url(), "wrong", OURS),
        (https(good), "wrong", OURS),
    ] {
        let said = knock(trusting(), &with(&url, password)).await;
        assert!(said.starts_with(expected), "{url} {password}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn through_microsocks_an_endpoint_is_told_as_it_is() {
    let port = free_port();
    let mut command = Command::new("microsocks");
    command.args(["-i", "127.0.0.1", "-p", &port.to_string(), "-u", "porchlight", "-P", "hunter2"]);
    let _proxy = Program::start(&mut command, port);
    let pki = Pki::new();
    let (good, name) = (pki.serve("good").await, pki.serve("self-signed").await);
    let target = Target::answering(page("200 OK", "fine"));
    let by_name = target.url().replace("127.0.0.1", "localhost");
    for scheme in ["socks5", "socks5h"] {
        let with = |url: &str, password: &str| {
            let mut endpoint = through(&format!("{scheme}://127.0.0.1:{port}"), url);
            let login = ProxyLogin {
                username: Value::Plain("porchlight".into()),
                password: Value::Secret(password.into()),
            };
            step(&mut endpoint).request.proxy.as_mut().unwrap().login = Some(login);
            endpoint
        };
        for (url, password, expected) in [
            (target.url(), "hunter2", "success"),
            (by_name.clone(), "hunter2", "success"),
            (format!("https://localhost:{good}/"), "hunter2", "success"),
            (format!("https://localhost:{name}/"), "hunter2", "failure/tls_"),
            (format!("http://{}/", closed()), "hunter2", "failure/connect_refused"),
            (target.url(), "wrong", OURS),
        ] {
            let said = knock(Outbound::trusting(pki.verifier()), &with(&url, password)).await;
            assert!(said.starts_with(expected), "{scheme} {url} {password}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_fails_is_never_the_endpoints_fault() {
    let answering = |status: &str| Target::answering(page(status, ""));
    let http = |target: &Target| format!("http://{}", target.addr);
    let wanted = Target::answering(page("200 OK", "fine"));
    let (plain, tls) = (wanted.url(), wanted.url().replace("http://", "https://"));
    for status in [
        "407 Proxy Authentication Required",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "504 Gateway Timeout",
        "500 Unable to connect",
    ] {
        let proxy = answering(status);
        assert_eq!(outcome(&http(&proxy), &plain).await, OURS, "{status}");
        assert_eq!(outcome(&http(&proxy), &tls).await, OURS, "CONNECT {status}");
    }
    let forbids = answering("403 Forbidden");
    assert_eq!(outcome(&http(&forbids), &tls).await, OURS, "CONNECT 403");
    let nowhere = "no-such-proxy.invalid:3128";
    let hangs_up = Target::new(|mut stream| read_head(&mut stream));
    let silent = Target::new(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        drip(&mut stream, std::iter::empty());
        std::thread::sleep(Duration::from_secs(3));
    });
    for scheme in ["http", "socks5", "socks5h"] {
        for url in [&plain, &tls] {
            for proxy in [closed(), hangs_up.addr.to_string()] {
                assert_eq!(
                    outcome(&format!("{scheme}://{proxy}"), url).await,
                    OURS,
                    "{scheme} {proxy} {url}"
                );
            }
            let mut late = through(&format!("{scheme}://{}", silent.addr), url);
            late.deadline = Duration::from_millis(500);
            assert_eq!(outcome_of(&late).await, OURS, "{scheme}, silent, {url}");
            let lost = outcome(&format!("{scheme}://{nowhere}"), url).await;
            assert!(lost == OURS || lost.starts_with("unknown/own_"), "{scheme} {url}: {lost}");
        }
    }
    assert_eq!(wanted.accepted.load(Ordering::Acquire), 0, "nobody went around the proxy");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_hands_on_is_the_endpoints() {
    // Sent by the endpoint, for the proxy added its name; and by a proxy that did not.
    for (head, expected) in [
        ("200 OK", "success"),
        ("302 Found\r\nLocation: /", "failure/redirect_unexpected"),
        ("404 Not Found\r\nVia: 1.1 proxy", "failure/http_4xx"),
        ("403 Filtered", OURS),
        ("500 Internal Server Error\r\nVia: 1.1 proxy", "failure/http_5xx"),
        ("500 Internal Server Error", OURS),
        ("503 Service Unavailable\r\nVia: 1.1 proxy", OURS),
    ] {
        let proxy = Target::answering(page(head, ""));
        let proxy = format!("http://{}", proxy.addr);
        assert_eq!(outcome(&proxy, "http://wallet.example.com/login").await, expected, "{head}");
    }
}

/// Agrees to speak SOCKS 5 without a password, then says `reply`.
fn socks(reply: u8) -> Target {
    Target::new(move |mut stream| {
        let mut greeting = [0; 3];
        let _ = stream.read_exact(&mut greeting);
        let _ = stream.write_all(&[5, 0]);
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]);
        if reply == 0 {
            read_head(&mut stream);
            let _ = stream.write_all(page("503 Service Unavailable", "").as_bytes());
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reply_of_socks_is_told_as_far_as_it_can_be() {
    for (reply, expected) in [
        (0, "failure/http_5xx"),
        (1, OURS),
        (2, OURS),
        (3, OURS),
        (4, OURS),
        (5, "failure/connect_refused"),
        (6, OURS),
        (7, OURS),
        (8, OURS),
        (99, OURS),
    ] {
        let proxy = socks(reply);
        let proxy = format!("socks5h://{}", proxy.addr);
        assert_eq!(outcome(&proxy, "http://wallet.example.com/login").await, expected, "reply {reply}");
    }
    // The proxy is not asked for a name that we look up and do not find.
    let proxy = socks(0);
    let local = outcome(&format!("socks5://{}", proxy.addr), "http://no-such-host.invalid/").await;
    assert!(local.contains("dns"), "{local}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_with_a_proxy_is_told_by_the_daemon_without_its_password() {
    let dir = tempfile::tempdir().unwrap();
    let refuses = Target::answering(page("407 Proxy Authentication Required", ""));
    let file = dir.path().join("config.toml");
    let config = format!(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n\
         [[endpoint]]\nid = \"a\"\ncomponent = \"web\"\nurl = \"https://wallet.example.com/\"\n\
         proxy = {{ url = \"http://{}\", username = \"me\", password = {{ env = \"PROXY_PASSWORD\" }} }}\n",
        refuses.addr
    );
    std::fs::write(&file, config).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_porchlight"))
        .args(["--config", file.to_str().unwrap(), "probe", "a"])
        .env("PROXY_PASSWORD", "hunter2")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert_eq!(done.status.code(), Some(4), "{said}");
    assert!(said.contains("own_network") && said.contains("proxy"), "{said}");
    assert!(!said.contains("hunter2") && !said.contains("aHVudGVyMg"), "{said}");
}
