//! The one thread that knocks: every probe runs there, and nothing else.
//!
//! A page that is asked for a thousand times, or a rendering, takes no time from
//! a measurement; a phase ends when its bytes come, and not when another thread
//! has been woken. And the parts of one request never run side by side: the
//! HTTP/2 client loses an answer whose connection ends while it is looked at
//! from two threads.

use std::io;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// For judging a large page; each keeps a heap of its own, some megabytes of it.
const BLOCKING_THREADS: usize = 2;

/// Ends when it is dropped, with what still runs there.
pub(super) struct KnockingThread {
    pub(super) handle: Handle,
    _until: DropGuard,
}

impl KnockingThread {
    pub(super) fn begin() -> io::Result<Self> {
        let runtime =
            Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_THREADS).build()?;
        let (handle, over) = (runtime.handle().clone(), CancellationToken::new());
        let until = over.clone().drop_guard();
        std::thread::Builder::new().name("knocking".into()).spawn(move || {
            runtime.block_on(over.cancelled());
            // What still blocks a thread must not hold the process.
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, _until: until })
    }
}
