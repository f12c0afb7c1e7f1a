//! Where the lines go: to standard output, from a thread of their own, so that a
//! reader who stops reading holds up nothing but the log.

use std::io::{self, Stdout, Write};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Runtime;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// Lines that wait for their reader at most; what comes then is lost and
/// counted. A busy daemon at `debug` writes as many in some seconds, and as
/// lines usually are they take a quarter of a megabyte.
const WAITING_LINES: usize = 1_024;
/// How long the end waits for what is still to be written: a file or a reader
/// that reads takes milliseconds, and a stop must be over in 5 s.
const LAST_LINES: Duration = Duration::from_millis(500);

/// The daemon's standard output, for as long as it runs.
pub(in crate::cli) struct Log {
    pub(super) out: NonBlocking,
    guard: WorkerGuard,
}

impl Log {
    pub(super) fn new() -> Self {
        let lost = Arc::new(OnceLock::new());
        let tap = Tap { out: io::stdout(), lost: Arc::clone(&lost), told: 0 };
        let builder = NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES).lossy(true);
        let (out, guard) = builder.thread_name("log").finish(tap);
        let _ = lost.set(out.error_counter());
        Self { out, guard }
    }

    /// A line that is no event, in its place among those that are.
    pub(in crate::cli) fn tell(&self, line: impl std::fmt::Display) {
        let _ = self.out.clone().write_all(format!("{line}\n").as_bytes());
    }

    /// Counts the lines that nobody read in time.
    pub(in crate::cli) fn lost_lines(&self) -> impl Fn() -> u64 + Send + Sync + use<> {
        let lost = self.out.error_counter();
        move || u64::try_from(lost.dropped_lines()).unwrap_or(u64::MAX)
    }

    /// Writes what is still to be written, unless nobody reads it.
    pub(in crate::cli) fn end(self, runtime: &Runtime) {
        let guard = self.guard;
        // The guard says on standard output that nobody reads there, which may never end.
        let written = runtime.spawn_blocking(move || drop(guard));
        let _ = runtime.block_on(async { tokio::time::timeout(LAST_LINES, written).await });
    }
}

/// Says afterwards how many lines were lost.
struct Tap {
    out: Stdout,
    lost: Arc<OnceLock<ErrorCounter>>,
    told: usize,
}

impl Write for Tap {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.out.write(line)
    }

    /// Called when no line waits any more.
    fn flush(&mut self) -> io::Result<()> {
        let lost = self.lost.get().map_or(0, ErrorCounter::dropped_lines);
        let news = lost.saturating_sub(self.told);
        self.told = lost;
        if news > 0 {
            tracing::warn!("{news} lines of this log are missing here: whoever reads it did not keep up");
        }
        self.out.flush()
    }
}
