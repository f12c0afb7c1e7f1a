//! Rings bells on time. Probes ring from one queue on the monotonic clock;
//! chores ring from cron in UTC.

pub mod bell;
pub mod cadence;
pub mod chores;
mod queue;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::endpoint::{Endpoint, EndpointId};
use bell::Bell;
use queue::Queue;

/// Changes that may wait to be taken in: reloads follow one another, so one is enough.
pub const CHANGES: usize = 1;

/// One endpoint's place in the queue.
pub struct Entry {
    pub endpoint: Arc<Endpoint>,
    pub bell: Arc<Bell>,
}

/// What a reload changes; everything else goes on as if there had been none.
#[derive(Default)]
pub struct Change {
    pub gone: Vec<EndpointId>,
    /// These are knocked at soon, as after a start. One whose definition
    /// changed is gone and comes.
    pub come: Vec<Entry>,
}

/// Rings until `stop`. `stepped` is notified when the wall clock was set.
pub async fn ring(
    entries: Vec<Entry>,
    mut changes: mpsc::Receiver<Change>,
    clock: Arc<dyn Clock>,
    stepped: Arc<tokio::sync::Notify>,
    stop: CancellationToken,
) {
    let mut queue = Queue::new(clock);
    queue.change(Change { gone: Vec::new(), come: entries });
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = stepped.notified() => queue.look_anew(),
            Some(change) = changes.recv() => queue.change(change),
            Some(turn) = std::future::poll_fn(|context| queue.poll(context)) => queue.take(turn),
            else => return stop.cancelled().await,
        }
    }
}
