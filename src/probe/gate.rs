//! The gates of our networks: what their canaries said last, and since when one is closed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::endpoint::{Endpoint, EndpointId};
use crate::domain::health_gate::{self, Closed, Gate, Said};
use crate::domain::moment::Moment;
use crate::domain::network::{Lost, Network, name_of};
use crate::domain::outcome::Outcome;
use crate::meter::Slots;

/// What canaries said so long ago still speaks for a failure now.
const FRESH: Duration = Duration::from_secs(1);
/// A failure waits this long for the canaries' word: a deadline of theirs and a little.
const PATIENCE: Duration = Duration::from_millis(5_500);
/// Failing endpoints remembered by a gate; more than a config may have.
const FAILING_LIMIT: usize = 20_000;

/// All networks that have canaries.
pub struct Gates {
    clock: Arc<dyn Clock>,
    groups: watch::Sender<Arc<[Arc<Group>]>>,
    lost: watch::Sender<Arc<[Lost]>>,
}

/// One network and its gate.
pub struct Group {
    pub network: Network,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Changes with every word of a canary.
    heard: watch::Sender<u64>,
    /// Notified when somebody wants to hear the canaries now.
    pub(super) wanted: Notify,
    /// Cancelled when the network is no longer in the config.
    pub(super) leave: CancellationToken,
    /// How often canaries said what, as [`Said::ALL`].
    said: Slots<{ Said::ALL.len() }>,
}

#[derive(Default)]
struct State {
    round: u64,
    began: Option<Moment>,
    /// Of this round, one place a canary.
    words: Vec<Option<Said>>,
    /// The last word of each, whatever the round.
    last: Vec<Option<Said>>,
    gate: Gate,
    closed_at: Option<Timestamp>,
    /// When it was last opened, monotonic, and why it had been closed.
    opened: Option<(Duration, Closed)>,
    no_names: bool,
    dates_fail: bool,
    /// How many results in a row that were believed were no success.
    failing: HashMap<EndpointId, u32>,
}

/// A gate as operators are told of it.
pub struct Standing {
    pub network: String,
    pub lost: Option<Lost>,
    /// The last word of each canary.
    pub canaries: Vec<Option<Said>>,
    pub said: Vec<(Said, u32)>,
}

/// What a gate knows that bears on one result.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bearing {
    pub gate: Gate,
    pub no_names: bool,
    pub dates_fail: bool,
}

impl Gates {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (groups, _) = watch::channel(Arc::from([]));
        let (lost, _) = watch::channel(Arc::from([]));
        Self { clock, groups, lost }
    }

    /// From now on these are our networks. One that did not change keeps what it knows.
    pub fn set(&self, networks: &[Network]) {
        let before = self.groups();
        let groups = networks.iter().map(|network| {
            let known = before.iter().find(|it| it.network == *network);
            known.cloned().unwrap_or_else(|| Arc::new(Group::new(network.clone(), self.clock.clone())))
        });
        let groups: Arc<[Arc<Group>]> = groups.collect();
        for gone in before.iter().filter(|it| groups.iter().all(|kept| !Arc::ptr_eq(it, kept))) {
            gone.leave.cancel();
        }
        self.groups.send_replace(groups);
        self.tell();
    }

    pub fn groups(&self) -> Arc<[Arc<Group>]> {
        Arc::clone(&self.groups.borrow())
    }

    pub fn watched(&self) -> watch::Receiver<Arc<[Arc<Group>]>> {
        self.groups.subscribe()
    }

    /// The networks through which nothing can be learnt now.
    pub fn lost(&self) -> watch::Receiver<Arc<[Lost]>> {
        self.lost.subscribe()
    }

    /// The gate an endpoint lies behind; none where its network has no canaries.
    pub fn of(&self, endpoint: &Endpoint) -> Option<Arc<Group>> {
        let name = name_of(endpoint);
        self.groups.borrow().iter().find(|it| it.network.id.as_str() == name).cloned()
    }

    /// Says which networks are lost, when that has changed.
    pub(super) fn tell(&self) {
        let groups = self.groups();
        self.lost.send_if_modified(|told| {
            let now: Arc<[Lost]> = groups.iter().filter_map(|it| it.standing().lost).collect();
            let changed = *told != now;
            *told = now;
            changed
        });
    }
}

impl Group {
    fn new(network: Network, clock: Arc<dyn Clock>) -> Self {
        let none = vec![None; network.canaries.len()];
        let state = State { words: none.clone(), last: none, ..State::default() };
        Self {
            network,
            clock,
            state: Mutex::new(state),
            heard: watch::Sender::new(0),
            wanted: Notify::new(),
            leave: CancellationToken::new(),
            said: Slots::default(),
        }
    }

