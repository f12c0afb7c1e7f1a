//! What goes on while the config may change: shared by the daemon's owner and its socket.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::crew::Crew;
use super::reload::{ReloadError, Reloaded};
use crate::config::{Config, Fault, Faults};
use crate::domain::moment::Moment;
use crate::domain::readiness::Doubt;
use crate::pipeline::Spine;
use crate::pipeline::logins::LoginBudget;
use crate::probe::Manners;
use crate::probe::own::OwnHealth;
use crate::publish::Publisher;
use crate::schedule::Change;
use crate::serve::tls::Tls;
use crate::service;
use crate::store::Changed;

/// Reads and checks the config anew: the config and its warnings, or every fault.
pub type Load = Arc<dyn Fn() -> anyhow::Result<(Config, Vec<Fault>)> + Send + Sync>;

/// Reloads that were asked for by a signal and not yet done: one that runs, and
/// one that will see whatever was written meanwhile.
pub(super) const ASKED: usize = 2;

pub struct Live {
    pub spine: Arc<Spine>,
    pub publisher: Arc<Publisher>,
    pub own: Arc<OwnHealth>,
    pub crew: Arc<Crew>,
    pub logins: Arc<LoginBudget>,
    pub manners: Arc<Manners>,
    /// When this process began its work.
    pub started: Moment,
    /// What runs now; held through a reload, so that one follows another.
    pub(super) config: Mutex<Config>,
    pub(super) changes: mpsc::Sender<Change>,
    pub(super) keep_results: watch::Sender<Duration>,
    pub(super) asked: Arc<Semaphore>,
    /// The page's, when it is ours.
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
}

impl Live {
    /// Puts `config` in the place of the one that runs, or changes nothing.
    pub async fn reload(&self, config: Config) -> Result<Reloaded, ReloadError> {
        let mut running = self.config.lock().await;
        self.replace(&mut running, config).await
    }

    /// Reads the config anew and puts it in the place of the one that runs.
    /// Tells in the log what changed, or why nothing did; gives back that and
    /// the file's warnings.
    pub async fn look_again(&self, load: &Load) -> Result<(Reloaded, Vec<Fault>), ReloadError> {
        service::reloading();
        let looked = tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(ReloadError::Stopping),
            looked = self.load_and_replace(load) => looked,
        };
        service::ready(&self.watching());
        match &looked {
            Ok((reloaded, warnings)) => {
                for warning in warnings {
                    tracing::warn!("{}", warning.line());
                }
                for Changed { what, subject, detail } in &reloaded.changes {
                    tracing::info!(what, subject, detail, "The configuration changed");
                }
                tracing::info!("Reloaded: {}", reloaded.sentences().join(". "));
            }
            Err(ReloadError::Config(error)) if let Some(faults) = error.downcast_ref::<Faults>() => {
                for fault in faults.shown() {
                    tracing::error!("{}", fault.line());
                }
                tracing::error!("The old config keeps running: the new one has {} faults", faults.count());
            }
            Err(error) => {
                let causes = chain(error);
                tracing::error!("The old config keeps running: {causes}");
            }
        }
        looked
    }

    async fn load_and_replace(&self, load: &Load) -> Result<(Reloaded, Vec<Fault>), ReloadError> {
        // The file is read by the one whose turn it is, so that the last one wins.
        let mut running = self.config.lock().await;
        let (load, tls) = (Arc::clone(load), self.tls.clone());
        let loaded = tokio::task::spawn_blocking(move || {
            let loaded = load();
            // A bad pair has been told as a fault of the config.
            if let (Ok(_), Some(tls)) = (&loaded, tls) {
                tls.look_again();
            }
            loaded
        });
        let loaded = loaded.await?;
        let (config, warnings) = loaded.map_err(ReloadError::Config)?;
        let reloaded = self.replace(&mut running, config).await?;
        Ok((reloaded, warnings))
    }

    /// For a signal: begins a reload unless one that has not begun waits already.
    pub fn ask_to_look_again(self: &Arc<Self>, load: &Load) {
        let Ok(turn) = Arc::clone(&self.asked).try_acquire_owned() else { return };
        let (live, load) = (Arc::clone(self), Arc::clone(load));
        self.tasks.spawn(async move {
            // What it found is in the log.
            let _ = live.look_again(&load).await;
            drop(turn);
        });
    }

    /// What the service manager shows.
    fn watching(&self) -> String {
        let facts = self.spine.facts.borrow();
        format!("endpoints: {}, components: {}", facts.endpoints.len(), facts.components.len())
    }

    /// Why this daemon should not be relied on now; nothing when it is ready.
    pub fn doubts(&self) -> Vec<Doubt> {
        self.publisher.doubts()
    }
}

/// An error and its causes in one line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(it) = cause {
        said.push_str(&format!(": {it}"));
        cause = it.source();
    }
    said
}
