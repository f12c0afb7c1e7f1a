//! Doing a daemon's work on its data directory while none runs.

use std::sync::Arc;

use anyhow::Context;

use super::Place;
use crate::app::Alone;
use crate::clock::{Clock, SystemClock};
use crate::store::DATABASE_FILE;

/// None when there is no database yet: then nothing was ever done.
pub fn with<T>(
    place: &Place,
    work: impl AsyncFnOnce(&Alone, &dyn Clock) -> anyhow::Result<T>,
) -> anyhow::Result<Option<T>> {
    let data = place.named_data_dir()?;
    if !data.join(DATABASE_FILE).exists() {
        return Ok(None);
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting a runtime")?;
    runtime.block_on(async {
        let alone = Alone::open(&data, clock.clone()).await?;
        let done = work(&alone, clock.as_ref()).await;
        alone.end()?;
        done.map(Some)
    })
}
