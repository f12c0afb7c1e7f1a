//! The spine: what happens, and in what order, when a bell rings.
//!
//! Bell → probe → judge → record → facts. Telling follows by itself: whoever
//! renders watches the facts.

pub mod knocks;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::endpoint::Endpoint;
use crate::domain::facts::{EndpointFacts, Facts, LastResult, Storing};
use crate::domain::judge::{JudgeState, Judgement, judge, says};
use crate::domain::moment::{Moment, between, minus};
use crate::domain::outcome::{Outcome, UnknownReason};
use crate::domain::probe::ProbeResult;
use crate::domain::span::{self, Transition};
use crate::probe::Prober;
use crate::schedule::bell::Bell;
use crate::schedule::cadence::{CONFIRM_AFTER, CONFIRM_SPREAD, fresh_for, phase};
use crate::store::{Loaded, Recorded, Recording, Store};
use knocks::Knocks;

/// How far back history is kept in memory: what the pages draw, and a day for zones.
pub const IN_MEMORY: Duration = Duration::from_secs(91 * 86_400);

/// What all workers share.
pub struct Spine {
    pub prober: Prober,
    pub store: Store,
    pub facts: watch::Sender<Arc<Facts>>,
    pub clock: Arc<dyn Clock>,
    pub meters: knocks::Meters,
}

/// Knocks at one endpoint whenever its bell rings.
pub struct Worker {
    spine: Arc<Spine>,
    pub endpoint: Arc<Endpoint>,
    /// Its place in [`Facts::endpoints`].
    index: usize,
    pub bell: Arc<Bell>,
    judged: Mutex<JudgeState>,
    /// Transitions the store has not answered for; told with the next one it does.
    untold: Mutex<Vec<Transition>>,
    knocks: Arc<Knocks>,
}

impl Worker {
    pub fn new(
        spine: Arc<Spine>,
        (index, endpoint): (usize, Arc<Endpoint>),
        bell: Arc<Bell>,
        state: JudgeState,
    ) -> Self {
        let knocks = spine.meters.begin(&endpoint.id, &bell);
        Self { spine, endpoint, index, bell, judged: Mutex::new(state), untold: Mutex::default(), knocks }
    }

    /// The `select!` chooses what to do next; a round runs outside it, so that
    /// stopping never cuts one in half between the probe and its record.
    pub async fn run(&self, stop: &CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.bell.answer() => (),
            }
            self.spine.meters.lateness.time(self.bell.lateness());
            // Boxed, so that a worker that waits does not hold the room a request needs.
            let confirm = Box::pin(self.round(stop)).await;
            if confirm && self.wait_to_confirm(stop).await {
                Box::pin(self.round(stop)).await;
            }
            self.bell.done();
        }
    }

    /// One journey of one probe. True when its first failure wants a confirmation.
    async fn round(&self, stop: &CancellationToken) -> bool {
        let result = self.probe(stop).await;
        let Judgement { state, transitions, confirm } = self.judge(&result);
        for transition in &transitions {
            tracing::info!(
                "`{}` is {} since {} ({})",
                self.endpoint.id,
                transition.health.wire(),
                transition.from,
                result.outcome.reason().unwrap_or("success")
            );
        }
        let recording = Recording {
            endpoint: self.endpoint.id.clone(),
            result: result.clone(),
            transitions: transitions.clone(),
        };
        let recorded = self.spine.store.record(recording).await;
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        untold.extend(transitions);
        match recorded {
            Recorded::Stopped => false,
            // Not heard: what is shown runs out by itself.
            Recorded::Unanswered => confirm,
            Recorded::Stored | Recorded::Waiting => {
                self.tell(&result, state, std::mem::take(&mut *untold));
                confirm
            }
        }
    }

    /// Replaces this endpoint's part of the facts; wakes the renderer when it is news.
    fn tell(&self, result: &ProbeResult, state: JudgeState, transitions: Vec<Transition>) {
        self.spine.facts.send_if_modified(|facts| {
            let Some(known) = Arc::make_mut(facts).endpoints.get_mut(self.index) else { return false };
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
            changed || !was_fresh || !same_outcome
        });
    }

    async fn probe(&self, stop: &CancellationToken) -> ProbeResult {
        let at = self.spine.clock.now();
        let fresh_for = fresh_for(&self.endpoint, at.wall);
        tokio::select! {
            biased;
            () = stop.cancelled() => ProbeResult {
                at,
                total: self.spine.clock.now().mono.saturating_sub(at.mono),
                outcome: Outcome::Unknown(UnknownReason::Stopping),
                http_status: None,
                fresh_for,
            },
            probed = self.spine.prober.probe(&self.endpoint, fresh_for) => {
                self.knocks.count(&probed);
                if let Some(error) = &probed.error {
                    tracing::debug!("`{}` gave no whole answer: {error}", self.endpoint.id);
                }
                probed.result
            }
        }
    }

    fn judge(&self, result: &ProbeResult) -> Judgement {
        let mut state = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let judgement = judge(*state, self.endpoint.thresholds, result);
        *state = judgement.state;
        judgement
    }

    async fn wait_to_confirm(&self, stop: &CancellationToken) -> bool {
        let wait = CONFIRM_AFTER + phase(&self.endpoint.id, CONFIRM_SPREAD);
        tokio::select! {
            biased;
            () = stop.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
        }
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
    (EndpointFacts { endpoint, history: Arc::new(loaded.history), health, last }, loaded.state)
}

/// What is left of a result's freshness. One from the future was stamped by a
/// clock that has since been set back; it proves nothing.
fn still_fresh(fresh_for: Duration, at: Timestamp, now: Timestamp) -> Duration {
    if now < at { Duration::ZERO } else { fresh_for.saturating_sub(between(at, now)) }
}
