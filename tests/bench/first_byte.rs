//! How wrong the reported time to the first byte is, against a target with an exact delay.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
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
        let (ours, theirs) = knock(&format!("{scheme}://{address}/login"), address, &chain)?;
        let share = |share| Series::one(quantile(&ours, share));
        let bare = |share| Series::one(quantile(&theirs, share));
        rows.push(
            Row::new(format!("error of the first byte after 50 ms over {over}, median"), "ms", share(0.5))
                .beside(bare(0.5))
                .goal(Goal::AtMost { must: None, aim: Some(0.3) })
                .note(format!("{KNOCKS} knocks, each beside one of a blocking socket, which has nothing to do but to wait")),
        );
        rows.push(Row::new(
            format!("error of the first byte after 50 ms over {over}, p99"),
            "ms",
            share(0.99),
        ));
    }
    Ok(rows)
}

/// What was reported less the true delay in milliseconds, ours and a bare client's, taking turns.
fn knock(url: &str, address: SocketAddr, chain: &Chain) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
    let mut roots = rustls::RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(&chain.roots)? {
        roots.add(root?)?;
    }
    let roots = Arc::new(roots);
    let verifier = rustls::client::WebPkiServerVerifier::builder(roots.clone()).build()?;
    let bare = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let bare = url.starts_with("https").then(|| Arc::new(bare));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let own = Arc::new(OwnHealth::new(clock.clone()));
    let prober = Arc::new(Prober::new(Outbound::trusting(verifier), own.clone(), clock, Arc::default()));
    let id = || Id::parse("bench").context("an id");
    let endpoint = Endpoint::get(id()?, id()?, url.parse()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let error = |reported: Duration| (reported.as_secs_f64() - DELAY.as_secs_f64()) * 1000.0;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..KNOCKS {
        let (prober, own, endpoint) = (prober.clone(), own.clone(), endpoint.clone());
        // By a worker, as the daemon does; handing over to this thread takes time.
        let probed = runtime.block_on(runtime.spawn(async move {
            own.tick();
            prober.probe(&endpoint, Depth::Whole, Duration::from_secs(60)).await
        }))?;
        if probed.result.outcome != Outcome::Success {
            bail!("the target's answer was {:?}: {:?}", probed.result.outcome, probed.error);
        }
        let reported = probed.phases.first_byte.context("no first byte");
        ours.push(error(reported?));
        theirs.push(error(wait(address, bare.clone())?));
    }
    Ok((ours, theirs))
}

/// From the whole request to the first byte, as a client sees it that does nothing else.
fn wait(address: SocketAddr, tls: Option<Arc<rustls::ClientConfig>>) -> anyhow::Result<Duration> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    match tls {
        None => ask(stream),
        Some(tls) => {
            let mut connection = rustls::ClientConnection::new(tls, address.ip().into())?;
            connection.complete_io(&mut stream)?;
            ask(rustls::StreamOwned::new(connection, stream))
        }
    }
}

fn ask(mut stream: impl Read + Write) -> anyhow::Result<Duration> {
    let began = Instant::now();
    stream.write_all(b"GET /login HTTP/1.1\r\nHost: target\r\n\r\n")?;
    stream.flush()?;
    if stream.read(&mut [0; 1])? == 0 {
        bail!("the target hung up");
    }
    Ok(began.elapsed())
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
