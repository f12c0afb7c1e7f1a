//! Warns of a certificate that runs out: once at each threshold, across restarts.

use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;

use super::Worker;
use crate::domain::certificate::{is_news, threshold};
use crate::domain::evidence::CertificateSeen;
use crate::domain::moment::Moment;
use crate::domain::note::{Key, Told};
use crate::domain::redact::{Redactor, Shown};
use crate::probe::Probed;
use crate::store;

/// A warning can wait for the next knock; the next knock cannot wait for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a knock showed of the end of a chain.
pub(super) enum Ending {
    /// Far away; no one is told.
    Far,
    /// So many days, at most, and the certificate that ends first.
    Near { days: u32, first: CertificateSeen },
}

/// None when no good chain was seen: then there is no news of it.
pub(super) fn ending(probed: &Probed, now: Timestamp) -> Option<Ending> {
    let until = probed.certificate_until?;
    if now < until && threshold(until, now).is_none() {
        return Some(Ending::Far);
    }
    let days = threshold(until, now)?;
    // The first of those that end then: the leaf before what signed it.
    let first = probed.evidence.chain.iter().find(|it| it.not_after == until)?;
    Some(Ending::Near { days, first: first.clone() })
}

impl Worker {
    pub(super) async fn warn(&self, ending: Ending) {
        let endpoint = self.endpoint();
        let key = Key::of_endpoint(Told::CertificateEnds, &endpoint.id);
        let Ending::Near { days, first } = ending else {
            self.spine.notes.clear(&key);
            return;
        };
        let now = self.spine.clock.now();
        let detail = detail(&first, now);
        let known = || self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let told = known().as_ref().filter(|(it, _)| *it == first.fingerprint).map(|(_, days)| *days);
        if !is_news(told, days) {
            self.spine.notes.mark(key, detail);
            return;
        }
        let (id, fingerprint) = (endpoint.id.clone(), first.fingerprint.clone());
        let writing = self.spine.store.transact_within(PATIENCE, move |tx| {
            store::tell_certificate(tx, &id, fingerprint.as_str(), days, now.wall)
        });
        // Where it cannot be written down it is told all the same, once by this process.
        let news = writing.await.unwrap_or(true);
        *known() = Some((first.fingerprint, days));
        if news { self.spine.notes.tell_again(key, detail) } else { self.spine.notes.mark(key, detail) }
    }
}

fn detail(first: &CertificateSeen, now: Moment) -> Shown {
    let hours = first.not_after.duration_since(now.wall).as_hours();
    let left = match hours / 24 {
        0 => "within a day".to_owned(),
        1 => "in 1 day".to_owned(),
        days => format!("in {days} days"),
    };
    let said = format!("{left}, on {:.0}: {}", first.not_after, first.subject);
    Redactor::default().line(&said)
}
