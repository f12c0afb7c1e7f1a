//! Doors that are not HTTP, against real sockets that behave and misbehave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record};
use porchlight::clock::SystemClock;
use porchlight::domain::endpoint::Endpoint;
use porchlight::domain::flow::Depth;
use porchlight::domain::kind::{
    Ask, Class, Dns, HostPort, Kind, Line, Resolver, Rules, Safety, Smtp, Tcp, Tls, Transport,
};
use porchlight::domain::per_host::PerHost;
use porchlight::domain::request::Value;
use porchlight::probe::own::OwnHealth;
use porchlight::probe::{Manners, Outbound, Probed, Prober};

use crate::knock::{endpoint, knock_with, told};
use crate::pki::Pki;
use crate::support::free_port;
use crate::target::Target;

/// No knock may outlast its deadline of a second by more than this, on a busy machine.
const MARGIN: Duration = Duration::from_secs(4);
/// For those that wait for the other side on purpose: beyond the deadline.
const LONG: Duration = Duration::from_secs(8);

fn of(kind: Kind) -> Endpoint {
    let mut wanted = endpoint("http://placeholder/");
    wanted.degraded_after = wanted.deadline;
    wanted.kind = kind;
    wanted
}

fn at(addr: SocketAddr) -> HostPort {
    HostPort { host: addr.ip().to_string(), port: addr.port() }
}

async fn knock(outbound: Outbound, kind: Kind) -> Probed {
    let wanted = of(kind);
    let began = Instant::now();
    let probed = knock_with(outbound, &wanted).await;
    assert!(began.elapsed() < wanted.deadline + MARGIN, "outlasted its deadline");
    probed
}

async fn told_of(kind: Kind) -> String {
    told(knock(Outbound::new(), kind).await.result.outcome)
}

fn tcp(addr: SocketAddr, dialog: &[Line]) -> Kind {
    Kind::Tcp(Tcp { at: at(addr), tls: false, dialog: dialog.to_vec(), certificate_days: None })
}

fn expect(text: &str) -> Line {
    Line::Expect(text.to_owned())
}

fn send(text: &str) -> Line {
    Line::Send(Value::Plain(text.to_owned()))
}

/// Says this and then nothing, with the connection open.
fn saying(bytes: &'static [u8]) -> Target {
    Target::new(move |mut stream| {
        let _ = stream.write_all(bytes);
        std::thread::sleep(LONG);
    })
}

