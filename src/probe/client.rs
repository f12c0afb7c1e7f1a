//! The one constructor of outbound clients. Requests share a few of them, which
//! keep no connection and know nobody: see [`Errand`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use reqwest::header::HeaderMap;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use url::Url;

use super::classify::DnsFault;
use super::errand::Errand;
use super::greeting::Greeting;
use super::marks::{ConnectMark, HandshakeMark, Trace};
use super::names::{self, Names};
use super::proxy;
use super::verify::{Dates, Verifier};
use crate::domain::endpoint::EndpointId;
use crate::domain::request::Request;

/// Where the system says whom to ask.
const RESOLVERS: &str = "/etc/resolv.conf";
/// Of the headers of one HTTP/2 answer; four times what its library takes by itself.
const HEAD_LIMIT: u32 = 64 << 10;

/// The way out: what all connections share, and which addresses they may take.
#[derive(Clone)]
pub struct Outbound {
    shared: Arc<Shared>,
    only: Only,
    greeting: Arc<Greeting>,
    /// What every request of the knock under way says of us.
    said: Arc<HeaderMap>,
    /// The host of whom [`Only::This`] is an address; others have their own.
    host: Option<Arc<str>>,
}

/// One request's client: it takes the addresses, leaves the marks and says of us
/// what this request wants.
pub struct Client {
    client: reqwest::Client,
    errand: Errand,
    said: Arc<HeaderMap>,
    #[cfg(feature = "simulation")]
    wire: Option<Arc<dyn super::wire::Wire>>,
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

/// Who is trusted, who is asked for names, and the clients made of it.
#[derive(Default)]
struct Shared {
    verifier: Mutex<Option<Arc<dyn ServerCertVerifier>>>,
    resolver: Mutex<Option<Resolver>>,
    /// Asked instead of the system's resolvers.
    nameserver: Option<SocketAddr>,
    /// By what cannot differ within one: at most twelve.
    clients: Mutex<Vec<(Shape, reqwest::Client)>>,
    /// For connections that speak no HTTP.
    bare_tls: Mutex<Option<Arc<rustls::ClientConfig>>>,
    #[cfg(feature = "simulation")]
    wire: Option<Arc<dyn super::wire::Wire>>,
    /// Every connection goes to this socket, whatever its URL names.
    #[cfg(feature = "simulation")]
    socket: Option<std::path::PathBuf>,
}

/// What a client is made for. Without TLS the system's roots, a megabyte, are
/// not loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    local: Option<IpAddr>,
    tls: bool,
    /// It changes nothing there.
    reads: bool,
}

/// The resolver, and the configuration it was made from.
#[derive(Clone)]
struct Resolver {
    resolver: names::Resolver,
    configured: Option<SystemTime>,
}

impl Outbound {
    pub fn new() -> Self {
        Self::made(None, None)
    }

    fn made(verifier: Option<Arc<dyn ServerCertVerifier>>, nameserver: Option<SocketAddr>) -> Self {
        Self::over(Shared { verifier: Mutex::new(verifier), nameserver, ..Shared::default() })
    }

    fn over(shared: Shared) -> Self {
        let greeting: Arc<Greeting> = Arc::default();
        let said = Arc::new(greeting.headers(None, 0));
        Self { shared: Arc::new(shared), only: Only::Any, host: None, greeting, said }
    }

    /// Requests go nowhere: they are answered in memory.
    #[cfg(feature = "simulation")]
    pub fn answered_by(wire: Arc<dyn super::wire::Wire>) -> Self {
        Self::over(Shared { wire: Some(wire), ..Shared::default() })
    }

    /// The same way, taking these addresses alone.
    pub fn only(&self, only: Only) -> Self {
        Self { only, ..self.clone() }
    }

    /// Says this of us from now on.
    pub fn introducing(self, greeting: Greeting) -> Self {
        let said = Arc::new(greeting.headers(None, 0));
        Self { greeting: Arc::new(greeting), said, ..self }
    }

    /// The same way for one knock at this endpoint.
    pub fn to(&self, endpoint: &EndpointId) -> Self {
        let said = Arc::new(self.greeting.headers(Some(endpoint), rand::random()));
        Self { said, ..self.clone() }
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
        let verifier = self.shared.verifier.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self::over(Shared { verifier: Mutex::new(verifier), socket: Some(socket), ..Shared::default() })
    }

    /// A client for one request: a fresh connection, no proxy but the one it
    /// names, no redirect followed, no cookie kept.
    pub fn client(&self, request: &Request, trace: &Trace, dates: Dates) -> Result<Client, String> {
        let url = &request.url;
        let reads = request.method.reads();
        let shape = Shape { local: self.only.local(), tls: url.scheme() == "https", reads };
        let client = match &request.proxy {
            Some(proxy) => self.build(shape, Some(proxy::hop(proxy)?))?,
            None => self.kept(shape)?,
        };
        let proxy_host = request.proxy.as_ref().and_then(|it| it.url.host_str());
        // An address in the URL needs nobody asked.
        let asks = url.domain().is_some() || proxy_host.is_some();
        let port = url.port_or_known_default().unwrap_or_default();
        let errand = Errand {
            trace: trace.clone(),
            dates,
            resolver: if asks { self.resolver().ok() } else { None },
            proxy: proxy_host.map(str::to_owned),
            only: self.only_of(url.host_str().unwrap_or_default()),
            fence: request.fence.clone().map(|it| (it, port)),
        };
        Ok(Client {
            client,
            errand,
            said: Arc::clone(&self.said),
            #[cfg(feature = "simulation")]
            wire: self.shared.wire.clone(),
        })
    }

