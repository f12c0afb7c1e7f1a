//! The queue of what is due: one turn to ring for each endpoint, and one to look at its cron slot.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::time::DelayQueue;
use tokio_util::time::delay_queue::{Expired, Key};

use super::cadence::{FIRST_KNOCK, next_due, next_slot, phase};
use super::{Change, Entry};
use crate::clock::Clock;
use crate::domain::endpoint::{Cadence, EndpointId};
use crate::domain::moment::between;

/// A cron endpoint is looked at again at least this often, so that a clock
/// that was set cannot make it miss its slot by more.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// A first knock that falls into a round of the old definition is tried again after this.
const FIRST_AGAIN: Duration = Duration::from_millis(500);

pub(super) struct Queue {
    /// What every phase is counted from.
    start: Instant,
    clock: Arc<dyn Clock>,
    turns: DelayQueue<Turn>,
    places: HashMap<EndpointId, Place>,
}

pub(super) struct Turn {
    endpoint: EndpointId,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    /// Ring, and not be content before somebody hears it.
    First,
    /// Ring, then come back an interval after the time it was due.
    Ring,
    /// Look whether this cron slot has come.
    Look(Timestamp),
}

struct Place {
    entry: Entry,
    ring: Option<Key>,
    look: Option<Key>,
}

impl Queue {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { start: Instant::now(), clock, turns: DelayQueue::new(), places: HashMap::new() }
    }

    pub(super) fn change(&mut self, change: Change) {
        for id in change.gone {
            let Some(place) = self.places.remove(&id) else { continue };
            for key in [place.ring, place.look].into_iter().flatten() {
                self.turns.try_remove(&key);
            }
            place.entry.bell.set_due(None);
        }
        let now = Instant::now();
        for entry in change.come {
            let id = entry.endpoint.id.clone();
            let first = match &entry.endpoint.cadence {
                Cadence::Every(every) => (*every).min(FIRST_KNOCK),
                // Nobody should have to wait for the slot to learn how it is.
                Cadence::Schedule { .. } => FIRST_KNOCK,
            };
            self.places.insert(id.clone(), Place { entry, ring: None, look: None });
            self.look_later(&id);
            self.ring_at(&id, What::First, now + phase(&id, first));
        }
    }

    /// The wall clock was set: every cron slot is looked up anew.
    pub(super) fn look_anew(&mut self) {
        let ids: Vec<EndpointId> = self.places.keys().cloned().collect();
        for id in ids {
            let look = self.places.get_mut(&id).and_then(|place| place.look.take());
            if let Some(key) = look {
                self.turns.try_remove(&key);
            }
            self.look_later(&id);
        }
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Expired<Turn>>> {
        self.turns.poll_expired(context)
    }

    pub(super) fn take(&mut self, expired: Expired<Turn>) {
        let due = expired.deadline();
        let Turn { endpoint: id, what } = expired.into_inner();
        let Some(place) = self.places.get_mut(&id) else { return };
        let bell = &place.entry.bell;
        match what {
            What::First if !bell.is_idle() => {
                place.ring = None;
                self.ring_at(&id, What::First, Instant::now() + FIRST_AGAIN);
            }
            What::First | What::Ring => {
                bell.ring_due(due);
                place.ring = None;
                if let Cadence::Every(every) = place.entry.endpoint.cadence {
                    let on_phase = self.start + phase(&id, every);
                    self.ring_at(&id, What::Ring, next_due(on_phase, due, every, Instant::now()));
                } else {
                    self.tell_slot(&id);
                }
            }
            What::Look(slot) => {
                if slot <= self.clock.now().wall {
                    bell.ring();
                }
                place.look = None;
                self.look_later(&id);
            }
        }
    }

    fn ring_at(&mut self, id: &EndpointId, what: What, due: Instant) {
        let Some(place) = self.places.get_mut(id) else { return };
        place.entry.bell.set_due(Some(due));
        place.ring = Some(self.turns.insert_at(Turn { endpoint: id.clone(), what }, due));
    }

    fn look_later(&mut self, id: &EndpointId) {
        let Some(place) = self.places.get_mut(id) else { return };
        let now = self.clock.now().wall;
        if let Some(slot) = next_slot(&place.entry.endpoint.cadence, now) {
            let wait = between(now, slot).min(LOOK_AGAIN);
            place.look = Some(self.turns.insert(Turn { endpoint: id.clone(), what: What::Look(slot) }, wait));
            self.tell_slot(id);
        }
    }

    /// Tells when a cron endpoint is due, unless its first knock comes before.
    fn tell_slot(&mut self, id: &EndpointId) {
        let Some(place) = self.places.get(id) else { return };
        if place.ring.is_some() {
            return;
        }
        let now = self.clock.now().wall;
        let slot = next_slot(&place.entry.endpoint.cadence, now);
        // Centuries away is as good as never.
        let due = slot.and_then(|slot| Instant::now().checked_add(between(now, slot)));
        place.entry.bell.set_due(due);
    }
}
