//! A mail server: its greeting and what it offers; no mail is ever sent.

use std::fmt;

use super::HostPort;

/// What it says decides:
///
/// | what it says | outcome |
/// | --- | --- |
/// | no reply in the form of SMTP | `protocol` |
/// | 421, 450, 451 or 454 with 4.7.x, or 421 without a code: come more rarely | unknown `throttled` |
/// | 5xx with 5.7.x at the greeting or to EHLO: not you | unknown `blocked` |
/// | anything else in the place of what is waited for | `assertion` |
/// | no STARTTLS, or no AUTH, where it must be offered | `assertion` |
/// | words in the clear after STARTTLS was agreed | `protocol` |
/// | more lines than a greeting has | `body_too_large` |
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
