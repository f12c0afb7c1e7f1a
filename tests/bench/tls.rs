//! What a stored probe costs when each shakes hands anew, against a client that does nothing else.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::MissedTickBehavior;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::daemon::{Daemon, Watch};
use crate::probes::{ENDPOINTS, ROUNDS, Round, watch};
use crate::report::{Goal, Row};
use crate::target::Target;
use crate::{Lab, bare, disk, progress};

/// Every endpoint, as the daemon beside it does.
const KNOCK_EVERY: Duration = Duration::from_secs(1);

/// A certificate for 127.0.0.1 (ECDSA P-256) below an authority of our own.
pub struct Chain {
    pub server: Arc<rustls::ServerConfig>,
    /// The authority, as a file of roots.
    pub roots: PathBuf,
}

impl Chain {
    pub fn made(room: &Path) -> anyhow::Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &authority)?;
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let mut server = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        let roots = room.join("roots.pem");
        std::fs::write(&roots, authority.pem())?;
        Ok(Self { server: Arc::new(server), roots })
    }

    pub fn target(&self) -> anyhow::Result<Target> {
        Target::answering(Some(TlsAcceptor::from(self.server.clone())))
    }
}

pub fn run(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let room = lab.room("tls")?;
    let chain = Chain::made(&room)?;
    let target = chain.target()?;
    let (mut ours, mut asking, mut shaking) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        progress(format_args!("  round {round} of {ROUNDS}"));
        target.take();
        let wanted = Watch { roots: Some(chain.roots.clone()), ..Watch::new(target.addr, ENDPOINTS, "1s") };
        let daemon = Daemon::start(&room, &wanted)?;
        let mut measured = watch(&daemon.process, &target)?;
        daemon.stop()?;
        measured.all += target.take().len();
        ours.push(measured);
        asking.push(bare_round(&room, &target, &chain, "asks")?);
        shaking.push(bare_round(&room, &target, &chain, "shakes hands")?);
    }
    let (knocked, stored) =
        (ours.iter().map(|it| it.all).sum::<usize>(), disk::results(&disk::database(&room))?);
    let costs = Round::costs;
    Ok(vec![
        Row::new("CPU per 1000 stored probes over fresh TLS", "s", costs(&ours))
            .beside(costs(&asking))
            .goal(Goal::RatioAtMost(1.5))
            .note(format!(
                "beside a bare TLS client that shakes hands, asks and reads; {knocked} knocks, {stored} results stored"
            )),
        Row::new("the same beside handshakes alone", "s", costs(&ours)).beside(costs(&shaking)),
        Row::new("TLS probes done of 500 a second", "/s", Round::rates(&ours)).beside(Round::rates(&asking)),
    ])
}

fn bare_round(room: &Path, target: &Target, chain: &Chain, what: &str) -> anyhow::Result<Round> {
    let (address, count) = (target.addr.to_string(), ENDPOINTS.to_string());
    let roots = chain.roots.display().to_string();
    let arguments = ["--bare-tls", &address, &count, &roots, what];
    let prober = bare::spawn(&arguments, &room.join("bare-log"))?;
    let measured = watch(&prober, target)?;
    prober.hang_up().context("ending the bare TLS client")?;
    Ok(measured)
}

/// Shakes hands with `address` for `count` endpoints each second, on a new
/// connection each, and mostly asks for a page; stores nothing.
pub fn prober(address: &str, count: &str, roots: &Path, what: &str) -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (address, count): (SocketAddr, u32) = (address.parse()?, count.parse()?);
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(roots)? {
        store.add(root?)?;
    }
    let verifier = WebPkiServerVerifier::builder(Arc::new(store)).build()?;
    let mut tls = rustls::ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    tls.resumption = Resumption::disabled();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let (connector, asks) = (TlsConnector::from(Arc::new(tls)), what == "asks");
    let ended = bare::when_hung_up();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let start = tokio::time::Instant::now();
        for endpoint in 0..count {
            let mut interval = tokio::time::interval_at(start + KNOCK_EVERY * endpoint / count, KNOCK_EVERY);
            interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
            let connector = connector.clone();
            tokio::spawn(async move {
                loop {
                    interval.tick().await;
                    // What fails is not counted by the target either.
                    let _ = knock(&connector, address, endpoint, asks).await;
                }
            });
        }
        let _ = ended.await;
    });
    Ok(())
}

async fn knock(
    connector: &TlsConnector,
    address: SocketAddr,
    endpoint: u32,
    asks: bool,
) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut stream = connector.connect(ServerName::from(address.ip()), stream).await?;
    if !asks {
        // The target counts who comes and leaves without a word.
        return Ok(stream.shutdown().await?);
    }
    let head = format!("GET /login/{endpoint} HTTP/1.1\r\nHost: {address}\r\nAccept: */*\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::with_capacity(8192);
    while !whole(&answer)? {
        if stream.read_buf(&mut answer).await? == 0 {
            bail!("the target hung up");
        }
    }
    Ok(())
}

/// Whether the head is here and as much of a body as it names.
fn whole(answer: &[u8]) -> anyhow::Result<bool> {
    let Some(end) = answer.windows(4).position(|it| it == b"\r\n\r\n") else { return Ok(false) };
    let head = std::str::from_utf8(answer.get(..end).unwrap_or_default())?;
    let line = head.lines().find_map(|it| it.strip_prefix("Content-Length: "));
    let length: usize = line.context("an answer does not say how long it is")?.parse()?;
    Ok(end + 4 + length <= answer.len())
}
