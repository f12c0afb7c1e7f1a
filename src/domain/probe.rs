//! The record of one probe.

use std::time::Duration;

use super::moment::Moment;
use super::outcome::Outcome;

/// What one knock at an endpoint saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeResult {
    /// When the probe began.
    pub at: Moment,
    /// From the start to the last byte, or to giving up.
    pub total: Duration,
    pub outcome: Outcome,
    /// The status of the answer, when there was one.
    pub http_status: Option<u16>,
    /// How long this result speaks for its endpoint: past it we do not know.
    pub fresh_for: Duration,
}

/// How long each part took, so far as it was reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Phases {
    pub dns: Option<Duration>,
    pub connect: Option<Duration>,
    pub tls: Option<Duration>,
    pub first_byte: Option<Duration>,
    pub transfer: Option<Duration>,
}