/// Says this and hangs up.
fn leaving(bytes: &'static [u8]) -> Target {
    Target::new(move |mut stream| {
        let _ = stream.write_all(bytes);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialog_is_held_to_its_end() {
    let target = Target::new(|stream| {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut stream = stream;
        let _ = stream.write_all(b"* hello\r\n+OK nonce=4711 ready\r\n");
        while let Some(Ok(line)) = lines.next() {
            let _ = stream.write_all(format!("you said {line}\r\n").as_bytes());
        }
    });
    let dialog = [
        Line::Matches(r"^\+OK nonce=(\d+)".to_owned()),
        send("ECHO {{1}}\r\n"),
        expect("you said ECHO 4711"),
        send("QUIT\r\n"),
        Line::Matches("QUIT$".to_owned()),
    ];
    let probed = knock(Outbound::new(), tcp(target.addr, &dialog)).await;
    assert_eq!(told(probed.result.outcome), "success", "{:?}", probed.error);
    assert!(probed.phases.connect.is_some() && probed.phases.first_byte.is_some());
    assert_eq!(probed.peer, Some(target.addr));
    assert_eq!(
        told_of(tcp(target.addr, &[])).await,
        "success",
        "connecting is enough where nothing is asked"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_talks_otherwise_is_told_apart() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    assert_eq!(told_of(tcp(nobody, &[])).await, "failure/connect_refused");
    let wanted = [expect("220 ")];
    let drips = Target::new(|mut stream| {
        crate::target::drip(&mut stream, std::iter::repeat(b'x'));
    });
    let floods = Target::new(|mut stream| while stream.write_all(&[b'x'; 4096]).is_ok() {});
    let resets = Target::new(|mut stream| {
        let _ = stream.read(&mut [0_u8; 1]);
        std::thread::sleep(Duration::from_millis(50));
    });
    let mut long = vec![send(&"x".repeat(2_000))];
    long.extend(wanted.clone());
    for (target, dialog, expected) in [
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n"), &wanted[..], "failure/assertion"),
        (saying(b""), &wanted[..], "failure/timeout_ttfb"),
        (saying(b"22"), &wanted[..], "failure/timeout_body"),
        (saying(b"\xff\xfe\r\n\x1b[31m\x00"), &wanted[..], "failure/timeout_body"),
        (leaving(b""), &wanted[..], "failure/empty_reply"),
        (leaving(b"500 go away\r\n"), &wanted[..], "failure/assertion"),
        (leaving(b"220 ok"), &[Line::Matches("^220 ok$".to_owned())][..], "success"),
        (drips, &wanted[..], "failure/timeout_body"),
        (floods, &wanted[..], "failure/body_too_large"),
        (resets, &long[..], "failure/reset"),
        (saying(b"220 hello\r\n"), &[expect("220 "), expect("250 ")][..], "failure/assertion"),
        (saying(b"220\r\n"), &[expect("220\r\n"), expect("250 ")][..], "failure/timeout_ttfb"),
    ] {
        assert_eq!(told_of(tcp(target.addr, dialog)).await, expected, "{dialog:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_in_secret_is_not_shown_when_it_is_echoed() {
    let target = Target::new(|mut stream| {
        let mut said = [0_u8; 64];
        let count = stream.read(&mut said).unwrap_or_default();
        let _ = stream.write_all(&said[..count]);
    });
    let secret = Line::Send(Value::Secret("AUTH tcp-mark-4711\r\n".to_owned().into()));
    let probed = knock(Outbound::new(), tcp(target.addr, &[secret, expect("+OK")])).await;
    assert_eq!(told(probed.result.outcome), "failure/assertion");
    assert!(!format!("{probed:?}").contains("mark-4711"), "{probed:?}");
}

async fn tls(pki: &Pki, chain: &str, host: &str, days: Option<u32>) -> Probed {
    let port = pki.serve(chain).await;
    let at = HostPort { host: host.to_owned(), port };
    let mut wanted = of(Kind::Tls(Tls { at, server_name: None, certificate_days: days }));
    wanted.deadline = Duration::from_secs(5);
    wanted.degraded_after = wanted.deadline;
    knock_with(Outbound::trusting(pki.verifier()), &wanted).await
}

/// T32.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_judged_and_shown() {
    let pki = Pki::new();
    for (chain, host, days, expected) in [
        ("good", "localhost", None, "success"),
        ("good", "localhost", Some(14), "success"),
        ("with-intermediate", "localhost", Some(14), "success"),
        ("expired", "localhost", None, "failure/tls_expired"),
        ("not-yet", "localhost", None, "failure/tls_not_yet"),
        ("good", "127.0.0.1", None, "failure/tls_name"),
        ("self-signed", "localhost", None, "failure/tls_untrusted"),
        ("missing-intermediate", "localhost", None, "failure/tls_chain"),
        ("short-intermediate", "localhost", None, "success"),
        ("short-intermediate", "localhost", Some(14), "degraded/assertion"),
        ("ends-in-five-days", "localhost", Some(14), "degraded/assertion"),
        ("ends-in-five-days", "localhost", Some(3), "success"),
    ] {
        let probed = tls(&pki, chain, host, days).await;
        assert_eq!(told(probed.result.outcome), expected, "{chain} {days:?}: {:?}", probed.error);
        if expected.starts_with("failure") {
            assert!(!probed.evidence.chain.is_empty(), "{chain}");
        }
    }
    let until = |probed: &Probed| {
        probed.certificate_until.unwrap().duration_since(jiff::Timestamp::now()).as_hours() / 24
    };
    // The root ends in 2090 and is not counted; the one in between is.
    let short = tls(&pki, "short-intermediate", "localhost", None).await;
    assert!((3..=5).contains(&until(&short)), "{short:?}");
    assert_eq!(short.evidence.chain.len(), 3);
    assert!(short.evidence.chain[1].subject.as_str().contains("in between"));
    let silent = saying(b"");
    let quiet = Kind::Tls(Tls { at: at(silent.addr), server_name: None, certificate_days: None });
    assert_eq!(told_of(quiet).await, "failure/timeout_tls");
    let ssh = leaving(b"SSH-2.0-OpenSSH_9.2\r\n");
    let other = Kind::Tls(Tls { at: at(ssh.addr), server_name: None, certificate_days: None });
    assert_eq!(told_of(other).await, "failure/tls_error");
}

fn smtp(addr: SocketAddr, safety: Safety, auth: bool) -> Kind {
    let at = HostPort { host: "localhost".to_owned(), port: addr.port() };
    Kind::Smtp(Smtp { at, safety, auth, certificate_days: None })
}

/// A mail server: its greeting, what it offers in the clear and what once it is
/// safe, and what it says to STARTTLS.
async fn mail(
    pki: &Pki,
    greeting: &'static str,
    offers: [&'static str; 2],
    agrees: &'static str,
) -> SocketAddr {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
    let acceptor = pki.acceptor("good");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let _ = stream.write_all(greeting.as_bytes()).await;
                let mut reader = tokio::io::BufReader::new(stream);
                let mut said = String::new();
                if reader.read_line(&mut said).await.is_err() || !said.starts_with("EHLO [127.0.0.1]") {
                    return;
                }
                let _ = reader.get_mut().write_all(offers[0].as_bytes()).await;
                said.clear();
                if reader.read_line(&mut said).await.is_err() || said != "STARTTLS\r\n" {
                    return;
                }
                let _ = reader.get_mut().write_all(agrees.as_bytes()).await;
                let Ok(mut safe) = acceptor.accept(reader.into_inner()).await else { return };
                let mut ehlo = [0_u8; 64];
                let _ = safe.read(&mut ehlo).await;
                let _ = safe.write_all(offers[1].as_bytes()).await;
                let _ = safe.read(&mut ehlo).await;
            });
        }
    });
    addr
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_is_greeted_and_nothing_is_sent() {
    const HELLO: &str = "220-mail.example\r\n220 ready\r\n";
    const OFFERS: &str = "250-mail.example\r\n250-STARTTLS\r\n250 SIZE 1000\r\n";
    const AUTH: &str = "250-mail.example\r\n250 AUTH PLAIN LOGIN\r\n";
    const AGREES: &str = "220 go ahead\r\n";
    let pki = Pki::new();
    for (greeting, offers, agrees, auth, expected) in [
        (HELLO, [OFFERS, OFFERS], AGREES, false, "success"),
        (HELLO, [OFFERS, AUTH], AGREES, true, "success"),
        (HELLO, [OFFERS, OFFERS], AGREES, true, "failure/assertion"),
        (HELLO, [AUTH, AUTH], AGREES, false, "failure/assertion"),
        (HELLO, [OFFERS, OFFERS], "454 TLS not available\r\n", false, "failure/assertion"),
        (HELLO, [OFFERS, OFFERS], "220 go ahead\r\n250-STARTTLS injected\r\n", false, "failure/protocol"),
        (HELLO, ["250-a\r\n550 b\r\n", OFFERS], AGREES, false, "failure/protocol"),
        ("421 too busy\r\n", [OFFERS, OFFERS], AGREES, false, "unknown/throttled"),
        ("554 5.7.1 listed\r\n", [OFFERS, OFFERS], AGREES, false, "unknown/blocked"),
        ("554 no mail here\r\n", [OFFERS, OFFERS], AGREES, false, "failure/assertion"),
        ("SSH-2.0-OpenSSH\r\n", [OFFERS, OFFERS], AGREES, false, "failure/protocol"),
        ("HTTP/1.1 400 Bad Request\r\n", [OFFERS, OFFERS], AGREES, false, "failure/protocol"),
        ("22", [OFFERS, OFFERS], AGREES, false, "failure/timeout_body"),
        ("", [OFFERS, OFFERS], AGREES, false, "failure/timeout_ttfb"),
    ] {
        let addr = mail(&pki, greeting, offers, agrees).await;
        let outbound = Outbound::trusting(pki.verifier());
        let probed = knock(outbound, smtp(addr, Safety::StartTls, auth)).await;
        assert_eq!(told(probed.result.outcome), expected, "{greeting:?} {agrees:?}: {:?}", probed.error);
    }
    let endless = Target::new(|mut stream| while stream.write_all(b"220-and more\r\n").is_ok() {});
    assert_eq!(told_of(smtp(endless.addr, Safety::Plain, false)).await, "failure/body_too_large");
    let one_line = Target::new(|mut stream| while stream.write_all(b"220-and more").is_ok() {});
    assert_eq!(told_of(smtp(one_line.addr, Safety::Plain, false)).await, "failure/body_too_large");
    let plain = saying(b"220 a\r\n250 b\r\n");
    assert_eq!(told_of(smtp(plain.addr, Safety::Plain, false)).await, "success");
}

/// A name server on UDP and TCP of one port. What a query is answered with is
/// decided by `answers`: messages over UDP, the last of them over TCP.
fn server(answers: impl Fn(&Message) -> Vec<Vec<u8>> + Send + Sync + Clone + 'static) -> SocketAddr {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            break (udp, tcp);
        }
    };
    let addr = udp.local_addr().unwrap();
    let over_tcp = answers.clone();
    std::thread::spawn(move || {
        let mut query = [0_u8; 1500];
        while let Ok((length, peer)) = udp.recv_from(&mut query) {
            let Ok(query) = Message::from_vec(&query[..length]) else { continue };
            for answer in answers(&query) {
                let _ = udp.send_to(&answer, peer);
            }
        }
    });
    std::thread::spawn(move || {
        for mut stream in tcp.incoming().flatten() {
            let _ = answer_over_tcp(&mut stream, &over_tcp);
        }
    });
    addr
}

