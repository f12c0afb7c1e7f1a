//! What a knock concludes, against real sockets that behave and misbehave.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use porchlight::clock::{Clock, ManualClock, SystemClock};
use porchlight::domain::endpoint::{Cadence, Endpoint, Id};
use porchlight::domain::expect::StatusRange;
use porchlight::domain::flow::{Depth, Step};
use porchlight::domain::outcome::Outcome;
use porchlight::domain::request::Value;
use porchlight::probe::own::OwnHealth;
use porchlight::probe::{Outbound, Probed, Prober};

use crate::pki::Pki;
use crate::target::{Target, drip, page, read_head};

const DEADLINE: Duration = Duration::from_secs(1);
/// No probe may outlast its deadline by more than this, on a busy machine.
const MARGIN: Duration = Duration::from_secs(4);

pub fn endpoint(url: &str) -> Endpoint {
    let id = |name: &str| Id::parse(name).unwrap();
    Endpoint {
        cadence: Cadence::Every(Duration::from_secs(60)),
        deadline: DEADLINE,
        degraded_after: DEADLINE / 2,
        ..Endpoint::get(id("login"), id("web"), url.parse().unwrap())
    }
}

pub fn step(endpoint: &mut Endpoint) -> &mut Step {
    &mut endpoint.flow_mut().unwrap().first
}

pub async fn knock_with(outbound: Outbound, endpoint: &Endpoint) -> Probed {
    knock_at(outbound, endpoint, Arc::new(SystemClock::new())).await
}

/// Knocks once, with the watchdog ticking as it does in the daemon.
async fn knock_at(outbound: Outbound, endpoint: &Endpoint, clock: Arc<dyn Clock>) -> Probed {
    let own = Arc::new(OwnHealth::new(clock.clone()));
    let prober = Prober::new(outbound, own.clone(), clock, Arc::default());
    crate::support::ticking(&own, prober.probe(endpoint, Depth::Whole, Duration::from_secs(180))).await
}

/// `success`, or `failure/reset` and the like.
pub fn told(outcome: Outcome) -> String {
    match outcome.reason() {
        Some(reason) => format!("{}/{reason}", outcome.kind()),
        None => outcome.kind().to_owned(),
    }
}

async fn knock(endpoint: &Endpoint) -> String {
    let began = Instant::now();
    let probed = knock_with(Outbound::new(), endpoint).await;
    assert!(began.elapsed() < endpoint.deadline + MARGIN, "outlasted its deadline");
    told(probed.result.outcome)
}

