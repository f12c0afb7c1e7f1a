//! What a probe saw, kept for operators; what others wrote comes in as [`Shown`] only.

use std::time::Duration;

use jiff::Timestamp;

use super::moment::Moment;
use super::outcome::Outcome;
use super::probe::Phases;
use super::redact::{Redactor, Shown};

/// The most of a body that is kept, in bytes.
pub const BODY_KEPT: usize = 512;

/// One probe from the inside. Everything in it may be shown to an operator: a
/// step's name is the config's, all else went through a redactor.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    pub at: Moment,
    pub outcome: Outcome,
    /// The step that decided; none in a flow of one.
    pub step: Option<String>,
    /// Every step that was taken, in order.
    pub steps: Vec<StepSeen>,
    /// Addresses that were knocked at, and what each said.
    pub addresses: Vec<(Shown, Outcome)>,
    /// As the server showed it, its own certificate first.
    pub chain: Vec<CertificateSeen>,
    /// `HTTP/1.1 503 Service Unavailable`, or what the kind has in its place.
    pub status_line: Option<Shown>,
    pub headers: Vec<(Shown, Shown)>,
    /// The first [`BODY_KEPT`] bytes, as text; empty when nothing came.
    pub body: Shown,
    /// Assertions that did not hold, with the values they saw.
    pub failed: Vec<Shown>,
    /// What went wrong, in words for operators.
    pub error: Option<Shown>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StepSeen {
    /// Empty in a flow of one.
    pub name: String,
    /// Taken after a failure, too: what it comes to is no cause of one.
    pub always: bool,
    pub outcome: Outcome,
    pub http_status: Option<u16>,
    pub total: Duration,
    pub phases: Phases,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSeen {
    pub subject: Shown,
    pub issuer: Shown,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// SHA-256 of the DER, in hex.
    pub fingerprint: Shown,
}

impl CertificateSeen {
    /// Without what `redactor` knows, too.
    pub fn redacted(&self, redactor: &Redactor) -> Self {
        let Self { subject, issuer, .. } = self;
        Self {
            subject: redactor.line(subject.as_str()),
            issuer: redactor.line(issuer.as_str()),
            ..self.clone()
        }
    }
}

impl Evidence {
    /// Before anything was seen.
    pub fn none(at: Moment, outcome: Outcome) -> Self {
        Self {
            at,
            outcome,
            step: None,
            steps: Vec::new(),
            addresses: Vec::new(),
            chain: Vec::new(),
            status_line: None,
            headers: Vec::new(),
            body: Shown::default(),
            failed: Vec::new(),
            error: None,
        }
    }
}
