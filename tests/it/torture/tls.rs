//! TLS targets: certificates good and bad, HTTP/2 that misbehaves, connections cut short.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A root that the daemon trusts, and an intermediate below it.
pub struct Authority {
    root: CertifiedIssuer<'static, KeyPair>,
    middle: CertifiedIssuer<'static, KeyPair>,
    stranger: CertifiedIssuer<'static, KeyPair>,
}

/// What is wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    Good,
    Expired,
    NotYet,
    OtherName,
    SelfSigned,
    /// As `openssl req -x509` makes it: an authority of its own.
    SelfSignedAuthority,
    NoIntermediate,
    /// Whole, but nobody knows its root.
    Stranger,
    ExpiredIntermediate,
    /// Each twice, in the wrong order, and a stranger among them.
    Muddled,
}

fn issuer(name: &str, until: i32) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(until, 1, 1));
    params
}

impl Authority {
    pub fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let root = CertifiedIssuer::self_signed(issuer("root", 2090), KeyPair::generate().unwrap()).unwrap();
        let middle = issuer("middle", 2090);
        let middle = CertifiedIssuer::signed_by(middle, KeyPair::generate().unwrap(), &root).unwrap();
        let stranger = issuer("stranger", 2090);
        let stranger = CertifiedIssuer::self_signed(stranger, KeyPair::generate().unwrap()).unwrap();
        Self { root, middle, stranger }
    }

    pub fn pem(&self) -> String {
        self.root.pem()
    }

    /// A server for 127.*.*.* addresses and `localhost` that shows this chain.
    pub fn server(&self, addr: std::net::IpAddr, chain: Chain, protocols: &[&str]) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        if chain == Chain::OtherName {
            params = CertificateParams::new(vec!["elsewhere.example".to_owned()]).unwrap();
        } else {
            params.subject_alt_names.push(SanType::IpAddress(addr));
        }
        params.distinguished_name.push(rcgen::DnType::CommonName, "leaf");
        (params.not_before, params.not_after) = match chain {
            Chain::Expired => (date_time_ymd(2021, 1, 1), date_time_ymd(2022, 1, 1)),
            Chain::NotYet => (date_time_ymd(2080, 1, 1), date_time_ymd(2081, 1, 1)),
            _ => (date_time_ymd(2021, 1, 1), date_time_ymd(2089, 1, 1)),
        };
        let key = KeyPair::generate().unwrap();
        let middle = self.middle.der().clone();
        let shown: Vec<CertificateDer<'static>> = match chain {
            Chain::SelfSigned => vec![params.self_signed(&key).unwrap().der().clone()],
            Chain::SelfSignedAuthority => {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                vec![params.self_signed(&key).unwrap().der().clone()]
            }
            Chain::NoIntermediate => vec![params.signed_by(&key, &self.middle).unwrap().der().clone()],
            Chain::Stranger => {
                let leaf = params.signed_by(&key, &self.stranger).unwrap().der().clone();
                vec![leaf, self.stranger.der().clone()]
            }
            Chain::ExpiredIntermediate => {
                let old = issuer("old", 2022);
                let old = CertifiedIssuer::signed_by(old, KeyPair::generate().unwrap(), &self.root).unwrap();
                let leaf = params.signed_by(&key, &old).unwrap().der().clone();
                vec![leaf, old.der().clone()]
            }
            Chain::Muddled => {
                let leaf = params.signed_by(&key, &self.middle).unwrap().der().clone();
                vec![leaf, self.stranger.der().clone(), middle.clone(), middle, self.root.der().clone()]
            }
            _ => vec![params.signed_by(&key, &self.middle).unwrap().der().clone(), middle],
        };
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(shown, key).unwrap();
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

pub type Tls = StreamOwned<ServerConnection, TcpStream>;

/// Shakes hands and gives the stream; none when the other side did not want to.
pub fn accept(config: &Arc<ServerConfig>, stream: TcpStream) -> Option<Tls> {
    let _ = stream.set_read_timeout(Some(super::wire::FOR_LONG));
    let mut tls = StreamOwned::new(ServerConnection::new(config.clone()).ok()?, stream);
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock).ok()?;
    }
    Some(tls)
}

/// Ends in good order.
pub fn close(mut tls: Tls) {
    tls.conn.send_close_notify();
    let _ = tls.flush();
    let _ = tls.sock.shutdown(std::net::Shutdown::Write);
    let mut rest = [0; 4096];
    while matches!(tls.sock.read(&mut rest), Ok(1..)) {}
}
