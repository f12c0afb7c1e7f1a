//! A certificate authority of our own, and TLS servers with chains good and bad.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

pub struct Pki {
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    pub fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2090, 1, 1);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { authority }
    }

    /// Trusts this authority and nobody else.
    pub fn verifier(&self) -> Arc<WebPkiServerVerifier> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        WebPkiServerVerifier::builder(Arc::new(roots)).build().unwrap()
    }

    /// A leaf for `localhost`, in one of the ways the tests name.
    fn leaf(&self, chain: &str) -> (CertificateDer<'static>, KeyPair) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = match chain {
            "expired" => (date_time_ymd(2021, 1, 1), date_time_ymd(2022, 1, 1)),
            "expired-but-server-lives-then" => (date_time_ymd(2021, 1, 1), date_time_ymd(2022, 1, 1)),
            "not-yet" => (date_time_ymd(2080, 1, 1), date_time_ymd(2081, 1, 1)),
            "ends-in-five-days" => {
                let (year, month, day) = days_from_now(5);
                (date_time_ymd(2021, 1, 1), date_time_ymd(year, month, day))
            }
            _ => (date_time_ymd(2021, 1, 1), date_time_ymd(2089, 1, 1)),
        };
        let key = KeyPair::generate().unwrap();
        let leaf = match chain {
            "self-signed" => params.self_signed(&key).unwrap(),
            _ => params.signed_by(&key, &self.authority).unwrap(),
        };
        (leaf.der().clone(), key)
    }

    /// A chain and its key for `localhost`, as PEM.
    pub fn pems(&self) -> (String, String) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2021, 1, 1), date_time_ymd(2089, 1, 1));
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.authority).unwrap();
        (format!("{}{}", leaf.pem(), self.authority.pem()), key.serialize_pem())
    }

    /// A client's settings that trust this authority and offer these protocols.
    pub fn client(&self, protocols: &[&str]) -> rustls::ClientConfig {
        let mut config = rustls::ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(self.verifier())
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        config
    }

    /// The authority, for a file of roots.
    pub fn pem(&self) -> String {
        self.authority.pem()
    }

    /// Serves `200 OK` over TLS on loopback for as long as the test's runtime lives.
    pub async fn serve(&self, chain: &str) -> u16 {
        let one = self.acceptor(chain);
        serve(chain, move || one.clone()).await
    }

    /// Shows the second chain instead of the first from when it is told to.
    pub async fn serve_either(&self, chains: [&str; 2], second: Arc<AtomicBool>) -> u16 {
        let [first, other] = chains.map(|it| self.acceptor(it));
        serve("good", move || if second.load(Ordering::Acquire) { other.clone() } else { first.clone() })
            .await
    }

    /// A leaf that the authority signed through another one in between.
    fn through_another(&self, chain: &str) -> (Vec<CertificateDer<'static>>, KeyPair) {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "in between");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2021, 1, 1);
        let (year, month, day) = if chain == "short-intermediate" { days_from_now(5) } else { (2089, 1, 1) };
        params.not_after = date_time_ymd(year, month, day);
        let between =
            CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &self.authority).unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2021, 1, 1), date_time_ymd(2089, 1, 1));
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &between).unwrap().der().clone();
        match chain {
            "missing-intermediate" => (vec![leaf], key),
            _ => (vec![leaf, between.der().clone(), self.authority.der().clone()], key),
        }
    }

    pub fn acceptor(&self, chain: &str) -> TlsAcceptor {
        let (chain, key) = match chain {
            "missing-intermediate" | "short-intermediate" | "with-intermediate" => {
                self.through_another(chain)
            }
            _ => {
                let (leaf, key) = self.leaf(chain);
                (vec![leaf], key)
            }
        };
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let mut config =
            rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

impl Pki {
    /// Shows its certificate only to whoever asks for `localhost` by name, and
    /// sends everybody on to `location`.
    pub async fn serve_by_name(&self, location: &str) -> u16 {
        let (leaf, key) = self.leaf("good");
        let provider = rustls::crypto::ring::default_provider();
        let key = provider.key_provider.load_private_key(PrivateKeyDer::Pkcs8(key.serialize_der().into()));
        let mut by_name = rustls::server::ResolvesServerCertUsingSni::new();
        by_name.add("localhost", rustls::sign::CertifiedKey::new(vec![leaf], key.unwrap())).unwrap();
        let config =
            rustls::ServerConfig::builder().with_no_client_auth().with_cert_resolver(Arc::new(by_name));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let answer = format!(
            "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        answering(move || acceptor.clone(), answer).await
    }
}

/// Year, month and day.
fn days_from_now(days: i64) -> (i32, u8, u8) {
    let day = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date() + jiff::Span::new().days(days);
    (i32::from(day.year()), u8::try_from(day.month()).unwrap(), u8::try_from(day.day()).unwrap())
}

async fn serve(chain: &str, acceptor: impl Fn() -> TlsAcceptor + Send + 'static) -> u16 {
    let date = match chain {
        "expired-but-server-lives-then" => "Date: Tue, 01 Jun 2021 12:00:00 GMT\r\n".to_owned(),
        _ => {
            let now = jiff::fmt::rfc2822::DateTimePrinter::new();
            format!("Date: {}\r\n", now.timestamp_to_rfc9110_string(&jiff::Timestamp::now()).unwrap())
        }
    };
    let answer = format!("HTTP/1.1 200 OK\r\n{date}Content-Length: 2\r\nConnection: close\r\n\r\nok");
    answering(acceptor, answer).await
}

async fn answering(acceptor: impl Fn() -> TlsAcceptor + Send + 'static, answer: String) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor(), answer.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut seen = Vec::new();
                while !seen.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => seen.push(byte),
                        Err(_) => return,
                    }
                }
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    port
}