fn answer_over_tcp(
    stream: &mut TcpStream,
    answers: &impl Fn(&Message) -> Vec<Vec<u8>>,
) -> std::io::Result<()> {
    let mut length = [0_u8; 2];
    stream.read_exact(&mut length)?;
    let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut query)?;
    let Ok(query) = Message::from_vec(&query) else { return Ok(()) };
    let Some(answer) = answers(&query).pop() else { return Ok(()) };
    stream.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes())?;
    stream.write_all(&answer)
}

fn reply(query: &Message, code: ResponseCode, records: &[RData]) -> Message {
    let mut reply = Message::new(query.metadata.id, MessageType::Response, query.metadata.op_code);
    reply.metadata.response_code = code;
    for asked in &query.queries {
        reply.add_query(asked.clone());
        for data in records {
            reply.add_answer(Record::from_rdata(asked.name().clone(), 300, data.clone()));
        }
    }
    reply
}

fn four(last: u8) -> RData {
    RData::A(A::new(203, 0, 113, last))
}

fn dns(addr: SocketAddr) -> Dns {
    let ask =
        Ask { name: "wallet.test".to_owned(), record: "A".to_owned(), class: Class::In, recursion: true };
    Dns {
        server: Resolver::At(at(addr)),
        transport: Transport::Udp,
        ask,
        rcodes: Vec::new(),
        contains: Vec::new(),
        not_contains: Vec::new(),
        answer: Rules::default(),
        authority: Rules::default(),
        additional: Rules::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_server_is_asked_and_every_answer_told_apart() {
    let good =
        server(|query| vec![reply(query, ResponseCode::NoError, &[four(7), four(8)]).to_vec().unwrap()]);
    let rules = |all: &str, any: &str, none: &str, not_all: &str| {
        let one = |it: &str| if it.is_empty() { vec![] } else { vec![it.to_owned()] };
        Rules { all: one(all), any: one(any), none: one(none), not_all: one(not_all) }
    };
    let probed = knock(Outbound::new(), Kind::Dns(Box::new(dns(good)))).await;
    assert_eq!(told(probed.result.outcome), "success", "{:?}", probed.error);
    assert_eq!(
        probed.evidence.body.as_str(),
        "wallet.test. 300 IN A 203.0.113.7\nwallet.test. 300 IN A 203.0.113.8"
    );
    for (answer, expected) in [
        (rules(r" 203\.0\.113\.\d+$", r"\.7$", r"\.9$", r"\.7$"), "success"),
        (rules(r"\.7$", "", "", ""), "failure/assertion"),
        (rules("", r"\.9$", "", ""), "failure/assertion"),
        (rules("", "", r"\.8$", ""), "failure/assertion"),
        (rules("", "", "", r"^wallet"), "failure/assertion"),
    ] {
        let wanted = Dns { answer: answer.clone(), ..dns(good) };
        assert_eq!(told_of(Kind::Dns(Box::new(wanted))).await, expected, "{answer:?}");
    }
    let contains = |has: &str, not: &str| Dns {
        contains: vec![has.to_owned()],
        not_contains: vec![not.to_owned()],
        ..dns(good)
    };
    assert_eq!(told_of(Kind::Dns(Box::new(contains("203.0.113.7", "203.0.113.9")))).await, "success");
    assert_eq!(told_of(Kind::Dns(Box::new(contains("203.0.113.9", "x")))).await, "failure/assertion");
    assert_eq!(told_of(Kind::Dns(Box::new(contains("203.0.113.7", "113.8")))).await, "failure/assertion");
    for transport in [Transport::Tcp, Transport::Udp] {
        assert_eq!(told_of(Kind::Dns(Box::new(Dns { transport, ..dns(good) }))).await, "success");
    }
    let system = Dns { server: Resolver::System, ..dns(good) };
    let probed = knock(Outbound::new().asking(good), Kind::Dns(Box::new(system.clone()))).await;
    assert_eq!(told(probed.result.outcome), "success");
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let probed = knock(Outbound::new().asking(nobody), Kind::Dns(Box::new(system))).await;
    assert_eq!(told(probed.result.outcome), "unknown/own_dns");
    assert_eq!(told_of(Kind::Dns(Box::new(dns(nobody)))).await, "failure/connect_refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn response_codes_are_the_operators_choice() {
    for (code, none, asked) in [
        (ResponseCode::NXDomain, "failure/dns_nxdomain", "NXDOMAIN"),
        (ResponseCode::ServFail, "failure/dns_error", "SERVFAIL"),
        (ResponseCode::Refused, "failure/dns_error", "REFUSED"),
        (ResponseCode::NoError, "failure/dns_error", "NOERROR"),
    ] {
        let server = server(move |query| vec![reply(query, code, &[]).to_vec().unwrap()]);
        assert_eq!(told_of(Kind::Dns(Box::new(dns(server)))).await, none, "{asked}");
        let wanted = Dns { rcodes: vec![asked.to_owned()], ..dns(server) };
        assert_eq!(told_of(Kind::Dns(Box::new(wanted))).await, "success", "{asked}");
    }
    let good = server(|query| vec![reply(query, ResponseCode::NoError, &[four(7)]).to_vec().unwrap()]);
    let wanted = Dns { rcodes: vec!["NXDOMAIN".to_owned()], ..dns(good) };
    assert_eq!(told_of(Kind::Dns(Box::new(wanted))).await, "failure/assertion", "it exists and should not");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_server_that_misbehaves_is_waited_for_no_longer_than_the_deadline() {
    let bytes = |query: &Message, last| reply(query, ResponseCode::NoError, &[four(last)]).to_vec().unwrap();
    let other_id = move |query: &Message| {
        let mut strange = query.clone();
        strange.metadata.id = query.metadata.id.wrapping_add(1);
        bytes(&strange, 7)
    };
    let other_name = |query: &Message| {
        let mut strange = query.clone();
        strange.queries[0].set_name(Name::from_ascii("other.test.").unwrap());
        reply(&strange, ResponseCode::NoError, &[four(7)]).to_vec().unwrap()
    };
    let truncated = |query: &Message| {
        let mut cut = reply(query, ResponseCode::NoError, &[]);
        cut.metadata.truncation = true;
        cut.to_vec().unwrap()
    };
    let txt = |query: &Message| {
        let long = (0..40).map(|_| RData::TXT(TXT::new(vec!["x".repeat(200)]))).collect::<Vec<_>>();
        reply(query, ResponseCode::NoError, &long).to_vec().unwrap()
    };
    for (name, addr, expected) in [
        ("silent", server(|_| vec![]), "failure/timeout_ttfb"),
        ("garbage", server(|_| vec![vec![0xff; 300]]), "failure/protocol"),
        ("nothing", server(|_| vec![vec![]]), "failure/protocol"),
        ("its question back", server(|query| vec![query.to_vec().unwrap()]), "failure/protocol"),
        ("a wrong id", server(move |query| vec![other_id(query)]), "failure/protocol"),
        ("another name", server(move |query| vec![other_name(query)]), "failure/protocol"),
        ("a spoof first", server(move |query| vec![other_id(query), bytes(query, 7)]), "success"),
        ("cut over UDP", server(move |query| vec![truncated(query), bytes(query, 7)]), "success"),
        ("cut, then more", server(move |query| vec![truncated(query), txt(query)]), "success"),
    ] {
        assert_eq!(told_of(Kind::Dns(Box::new(dns(addr)))).await, expected, "{name}");
    }
    let hangs = saying(b"");
    let wanted = Dns { transport: Transport::Tcp, ..dns(hangs.addr) };
    assert_eq!(told_of(Kind::Dns(Box::new(wanted))).await, "failure/timeout_ttfb");
    let leaves = Target::new(|mut stream| {
        let _ = stream.read(&mut [0_u8; 512]);
        let _ = stream.write_all(&[0]);
    });
    let wanted = Dns { transport: Transport::Tcp, ..dns(leaves.addr) };
    assert_eq!(told_of(Kind::Dns(Box::new(wanted))).await, "failure/empty_reply");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_was_lost_is_asked_again() {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = asked.clone();
    let addr = server(move |query| match count.fetch_add(1, std::sync::atomic::Ordering::AcqRel) {
        0 => vec![],
        _ => vec![reply(query, ResponseCode::NoError, &[four(7)]).to_vec().unwrap()],
    });
    assert_eq!(told_of(Kind::Dns(Box::new(dns(addr)))).await, "success");
    assert_eq!(asked.load(std::sync::atomic::Ordering::Acquire), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn knocks_of_every_kind_take_turns_and_waiting_is_no_latency() {
    let mail = Target::new(|mut stream| {
        let _ = stream.write_all(b"220 mail\r\n");
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        while let Some(Ok(line)) = lines.next() {
            let said: &[u8] = if line.starts_with("EHLO") { b"250 mail\r\n" } else { b"221 bye\r\n" };
            let _ = stream.write_all(said);
        }
    });
    let pki = Pki::new();
    let secure = pki.serve("good").await;
    let safe = Tls {
        at: HostPort { host: "localhost".to_owned(), port: secure },
        server_name: None,
        certificate_days: None,
    };
    let named = server(|query| vec![reply(query, ResponseCode::NoError, &[four(1)]).to_vec().unwrap()]);
    for kind in [
        tcp(saying(b"220 hello\r\n").addr, &[]),
        Kind::Tls(safe),
        smtp(mail.addr, Safety::Plain, false),
        Kind::Dns(Box::new(dns(named))),
    ] {
        let clock = Arc::new(SystemClock::new());
        let own = Arc::new(OwnHealth::new(clock.clone()));
        let manners = Arc::new(Manners::of(PerHost { requests_per_second: 5, connections: 1 }));
        let outbound = Outbound::trusting(pki.verifier());
        let prober = Arc::new(Prober::new(outbound, own.clone(), clock, manners));
        let began = Instant::now();
        let mut knocks = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let (prober, mut wanted) = (prober.clone(), of(kind.clone()));
            wanted.deadline = Duration::from_secs(5);
            wanted.degraded_after = wanted.deadline;
            knocks.spawn(async move { prober.probe(&wanted, Depth::Whole, Duration::ZERO).await });
        }
        for probed in crate::support::ticking(&own, knocks.join_all()).await {
            assert_eq!(told(probed.result.outcome), "success", "{:?}", probed.error);
            assert!(probed.result.total < Duration::from_millis(700), "{:?}", probed.result.total);
        }
        // Two at once, and the other four a fifth of a second apart.
        assert!(Duration::from_millis(750) < began.elapsed(), "{:?} of {kind:?}", began.elapsed());
    }
}
