//! Codes of second factors, written down before they are sent: a service refuses
//! one that it has seen, and some lock the account for it.

use std::time::Duration;

use crate::domain::endpoint::Id;
use crate::probe::codes::{Codes, Reserved};
use crate::probe::logins::Soon;
use crate::store::{self, Store, StoreError};

/// So long the store may take to begin writing it down.
const PATIENCE: Duration = Duration::from_secs(2);
/// So long it may take in all.
const HANGS: Duration = Duration::from_secs(5);

/// Remembers over restarts.
pub struct UsedCodes(Store);

impl UsedCodes {
    pub fn new(store: Store) -> Self {
        Self(store)
    }
}

impl Codes for UsedCodes {
    fn reserve<'a>(&'a self, account: &'a Id, began: u64) -> Soon<'a, Reserved> {
        Box::pin(async move {
            let account = account.to_string();
            let done = self.0.transact_within(PATIENCE, move |tx| store::use_code(tx, &account, began));
            let done = tokio::time::timeout(HANGS, done).await.unwrap_or(Err(StoreError::TooSlow));
            match done {
                Ok(true) => Reserved::Fresh,
                Ok(false) => Reserved::Used,
                Err(error) => Reserved::NotWritten(error.to_string()),
            }
        })
    }
}
