//! Writing down what a knock waits for: within moments, or not at all.

use std::time::Duration;

use crate::store::{Store, StoreError, Tx};

/// So long the store may take to begin.
const PATIENCE: Duration = Duration::from_secs(2);
/// So long it may take in all: a disk that hangs in the middle of it must not
/// hold a knock up for ever.
const HANGS: Duration = Duration::from_secs(5);

pub(super) async fn moments<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = store.transact_within(PATIENCE, work);
    tokio::time::timeout(HANGS, done).await.unwrap_or(Err(StoreError::TooSlow))
}
