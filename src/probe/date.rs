//! A certificate out of date, or our clock? Asks the server what time it is.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::Method;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;

use super::client::Outbound;
use super::marks::Trace;
use super::verify::Dates;
use crate::domain::request::Request;

/// The second look is a courtesy; it may not hold a round up for long.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether the certificate that failed on its dates is good by the server's own
/// clock. Then one of two clocks is wrong, and nobody can say whose.
///
/// The look carries no credential: it asks for the origin's root with HEAD,
/// over a connection whose chain and name are verified at a date inside the
/// certificate's validity.
pub async fn disagrees(outbound: &Outbound, request: &Request, trace: &Trace, now: Timestamp) -> bool {
    let Some(edge) = trace.marks().certificate_fault.as_ref().and_then(edge) else { return false };
    let second = Trace::default();
    let Ok(client) = outbound.client(request, &second, Dates::ReadAt(edge.inside())) else {
        return false;
    };
    let Ok(root) = request.url.join("/") else { return false };
    let Ok(Ok(response)) =
        tokio::time::timeout(PATIENCE, client.send(client.request(Method::HEAD, root))).await
    else {
        return false;
    };
    let date = response.headers().get(reqwest::header::DATE).and_then(|it| it.to_str().ok());
    let Some(theirs) = date.and_then(|it| rfc2822::parse(it).ok()) else { return false };
    let theirs = theirs.timestamp();
    tracing::debug!("The server says it is {theirs}, we say {now}");
    edge.holds(theirs)
}

/// The edge of validity our clock is beyond, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    NotAfter(u64),
    NotBefore(u64),
}

fn edge(fault: &CertificateError) -> Option<Edge> {
    match fault {
        CertificateError::ExpiredContext { not_after, .. } => Some(Edge::NotAfter(not_after.as_secs())),
        CertificateError::NotValidYetContext { not_before, .. } => {
            Some(Edge::NotBefore(not_before.as_secs()))
        }
        _ => None,
    }
}

impl Edge {
    fn inside(self) -> UnixTime {
        let second = match self {
            Self::NotAfter(second) => second.saturating_sub(1),
            Self::NotBefore(second) => second.saturating_add(1),
        };
        UnixTime::since_unix_epoch(Duration::from_secs(second))
    }

    fn holds(self, at: Timestamp) -> bool {
        let second = u64::try_from(at.as_second()).unwrap_or_default();
        match self {
            Self::NotAfter(edge) => second <= edge,
            Self::NotBefore(edge) => edge <= second,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_date_decides_on_which_side_of_the_edge_it_stands() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(Edge::NotAfter(1000).holds(at(1000)));
        assert!(!Edge::NotAfter(1000).holds(at(1001)));
        assert!(Edge::NotBefore(1000).holds(at(1000)));
        assert!(!Edge::NotBefore(1000).holds(at(999)));
    }
}
