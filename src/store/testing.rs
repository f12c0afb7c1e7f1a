//! What the tests of this room share.

use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;
use url::Url;

use super::{BACKLOG, Options, Recording, Store, StoreError};
use crate::domain::endpoint::{Cadence, Endpoint, EndpointId, Id};
use crate::domain::moment::Moment;
use crate::domain::outcome::{FailureClass, Outcome};
use crate::domain::probe::ProbeResult;
use crate::domain::span::{Health, Span, Transition};

/// A running store in a directory of its own.
pub(super) struct Running {
    pub(super) store: Store,
    pub(super) dir: TempDir,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(super) fn new() -> Self {
        Self::with_backlog(BACKLOG)
    }

    pub(super) fn with_backlog(backlog: usize) -> Self {
        Self::start(tempfile::tempdir().unwrap(), backlog)
    }

    fn start(dir: TempDir, backlog: usize) -> Self {
        let (store, writer) = Store::open(&Options { dir: dir.path().into(), backlog }).unwrap();
        let thread = std::thread::Builder::new().name("store".into()).spawn(|| writer.run()).unwrap();
        Self { store, dir, thread: Some(thread) }
    }

    /// Closed and at rest; its directory is left.
    pub(super) fn stop(mut self) -> TempDir {
        self.store.close();
        self.thread.take().unwrap().join().unwrap();
        self.dir
    }

    /// Stores a success a second, many to a commit.
    pub(super) async fn succeed(&self, endpoint: &'static str, seconds: std::ops::RangeInclusive<i64>) {
        let mut waiting = tokio::task::JoinSet::new();
        for second in seconds {
            let store = self.store.clone();
            waiting.spawn(async move { store.record(success(endpoint, second)).await });
        }
        waiting.join_all().await;
    }

    pub(super) fn restart(self) -> Self {
        Self::start(self.stop(), BACKLOG)
    }
}

pub(super) fn open(dir: &Path) -> Result<(), StoreError> {
    Store::open(&Options { dir: dir.into(), backlog: BACKLOG }).map(|_| ())
}

pub(super) fn id(text: &str) -> EndpointId {
    Id::parse(text).unwrap()
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn result(second: i64, outcome: Outcome) -> ProbeResult {
    ProbeResult {
        at: Moment { wall: at(second), mono: Duration::from_secs(second.unsigned_abs()) },
        total: Duration::from_millis(123),
        outcome,
        http_status: Some(200),
        fresh_for: Duration::from_secs(30),
    }
}

pub(super) fn success(endpoint: &str, second: i64) -> Recording {
    Recording { endpoint: id(endpoint), result: result(second, Outcome::Success), transitions: vec![] }
}

/// A failure that changes health from that second on.
pub(super) fn goes_down(endpoint: &str, second: i64) -> Recording {
    let result = result(second, Outcome::Failure(FailureClass::ConnectRefused));
    Recording {
        endpoint: id(endpoint),
        result,
        transitions: vec![Transition { health: Health::Down, from: at(second) }],
    }
}

pub(super) fn goes_up(endpoint: &str, second: i64) -> Recording {
    Recording {
        transitions: vec![Transition { health: Health::Up, from: at(second) }],
        ..success(endpoint, second)
    }
}

pub(super) fn endpoint(name: &str, was: &[&str]) -> Endpoint {
    Endpoint {
        cadence: Cadence::Every(Duration::from_secs(10)),
        deadline: Duration::from_secs(5),
        degraded_after: Duration::from_secs(2),
        was: was.iter().map(|name| id(name)).collect(),
        ..Endpoint::get(id(name), id("web"), Url::parse("https://wallet.example/login").unwrap())
    }
}

/// `U10-20 D20-` is up from second 10 to 20, then down.
pub(super) fn draw(history: &[Span]) -> String {
    let one = |span: &Span| {
        let letter = ["U", "G", "D", "?"][usize::from(span.health.code())];
        let to = span.to.map(|to| to.as_second().to_string()).unwrap_or_default();
        format!("{letter}{}-{to}", span.from.as_second())
    };
    history.iter().map(one).collect::<Vec<_>>().join(" ")
}
