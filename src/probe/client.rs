//! The one constructor of outbound clients, and the marks it leaves on the way out.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, NamedGroup, SignatureScheme};
use url::Url;

use super::classify::DnsFault;

/// A name is asked again after at most this, whatever its TTL says.
const DNS_CACHE: Duration = Duration::from_secs(60);
/// A name that failed is asked again by the confirming probe.
const DNS_NEGATIVE_CACHE: Duration = Duration::from_secs(1);
/// Where the system says whom to ask.
const RESOLVERS: &str = "/etc/resolv.conf";
/// Names remembered by the resolver.
const DNS_CACHE_SIZE: u64 = 1024;

/// Says who knocks; the version helps a target's operator to report us.
const USER_AGENT: &str = concat!("porchlight/", env!("CARGO_PKG_VERSION"), " (status page monitor)");

/// What all clients share: who is trusted, and who is asked for names.
pub struct Outbound {
    verifier: Mutex<Option<Arc<dyn ServerCertVerifier>>>,
    resolver: Mutex<Option<Resolver>>,
    /// Asked instead of the system's resolvers.
    nameserver: Option<SocketAddr>,
    /// Trusts nobody; for plain HTTP, where nobody asks.
    no_tls: rustls::ClientConfig,
}

/// The resolver, and the configuration it was made from.
#[derive(Clone)]
struct Resolver {
    resolver: TokioResolver,
    configured: Option<SystemTime>,
}

/// How strictly a server's certificate is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dates {
    Judged,
    /// The chain and name are verified at this time instead of now; only for
    /// asking a server what time it thinks it is.
    ReadAt(UnixTime),
}

/// Instants noted while one request goes out. Each is set at most once.
#[derive(Debug, Default, Clone)]
pub struct Marks {
    pub connect_began: Option<Instant>,
    pub dns_began: Option<Instant>,
    pub dns_ended: Option<Instant>,
    pub dns_fault: Option<DnsFault>,
    /// The first byte of the handshake is written: the connection stands.
    pub tls_began: Option<Instant>,
    pub connect_ended: Option<Instant>,
    pub certificate_fault: Option<rustls::CertificateError>,
    /// The earliest end in the chain that was shown.
    pub certificate_until: Option<jiff::Timestamp>,
}

/// The marks of one request, shared with the hooks inside its client.
#[derive(Debug, Default, Clone)]
pub struct Trace(Arc<Mutex<Marks>>);

