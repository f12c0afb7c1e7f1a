//! Takes the addresses the daemon listens on, and says what helps when one is refused.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use url::Url;

use crate::config::Server;
use crate::publish::{HEALTH, Publisher};
use crate::serve::tls::{self, Tls};
use crate::serve::{Door, Hosts, TrustedProxies};
use crate::service;

/// Connections the system holds until they are accepted; a smaller number makes
/// a crowd's visitors wait a second for their next try.
const BACKLOG: u32 = 1024;

/// A fault of the surroundings that the operator can mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("could not listen on {addr} for {what} ({why}): {}", remedy(*addr, key, why))]
    Listen { what: &'static str, key: &'static str, addr: SocketAddr, why: std::io::Error },
    #[error(
        "the socket that the service manager handed over cannot be used ({why}); it must be one TCP socket that listens"
    )]
    HandedOver { why: std::io::Error },
}

impl StartError {
    /// Whether somebody else listens there.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self, Self::Listen { why, .. } if why.kind() == ErrorKind::AddrInUse)
    }
}

/// What helps depends on why the system refused.
fn remedy(addr: SocketAddr, key: &str, why: &std::io::Error) -> String {
    let port = addr.port();
    let setting = match key.contains('.') {
        true => format!("`{key}` in the config"),
        // A flag or variable overruled the config.
        false => format!("`{key}`"),
    };
    match why.kind() {
        ErrorKind::AddrInUse => format!(
            "another program uses it already; change {setting}, or stop that program \
             (to find it: ss -ltnp 'sport = :{port}')"
        ),
        ErrorKind::AddrNotAvailable => format!(
            "this machine does not have that address; set {setting} to one it has \
             (to list them: ip address)"
        ),
        ErrorKind::PermissionDenied => format!(
            "this user may not listen there, often because ports below 1024 are for root; \
             set {setting} to a higher port"
        ),
        _ => format!("set {setting} to an address that can be listened on"),
    }
}

/// The page's socket: the service manager's, or one of our own.
pub(super) fn page_listener(addr: SocketAddr) -> Result<TcpListener, StartError> {
    let handed = service::handed_over().and_then(|it| it.map(TcpListener::from_std).transpose());
    match handed.map_err(|why| StartError::HandedOver { why })? {
        Some(listener) => Ok(listener),
        None => listen(addr, "the page", "server.listen"),
    }
}

/// What stands behind the page's listener.
pub(super) fn door(server: &Server, addr: SocketAddr, publisher: Arc<Publisher>) -> Result<Door, tls::Fault> {
    let files = server.tls.clone();
    let files = files.map(|it| tls::Files { certificate: it.certificate, key: it.key });
    Ok(Door {
        router: publisher.router(),
        hosts: server.public_url.as_ref().map(|it| Hosts::new(it, addr, &HEALTH)),
        proxies: TrustedProxies::new(server.trusted_proxies.clone()),
        tls: files.map(Tls::new).transpose()?.map(Arc::new),
        meters: Arc::default(),
    })
}

/// Where this machine finds the page; an address that means all of ours is asked at loopback.
pub(super) fn page_url(server: &Server, addr: SocketAddr) -> String {
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    let base = server.public_url.as_ref().map_or("/", Url::path);
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("{scheme}://{}{base}", SocketAddr::new(ip, addr.port()))
}

pub(super) fn listen(
    addr: SocketAddr,
    what: &'static str,
    key: &'static str,
) -> Result<TcpListener, StartError> {
    let bound = || {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // So that a restart need not wait for the last run's connections.
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        socket.listen(BACKLOG)
    };
    bound().map_err(|why| StartError::Listen { what, key, addr, why })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TlsFiles;

    #[test]
    fn the_page_is_where_it_can_be_opened() {
        let said = |listen: &str, public: Option<&str>, tls: bool| {
            let files = TlsFiles { certificate: "chain.pem".into(), key: "key.pem".into() };
            let public_url = public.map(|it| it.parse().unwrap());
            let server = Server { public_url, tls: tls.then_some(files), ..Server::default() };
            page_url(&server, listen.parse().unwrap())
        };
        let below = Some("https://status.example.com/login/");
        assert_eq!(said("127.0.0.1:8080", None, false), "http://127.0.0.1:8080/");
        assert_eq!(said("127.0.0.1:8080", below, false), "http://127.0.0.1:8080/login/");
        assert_eq!(said("0.0.0.0:8443", below, true), "https://127.0.0.1:8443/login/");
        assert_eq!(said("[::]:8443", None, true), "https://[::1]:8443/");
    }

    #[test]
    fn what_helps_depends_on_why_the_system_refused_and_is_said_once() {
        let said = |kind: ErrorKind| {
            let addr = SocketAddr::from(([127, 0, 0, 1], 80));
            let why = std::io::Error::new(kind, "the reason");
            let error = StartError::Listen { what: "the page", key: "server.listen", addr, why };
            format!("{:#}", anyhow::Error::from(error))
        };
        for kind in [
            ErrorKind::AddrInUse,
            ErrorKind::AddrNotAvailable,
            ErrorKind::PermissionDenied,
            ErrorKind::OutOfMemory,
        ] {
            let said = said(kind);
            assert_eq!(said.contains("another program"), kind == ErrorKind::AddrInUse, "{said}");
            assert_eq!(said.matches("the reason").count(), 1, "{said}");
            assert!(said.contains("`server.listen`") && said.contains("127.0.0.1:80"), "{said}");
        }
    }
}
