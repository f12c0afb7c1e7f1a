//! The networks we knock through, and the canaries that tell whether they work.

use jiff::Timestamp;
use url::Url;

use super::endpoint::{Endpoint, Id};
use super::health_gate::Closed;
use super::request::Proxy;

pub type NetworkId = Id;

/// The network of every endpoint that names none.
pub const DEFAULT: &str = "default";

/// Doors of others that hardly ever fail together. When most of them do, it is
/// our own network, and we know nothing of the endpoints behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    pub id: NetworkId,
    pub canaries: Vec<Canary>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Canary {
    /// `http`, `https`, or `tcp` with a port.
    pub url: Url,
    /// What only the real one says; a captive portal does not.
    pub contains: Option<String>,
    /// That of all endpoints; none for `tcp`, which no proxy carries.
    pub proxy: Option<Proxy>,
}

impl Canary {
    /// Whether somebody must be asked for its address.
    pub fn has_name(&self) -> bool {
        // An address of a scheme that browsers do not know stays a name to the parser.
        self.url.host_str().is_some_and(|host| {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            bare.parse::<core::net::IpAddr>().is_err()
        })
    }
}

impl Network {
    /// Whether `endpoint` is knocked at through this one.
    pub fn stands_for(&self, endpoint: &Endpoint) -> bool {
        name_of(endpoint) == self.id.as_str()
    }
}

/// The id of an endpoint's network, whether the config has such a network or not.
pub fn name_of(endpoint: &Endpoint) -> &str {
    endpoint.network.as_ref().map_or(DEFAULT, Id::as_str)
}

/// A network through which nothing can be learnt now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    pub network: NetworkId,
    pub since: Timestamp,
    pub why: Closed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_nobody_asked_whatever_its_scheme() {
        let has_name =
            |url: &str| Canary { url: Url::parse(url).unwrap(), contains: None, proxy: None }.has_name();
        for address in ["http://192.0.2.1/", "tcp://192.0.2.1:53", "tcp://[2001:db8::1]:53", "https://[::1]/"]
        {
            assert!(!has_name(address), "{address}");
        }
        assert!(has_name("tcp://canary.example:443") && has_name("http://canary.example/"));
    }
}
