//! Rings bells on time. Probes ring from one queue on the monotonic clock;
//! chores ring from cron in UTC.

pub mod bell;
pub mod cadence;
pub mod chores;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::time::DelayQueue;

use crate::clock::Clock;
use crate::domain::endpoint::{Cadence, Endpoint};
use bell::Bell;
use cadence::{FIRST_KNOCK, next_due, next_slot, phase};

/// A cron endpoint is looked at again at least this often, so that a clock
/// that was set cannot make it miss its slot by more.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// One endpoint's place in the queue.
pub struct Entry {
    pub endpoint: Arc<Endpoint>,
    pub bell: Arc<Bell>,
}

/// What waits in the queue for one entry.
enum Turn {
    /// Ring, then come back an interval after the time it was due.
    Ring(usize),
    /// Look whether the cron slot has come.
    Look(usize, jiff::Timestamp),
}

/// Rings until `stop`. `stepped` is notified when the wall clock was set.
pub async fn ring(
    entries: Vec<Entry>,
    clock: Arc<dyn Clock>,
    stepped: Arc<tokio::sync::Notify>,
    stop: CancellationToken,
) {
    let mut queue = DelayQueue::with_capacity(entries.len());
    let start = Instant::now();
    for (index, entry) in entries.iter().enumerate() {
        let first = match &entry.endpoint.cadence {
            Cadence::Every(every) => (*every).min(FIRST_KNOCK),
            // Nobody should have to wait for the slot to learn how it is.
            cron @ Cadence::Schedule { .. } => {
                look_later(&mut queue, index, cron, clock.as_ref());
                FIRST_KNOCK
            }
        };
        queue.insert_at(Turn::Ring(index), start + phase(&entry.endpoint.id, first));
    }
    loop {
        let expired = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = stepped.notified() => {
                queue = rearmed(queue, &entries, clock.as_ref());
                continue;
            }
            Some(expired) = std::future::poll_fn(|context| queue.poll_expired(context)) => expired,
            else => return stop.cancelled().await,
        };
        let due = expired.deadline();
        match expired.into_inner() {
            Turn::Ring(index) => {
                let Some(entry) = entries.get(index) else { continue };
                entry.bell.ring_due(due);
                if let Cadence::Every(every) = entry.endpoint.cadence {
                    let on_phase = start + phase(&entry.endpoint.id, every);
                    queue.insert_at(Turn::Ring(index), next_due(on_phase, due, every, Instant::now()));
                }
            }
            Turn::Look(index, slot) => {
                let Some(entry) = entries.get(index) else { continue };
                if slot <= clock.now().wall {
                    entry.bell.ring();
                }
                look_later(&mut queue, index, &entry.endpoint.cadence, clock.as_ref());
            }
        }
    }
}

fn look_later(queue: &mut DelayQueue<Turn>, index: usize, cadence: &Cadence, clock: &dyn Clock) {
    let now = clock.now().wall;
    if let Some(slot) = next_slot(cadence, now) {
        let wait = crate::domain::moment::between(now, slot).min(LOOK_AGAIN);
        queue.insert(Turn::Look(index, slot), wait);
    }
}

/// The queue with every cron entry looked up anew.
fn rearmed(mut queue: DelayQueue<Turn>, entries: &[Entry], clock: &dyn Clock) -> DelayQueue<Turn> {
    let mut fresh = DelayQueue::with_capacity(entries.len());
    let mut rings = Vec::new();
    while let Some(key) = queue.peek() {
        let turn = queue.remove(&key);
        let due = turn.deadline();
        if let Turn::Ring(index) = turn.into_inner() {
            rings.push((index, due));
        }
    }
    for (index, due) in rings {
        fresh.insert_at(Turn::Ring(index), due);
    }
    for (index, entry) in entries.iter().enumerate() {
        if let cron @ Cadence::Schedule { .. } = &entry.endpoint.cadence {
            look_later(&mut fresh, index, cron, clock);
        }
    }
    fresh
}