impl Trace {
    pub fn marks(&self) -> Marks {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, note: impl FnOnce(&mut Marks)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Outbound {
    pub fn new() -> Self {
        Self { verifier: Mutex::default(), resolver: Mutex::default(), nameserver: None, no_tls: no_tls() }
    }

    /// Trusts exactly what `verifier` accepts, for targets with roots of their own.
    pub fn trusting(verifier: Arc<dyn ServerCertVerifier>) -> Self {
        Self { verifier: Mutex::new(Some(verifier)), ..Self::new() }
    }

    /// Asks this name server and no other.
    pub fn asking(self, nameserver: SocketAddr) -> Self {
        Self { nameserver: Some(nameserver), ..self }
    }

    /// A client for one request: a fresh connection, no proxy from the
    /// environment, no redirect followed, no cookie kept.
    pub fn client(&self, url: &Url, trace: &Trace, dates: Dates) -> Result<reqwest::Client, String> {
        let tls = if url.scheme() == "https" { self.traced_tls(trace, dates)? } else { self.no_tls.clone() };
        // An address in the URL needs nobody asked.
        let resolver = url.domain().and_then(|_| self.resolver().ok());
        #[expect(clippy::disallowed_methods, reason = "the one constructor of outbound clients")]
        let builder = reqwest::Client::builder();
        builder
            .no_proxy()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .user_agent(USER_AGENT)
            .dns_resolver(Names { resolver, trace: trace.clone() })
            .connector_layer(ConnectMark(trace.clone()))
            .build()
            .map_err(|error| error.to_string())
    }

    fn traced_tls(&self, trace: &Trace, dates: Dates) -> Result<rustls::ClientConfig, String> {
        let verifier = Verifier { inner: self.verifier()?, trace: trace.clone(), dates };
        let mut tls = rustls::ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        tls.resumption = Resumption::store(Arc::new(HandshakeMark(trace.clone())));
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(tls)
    }

    /// Loaded when first needed: the system's roots are a megabyte. A failure
    /// is not kept, so that roots installed later are found.
    fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, String> {
        let mut kept = self.verifier.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verifier) = &*kept {
            return Ok(verifier.clone());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = rustls_platform_verifier::Verifier::new(provider).map_err(|it| it.to_string())?;
        Ok(kept.insert(Arc::new(verifier)).clone())
    }

    /// Made anew when the system's configuration has changed: a machine that
    /// moves to another network gets other resolvers.
    fn resolver(&self) -> Result<TokioResolver, String> {
        let configured = std::fs::metadata(RESOLVERS).and_then(|it| it.modified()).ok();
        let mut kept = self.resolver.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.as_ref().filter(|known| known.configured == configured) {
            return Ok(known.resolver.clone());
        }
        let mut builder = match self.nameserver {
            Some(nameserver) => {
                TokioResolver::builder_with_config(only(nameserver), TokioRuntimeProvider::default())
            }
            None => TokioResolver::builder_tokio().map_err(|it| it.to_string())?,
        };
        let options = builder.options_mut();
        options.cache_size = DNS_CACHE_SIZE;
        options.positive_max_ttl = Some(DNS_CACHE);
        options.negative_max_ttl = Some(DNS_NEGATIVE_CACHE);
        let resolver = builder.build().map_err(|it| it.to_string())?;
        Ok(kept.insert(Resolver { resolver, configured }).resolver.clone())
    }
}

fn only(nameserver: SocketAddr) -> ResolverConfig {
    let mut connection = ConnectionConfig::udp();
    connection.port = nameserver.port();
    let server = NameServerConfig::new(nameserver.ip(), true, vec![connection]);
    ResolverConfig::from_parts(None, vec![], vec![server])
}

fn no_tls() -> rustls::ClientConfig {
    rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

impl Default for Outbound {
    fn default() -> Self {
        Self::new()
    }
}

/// Resolves names and notes how long it took and how it failed.
struct Names {
    resolver: Option<TokioResolver>,
    trace: Trace,
}

impl reqwest::dns::Resolve for Names {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let (resolver, trace) = (self.resolver.clone(), self.trace.clone());
        Box::pin(async move {
            trace.note(|marks| marks.dns_began = Some(now()));
            let answer = match resolver {
                // The trailing dot: an operator's name is never tried in search domains.
                Some(resolver) => resolver.lookup_ip(absolute(name.as_str())).await.map_err(Some),
                None => Err(None),
            };
            trace.note(|marks| marks.dns_ended = Some(now()));
            match answer {
                Ok(found) => {
                    let addresses: Vec<SocketAddr> = found.iter().map(|ip| SocketAddr::new(ip, 0)).collect();
                    let addresses: reqwest::dns::Addrs = Box::new(addresses.into_iter());
                    Ok(addresses)
                }
                Err(error) => {
                    trace.note(|marks| marks.dns_fault = Some(dns_fault(error.as_ref())));
                    Err(error.map_or_else(|| "no resolver is configured".into(), Into::into))
                }
            }
        })
    }
}

/// `localhost` is left as it is, so that the hosts file is asked for it.
fn absolute(name: &str) -> String {
    if name.ends_with('.') || !name.contains('.') { name.to_owned() } else { format!("{name}.") }
}

fn dns_fault(error: Option<&NetError>) -> DnsFault {
    match error {
        None => DnsFault::NoResolver,
        Some(error) if error.is_nx_domain() => DnsFault::NoSuchName,
        Some(error) if error.is_no_records_found() => DnsFault::NoAddress,
        Some(NetError::Io(error)) => DnsFault::Io(error.raw_os_error()),
        // Not one name server could be reached.
        Some(NetError::NoConnections) => DnsFault::Io(None),
        Some(_) => DnsFault::Other,
    }
}

/// Never resumes a session; being asked for one means the handshake begins.
#[derive(Debug)]
struct HandshakeMark(Trace);

impl ClientSessionStore for HandshakeMark {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.note(|marks| {
            marks.tls_began.get_or_insert_with(now);
        });
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

/// Verifies as the shared verifier does, and keeps what it said against the certificate.
#[derive(Debug)]
struct Verifier {
    inner: Arc<dyn ServerCertVerifier>,
    trace: Trace,
    dates: Dates,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let at = match self.dates {
            Dates::Judged => now,
            Dates::ReadAt(at) => at,
        };
        let verified = self.inner.verify_server_cert(leaf, intermediates, name, ocsp, at);
        let ends = std::iter::once(leaf).chain(intermediates);
        let until = ends.filter_map(|it| super::certificate::not_after(it)).min();
        self.trace.note(|marks| marks.certificate_until = until);
        if let Err(rustls::Error::InvalidCertificate(fault)) = &verified {
            self.trace.note(|marks| marks.certificate_fault = Some(fault.clone()));
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Notes when connecting begins and ends, the lookup and the handshake included.
#[derive(Clone)]
struct ConnectMark(Trace);

#[derive(Clone)]
struct Connecting<S> {
    inner: S,
    trace: Trace,
}

impl<S> tower::Layer<S> for ConnectMark {
    type Service = Connecting<S>;

    fn layer(&self, inner: S) -> Connecting<S> {
        Connecting { inner, trace: self.0.clone() }
    }
}

impl<S, R> tower::Service<R> for Connecting<S>
where
    S: tower::Service<R>,
    S::Future: Send + 'static,
    S::Response: 'static,
    S::Error: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let trace = self.trace.clone();
        trace.note(|marks| marks.connect_began = Some(now()));
        let connected = self.inner.call(request);
        Box::pin(async move {
            let connected = connected.await;
            if connected.is_ok() {
                trace.note(|marks| marks.connect_ended = Some(now()));
            }
            connected
        })
    }
}

/// The raw number of the first error of the system in a chain of causes.
pub fn os_error(error: &(dyn std::error::Error + 'static)) -> Option<i32> {
    super::classify::causes(error).find_map(|it| it.downcast_ref::<io::Error>()?.raw_os_error())
}

#[expect(clippy::disallowed_methods, reason = "phases are durations between instants, never told as times")]
pub fn now() -> Instant {
    Instant::now()
}
