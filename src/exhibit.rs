//! Evidence as JSON: what is stored, what goes over the control socket, and
//! what `porchlight evidence --json` prints. Fields may come, none changes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::evidence::{CertificateSeen, Evidence, StepSeen};
use crate::domain::outcome::Outcome;
use crate::domain::probe::Phases;

/// The most that is stored of one probe, in bytes. Lists are cut until it fits.
pub const LIMIT: usize = 16 * 1024;

/// One probe from the inside.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exhibit {
    /// When the probe began: RFC 3339, in UTC.
    pub at: String,
    /// `success`, `degraded`, `failure` or `unknown`, and why, as `summary.json` has them.
    pub outcome: String,
    pub reason: Option<String>,
    /// The stored code of the outcome.
    pub code: u8,
    /// The step that decided; none in a flow of one.
    pub step: Option<String>,
    pub steps: Vec<Step>,
    pub addresses: Vec<Address>,
    pub chain: Vec<Certificate>,
    pub status_line: Option<String>,
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub failed: Vec<String>,
    pub error: Option<String>,
    /// Something of it was left out for want of room.
    pub cut: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// Empty in a flow of one.
    pub name: String,
    /// Taken after a failure, too.
    pub always: bool,
    pub outcome: String,
    pub reason: Option<String>,
    pub http_status: Option<u16>,
    pub total_s: f64,
    /// In seconds and in their order; null for one that was not reached.
    pub phases_s: Vec<(String, Option<f64>)>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    pub address: String,
    pub outcome: String,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    /// RFC 3339, in UTC.
    pub not_before: String,
    pub not_after: String,
    /// SHA-256 of the DER, in hex.
    pub fingerprint: String,
}

impl Exhibit {
    pub fn of(evidence: &Evidence) -> Self {
        let (outcome, reason) = told(evidence.outcome);
        let text = ToString::to_string;
        Self {
            at: evidence.at.wall.to_string(),
            outcome,
            reason,
            code: evidence.outcome.code(),
            step: evidence.step.clone(),
            steps: evidence.steps.iter().map(Step::of).collect(),
            addresses: evidence
                .addresses
                .iter()
                .map(|(address, outcome)| {
                    let (outcome, reason) = told(*outcome);
                    Address { address: address.to_string(), outcome, reason }
                })
                .collect(),
            chain: evidence.chain.iter().map(Certificate::of).collect(),
            status_line: evidence.status_line.as_ref().map(text),
            headers: evidence
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            body: evidence.body.to_string(),
            failed: evidence.failed.iter().map(text).collect(),
            error: evidence.error.as_ref().map(text),
            cut: false,
        }
    }

    /// As it is stored: one line of at most [`LIMIT`] bytes. What is longest and
    /// says least goes first.
    pub fn stored(mut self) -> String {
        loop {
            let text = serde_json::to_string(&self).unwrap_or_default();
            if text.len() <= LIMIT {
                return text;
            }
            self.cut = true;
            let cut = [
                halve(&mut self.headers),
                halve(&mut self.addresses),
                halve(&mut self.chain),
                halve(&mut self.failed),
                halve(&mut self.steps),
            ];
            if cut.contains(&true) {
                continue;
            }
            self = Self {
                at: self.at,
                outcome: self.outcome,
                reason: self.reason,
                code: self.code,
                cut: true,
                ..Self::default()
            };
        }
    }

    /// As it was stored; none when it was not by us.
    pub fn read(text: &str) -> Option<Self> {
        // A list would be taken for one without names.
        text.starts_with('{').then(|| serde_json::from_str(text).ok())?
    }

    pub fn code(&self) -> Option<Outcome> {
        Outcome::from_code(self.code)
    }
}

/// Cuts a list to half; false when there is only one thing left in it.
fn halve<T>(list: &mut Vec<T>) -> bool {
    let had = list.len();
    list.truncate(had.div_ceil(2));
    1 < had
}

fn told(outcome: Outcome) -> (String, Option<String>) {
    (outcome.kind().to_owned(), outcome.reason().map(str::to_owned))
}

impl Step {
    fn of(seen: &StepSeen) -> Self {
        let (outcome, reason) = told(seen.outcome);
        Self {
            name: seen.name.clone(),
            always: seen.always,
            outcome,
            reason,
            http_status: seen.http_status,
            total_s: seen.total.as_secs_f64(),
            phases_s: phases(seen.phases),
        }
    }
}

/// The phases of a request under their names.
pub fn phases(phases: Phases) -> Vec<(String, Option<f64>)> {
    let Phases { dns, connect, tls, first_byte, transfer } = phases;
    let named = [
        ("dns", dns),
        ("connect", connect),
        ("tls", tls),
        ("first byte", first_byte),
        ("transfer", transfer),
    ];
    named.map(|(name, took)| (name.to_owned(), took.as_ref().map(Duration::as_secs_f64))).to_vec()
}

impl Certificate {
    fn of(seen: &CertificateSeen) -> Self {
        Self {
            subject: seen.subject.to_string(),
            issuer: seen.issuer.to_string(),
            not_before: seen.not_before.to_string(),
            not_after: seen.not_after.to_string(),
            fingerprint: seen.fingerprint.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::moment::Moment;
    use crate::domain::outcome::FailureClass;
    use crate::domain::redact::Redactor;

    fn evidence() -> Evidence {
        let at = Moment { wall: jiff::Timestamp::UNIX_EPOCH, mono: Duration::ZERO };
        Evidence::none(at, Outcome::Failure(FailureClass::Http5xx))
    }

    #[test]
    fn what_is_stored_reads_back() {
        let mut seen = evidence();
        seen.step = Some("log in".to_owned());
        seen.headers = vec![(Redactor::default().line("server"), Redactor::default().line("n\u{1b}"))];
        let exhibit = Exhibit::of(&seen);
        assert_eq!(Exhibit::read(&exhibit.clone().stored()), Some(exhibit.clone()));
        assert_eq!(exhibit.code(), Some(seen.outcome));
        assert_eq!((exhibit.outcome.as_str(), exhibit.reason.as_deref()), ("failure", Some("http_5xx")));
        assert_eq!(Exhibit::read("{\"at\":\"x\",\"later\":1}").unwrap().at, "x");
        assert!(Exhibit::read("[]").is_none());
    }

    #[test]
    fn however_much_there_is_a_row_is_bounded() {
        let mut seen = evidence();
        let long = Redactor::default().line(&"a b ".repeat(1000));
        seen.headers = vec![(long.clone(), long.clone()); 500];
        seen.failed = vec![long.clone(); 5000];
        seen.steps = vec![
            StepSeen {
                name: "s".repeat(64),
                always: false,
                outcome: seen.outcome,
                http_status: None,
                total: Duration::ZERO,
                phases: Phases::default(),
            };
            9000
        ];
        let stored = Exhibit::of(&seen).stored();
        assert!(stored.len() <= LIMIT);
        let read = Exhibit::read(&stored).unwrap();
        assert!(read.cut && !read.failed.is_empty() && !read.steps.is_empty());
    }
}
