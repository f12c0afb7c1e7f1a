//! What an endpoint reports by itself goes the way of any result.

use std::sync::PoisonError;
use std::time::Duration;

use super::Worker;
use super::mailbox::{Letter, Mailbox};
use crate::domain::endpoint::Endpoint;
use crate::domain::kind::{Push, Received, Report, SILENT};
use crate::domain::probe::ProbeResult;
use crate::domain::redact::Redactor;
use crate::probe::{Probed, redactor};
use crate::schedule::cadence::fresh_for;
use crate::store::Recorded;

/// How long somebody who reports waits until it is stored: beyond the store's own patience.
const REPORT_PATIENCE: Duration = Duration::from_secs(8);

/// Sends back what is left in a mailbox when nobody takes it out any more.
pub(super) struct Closing<'a>(pub(super) &'a Mailbox);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Worker {
    /// Hands a report to the worker and waits until it is stored, or is not.
    pub async fn report(&self, report: Report) -> Received {
        let now = self.spine.clock.now();
        match self.mailbox.put(report, now) {
            Ok(awaited) => match tokio::time::timeout(REPORT_PATIENCE, awaited).await {
                Ok(Ok(received)) => received,
                // It left, or the store takes long: what becomes of it is not known.
                Ok(Err(_)) | Err(_) => Received::NotStored,
            },
            Err(refused) => refused,
        }
    }

    /// A report is one result, as a knock is.
    pub(super) async fn hear(&self, letter: Letter) {
        let endpoint = self.endpoint();
        let Letter { at, report, answer } = letter;
        let Some(push) = endpoint.kind.push() else {
            // Redefined since it was sent.
            let _ = answer.send(Received::Unauthorised);
            return;
        };
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(at.mono);
        let mut probed = Probed::of(ProbeResult {
            at,
            total: report.latency.unwrap_or_default(),
            outcome: report.outcome(&endpoint),
            http_status: None,
            fresh_for: push.silence,
        });
        let message = report.message.map(|it| redactor(&endpoint).line(&it));
        probed.error.clone_from(&message);
        probed.evidence.error = message;
        self.count(&endpoint.id, &probed);
        let (recorded, _) = self.settle(probed).await;
        let _ = answer.send(match recorded {
            Recorded::Stored => Received::Stored,
            Recorded::Waiting | Recorded::Unanswered | Recorded::Stopped => Received::NotStored,
        });
    }

    /// A failure when one that reports has been silent for too long and silence
    /// means down; the confirmation looks once more, and nothing is sent.
    pub(super) fn silence(&self, endpoint: &Endpoint, push: &Push) -> Option<Probed> {
        let now = self.spine.clock.now();
        let heard = (*self.heard.lock().unwrap_or_else(PoisonError::into_inner))?;
        let silent = now.mono.saturating_sub(heard);
        if !push.silence_is_down || silent <= push.silence || !self.mailbox.is_empty() {
            return None;
        }
        let mut probed = Probed::of(ProbeResult {
            at: now,
            total: Duration::ZERO,
            outcome: SILENT,
            http_status: None,
            fresh_for: fresh_for(endpoint, now.wall),
        });
        let said = format!("silent for {} s, {} s are allowed", silent.as_secs(), push.silence.as_secs());
        probed.error = Some(Redactor::default().line(&said));
        probed.evidence.error.clone_from(&probed.error);
        self.count(&endpoint.id, &probed);
        Some(probed)
    }
}
