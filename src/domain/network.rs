//! The networks we knock through, and the canaries that tell whether they work.

use url::Url;

use super::endpoint::Id;
use super::request::Proxy;

pub type NetworkId = Id;

/// The group of every endpoint that names none.
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
    pub proxy: Option<Proxy>,
}
