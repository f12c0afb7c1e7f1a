//! Takes the daemon apart, so that nothing that was seen is lost.

use std::time::Duration;

use anyhow::Context;

use super::App;

/// After the first stop signal everything must be over within 5 s: so long may
/// the chores' scheduler take …
const LAST_BELL: Duration = Duration::from_millis(250);
/// … then all that works; connections are given a second of it …
const LAST_WORK: Duration = Duration::from_millis(2500);
/// … and then the writer for its last commit; of a locked database it lets go in less.
/// The log's last lines have what is left.
const LAST_COMMIT: Duration = Duration::from_millis(1500);

impl App {
    /// Bells first, so that no work begins; then everything that was working;
    /// the writer last, so that what was seen is stored.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let quieted = tokio::time::timeout(LAST_BELL, self.scheduler.shutdown()).await;
        self.stop.cancel();
        self.tasks.close();
        let drained = tokio::time::timeout(LAST_WORK, self.tasks.wait()).await;
        self.store.close();
        let writer = self.writer;
        let written = tokio::task::spawn_blocking(move || writer.join());
        tokio::time::timeout(LAST_COMMIT, written)
            .await
            .context("the store did not finish its last commit in time")?
            .context("waiting for the store")?
            .map_err(|_| anyhow::anyhow!("the store's thread panicked; see the log above"))?;
        let left = self.store.left_behind();
        anyhow::ensure!(left == 0, "{left} results could not be stored; see the log above");
        // From here on nothing is lost any more, so what was slow is only told.
        if drained.is_err() {
            tracing::warn!("Some work did not finish in time and was dropped");
        }
        if !matches!(quieted, Ok(Ok(()))) {
            tracing::warn!("The chores' scheduler did not end well: {quieted:?}");
        }
        Ok(())
    }
}
