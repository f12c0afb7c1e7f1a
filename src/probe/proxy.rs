//! Whose fault it is when a proxy of ours stands in between.

use reqwest::header::{HeaderMap, VIA};

use super::classify::causes;
use super::http::plain;
use super::marks::Marks;
use crate::domain::outcome::{Outcome, UnknownReason};
use crate::domain::request::{Proxy, Request};

/// Our proxy is our network.
pub const OURS: Outcome = Outcome::Unknown(UnknownReason::OwnNetwork);

/// How the library words the reply 5 of SOCKS, which it keeps to itself otherwise.
const SOCKS_REFUSED: &str = "SOCKS error: connection refused";

/// How a request goes through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Plain HTTP, handed on by the proxy.
    Forwarded,
    /// Through a tunnel the proxy digs (CONNECT); TLS begins when it stands.
    Tunnel,
    /// Through SOCKS; with TLS inside it or not.
    Socks { tls: bool, asks_for_names: bool },
}

/// What can honestly be told of the endpoint through a proxy:
///
/// | way | what happened | outcome |
/// | --- | --- | --- |
/// | any | the proxy's name is not found; it refuses, hangs up, is silent or wants other credentials | `own_network` |
/// | tunnel | CONNECT is answered with anything but 200 | `own_network` |
/// | SOCKS | it says that the endpoint's machine refused the connection | `connect_refused` |
/// | SOCKS | it says anything else against it, or nothing until the deadline | `own_network` |
/// | SOCKS, names asked by us | our resolver does not find the endpoint's name | as without a proxy |
/// | tunnel, SOCKS | all that follows once the way stands: TLS, status, body, time | as without a proxy |
/// | forwarded | no head of an answer, for whatever reason | `own_network` |
/// | forwarded | 407, 502, 503 or 504: it cannot be told who says so | `own_network` |
/// | forwarded | 400 or more without `Via`, which a proxy adds to what it hands on | `own_network` |
/// | forwarded | any other answer | as without a proxy |
impl Way {
    pub fn of(request: &Request) -> Option<Self> {
        let tls = request.url.scheme() == "https";
        Some(match request.proxy.as_ref()?.url.scheme() {
            "http" if tls => Self::Tunnel,
            "http" => Self::Forwarded,
            scheme => Self::Socks { tls, asks_for_names: scheme == "socks5" },
        })
    }

    /// Whether it is we who look up the endpoint's name.
    pub fn asks_for_names(self) -> bool {
        matches!(self, Self::Socks { asks_for_names: true, .. })
    }

    /// Whether a request without an answer failed on our side of the way.
    pub fn is_ours(self, marks: &Marks, error: Option<&reqwest::Error>) -> bool {
        let stands = match self {
            Self::Forwarded => false,
            Self::Tunnel | Self::Socks { tls: true, .. } => marks.tls_began.is_some(),
            Self::Socks { tls: false, .. } => marks.connect_ended.is_some(),
        };
        let theirs = self.asks_for_names() && marks.dns_fault.is_some() && !marks.proxy_unknown;
        !stands && !theirs && !error.is_some_and(|it| self.was_refused(it))
    }

    /// Whether SOCKS says that the endpoint's machine refused the connection.
    pub fn was_refused(self, error: &reqwest::Error) -> bool {
        let is_socks = matches!(self, Self::Socks { .. });
        is_socks && causes(error).any(|it| it.to_string() == SOCKS_REFUSED)
    }

    /// Whether an answer that was not expected may be the proxy's own.
    pub fn says_so_itself(self, status: u16, headers: &HeaderMap) -> bool {
        let doubtful = matches!(status, 407 | 502..=504) || (400 <= status && !headers.contains_key(VIA));
        self == Self::Forwarded && doubtful
    }
}

/// The proxy as the client wants it. What fails never says the password.
pub fn hop(proxy: &Proxy) -> Result<reqwest::Proxy, String> {
    let hop = reqwest::Proxy::all(proxy.url.as_str()).map_err(|error| error.to_string())?;
    Ok(match &proxy.login {
        Some(login) => hop.basic_auth(plain(&login.username), plain(&login.password)),
        None => hop,
    })
}
