//! HTTP/2 says goodbye (GOAWAY), or hangs up in the same breath as it answers.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use porchlight::domain::endpoint::Endpoint;
use porchlight::domain::request::Method;
use porchlight::probe::Outbound;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::knock::{endpoint, knock_with, step, told};
use crate::support::{Daemon, free_port, wait_until};
use crate::target::Target;
use crate::torture::stored;
use crate::torture::tls::{Authority, Chain, accept, close};
use crate::torture::wire::{
    END_HEADERS, END_STREAM, GOAWAY, HEADERS, SETTINGS, STATUS_200, frame, h2_request,
};

/// What a connection's target says after its settings and before the request
/// has come, and after it.
type Manner = fn(usize) -> (Vec<u8>, Vec<u8>);

/// A target of such manners for its first connection, its second and so on; how
/// many requests it read; and who speaks for it.
fn target(manner: Manner) -> (Target, Arc<AtomicUsize>, Authority) {
    let authority = Authority::new();
    let addr = std::net::IpAddr::from([127, 0, 0, 1]);
    let config = authority.server(addr, Chain::Good, &["h2"]);
    let (connections, requests) = (AtomicUsize::new(0), Arc::<AtomicUsize>::default());
    let counted = requests.clone();
    let target = Target::at("127.0.0.1:0", move |stream| {
        let Some(mut tls) = accept(&config, stream) else { return };
        let (before, after) = manner(connections.fetch_add(1, Ordering::AcqRel));
        let _ = tls.write_all(&[frame(SETTINGS, 0, 0, &[]), before].concat());
        if h2_request(&mut tls) {
            counted.fetch_add(1, Ordering::AcqRel);
            let _ = tls.write_all(&after);
        }
        close(tls);
    });
    (target, requests, authority)
}

fn trusting(authority: &Authority) -> Outbound {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let verifier = WebPkiServerVerifier::builder(Arc::new(roots)).build().unwrap();
    Outbound::trusting(verifier)
}

fn wanted(target: &Target) -> Endpoint {
    let mut wanted = endpoint(&format!("https://{}/login", target.addr));
    wanted.deadline = std::time::Duration::from_secs(10);
    wanted.degraded_after = wanted.deadline;
    wanted
}

fn goodbye() -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[0; 8])
}

fn fine() -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, 1, STATUS_200)
}

#[tokio::test]
async fn a_goodbye_before_the_request_is_asked_once_more() {
    let (target, _, authority) =
        target(|nth| if nth % 2 == 0 { (goodbye(), Vec::new()) } else { (Vec::new(), fine()) });
    for _ in 0..100 {
        let probed = knock_with(trusting(&authority), &wanted(&target)).await;
        assert_eq!(told(probed.result.outcome), "success", "{:?}", probed.error);
    }
}

#[tokio::test]
async fn a_request_that_changes_something_is_sent_once_whatever_is_said() {
    let (target, requests, authority) = target(|_| (Vec::new(), goodbye()));
    let mut wanted = wanted(&target);
    step(&mut wanted).request.method = Method::Post;
    for knocks in 1..=20 {
        let probed = knock_with(trusting(&authority), &wanted).await;
        let outcome = told(probed.result.outcome);
        assert!(
            ["failure/reset", "failure/protocol", "failure/empty_reply", "unknown/own_stall"]
                .contains(&outcome.as_str()),
            "{outcome}"
        );
        assert_eq!(requests.load(Ordering::Acquire), knocks, "{outcome}: {:?}", probed.error);
    }
}

/// The client's HTTP/2 loses an answer when one thread reads it and the end of
/// its connection while another still sends; so all that knocks is on one.
#[test]
fn no_answer_that_ends_with_its_connection_is_lost() {
    const ENDPOINTS: usize = 300;
    let (target, _, authority) = target(|_| (Vec::new(), fine()));
    let dir = tempfile::tempdir().unwrap();
    let roots = dir.path().join("roots.pem");
    std::fs::write(&roots, authority.pem()).unwrap();
    let mut config = String::from("[[component]]\nid = \"web\"\nname = \"Web\"\n");
    for number in 0..ENDPOINTS {
        config.push_str(&format!(
            "[[endpoint]]\nid = \"e{number}\"\ncomponent = \"web\"\nurl = \"https://{}/login\"\nevery = \"10s\"\n",
            target.addr
        ));
    }
    config.push_str("[probe]\nper_host = { requests_per_second = 1000, connections = 1000 }\n");
    let _daemon = Daemon::start_with(dir.path(), &config, free_port(), |command| {
        command.env("SSL_CERT_FILE", &roots).env_remove("SSL_CERT_DIR");
    });
    let found = wait_until("each has been knocked at", || {
        Some(stored(dir.path())).filter(|found| found.len() == ENDPOINTS)
    });
    let outcomes: BTreeSet<&str> = found.values().flatten().map(|it| it.0.as_str()).collect();
    let bad = outcomes.iter().filter(|it| !["success", "unknown/own_stall"].contains(it));
    assert_eq!(bad.count(), 0, "{outcomes:?}");
}
