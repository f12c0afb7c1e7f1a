//! The networks we look out from, and how much one host is asked for.

use url::Url;

use super::endpoint::Id;

/// The network of endpoints that name none.
pub const DEFAULT: &str = "default";
/// Fewer canaries prove little: one of them may be down by itself.
pub const CANARIES_WANTED: usize = 3;

/// Endpoints that share a way out, and what shows that the way is open.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    pub id: Id,
    pub canaries: Vec<Canary>,
}

/// Somewhere that nearly always answers and is none of the endpoints.
#[derive(Debug, Clone, PartialEq)]
pub enum Canary {
    /// A connection can be made.
    Tcp { host: String, port: u16 },
    /// An answer comes, and holds this text: a captive portal answers everything.
    Http { url: Url, contains: Option<String> },
}

impl Canary {
    /// As the config writes it.
    pub fn place(&self) -> String {
        match self {
            Self::Tcp { host, port } => format!("tcp://{host}:{port}"),
            Self::Http { url, .. } => url.to_string(),
        }
    }
}

/// How many of `all` canaries must fail before it is us: two of three.
pub fn enough(all: usize) -> usize {
    (all * 2).div_ceil(3)
}

/// What one host is asked for at most, over all endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerHost {
    pub requests_per_second: u32,
    pub connections: u32,
}

impl Default for PerHost {
    /// Five is less than one page of a browser makes; six is what a browser opens.
    fn default() -> Self {
        Self { requests_per_second: 5, connections: 6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_of_three_must_fail() {
        assert_eq!([1, 2, 3, 4, 5, 6].map(enough), [1, 2, 2, 3, 4, 4]);
    }
}
