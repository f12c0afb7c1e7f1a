//! Names with several addresses, some of them dead, from a name server of our own.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, MessageType};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use porchlight::clock::{Clock, SystemClock};
use porchlight::domain::account::Account;
use porchlight::domain::endpoint::{Addresses, Endpoint, Family, Id};
use porchlight::domain::flow::Depth;
use porchlight::domain::kind::{HostPort, Kind, Tcp};
use porchlight::domain::request::{Method, Value};
use porchlight::probe::own::OwnHealth;
use porchlight::probe::{Outbound, Prober};

use crate::knock::{endpoint, knock_with, step, told};
use crate::support::{PATIENCE, free_port};
use crate::target::{Target, page};

/// What every name is, for how long; and how often it was asked for IPv4.
#[derive(Clone, Default)]
struct Zone {
    records: Arc<Mutex<(Vec<IpAddr>, u32)>>,
    asked: Arc<AtomicUsize>,
}

impl Zone {
    fn of(addresses: &[&str], ttl: u32) -> Self {
        let zone = Self::default();
        zone.set(addresses, ttl);
        zone
    }

    fn set(&self, addresses: &[&str], ttl: u32) {
        *self.records.lock().unwrap() = (addresses.iter().map(|it| it.parse().unwrap()).collect(), ttl);
    }

    fn serve(&self) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = socket.local_addr().unwrap();
        let zone = self.clone();
        std::thread::spawn(move || {
            let mut query = [0_u8; 1500];
            while let Ok((length, peer)) = socket.recv_from(&mut query) {
                let Ok(query) = Message::from_vec(&query[..length]) else { continue };
                let is_four = query.queries.iter().any(|it| it.query_type() == RecordType::A);
                zone.asked.fetch_add(usize::from(is_four), Ordering::AcqRel);
                let _ = socket.send_to(&zone.answer(&query), peer);
            }
        });
        addr
    }

    fn answer(&self, query: &Message) -> Vec<u8> {
        let mut reply = Message::new(query.metadata.id, MessageType::Response, query.metadata.op_code);
        let (addresses, ttl) = self.records.lock().unwrap().clone();
        for asked in &query.queries {
            reply.add_query(asked.clone());
            for address in &addresses {
                let data = match address {
                    IpAddr::V4(it) if asked.query_type() == RecordType::A => RData::A((*it).into()),
                    IpAddr::V6(it) if asked.query_type() == RecordType::AAAA => RData::AAAA((*it).into()),
                    _ => continue,
                };
                reply.add_answer(Record::from_rdata(asked.name().clone(), ttl, data));
            }
        }
        reply.to_vec().unwrap()
    }
}

fn wanted(port: u16, family: Family, every: bool) -> Endpoint {
    let mut wanted = endpoint(&format!("http://wallet.test:{port}/login"));
    wanted.deadline = Duration::from_secs(3);
    wanted.degraded_after = wanted.deadline;
    wanted.addresses = Addresses { family, every };
    wanted
}

async fn knock(zone: &Zone, wanted: &Endpoint) -> (String, Vec<String>) {
    let probed = knock_with(Outbound::new().asking(zone.serve()), wanted).await;
    let addresses = probed.evidence.addresses.iter();
    let addresses = addresses.map(|(at, said)| format!("{at} {}", told(*said))).collect();
    (told(probed.result.outcome), addresses)
}

/// Well at 127.0.0.1 and ::1 of one port, where this machine has the latter.
fn both() -> Option<(Target, Target)> {
    let answer = || page("200 OK", "fine");
    let serve = |mut stream: std::net::TcpStream, bytes: &str| {
        crate::target::read_head(&mut stream);
        let _ = std::io::Write::write_all(&mut stream, bytes.as_bytes());
    };
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return None;
    }
    for _ in 0..20 {
        let port = free_port();
        if TcpListener::bind((Ipv6Addr::LOCALHOST, port)).is_err() {
            continue;
        }
        let four = Target::at(&format!("127.0.0.1:{port}"), move |stream| serve(stream, &answer()));
        let six = Target::at(&format!("[::1]:{port}"), move |stream| serve(stream, &answer()));
        return Some((four, six));
    }
    None
}