    fn kept(&self, shape: Shape) -> Result<reqwest::Client, String> {
        let mut kept = self.shared.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = kept.iter().find(|(known, _)| *known == shape) {
            return Ok(client.clone());
        }
        let client = self.build(shape, None)?;
        kept.push((shape, client.clone()));
        Ok(client)
    }

    fn build(&self, shape: Shape, hop: Option<reqwest::Proxy>) -> Result<reqwest::Client, String> {
        let tls = if shape.tls { self.tls()? } else { no_tls() };
        #[expect(clippy::disallowed_methods, reason = "the one constructor of outbound clients")]
        let builder = reqwest::Client::builder();
        // Before a proxy of ours is named, those of the environment are forgotten.
        let builder = builder.no_proxy();
        let builder = match hop {
            // It is told who asks for a tunnel.
            Some(hop) => builder.proxy(hop).default_headers(HeaderMap::clone(&self.said)),
            None => builder,
        };
        #[cfg(feature = "simulation")]
        let builder = match &self.shared.socket {
            Some(socket) => builder.unix_socket(socket.as_path()),
            None => builder,
        };
        // By itself the client sends anything again after a GOAWAY, a login too.
        let builder = match shape.reads {
            true => builder,
            false => builder.retry(reqwest::retry::never()),
        };
        builder
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .http2_max_header_list_size(HEAD_LIMIT)
            .dns_resolver(Names)
            .local_address(shape.local)
            .connector_layer(ConnectMark)
            .build()
            .map_err(|error| error.to_string())
    }

    /// TLS for a connection that speaks no HTTP, to be begun on an [`Errand`].
    pub fn bare_tls(&self) -> Result<Arc<rustls::ClientConfig>, String> {
        let mut kept = self.shared.bare_tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tls) = &*kept {
            return Ok(Arc::clone(tls));
        }
        let mut tls = self.tls()?;
        tls.alpn_protocols = Vec::new();
        Ok(Arc::clone(kept.insert(Arc::new(tls))))
    }

    fn tls(&self) -> Result<rustls::ClientConfig, String> {
        let mut tls = rustls::ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier(self.verifier()?)))
            .with_no_client_auth();
        tls.resumption = Resumption::store(Arc::new(HandshakeMark));
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
    pub(super) fn resolver(&self) -> Result<names::Resolver, String> {
        let configured = std::fs::metadata(RESOLVERS).and_then(|it| it.modified()).ok();
        let mut kept = self.shared.resolver.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.as_ref().filter(|known| known.configured == configured) {
            return Ok(known.resolver.clone());
        }
        let resolver = names::Resolver::new(self.shared.nameserver)?;
        Ok(kept.insert(Resolver { resolver, configured }).resolver.clone())
    }
}

impl Client {
    pub fn request(&self, method: reqwest::Method, url: Url) -> reqwest::RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends what it has made ready. Who we are is said where the request does
    /// not say it in words of its own.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, reqwest::Error> {
        let mut request = request.build()?;
        let headers = request.headers_mut();
        for (name, value) in self.said.iter() {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        #[cfg(feature = "simulation")]
        if let Some(wire) = &self.wire {
            return super::wire::send(wire, request, &self.errand.trace).await;
        }
        self.errand.clone().run(async { self.client.execute(request).await }).await
    }
}

/// Trusts nobody; for plain HTTP, where nobody asks.
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn answer(mut stream: TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut head).await.unwrap();
        }
        // Whom it wanted is said back.
        let from = stream.local_addr().unwrap().ip().to_string();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{from}", from.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    #[tokio::test]
    async fn requests_share_a_client_and_nothing_of_their_errands() {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let door: Request = Request::get(format!("http://door.test:{port}/").parse().unwrap());
        let all = Outbound::new();
        let to = |ip: &str| all.only_this("door.test", ip.parse().unwrap());
        let knock = async |outbound: Outbound| {
            let trace = Trace::default();
            let client = outbound.client(&door, &trace, Dates::Judged).unwrap();
            let asked = client.request(reqwest::Method::GET, door.url.clone());
            let said = client.send(asked).await.unwrap().text().await.unwrap();
            (said, trace.marks().ends.unwrap().1.ip().to_string())
        };
        let answers = async {
            // Both connections stand before either is answered.
            let (one, _) = listener.accept().await.unwrap();
            let (other, _) = listener.accept().await.unwrap();
            tokio::join!(answer(one), answer(other));
        };
        let (one, other, ()) = tokio::join!(knock(to("127.0.0.1")), knock(to("127.0.0.2")), answers);
        assert_eq!(one, ("127.0.0.1".to_owned(), "127.0.0.1".to_owned()));
        assert_eq!(other, ("127.0.0.2".to_owned(), "127.0.0.2".to_owned()));
        assert_eq!(all.shared.clients.lock().unwrap().len(), 1);
    }

    #[test]
    fn what_may_not_be_sent_again_has_a_client_of_its_own() {
        let shape = |reads| Shape { local: None, tls: false, reads };
        let all = Outbound::new();
        all.kept(shape(true)).unwrap();
        all.kept(shape(false)).unwrap();
        all.only(Only::Ipv4).kept(shape(true)).unwrap();
        assert_eq!(all.shared.clients.lock().unwrap().len(), 2);
    }
}
