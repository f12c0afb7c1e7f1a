//! Builds the daemon and takes it apart; the only room that knows everyone.

mod alone;
mod answers;
mod chores;
mod crew;
mod knocking;
mod listen;
mod live;
mod numbers;
mod pauses;
mod reload;
mod reports;
mod sample;
mod start;
mod stop;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::knocking::KnockingThread;
use crate::pipeline::Spine;
use crate::publish::Publisher;
use crate::schedule::chores::Scheduler;
use crate::store::Store;

pub use alone::{Alone, tick_apart};
pub use answers::{NOT_KNOCKED, Source, kept, knock, listed, login_lines};
pub use crew::Crew;
pub use listen::StartError;
pub use live::{Live, Load};
pub use pauses::{NOT_KEPT, pause_lines};
pub use reload::{ReloadError, Reloaded};
pub use sample::SampleAddrs;

/// A running daemon.
pub struct App {
    stop: CancellationToken,
    /// Cancelled when something died that the daemon cannot do without.
    failed: CancellationToken,
    tasks: TaskTracker,
    scheduler: Scheduler,
    store: Store,
    writer: std::thread::JoinHandle<()>,
    _knocking: KnockingThread,
    pub addr: SocketAddr,
    /// Where this machine finds the page.
    pub page: String,
    pub sample: Option<SampleAddrs>,
    /// Where the numbers are, if anywhere.
    pub metrics: Option<SocketAddr>,
    pub spine: Arc<Spine>,
    pub publisher: Arc<Publisher>,
    pub live: Arc<Live>,
}

/// How the ringing is done: by the schedule, or by a test's own hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ringing {
    OnSchedule,
    ByHand,
}

impl App {
    /// Resolves when the daemon can no longer do its work.
    pub async fn failed(&self) {
        self.failed.cancelled().await;
    }
}