async fn check(target: &Target, expected: &str) {
    assert_eq!(knock(&endpoint(&target.url())).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_answer_is_a_success_with_every_phase() {
    let target = Target::answering(page("200 OK", "<form>login</form>"));
    let url = target.url().replace("127.0.0.1", "localhost");
    let mut wanted = endpoint(&url);
    step(&mut wanted).expect.contains = vec!["<form>".into()];
    step(&mut wanted).expect.not_contains = vec!["maintenance".into()];
    let probed = knock_with(Outbound::new(), &wanted).await;
    assert_eq!(told(probed.result.outcome), "success", "{:?}", probed.error);
    assert_eq!(probed.result.http_status, Some(200));
    assert!(probed.checks.iter().all(|it| it.held == Some(true)));
    let phases = probed.phases;
    for (phase, took) in [
        ("dns", phases.dns),
        ("connect", phases.connect),
        ("first byte", phases.first_byte),
        ("transfer", phases.transfer),
    ] {
        assert!(took.is_some_and(|it| it <= probed.result.total), "{phase}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_have_their_classes() {
    for (status, expected) in [
        ("404 Not Found", "failure/http_4xx"),
        ("503 Service Unavailable", "failure/http_5xx"),
        ("302 Found\r\nLocation: /error", "failure/redirect_unexpected"),
        ("429 Too Many Requests", "unknown/throttled"),
        ("403 Forbidden\r\ncf-mitigated: challenge", "unknown/blocked"),
        ("204 No Content", "success"),
    ] {
        check(&Target::answering(page(status, "")), expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_expected_status_is_the_operators_choice() {
    let target = Target::answering(page("401 Unauthorized", "wrong password"));
    let mut wanted = endpoint(&target.url());
    step(&mut wanted).expect.status = vec![StatusRange { from: 401, to: 401 }];
    assert_eq!(knock(&wanted).await, "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_a_result_and_is_never_followed() {
    let sink = Target::answering(page("200 OK", "secret eater"));
    let target = Target::answering(page(&format!("307 Temporary Redirect\r\nLocation: {}", sink.url()), ""));
    check(&target, "failure/redirect_unexpected").await;
    assert_eq!(sink.accepted.load(std::sync::atomic::Ordering::Acquire), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_page_with_200_is_no_success() {
    let mut wanted = endpoint("http://placeholder/");
    step(&mut wanted).expect.contains = vec!["csrf_token".into()];
    for (body, expected) in [
        ("<h1>Welcome</h1>", "failure/assertion"),
        ("<title>系统维护公告</title>", "failure/maintenance_page"),
    ] {
        let target = Target::answering(page("200 OK", body));
        step(&mut wanted).request.url = target.url().parse().unwrap();
        assert_eq!(knock(&wanted).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doors_that_do_not_open_are_told_apart() {
    let nobody = format!("http://127.0.0.1:{}/certificate", crate::support::free_port());
    assert_eq!(knock(&endpoint(&nobody)).await, "failure/connect_refused");
    check(
        &Target::new(|mut stream| {
            read_head(&mut stream);
        }),
        "failure/empty_reply",
    )
    .await;
    check(&Target::answering("SSH-2.0-OpenSSH_9.2\r\n"), "failure/protocol").await;
    let reset = Target::new(|mut stream| {
        let _ = stream.read(&mut [0_u8; 16]);
        // Closing with unread bytes waiting makes the system send a reset.
        std::thread::sleep(Duration::from_millis(50));
    });
    let mut long = endpoint(&reset.url());
    step(&mut long).request.headers = vec![("x-long".into(), Value::Plain("x".repeat(2000)))];
    assert_eq!(knock(&long).await, "failure/reset");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_runs_into_the_deadline_by_its_phase() {
    let hold = |stream| {
        std::thread::sleep(Duration::from_secs(8));
        drop(stream);
    };
    check(&Target::new(hold), "failure/timeout_ttfb").await;
    check(
        &Target::new(|mut stream| {
            read_head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
            drip(&mut stream, std::iter::repeat(b'x'));
        }),
        "failure/timeout_body",
    )
    .await;
    let silent = Target::new(hold);
    assert_eq!(knock(&endpoint(&format!("https://{}/", silent.addr))).await, "failure/timeout_tls");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_must_come_whole_and_within_its_limit() {
    check(
        &Target::answering("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nfour"),
        "failure/body_incomplete",
    )
    .await;
    let mut bomb = GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        bomb.write_all(&[0; 1024 * 1024]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bomb.len()
    )
    .into_bytes();
    answer.extend(bomb);
    check(&Target::answering(answer), "failure/body_too_large").await;
    let broken = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\nConnection: close\r\n\r\nnot gzip!";
    check(&Target::answering(broken), "failure/decode_error").await;
    let endless = format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n", "x".repeat(2_000_000));
    check(&Target::answering(endless), "failure/header_too_large").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_past_half_the_deadline_is_slow() {
    let target = Target::new(|mut stream| {
        read_head(&mut stream);
        std::thread::sleep(Duration::from_millis(700));
        let _ = stream.write_all(page("200 OK", "late").as_bytes());
    });
    check(&target, "degraded/slow").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_gbk_is_read_as_text() {
    let (body, _, _) = encoding_rs::GBK.encode("<h1>密码登录</h1>");
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; Charset=\"GBK\"\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    let target = Target::answering(answer);
    let mut wanted = endpoint(&target.url());
    step(&mut wanted).expect.contains = vec!["密码登录".into()];
    assert_eq!(knock(&wanted).await, "success");
}

/// T67.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_in_the_environment_steers_nothing() {
    // Read by the client library of old when it was not told otherwise; set for
    // a child, since tests share one environment.
    let target = Target::answering(page("200 OK", "fine"));
    let dir = tempfile::tempdir().unwrap();
    let config = format!(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n[[endpoint]]\nid = \"login\"\ncomponent = \"web\"\nurl = {:?}\n",
        target.url()
    );
    let file = dir.path().join("config.toml");
    std::fs::write(&file, config).unwrap();
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_porchlight"))
        .args(["--config", &file.display().to_string(), "probe", "login"])
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("ALL_PROXY", "http://127.0.0.1:1")
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
}

async fn tls(pki: &Pki, chain: &str, host: &str, clock: Option<Arc<dyn Clock>>) -> String {
    let port = pki.serve(chain).await;
    let outbound = Outbound::trusting(pki.verifier());
    let clock = clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
    let mut wanted = endpoint(&format!("https://{host}:{port}/"));
    wanted.deadline = Duration::from_secs(5);
    wanted.degraded_after = Duration::from_secs(5);
    told(knock_at(outbound, &wanted, clock).await.result.outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_fail_by_class() {
    let pki = Pki::new();
    for (chain, host, expected) in [
        ("good", "localhost", "success"),
        ("expired", "localhost", "failure/tls_expired"),
        ("not-yet", "localhost", "failure/tls_not_yet"),
        ("good", "127.0.0.1", "failure/tls_name"),
        ("self-signed", "localhost", "failure/tls_untrusted"),
    ] {
        assert_eq!(tls(&pki, chain, host, None).await, expected, "{chain} on {host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_good_by_the_servers_clock_proves_our_clock_wrong() {
    let pki = Pki::new();
    // The certificate was good 400 days ago, and the server says that is now.
    assert_eq!(tls(&pki, "expired-but-server-lives-then", "localhost", None).await, "unknown/own_clock");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_our_clock_was_set_dates_are_not_judged() {
    let clock = Arc::new(ManualClock::at(Timestamp::now()));
    let own = Arc::new(OwnHealth::new(clock.clone()));
    clock.step_wall(SignedDuration::from_hours(400 * 24));
    own.tick();
    let pki = Pki::new();
    let port = pki.serve("expired").await;
    let prober = Prober::new(Outbound::trusting(pki.verifier()), own, clock, Arc::default());
    let mut wanted = endpoint(&format!("https://localhost:{port}/"));
    wanted.deadline = Duration::from_secs(5);
    let probed = prober.probe(&wanted, Depth::Whole, Duration::from_secs(180)).await;
    assert_eq!(told(probed.result.outcome), "unknown/own_clock");
}

/// T57.
#[tokio::test]
async fn a_listener_that_died_is_refused_whatever_an_old_connection_says() {
    let target = Target::new(|mut stream| {
        read_head(&mut stream);
        std::thread::sleep(Duration::from_secs(30));
    });
    let wanted = endpoint(&target.url());
    let mut old = std::net::TcpStream::connect(target.addr).unwrap();
    old.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let (addr, accepted) = (target.addr, target.accepted.clone());
    crate::support::wait_until("it is let in", || (accepted.load(Ordering::Acquire) == 1).then_some(()));
    drop(target);
    // Its thread lets go of the socket a moment later.
    crate::support::wait_until("nobody listens", || {
        std::net::TcpStream::connect_timeout(&addr, DEADLINE).err()
    });
    assert_eq!(knock(&wanted).await, "failure/connect_refused");
    assert!(old.write_all(b"Host: a\r\n").is_ok(), "the old connection stands");
}

#[tokio::test]
async fn an_address_that_no_packet_can_be_sent_to_is_unreachable() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    // It is of a link, and names none.
    assert_eq!(knock(&endpoint("http://[fe80::1]/login")).await, "failure/connect_unreachable");
}

/// T02.
#[tokio::test]
async fn a_full_queue_that_drops_whoever_comes_is_a_connect_timeout() {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    let anywhere: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    bind(&socket, &anywhere).unwrap();
    listen(&socket, 0).unwrap();
    let addr = std::net::SocketAddr::try_from(getsockname(&socket).unwrap()).unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&addr, Duration::from_millis(500)) {
        queued.push(stream);
        assert!(queued.len() < 50, "the queue has no end");
    }
    assert_eq!(knock(&endpoint(&format!("http://{addr}/login"))).await, "failure/connect_timeout");
}

/// T36.
#[tokio::test]
async fn the_name_is_sent_with_the_handshake_and_every_hop_s_certificate_is_judged() {
    let pki = Pki::new();
    let bad = pki.serve("expired").await;
    let good = pki.serve_by_name(&format!("https://localhost:{bad}/login")).await;
    let mut wanted = endpoint(&format!("https://localhost:{good}/login"));
    step(&mut wanted).expect.status = vec![StatusRange { from: 302, to: 302 }];
    let probed = knock_with(Outbound::trusting(pki.verifier()), &wanted).await;
    assert_eq!(told(probed.result.outcome), "success", "it shows its certificate to whoever names it");
    step(&mut wanted).expect.status.clear();
    step(&mut wanted).redirects = 1;
    let probed = knock_with(Outbound::trusting(pki.verifier()), &wanted).await;
    assert_eq!(told(probed.result.outcome), "failure/tls_expired", "{:?}", probed.error);
}