/// T53.
#[tokio::test(flavor = "multi_thread")]
async fn one_dead_address_of_two_is_degraded_only_when_every_one_is_asked_for() {
    let target = Target::answering(page("200 OK", "fine"));
    let port = target.addr.port();
    let zone = Zone::of(&["127.0.0.2", "127.0.0.1"], 60);
    let (outcome, addresses) = knock(&zone, &wanted(port, Family::Any, true)).await;
    assert_eq!(outcome, "degraded/partial_addresses");
    assert_eq!(addresses.len(), 2);
    assert!(addresses.contains(&"127.0.0.1 success".to_owned()), "{addresses:?}");
    assert!(addresses.contains(&"127.0.0.2 failure/connect_refused".to_owned()), "{addresses:?}");
    let (outcome, _) = knock(&zone, &wanted(port, Family::Any, false)).await;
    assert_eq!(outcome, "success", "any that answers will do");
    let (outcome, _) =
        knock(&Zone::of(&["127.0.0.2", "127.0.0.3"], 60), &wanted(port, Family::Any, true)).await;
    assert_eq!(outcome, "failure/connect_refused", "all are dead");
    let (outcome, _) = knock(&Zone::of(&["127.0.0.1"], 60), &wanted(port, Family::Any, true)).await;
    assert_eq!(outcome, "success");
    let (outcome, _) = knock(&Zone::of(&[], 60), &wanted(port, Family::Any, true)).await;
    assert_eq!(outcome, "failure/dns_error");
    let many: Vec<String> = (1..=20).map(|it| format!("127.0.0.{it}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let (outcome, addresses) = knock(&Zone::of(&many, 60), &wanted(port, Family::Any, true)).await;
    assert_eq!(addresses.len(), 8, "{addresses:?}");
    assert!(
        ["degraded/partial_addresses", "failure/connect_refused"].contains(&outcome.as_str()),
        "{outcome}"
    );
}

/// T54.
#[tokio::test(flavor = "multi_thread")]
async fn families_are_told_apart_and_can_be_forced() {
    let Some((four, six)) = both() else { return };
    let port = four.addr.port();
    let two = Zone::of(&["127.0.0.1", "::1"], 60);
    for (family, expected) in [(Family::Ipv4, [1, 0]), (Family::Ipv6, [0, 1]), (Family::Each, [1, 1])] {
        let before = [&four, &six].map(|it| it.accepted.load(Ordering::Acquire));
        assert_eq!(knock(&two, &wanted(port, family, false)).await.0, "success", "{family:?}");
        let after = [&four, &six].map(|it| it.accepted.load(Ordering::Acquire));
        assert_eq!([after[0] - before[0], after[1] - before[1]], expected, "{family:?}");
    }
    let (outcome, _) = knock(&Zone::of(&["127.0.0.1"], 60), &wanted(port, Family::Ipv6, false)).await;
    assert_eq!(outcome, "failure/dns_error", "there is no address of that family");
    drop(six);
    let (outcome, addresses) = knock(&two, &wanted(port, Family::Each, false)).await;
    assert_eq!(outcome, "degraded/ipv6_down", "{addresses:?}");
    assert_eq!(knock(&two, &wanted(port, Family::Any, true)).await.0, "degraded/ipv6_down");
    assert_eq!(knock(&two, &wanted(port, Family::Ipv6, false)).await.0, "failure/connect_refused");
    assert_eq!(knock(&two, &wanted(port, Family::Ipv4, false)).await.0, "success");
    // A network without a way there is our side, and nothing is said of IPv6. The prefix is
    // for documentation: where it is routed after all, whoever does it answers.
    let away = Zone::of(&["127.0.0.1", "2001:db8::1"], 60);
    let (outcome, addresses) = knock(&away, &wanted(port, Family::Each, false)).await;
    if addresses.iter().any(|it| it.contains("own_network")) {
        assert_eq!(outcome, "success", "{addresses:?}");
    } else {
        eprintln!("skipped: this machine has a route for IPv6: {addresses:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_never_doubled() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let taken = heads.clone();
    let target = Target::at("0.0.0.0:0", move |mut stream| {
        let mut head = [0_u8; 4];
        if let Ok(count) = std::io::Read::read(&mut stream, &mut head) {
            taken.lock().unwrap().push(String::from_utf8_lossy(&head[..count]).into_owned());
        }
        crate::target::read_head(&mut stream);
        let _ = std::io::Write::write_all(&mut stream, page("200 OK", "fine").as_bytes());
    });
    // Both are alive, so that a second login would be let in.
    let zone = Zone::of(&["127.0.0.1", "127.0.0.2"], 60);
    let mut login = wanted(target.addr.port(), Family::Any, true);
    step(&mut login).request.method = Method::Post;
    let (outcome, addresses) = knock(&zone, &login).await;
    assert_eq!((outcome.as_str(), addresses.len()), ("success", 2), "{addresses:?}");
    let posts = || heads.lock().unwrap().iter().filter(|it| *it == "POST").count();
    assert_eq!(posts(), 1, "{heads:?}");
    let mut with_account = wanted(target.addr.port(), Family::Any, true);
    with_account.flow_mut().unwrap().account = Some(Account {
        id: Id::parse("probe").unwrap(),
        username: Value::Plain("probe".to_owned()),
        password: Some(Value::Plain("password".to_owned())),
        totp: None,
        logins_per_hour: 12,
    });
    heads.lock().unwrap().clear();
    let (outcome, _) = knock(&zone, &with_account).await;
    assert_eq!(outcome, "success");
    let gets = heads.lock().unwrap().iter().filter(|it| it.starts_with("GET")).count();
    assert_eq!(gets, 1, "{heads:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_kinds_are_knocked_at_by_each_address_too() {
    let target = Target::answering("");
    let mut tcp = wanted(target.addr.port(), Family::Any, true);
    let at = HostPort { host: "wallet.test".to_owned(), port: target.addr.port() };
    tcp.kind = Kind::Tcp(Tcp { at, tls: false, dialog: Vec::new(), certificate_days: None });
    let (outcome, addresses) = knock(&Zone::of(&["127.0.0.2", "127.0.0.1"], 60), &tcp).await;
    assert_eq!(outcome, "degraded/partial_addresses", "{addresses:?}");
    let (outcome, _) = knock(&Zone::of(&["127.0.0.1"], 60), &tcp).await;
    assert_eq!(outcome, "success");
}

/// T55.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_changes_is_followed_at_the_end_of_its_ttl() {
    let (old, new) = (Target::answering(page("200 OK", "old")), Target::answering(page("200 OK", "new")));
    drop(new);
    let port = old.addr.port();
    let second = Target::at(&format!("127.0.0.2:{port}"), |mut stream| {
        crate::target::read_head(&mut stream);
        let _ = std::io::Write::write_all(&mut stream, page("200 OK", "new").as_bytes());
    });
    let zone = Zone::of(&["127.0.0.1"], 3);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let own = Arc::new(OwnHealth::new(clock.clone()));
    let prober = Prober::new(Outbound::new().asking(zone.serve()), own.clone(), clock, Arc::default());
    let wanted = wanted(port, Family::Any, false);
    let peer = async || {
        own.tick();
        let probed = prober.probe(&wanted, Depth::Whole, PATIENCE).await;
        probed.peer.map(|it| it.ip().to_string()).unwrap_or_default()
    };
    let began = Instant::now();
    assert_eq!(peer().await, "127.0.0.1");
    zone.set(&["127.0.0.2"], 3);
    let mut followed = peer().await;
    if began.elapsed() < Duration::from_secs(2) {
        assert_eq!(followed, "127.0.0.1", "it is kept for its TTL");
        assert_eq!(zone.asked.load(Ordering::Acquire), 1);
    }
    while followed != "127.0.0.2" {
        assert!(began.elapsed() < PATIENCE, "never followed");
        tokio::time::sleep(Duration::from_millis(100)).await;
        followed = peer().await;
    }
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    drop(second);
}
