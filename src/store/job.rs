//! What the writer is asked to do: a recording, a transaction, a chore.

use tokio::sync::oneshot;

use super::Recorded;
use super::error::StoreError;
use super::tx::Tx;
use crate::domain::endpoint::EndpointId;
use crate::domain::probe::ProbeResult;
use crate::domain::span::Transition;

pub(super) enum Job {
    Record(Entry),
    Work(Box<dyn Work>),
    Chore(Chore, oneshot::Sender<Result<(), StoreError>>),
}

/// A recording that waits.
pub(super) struct Entry {
    /// Its place in the order of arrival.
    pub(super) number: u64,
    pub(super) endpoint: EndpointId,
    /// None once it had to be dropped for want of room.
    pub(super) result: Option<ProbeResult>,
    /// Kept when the result is dropped: health spans are what is told for years.
    pub(super) transitions: Vec<Transition>,
    /// Whoever still awaits the commit.
    pub(super) answer: Option<oneshot::Sender<Recorded>>,
}

/// A transaction that waits, and its asker.
pub(super) trait Work: Send {
    /// Whether what it did is to be kept.
    fn run(&mut self, tx: &Tx<'_>) -> bool;
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// What cannot be done inside a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chore {
    Checkpoint,
    Optimise,
}
