//! The one constructor of outbound clients, and what all of them share.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hickory_resolver::TokioResolver;
use reqwest::header::HeaderMap;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;

use super::classify::DnsFault;
use super::greeting::Greeting;
use super::marks::{ConnectMark, HandshakeMark, Trace};
use super::names::{self, Names};
use super::proxy;
use super::verify::{Dates, Verifier};
use crate::domain::endpoint::EndpointId;
use crate::domain::request::Request;

/// Where the system says whom to ask.
const RESOLVERS: &str = "/etc/resolv.conf";

/// The way out: what all connections share, and which addresses they may take.
#[derive(Clone)]
pub struct Outbound {
    shared: Arc<Shared>,
    only: Only,
    greeting: Arc<Greeting>,
    /// What every request of the knock under way says of us.
    said: HeaderMap,
    /// The host of whom [`Only::This`] is an address; others have their own.
    host: Option<Arc<str>>,
    /// Every connection goes to this socket, whatever its URL names.
    #[cfg(feature = "simulation")]
    socket: Option<std::path::PathBuf>,
}

/// Which addresses of a name are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Only {
    #[default]
    Any,
    Ipv4,
    Ipv6,
    This(IpAddr),
}

impl Only {
    pub fn takes(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Ipv4 => address.is_ipv4(),
            Self::Ipv6 => address.is_ipv6(),
            Self::This(one) => address == one,
        }
    }

    /// Where a connection of a forced family begins.
    fn local(self) -> Option<IpAddr> {
        match self {
            Self::Any | Self::This(_) => None,
            Self::Ipv4 => Some(Ipv4Addr::UNSPECIFIED.into()),
            Self::Ipv6 => Some(Ipv6Addr::UNSPECIFIED.into()),
        }
    }
}

/// Who is trusted, and who is asked for names.
struct Shared {
    verifier: Mutex<Option<Arc<dyn ServerCertVerifier>>>,
    resolver: Mutex<Option<Resolver>>,
    /// Asked instead of the system's resolvers.
    nameserver: Option<SocketAddr>,
    /// Trusts nobody; for plain HTTP, where nobody asks.
    no_tls: rustls::ClientConfig,
    #[cfg(feature = "simulation")]
    wire: Option<Arc<dyn super::wire::Wire>>,
}

/// The resolver, and the configuration it was made from.
#[derive(Clone)]
struct Resolver {
    resolver: TokioResolver,
    configured: Option<SystemTime>,
}

impl Outbound {
    pub fn new() -> Self {
        Self::made(None, None)
    }

    fn made(verifier: Option<Arc<dyn ServerCertVerifier>>, nameserver: Option<SocketAddr>) -> Self {
        let (verifier, resolver) = (Mutex::new(verifier), Mutex::default());
        let shared = Shared {
            verifier,
            resolver,
            nameserver,
            no_tls: no_tls(),
            #[cfg(feature = "simulation")]
            wire: None,
        };
        Self::over(shared)
    }

    fn over(shared: Shared) -> Self {
        let greeting: Arc<Greeting> = Arc::default();
        let said = greeting.headers(None, 0);
        Self {
            shared: Arc::new(shared),
            only: Only::Any,
            host: None,
            greeting,
            said,
            #[cfg(feature = "simulation")]
            socket: None,
        }
    }

    /// Requests go nowhere: they are answered in memory.
    #[cfg(feature = "simulation")]
    pub fn answered_by(wire: Arc<dyn super::wire::Wire>) -> Self {
        let shared = Shared {
            verifier: Mutex::default(),
            resolver: Mutex::default(),
            nameserver: None,
            no_tls: no_tls(),
            wire: Some(wire),
        };
        Self::over(shared)
    }

    /// Sends what a client of ours has made ready.
    pub(super) async fn send(
        &self,
        request: reqwest::RequestBuilder,
        trace: &Trace,
    ) -> Result<reqwest::Response, reqwest::Error> {
        #[cfg(feature = "simulation")]
        if let Some(wire) = &self.shared.wire {
            return super::wire::send(wire, request.build()?, trace).await;
        }
        // Its hooks have it already.
        let _ = trace;
        request.send().await
    }

    /// The same way, taking these addresses alone.
    pub fn only(&self, only: Only) -> Self {
        Self { only, ..self.clone() }
    }

    /// Says this of us from now on.
    pub fn introducing(self, greeting: Greeting) -> Self {
        let said = greeting.headers(None, 0);
        Self { greeting: Arc::new(greeting), said, ..self }
    }

    /// The same way for one knock at this endpoint.
    pub fn to(&self, endpoint: &EndpointId) -> Self {
        Self { said: self.greeting.headers(Some(endpoint), rand::random()), ..self.clone() }
    }

    /// The same way, taking this address of that host alone.
    pub fn only_this(&self, host: &str, address: IpAddr) -> Self {
        Self { only: Only::This(address), host: Some(host.into()), ..self.clone() }
    }

