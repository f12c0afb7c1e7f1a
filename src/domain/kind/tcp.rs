//! A TCP port, and the few words that prove who listens there.

use super::HostPort;
use crate::domain::request::Value;

/// What is heard and said decides:
///
/// | what happened | outcome |
/// | --- | --- |
/// | it closed before it said anything that was waited for | `empty_reply` |
/// | it closed, or said whole lines and then nothing, without what was waited for | `assertion` |
/// | nothing was heard by the deadline | `timeout_ttfb` |
/// | half a line was heard by the deadline | `timeout_body` |
/// | more than the limit was said without what was waited for | `body_too_large` |
#[derive(Debug, Clone, PartialEq)]
pub struct Tcp {
    pub at: HostPort,
    /// TLS from the first byte on; its certificate is judged.
    pub tls: bool,
    /// In order; empty when connecting is all there is to it.
    pub dialog: Vec<Line>,
    /// Fewer days left on the chain are degraded.
    pub certificate_days: Option<u32>,
}

/// One line of a dialog.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// This text must come; what came before it is passed over.
    Expect(String),
    /// A line must come in which this pattern is found. Its groups may be sent
    /// later, as `{{1}}` or `{{name}}`.
    Matches(String),
    Send(Value),
    /// TLS begins here; its certificate is judged.
    StartTls,
}
