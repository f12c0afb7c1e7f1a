//! Codes of second factors, written down before they are sent: a service refuses
//! one that it has seen, and some lock the account for it.

use super::within;
use crate::domain::endpoint::Id;
use crate::probe::codes::{Codes, Reserved};
use crate::probe::logins::Soon;
use crate::store::{self, Store};

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
            match within::moments(&self.0, move |tx| store::use_code(tx, &account, began)).await {
                Ok(true) => Reserved::Fresh,
                Ok(false) => Reserved::Used,
                Err(error) => Reserved::NotWritten(error.to_string()),
            }
        })
    }
}
