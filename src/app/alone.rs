//! A command that knocks, or needs the budget of logins, while no daemon does: it
//! takes the data directory for itself, as a daemon would.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::moment::Moment;
use crate::notes::Notes;
use crate::pipeline::codes::UsedCodes;
use crate::pipeline::logins::LoginBudget;
use crate::pipeline::pauses;
use crate::probe::own::OwnHealth;
use crate::probe::pauses::Pauses;
use crate::store::{self, Store, StoreError};

/// Until `stop`. As in a daemon, not where we knock: a page that is long to read
/// must not look as if the machine stood still.
pub fn tick_apart(own: Arc<OwnHealth>, stop: CancellationToken) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let ticking = move || runtime.block_on(own.ticking(stop.cancelled()));
    std::thread::Builder::new().name("ticking".into()).spawn(ticking)
}

/// The budget and the codes that were used, and the store behind it until [`Alone::end`].
pub struct Alone {
    pub logins: Arc<LoginBudget>,
    pub codes: Arc<UsedCodes>,
    store: Store,
    writer: JoinHandle<()>,
}

impl Alone {
    /// Refused when a daemon uses the directory.
    pub async fn open(data: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let (store, writer) = Store::open(&store::Options { dir: data.to_owned(), backlog: store::BACKLOG })?;
        let writer = std::thread::Builder::new().name("store".into()).spawn(move || writer.run());
        let writer = writer.context("starting the store's thread")?;
        let notes = Arc::new(Notes::new(clock.clone()));
        let logins = LoginBudget::open(store.clone(), clock, notes).await?;
        let codes = Arc::new(UsedCodes::new(store.clone()));
        Ok(Self { logins: Arc::new(logins), codes, store, writer })
    }

    /// Goes on with the pauses that a daemon kept, and keeps what comes.
    pub async fn keep(&self, pauses: &Pauses, now: Moment) -> Result<(), StoreError> {
        pauses::keep(&self.store, pauses, now).await
    }

    /// Waits until all is on the disk.
    pub fn end(self) -> anyhow::Result<()> {
        self.store.close();
        self.writer.join().map_err(|_| anyhow::anyhow!("the store's thread panicked; see the log above"))
    }
}
