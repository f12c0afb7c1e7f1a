//! Whether the daemon may be relied on now: one rule for `/readyz` and `porchlight status`.
//!
//! | what | doubt |
//! | --- | --- |
//! | endpoints, and none of them has a fresh result | no recent result |
//! | results do not reach the disk | not stored |
//! | the rendered bodies have run out, or there are none yet | not rendered |
//!
//! One endpoint that is silent beside others that are not is told on the page
//! and by the metrics; it is no reason to take the daemon out of service.

use super::facts::{Facts, Storing};
use super::moment::Moment;

/// One reason not to rely on the daemon now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    NoRecentResult,
    NotStored,
    NotRendered,
}

impl Doubt {
    pub fn wire(self) -> &'static str {
        match self {
            Self::NoRecentResult => "no_recent_result",
            Self::NotStored => "not_stored",
            Self::NotRendered => "not_rendered",
        }
    }

    /// The sentence for an operator.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NoRecentResult => "no endpoint has a recent result",
            Self::NotStored => "results are not being stored",
            Self::NotRendered => "the page is not being rendered",
        }
    }
}

/// Every doubt there is; none means ready. `rendered_until` is when the bodies
/// that are served now run out.
pub fn doubts(facts: &Facts, rendered_until: Option<Moment>, now: Moment) -> Vec<Doubt> {
    let silent = !facts.endpoints.is_empty() && !facts.endpoints.iter().any(|it| it.is_fresh(now));
    let rendered = rendered_until.is_some_and(|until| now.mono < until.mono);
    let all = [
        (silent, Doubt::NoRecentResult),
        (facts.storing != Storing::Works, Doubt::NotStored),
        (!rendered, Doubt::NotRendered),
    ];
    all.into_iter().filter_map(|(doubtful, doubt)| doubtful.then_some(doubt)).collect()
}
