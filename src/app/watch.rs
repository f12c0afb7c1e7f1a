//! Watches over what must go on: a worker is started again, everything else ends all.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::pipeline::{Until, Worker};
use crate::publish::Publisher;
use crate::service;

/// A worker that panicked rests this long before it is started again.
const AFTER_A_PANIC: Duration = Duration::from_secs(1);

/// Runs a worker; one that panics is told loudly and only it starts again.
pub(super) async fn watch_over(worker: Arc<Worker>, until: Until, tasks: TaskTracker) {
    loop {
        let (running, within) = (worker.clone(), until.clone());
        let ended = tasks.spawn(async move { running.run(&within).await }).await;
        let Err(panic) = ended else { return };
        tracing::error!("The worker of `{}` died and is started again: {panic}", worker.endpoint().id);
        worker.bell.done();
        tokio::select! {
            () = until.over() => return,
            () = tokio::time::sleep(AFTER_A_PANIC) => (),
        }
    }
}

/// A daemon that has quietly stopped looking is worse than none: when `work`
/// ends before it was asked to, or panics, everything ends.
pub(super) async fn must_live(
    name: &'static str,
    work: impl Future<Output = ()>,
    stop: CancellationToken,
    failed: CancellationToken,
) {
    let guard = failed.drop_guard();
    work.await;
    if stop.is_cancelled() {
        guard.disarm();
    } else {
        tracing::error!("{name} ended by itself");
    }
}

/// Tells the service manager that we live, for as long as `/livez` says so: what
/// only a restart mends earns us one.
pub(super) async fn reassure(publisher: Arc<Publisher>, stop: CancellationToken) {
    let Some(patience) = service::watchdog() else { return };
    // Three words in the time of one, so that a late one does no harm.
    let mut interval = tokio::time::interval(patience / 3);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = interval.tick() => (),
        }
        let dead = publisher.faults();
        if dead.is_empty() {
            service::alive();
        } else {
            let why: Vec<&str> = dead.iter().map(|it| it.sentence()).collect();
            tracing::warn!("The service manager is not told that we live: {}", why.join("; "));
        }
    }
}
