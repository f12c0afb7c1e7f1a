//! Names that do not resolve, each in its own way, from a name server of our own.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use porchlight::clock::{Clock, SystemClock};
use porchlight::domain::flow::Depth;
use porchlight::probe::own::OwnHealth;
use porchlight::probe::{Outbound, Prober};

use crate::knock::endpoint;
use crate::support::free_port;
use crate::target::{Target, page};

/// Answers by the first label: `good`, `nx`, `fail`, `empty`; `half` for IPv4 alone; all
/// else is silence.
fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut query = [0_u8; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut query) {
            if let Some(answer) = answer(&query[..length]) {
                let _ = socket.send_to(&answer, peer);
            }
        }
    });
    addr
}

fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let label = query.get(13..13 + usize::from(*query.get(12)?))?.to_ascii_lowercase();
    let end = 12 + query[12..].iter().position(|it| *it == 0)? + 5;
    let asks_for_ipv4 = query.get(end - 4..end - 2)? == [0, 1];
    let (code, answers) = match label.as_slice() {
        b"good" => (0, u8::from(asks_for_ipv4)),
        b"half" if asks_for_ipv4 => (0, 1),
        b"empty" => (0, 0),
        b"fail" => (2, 0),
        b"nx" => (3, 0),
        _ => return None,
    };
    let mut reply = query[..2].to_vec();
    reply.extend([0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0]);
    reply.extend(&query[12..end]);
    if answers == 1 {
        // The name asked for, A, IN, 60 s, four bytes: 127.0.0.1.
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    Some(reply)
}

async fn told(outbound: Outbound, names: &[&str], port: u16) -> Vec<String> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let own = Arc::new(OwnHealth::new(clock.clone()));
    let prober = Prober::new(outbound, own.clone(), clock, Arc::default());
    let mut told = Vec::new();
    for name in names {
        let mut wanted = endpoint(&format!("http://{name}:{port}/"));
        wanted.deadline = Duration::from_secs(3);
        wanted.degraded_after = Duration::from_secs(3);
        let probed =
            crate::support::ticking(&own, prober.probe(&wanted, Depth::Whole, Duration::from_secs(60))).await;
        told.push(probed.result.outcome.reason().unwrap_or("success").to_owned());
    }
    told
}

/// T51.
#[tokio::test(flavor = "multi_thread")]
async fn names_fail_by_class() {
    let target = Target::answering(page("200 OK", "fine"));
    let outbound = Outbound::new().asking(name_server());
    let names = ["good.test", "nx.test", "empty.test", "fail.test", "silent.test", "half.test"];
    let expected = ["success", "dns_nxdomain", "dns_error", "dns_error", "dns_error", "success"];
    assert_eq!(told(outbound, &names, target.addr.port()).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolver_that_is_not_there_is_our_own_fault_once_three_hosts_say_so() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let outbound = Outbound::new().asking(nobody);
    let told = told(outbound, &["a.test", "b.test", "c.test", "d.test"], 80).await;
    assert_eq!(told[2..], ["own_dns", "own_dns"], "{told:?}");
    assert!(told.iter().all(|it| it == "own_dns" || it == "dns_error"), "{told:?}");
}

/// T52. A resolver that answers, and knows nobody; or that says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_resolver_that_knows_no_name_is_our_own_fault() {
    let target = Target::answering(page("200 OK", "fine"));
    let port = target.addr.port();
    for label in ["fail", "silent"] {
        let names = ["a", "b", "c", "d"].map(|it| format!("{label}.{it}.test"));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let told = told(Outbound::new().asking(name_server()), &names, port).await;
        assert_eq!(told, ["dns_error", "dns_error", "own_dns", "own_dns"], "{label}");
    }
    let names = ["fail.a.test", "fail.b.test", "good.test", "fail.c.test", "fail.d.test"];
    let told = told(Outbound::new().asking(name_server()), &names, port).await;
    let expected = ["dns_error", "dns_error", "success", "dns_error", "dns_error"];
    assert_eq!(told, expected, "one name that is known proves the resolver");
}
