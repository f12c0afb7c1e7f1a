//! The housekeeper: does the chores when their bells ring.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::probe::own::OwnHealth;
use crate::schedule::bell::Bell;
use crate::schedule::chores;
use crate::store::{self, Store};

/// What the chores need.
pub(super) struct Housekeeper {
    pub(super) store: Store,
    pub(super) keep_results: watch::Receiver<Duration>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) own: Arc<OwnHealth>,
}

pub(super) async fn start_chores(
    keeper: Housekeeper,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> anyhow::Result<chores::Scheduler> {
    let keeper = Arc::new(keeper);
    let chores = [chores::PRUNE, chores::CHECKPOINT, chores::OPTIMISE, chores::CHECK]
        .map(|chore| (chore, Arc::new(Bell::new())));
    for (chore, bell) in chores.clone() {
        // A start looks through small databases only; this one reads them all.
        if chore == chores::CHECK {
            bell.ring();
        }
        let (keeper, stop) = (keeper.clone(), stop.clone());
        tasks.spawn(async move {
            while chores::turn(&chore, &bell, &stop).await {
                let done = tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    done = keeper.do_chore(chore) => done,
                };
                if let Err(error) = done {
                    tracing::warn!(
                        "The chore `{}` failed and is tried again at its next turn: {error}",
                        chore.name
                    );
                }
                bell.done();
            }
        });
    }
    chores::start(&chores).await.context("starting the chores")
}

impl Housekeeper {
    async fn do_chore(&self, chore: chores::Chore) -> Result<(), store::StoreError> {
        if chore == chores::CHECKPOINT {
            return self.store.checkpoint().await;
        }
        if chore == chores::OPTIMISE {
            return self.store.optimise().await;
        }
        if chore == chores::CHECK {
            return self.store.check().await;
        }
        if self.own.doubts_the_clock() {
            tracing::info!("Nothing is pruned while the clock is in doubt");
            return Ok(());
        }
        let keep = *self.keep_results.borrow();
        let pruned = self.store.prune(self.clock.now().wall, keep).await?;
        if pruned > 0 {
            tracing::info!("Pruned {pruned} old rows");
        }
        Ok(())
    }
}
