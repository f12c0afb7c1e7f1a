//! A device or job that reports by itself, with a token, how it went.

use std::time::Duration;

use crate::domain::endpoint::Endpoint;
use crate::domain::outcome::{DegradedReason, FailureClass, Outcome};
use crate::domain::request::Value;

/// What is reported decides, and so does silence:
///
/// | what happened | outcome |
/// | --- | --- |
/// | it says that all is not well | `assertion`: whoever reports looked, and it did not hold |
/// | the latency it tells is beyond the deadline | `timeout_ttfb`: by the deadline nothing had come |
/// | the latency it tells is beyond `degraded_after` | degraded `slow` |
/// | anything else | success |
/// | silence beyond the allowed one | no result; what was heard last speaks no more: unknown |
/// | the same, where silence means down | `timeout_ttfb`: by the time allowed nothing had come |
/// | silence before the first report, or since our own restart for less than allowed | no result |
///
/// A device may be silent because it is the one that is off, so silence is
/// unknown unless the operator says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Push {
    pub token: Value,
    /// The token may stand in the address, where logs and proxies see it.
    pub token_in_query: bool,
    /// How long it may be silent.
    pub silence: Duration,
    pub silence_is_down: bool,
}

/// What a device or job says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub ok: bool,
    /// How long what it waited for took, as it measured.
    pub latency: Option<Duration>,
    pub message: Option<String>,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// On the disk.
    Stored,
    /// Nobody knows whether it will ever be.
    NotStored,
    TooOften,
    /// Nobody takes reports for such an endpoint, or not with such a token.
    Unauthorised,
}

impl Report {
    pub fn outcome(&self, endpoint: &Endpoint) -> Outcome {
        match self.latency {
            _ if !self.ok => Outcome::Failure(FailureClass::Assertion),
            Some(latency) if endpoint.deadline < latency => Outcome::Failure(FailureClass::TimeoutTtfb),
            Some(latency) if endpoint.degraded_after < latency => Outcome::Degraded(DegradedReason::Slow),
            _ => Outcome::Success,
        }
    }
}

/// What silence beyond the allowed one is, where it means down.
pub const SILENT: Outcome = Outcome::Failure(FailureClass::TimeoutTtfb);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::endpoint::Id;

    #[test]
    fn the_table_of_reports() {
        let id = || Id::parse("sms").unwrap();
        let endpoint = Endpoint {
            deadline: Duration::from_secs(60),
            degraded_after: Duration::from_secs(20),
            ..Endpoint::get(id(), id(), "http://127.0.0.1/".parse().unwrap())
        };
        for (ok, seconds, outcome) in [
            (true, None, Outcome::Success),
            (true, Some(20), Outcome::Success),
            (true, Some(21), Outcome::Degraded(DegradedReason::Slow)),
            (true, Some(60), Outcome::Degraded(DegradedReason::Slow)),
            (true, Some(61), Outcome::Failure(FailureClass::TimeoutTtfb)),
            (false, None, Outcome::Failure(FailureClass::Assertion)),
            (false, Some(1), Outcome::Failure(FailureClass::Assertion)),
            (false, Some(61), Outcome::Failure(FailureClass::Assertion)),
        ] {
            let report = Report { ok, latency: seconds.map(Duration::from_secs), message: None };
            assert_eq!(report.outcome(&endpoint), outcome, "{report:?}");
        }
    }
}