    /// Which addresses of a host are used.
    fn only_of(&self, host: &str) -> Only {
        match self.only {
            Only::This(_) if self.host.as_deref() != Some(host) => Only::Any,
            only => only,
        }
    }

    /// The addresses of a name, or the one that is written in its place.
    pub async fn addresses(&self, host: &str, trace: &Trace) -> Result<Vec<IpAddr>, DnsFault> {
        let only = self.only_of(host);
        if let Only::This(address) = only {
            return Ok(vec![address]);
        }
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let resolver = self.resolver().ok();
        names::look_up(resolver.as_ref(), host, only, trace).await.map_err(|(fault, _)| fault)
    }

    /// Whom the machine asks, or the one that is asked in their place.
    pub fn resolvers(&self) -> Result<Vec<SocketAddr>, String> {
        match self.shared.nameserver {
            Some(one) => Ok(vec![one]),
            None => names::configured(),
        }
    }

    /// Trusts exactly what `verifier` accepts, for targets with roots of their own.
    pub fn trusting(verifier: Arc<dyn ServerCertVerifier>) -> Self {
        Self::made(Some(verifier), None)
    }

    /// Asks this name server and no other.
    pub fn asking(self, nameserver: SocketAddr) -> Self {
        let verifier = self.shared.verifier.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { greeting: self.greeting, said: self.said, ..Self::made(verifier, Some(nameserver)) }
    }

    /// Connects to the Unix socket at `socket` instead of looking a name up and
    /// dialling its address. All else is as ever, the handshake included.
    #[cfg(feature = "simulation")]
    pub fn through(self, socket: std::path::PathBuf) -> Self {
        Self { socket: Some(socket), ..self }
    }

    /// A client for one request: a fresh connection, no proxy but the one it
    /// names, no redirect followed, no cookie kept.
    pub fn client(&self, request: &Request, trace: &Trace, dates: Dates) -> Result<reqwest::Client, String> {
        let url = &request.url;
        let tls =
            if url.scheme() == "https" { self.traced_tls(trace, dates)? } else { self.shared.no_tls.clone() };
        let hop = request.proxy.as_ref().map(proxy::hop).transpose()?;
        let proxy_host = request.proxy.as_ref().and_then(|it| it.url.host_str());
        // An address in the URL needs nobody asked.
        let asks = url.domain().is_some() || proxy_host.is_some();
        let resolver = if asks { self.resolver().ok() } else { None };
        let port = url.port_or_known_default().unwrap_or_default();
        let fence = request.fence.clone().map(|it| (it, port));
        #[expect(clippy::disallowed_methods, reason = "the one constructor of outbound clients")]
        let builder = reqwest::Client::builder();
        // Before a proxy of ours is named, those of the environment are forgotten.
        let builder = builder.no_proxy();
        let builder = match hop {
            Some(hop) => builder.proxy(hop),
            None => builder,
        };
        #[cfg(feature = "simulation")]
        let builder = match &self.socket {
            Some(socket) => builder.unix_socket(socket.as_path()),
            None => builder,
        };
        // By itself the client sends anything again after a GOAWAY, a login too.
        let builder = match request.method.reads() {
            true => builder,
            false => builder.retry(reqwest::retry::never()),
        };
        builder
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .default_headers(self.said.clone())
            .dns_resolver(Names {
                resolver,
                trace: trace.clone(),
                proxy: proxy_host.map(str::to_owned),
                only: self.only_of(url.host_str().unwrap_or_default()),
                fence,
            })
            .local_address(self.only.local())
            .connector_layer(ConnectMark(trace.clone()))
            .build()
            .map_err(|error| error.to_string())
    }

    /// TLS for a connection that speaks no HTTP.
    pub fn bare_tls(&self, trace: &Trace) -> Result<rustls::ClientConfig, String> {
        let mut tls = self.traced_tls(trace, Dates::Judged)?;
        tls.alpn_protocols = Vec::new();
        Ok(tls)
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
        let mut kept = self.shared.verifier.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verifier) = &*kept {
            return Ok(verifier.clone());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = rustls_platform_verifier::Verifier::new(provider).map_err(|it| it.to_string())?;
        Ok(kept.insert(Arc::new(verifier)).clone())
    }

    /// Made anew when the system's configuration has changed: a machine that
    /// moves to another network gets other resolvers.
    pub(super) fn resolver(&self) -> Result<TokioResolver, String> {
        let configured = std::fs::metadata(RESOLVERS).and_then(|it| it.modified()).ok();
        let mut kept = self.shared.resolver.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.as_ref().filter(|known| known.configured == configured) {
            return Ok(known.resolver.clone());
        }
        let resolver = names::resolver(self.shared.nameserver)?;
        Ok(kept.insert(Resolver { resolver, configured }).resolver.clone())
    }
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
