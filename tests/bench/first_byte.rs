//! How wrong the reported time to the first byte is, against a target with an exact delay.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use porchlight::clock::{Clock, SystemClock};
use porchlight::domain::endpoint::{Endpoint, Id};
use porchlight::domain::flow::Depth;
use porchlight::domain::outcome::Outcome;
use porchlight::probe::own::OwnHealth;
use porchlight::probe::{Outbound, Prober};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::report::{Goal, Row, Series, quantile};
use crate::tls::Chain;
use crate::{Lab, progress};

/// From the request's last byte to the answer's first.
const DELAY: Duration = Duration::from_millis(50);
const KNOCKS: u32 = 200;

pub fn run(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let chain = Chain::made(&lab.room("first-byte")?)?;
    let mut rows = Vec::new();
    for over in ["TCP", "TLS"] {
        progress(format_args!("  over {over}"));
        let server = (over == "TLS").then(|| chain.server.clone());
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        // It ends with this process; nobody waits for it.
        std::thread::spawn(move || serve(&listener, server.as_ref()));
        let scheme = if over == "TLS" { "https" } else { "http" };
        let errors = knock(&format!("{scheme}://{address}/login"), &chain)?;
        let share = |share| Series::one(quantile(&errors, share));
        rows.push(
            Row::new(format!("error of the first byte after 50 ms over {over}, median"), "ms", share(0.5))
                .goal(Goal::AtMost { must: None, aim: Some(0.3) })
                .note(format!("{KNOCKS} knocks; 1 % {:.2}", quantile(&errors, 0.01))),
        );
        rows.push(Row::new(
            format!("error of the first byte after 50 ms over {over}, p99"),
            "ms",
            share(0.99),
        ));
    }
    Ok(rows)
}

/// What was reported less the true delay, in milliseconds.
fn knock(url: &str, chain: &Chain) -> anyhow::Result<Vec<f64>> {
    let mut roots = rustls::RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(&chain.roots)? {
        roots.add(root?)?;
    }
    let verifier = rustls::client::WebPkiServerVerifier::builder(Arc::new(roots)).build()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let own = Arc::new(OwnHealth::new(clock.clone()));
    let prober = Prober::new(Outbound::trusting(verifier), own.clone(), clock, Arc::default());
    let id = || Id::parse("bench").context("an id");
    let endpoint = Endpoint::get(id()?, id()?, url.parse()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut errors = Vec::new();
        for _ in 0..KNOCKS {
            own.tick();
            let probed = prober.probe(&endpoint, Depth::Whole, Duration::from_secs(60)).await;
            if probed.result.outcome != Outcome::Success {
                bail!("the target's answer was {:?}: {:?}", probed.result.outcome, probed.error);
            }
            let reported = probed.phases.first_byte.context("no first byte")?;
            errors.push((reported.as_secs_f64() - DELAY.as_secs_f64()) * 1000.0);
        }
        Ok(errors)
    })
}

fn serve(listener: &TcpListener, tls: Option<&Arc<rustls::ServerConfig>>) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        // Whoever hangs up early is missed by the knocking side.
        let _ = match tls {
            None => answer(stream),
            Some(tls) => {
                answer(rustls::StreamOwned::new(rustls::ServerConnection::new(tls.clone())?, stream))
            }
        };
    }
}

fn answer(mut stream: impl Read + Write) -> std::io::Result<()> {
    let (mut head, mut bytes) = (Vec::new(), [0; 4096]);
    while !head.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut bytes)?;
        if read == 0 {
            return Ok(());
        }
        head.extend_from_slice(bytes.get(..read).unwrap_or_default());
    }
    // A sleep would be late by what the machine likes.
    let end = Instant::now() + DELAY;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")?;
    stream.flush()
}
