//! What is known of endpoints, told to whoever watches the facts, and in the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{IN_MEMORY, Spine, Worker, witness};
use crate::domain::endpoint::{Endpoint, EndpointId};
use crate::domain::facts::{EndpointFacts, Facts, LastResult, Storing};
use crate::domain::judge::{JudgeState, says};
use crate::domain::moment::{Moment, between, minus};
use crate::domain::outcome::Outcome;
use crate::domain::probe::ProbeResult;
use crate::domain::span::{self, Health, Transition};
use crate::schedule::cadence::fresh_for;
use crate::store::Loaded;

/// What made an endpoint so, for the log. A silence is noticed when it ends, by
/// a result that says something else.
fn why(health: Health, outcome: Outcome) -> &'static str {
    match (health, outcome) {
        (Health::Unknown, Outcome::Success | Outcome::Degraded(_) | Outcome::Failure(_)) => {
            "nothing was heard"
        }
        (_, outcome) => outcome.reason().unwrap_or("success"),
    }
}

impl Worker {
    /// Changes of health for the log, one by one unless it flaps.
    pub(super) fn say(&self, id: &EndpointId, transitions: &[Transition], outcome: Outcome) {
        let aloud = witness::tells_changes(&self.spine.notes, id);
        for Transition { health, from } in transitions {
            let (word, why) = (health.wire(), why(*health, outcome));
            if aloud {
                tracing::info!("`{id}` is {word} since {from:.3} ({why})");
            } else {
                tracing::debug!("`{id}` is {word} since {from:.3} ({why})");
            }
        }
    }

    /// Replaces this endpoint's part of the facts; wakes the renderer when it is
    /// news. Of an endpoint that was taken out of the config nothing is told.
    pub(super) fn tell(
        &self,
        id: &EndpointId,
        result: &ProbeResult,
        state: JudgeState,
        transitions: Vec<Transition>,
    ) {
        self.spine.facts.send_if_modified(|facts| {
            let Some(place) = self.find(id, facts) else { return false };
            let Some(known) = Arc::make_mut(facts).endpoints.get_mut(place) else { return false };
            let known = Arc::make_mut(known);
            let was_fresh = known.last.is_some_and(|last| result.at.mono < last.fresh_until);
            let same_outcome = known.last.is_some_and(|last| last.outcome == result.outcome);
            let changed = !transitions.is_empty();
            if changed {
                let history = Arc::make_mut(&mut known.history);
                let oldest = minus(result.at.wall, IN_MEMORY);
                history.retain(|span| span.to.is_none_or(|to| oldest < to));
                for transition in transitions {
                    span::apply(history, transition);
                }
            }
            known.health = state.health;
            known.last = Some(heard(known, result));
            witness::flaps(&self.spine.notes, id, &known.history, result.at.wall);
            changed || !was_fresh || !same_outcome
        });
    }

    /// The endpoint's place in the facts: nearly always where it was.
    fn find(&self, id: &EndpointId, facts: &Facts) -> Option<usize> {
        let is_here = |it: &Arc<EndpointFacts>| &it.endpoint.id == id;
        let before = self.place.load(Ordering::Relaxed);
        if facts.endpoints.get(before).is_some_and(is_here) {
            return Some(before);
        }
        let place = facts.endpoints.iter().position(is_here)?;
        self.place.store(place, Ordering::Relaxed);
        Some(place)
    }
}

/// What is known of an endpoint's last words after `result`.
fn heard(known: &EndpointFacts, result: &ProbeResult) -> LastResult {
    let fresh = LastResult {
        known_at: result.at.wall,
        fresh_until: result.at.mono.saturating_add(result.fresh_for),
        at: result.at.wall,
        outcome: result.outcome,
        total: result.total,
    };
    match (says(result.outcome), known.last) {
        (Some(_), _) => fresh,
        (None, Some(last)) => LastResult { known_at: last.known_at, fresh_until: last.fresh_until, ..fresh },
        (None, None) => LastResult { fresh_until: Duration::ZERO, ..fresh },
    }
}

/// Carries the store's word on itself into the facts, until it ends.
pub async fn follow_storing(
    spine: Arc<Spine>,
    mut storing: watch::Receiver<Storing>,
    stop: CancellationToken,
) {
    loop {
        let now = *storing.borrow_and_update();
        spine.facts.send_if_modified(|facts| {
            let changed = facts.storing != now;
            if changed {
                Arc::make_mut(facts).storing = now;
            }
            changed
        });
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = storing.changed() => if changed.is_err() { return },
        }
    }
}

/// How an endpoint stands after a restart: its history, and how long its last
/// result from before may still be believed.
pub fn resumed(endpoint: Arc<Endpoint>, loaded: Loaded, now: Moment) -> (EndpointFacts, JudgeState) {
    let known_at = loaded.last_known.map(|it| it.at);
    let last = loaded.last.map(|last| {
        let left = known_at.map_or(Duration::ZERO, |at| still_fresh(fresh_for(&endpoint, at), at, now.wall));
        LastResult {
            known_at: known_at.unwrap_or(last.at),
            fresh_until: now.mono.saturating_add(left),
            at: last.at,
            outcome: last.outcome,
            total: last.total,
        }
    });
    let health = loaded.state.health;
    let history = Arc::new(loaded.history);
    (EndpointFacts { endpoint, history, health, last, cut_off: false }, loaded.state)
}

/// What is left of a result's freshness. One from the future was stamped by a
/// clock that has since been set back; it proves nothing.
fn still_fresh(fresh_for: Duration, at: Timestamp, now: Timestamp) -> Duration {
    if now < at { Duration::ZERO } else { fresh_for.saturating_sub(between(at, now)) }
}
