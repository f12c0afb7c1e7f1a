//! Chores ring from cron in UTC. The ring does nothing but wake the chore's own
//! worker, so runs cannot overlap, and a worker that hears no bell for twice its
//! period works anyway: the scheduler drops a job now and then.

use std::sync::Arc;
use std::time::Duration;

use tokio_cron_scheduler::{Job, JobSchedulerError};
use tokio_util::sync::CancellationToken;

use super::bell::Bell;
pub use tokio_cron_scheduler::JobScheduler as Scheduler;

/// Room for every bell of a minute, many times over; the default loses bells.
const CHANNEL: usize = 1024;

/// One kind of housekeeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chore {
    pub name: &'static str,
    /// Seconds first, UTC.
    pub cron: &'static str,
    /// The longest time between two of its rings.
    pub period: Duration,
}

/// Old results and spans go, in small chunks.
pub const PRUNE: Chore = Chore { name: "prune", cron: "0 7 * * * *", period: Duration::from_secs(3600) };
/// The write-ahead log is folded into the database.
pub const CHECKPOINT: Chore =
    Chore { name: "checkpoint", cron: "30 */5 * * * *", period: Duration::from_secs(300) };
/// The query planner's statistics are renewed.
pub const OPTIMISE: Chore =
    Chore { name: "optimise", cron: "0 23 3 * * *", period: Duration::from_secs(86_400) };

/// The whole database is read, so that damage is found while there are backups from before it.
pub const CHECK: Chore = Chore { name: "check", cron: "0 41 3 * * *", period: Duration::from_secs(86_400) };

/// Starts the scheduler; it must be kept and shut down by the caller.
pub async fn start(chores: &[(Chore, Arc<Bell>)]) -> Result<Scheduler, JobSchedulerError> {
    let scheduler = Scheduler::new_with_channel_size(CHANNEL).await?;
    for (chore, bell) in chores {
        let bell = bell.clone();
        scheduler
            .add(Job::new(chore.cron, move |_, _| {
                bell.ring();
            })?)
            .await?;
    }
    scheduler.start().await?;
    Ok(scheduler)
}

/// Waits for the next turn of a chore; false when it is time to stop.
pub async fn turn(chore: &Chore, bell: &Bell, stop: &CancellationToken) -> bool {
    tokio::select! {
        biased;
        () = stop.cancelled() => false,
        () = bell.answer() => true,
        () = tokio::time::sleep(chore.period * 2) => {
            tracing::warn!("No bell rang for `{}` in twice its period; doing it anyway", chore.name);
            true
        }
    }
}
