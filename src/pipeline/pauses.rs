//! Hosts that told us to stay away, remembered over restarts.

use std::sync::Arc;

use super::within;
use crate::domain::moment::Moment;
use crate::probe::logins::Soon;
use crate::probe::pauses::{Keeper, Kept, Pauses};
use crate::store::{self, PauseRow, Store, StoreError};

struct Book(Store);

/// Goes on with what was kept, and keeps what comes.
pub async fn keep(store: &Store, pauses: &Pauses, now: Moment) -> Result<(), StoreError> {
    for PauseRow { host, reason, since, length, nth } in store.transact(store::known_pauses).await? {
        pauses.resume(host.clone(), Kept { reason, since, length, nth }, now);
        if let Some(pause) = pauses.running(&host, now.mono) {
            tracing::info!("As before the start, {}", pause.held(&host).said);
        }
    }
    pauses.keep_with(Arc::new(Book(store.clone())));
    Ok(())
}

impl Keeper for Book {
    fn keep<'a>(&'a self, place: &'a str, pause: Option<Kept>) -> Soon<'a, bool> {
        Box::pin(async move {
            let host = place.to_owned();
            let what = if pause.is_some() { "wants us away" } else { "wants us away no more" };
            let written = within::moments(&self.0, move |tx| match pause {
                Some(Kept { reason, since, length, nth }) => {
                    store::keep_pause(tx, &PauseRow { host, reason, since, length, nth })
                }
                None => store::forget_pause(tx, &host),
            });
            let written = written.await;
            if let Err(error) = &written {
                tracing::warn!("That {place} {what} lasts until a restart only: {error}");
            }
            written.is_ok()
        })
    }
}