    /// Begins a round; its number goes with every word of it.
    pub(super) fn begin(&self) -> u64 {
        let now = self.clock.now();
        let mut state = self.state();
        state.round += 1;
        state.began = Some(now);
        state.words.fill(None);
        state.round
    }

    /// What one canary said; a word of a round that is over is not heard.
    pub(super) fn hear(&self, round: u64, canary: usize, said: Said) {
        let now = self.clock.now();
        {
            let mut state = self.state();
            let state = &mut *state;
            if round != state.round {
                return;
            }
            for words in [&mut state.words, &mut state.last] {
                if let Some(word) = words.get_mut(canary) {
                    *word = Some(said);
                }
            }
            self.said.inc(Said::ALL.iter().position(|it| *it == said).unwrap_or(Said::ALL.len()));
            state.weigh(&self.network, now);
        }
        self.heard.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// What bears on a result of a knock that began at `began` (monotonic). One
    /// that may change what is said of its endpoint first hears the canaries.
    pub(super) async fn consult(&self, endpoint: &Endpoint, outcome: Outcome, began: Duration) -> Bearing {
        let known = self.bearing(began);
        if matches!(known.gate, Gate::Closed(_)) || !self.may_matter(endpoint, outcome) {
            return known;
        }
        let wanted = self.want();
        let mut heard = self.heard.subscribe();
        // Canaries that keep us waiting have said enough by then.
        let _ = tokio::time::timeout(PATIENCE, heard.wait_for(|_| self.is_settled(wanted))).await;
        self.bearing(began)
    }

    /// Remembers what became of a result.
    pub(super) fn note(&self, endpoint: &Endpoint, outcome: Outcome) {
        let mut state = self.state();
        match outcome {
            Outcome::Success => _ = state.failing.remove(&endpoint.id),
            Outcome::Unknown(_) => (),
            Outcome::Degraded(_) | Outcome::Failure(_) => {
                if state.failing.len() >= FAILING_LIMIT {
                    state.failing.clear();
                }
                let count = state.failing.entry(endpoint.id.clone()).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    pub fn standing(&self) -> Standing {
        let state = self.state();
        let lost = match (state.gate, state.closed_at) {
            (Gate::Closed(why), Some(since)) => Some(Lost { network: self.network.id.clone(), since, why }),
            _ => None,
        };
        Standing {
            network: self.network.id.to_string(),
            lost,
            canaries: state.last.clone(),
            said: Said::ALL.iter().enumerate().map(|(slot, said)| (*said, self.said.get(slot))).collect(),
        }
    }

    /// Whether a result argues for a change that has not been made yet.
    fn may_matter(&self, endpoint: &Endpoint, outcome: Outcome) -> bool {
        let worse = matches!(outcome, Outcome::Degraded(_) | Outcome::Failure(_));
        let before = self.state().failing.get(&endpoint.id).copied().unwrap_or_default();
        worse && before < endpoint.thresholds.failure
    }

    /// The round whose word is wanted: the one that has just begun, or a new one.
    fn want(&self) -> u64 {
        let now = self.clock.now().mono;
        let state = self.state();
        if state.began.is_some_and(|began| now.saturating_sub(began.mono) < FRESH) {
            return state.round;
        }
        let next = state.round + 1;
        drop(state);
        self.wanted.notify_one();
        next
    }

    fn is_settled(&self, round: u64) -> bool {
        let state = self.state();
        round < state.round || (round == state.round && health_gate::gate(&state.words).is_some())
    }

    /// The same from what is known.
    pub(super) fn bearing(&self, began: Duration) -> Bearing {
        let state = self.state();
        let gate = match (state.gate, state.opened) {
            (Gate::Open, Some((opened, why))) if began <= opened => Gate::Closed(why),
            (gate, _) => gate,
        };
        Bearing { gate, no_names: state.no_names, dates_fail: state.dates_fail }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn weigh(&mut self, network: &Network, now: Moment) {
        let named = network.canaries.iter().map(|it| it.has_name()).zip(self.last.iter().copied());
        self.no_names = health_gate::no_names(named);
        let dated = network.canaries.iter().map(|it| it.url.scheme() == "https");
        self.dates_fail = health_gate::dates_fail(dated.zip(self.last.iter().copied()));
        let Some(gate) = health_gate::gate(&self.words) else { return };
        match (self.gate, gate) {
            (Gate::Open, Gate::Closed(why)) => {
                self.closed_at = Some(self.began.unwrap_or(now).wall);
                // The operator is told by a note.
                tracing::debug!("The network `{}` is lost to us ({})", network.id, why.wire());
            }
            (Gate::Closed(why), Gate::Open) => {
                self.opened = Some((now.mono, why));
                tracing::debug!("The network `{}` is back", network.id);
            }
            _ => (),
        }
        self.gate = gate;
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
