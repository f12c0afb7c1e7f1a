//! A mail server: its greeting and what it offers; no mail is ever sent.

use std::fmt;

use super::HostPort;

#[derive(Debug, Clone, PartialEq)]
pub struct Smtp {
    pub at: HostPort,
    pub safety: Safety,
    /// AUTH must be offered, once the connection is safe.
    pub auth: bool,
    /// Fewer days left on the chain are degraded.
    pub certificate_days: Option<u32>,
}

/// How the connection is made safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// It must be offered, and is then used.
    StartTls,
    /// TLS from the first byte on.
    Tls,
    /// Not at all.
    Plain,
}

impl fmt::Display for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.safety == Safety::Tls { "smtps" } else { "smtp" };
        write!(f, "{scheme}://{}", self.at)
    }
}
