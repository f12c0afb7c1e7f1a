//! Whether the daemon may be relied on now, and whether it works at all: one
//! rule for `/readyz`, `/livez` and `porchlight status`.
//!
//! | what | doubt |
//! | --- | --- |
//! | endpoints, and none of them has a fresh result | no recent result |
//! | a network of ours is lost, as its canaries tell | network lost |
//! | results do not reach the disk | not stored |
//! | a page of the database is known to be broken | damaged |
//! | the database's file is not the one we opened | vanished |
//! | the rendered bodies have run out, or there are none yet | not rendered |
//!
//! One endpoint that is silent beside others that are not is told on the page
//! and by the metrics; it is no reason to take the daemon out of service.
//!
//! | what only a restart mends | fault |
//! | --- | --- |
//! | our own ticker was not heard for [`TICKER_SILENT`] | ticker |
//! | the thread that stores has ended | writer |
//! | the renderer did not come by for [`RENDERER_SILENT`] | renderer |

use std::time::Duration;

use super::facts::{Facts, Storing};
use super::moment::Moment;

/// The ticker comes ten times a second; silent for so long, the runtime stands still.
pub const TICKER_SILENT: Duration = Duration::from_secs(5);
/// The renderer comes by every 15 s at least; this covers the slowest rendering.
pub const RENDERER_SILENT: Duration = Duration::from_secs(60);

/// What is known to be wrong with the database's files; nothing by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Soundness {
    /// A page is broken. What can be stored still is.
    pub damaged: bool,
    /// The file was removed or replaced; nothing is stored until it is back.
    pub vanished: bool,
}

/// One reason not to rely on the daemon now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    NoRecentResult,
    NetworkLost,
    NotStored,
    Damaged,
    Vanished,
    NotRendered,
}

impl Doubt {
    pub const ALL: [Self; 6] = [
        Self::NoRecentResult,
        Self::NetworkLost,
        Self::NotStored,
        Self::Damaged,
        Self::Vanished,
        Self::NotRendered,
    ];

    pub fn wire(self) -> &'static str {
        match self {
            Self::NoRecentResult => "no_recent_result",
            Self::NetworkLost => "network_lost",
            Self::NotStored => "not_stored",
            Self::Damaged => "damaged",
            Self::Vanished => "vanished",
            Self::NotRendered => "not_rendered",
        }
    }

    /// What is asked.
    pub fn about(self) -> &'static str {
        match self {
            Self::NoRecentResult => "results",
            Self::NetworkLost => "network",
            Self::NotStored => "store",
            Self::Damaged => "database",
            Self::Vanished => "database_file",
            Self::NotRendered => "rendering",
        }
    }

    /// The sentence for an operator.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NoRecentResult => "no endpoint has a recent result",
            Self::NetworkLost => "our own network is down: most canaries do not answer as they should",
            Self::NotStored => "results are not being stored",
            Self::Damaged => {
                "the database is damaged; copy the data directory, then stop porchlight and restore a backup"
            }
            Self::Vanished => {
                "the database's file was removed or replaced; put it back, or restart porchlight"
            }
            Self::NotRendered => "the page is not being rendered",
        }
    }
}

/// Every doubt there is; none means ready. `rendered_until` is when the bodies
/// that are served now run out.
pub fn doubts(facts: &Facts, files: Soundness, rendered_until: Option<Moment>, now: Moment) -> Vec<Doubt> {
    let silent = !facts.endpoints.is_empty() && !facts.endpoints.iter().any(|it| it.is_fresh(now));
    let rendered = rendered_until.is_some_and(|until| now.mono < until.mono);
    let all = [
        (silent, Doubt::NoRecentResult),
        (!facts.lost.is_empty(), Doubt::NetworkLost),
        (facts.storing != Storing::Works, Doubt::NotStored),
        (files.damaged, Doubt::Damaged),
        (files.vanished, Doubt::Vanished),
        (!rendered, Doubt::NotRendered),
    ];
    all.into_iter().filter_map(|(doubtful, doubt)| doubtful.then_some(doubt)).collect()
}

/// When the parts without which nothing works were last heard of, on the
/// monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    pub ticked_at: Duration,
    pub renderer_at: Duration,
    /// Whether the thread that stores is there.
    pub writer: bool,
}

/// One part that is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Ticker,
    Writer,
    Renderer,
}

impl Fault {
    pub const ALL: [Self; 3] = [Self::Ticker, Self::Writer, Self::Renderer];

    pub fn about(self) -> &'static str {
        match self {
            Self::Ticker => "ticker",
            Self::Writer => "writer",
            Self::Renderer => "renderer",
        }
    }

    pub fn sentence(self) -> &'static str {
        match self {
            Self::Ticker => "our own ticker is silent: the process stands still",
            Self::Writer => "the thread that stores has ended",
            Self::Renderer => "the renderer did not come by for a minute",
        }
    }
}

/// Every part that is dead; none means that the process works.
pub fn faults(pulse: &Pulse, now: Moment) -> Vec<Fault> {
    let silent = |at: Duration, limit| limit <= now.mono.saturating_sub(at);
    let all = [
        (silent(pulse.ticked_at, TICKER_SILENT), Fault::Ticker),
        (!pulse.writer, Fault::Writer),
        (silent(pulse.renderer_at, RENDERER_SILENT), Fault::Renderer),
    ];
    all.into_iter().filter_map(|(dead, fault)| dead.then_some(fault)).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::endpoint::Id;
    use crate::domain::health_gate::Closed;
    use crate::domain::network::Lost;
    use crate::publish::fixture;

    #[test]
    fn a_process_works_while_ticker_writer_and_renderer_do() {
        let now = fixture::now();
        let good = Pulse { ticked_at: now.mono, renderer_at: now.mono, writer: true };
        let almost = now.mono - TICKER_SILENT + Duration::from_millis(1);
        let table: [(Pulse, &[Fault]); 6] = [
            (good, &[]),
            (Pulse { ticked_at: almost, ..good }, &[]),
            (Pulse { ticked_at: now.mono - TICKER_SILENT, ..good }, &[Fault::Ticker]),
            (Pulse { writer: false, ..good }, &[Fault::Writer]),
            (Pulse { renderer_at: now.mono - RENDERER_SILENT, ..good }, &[Fault::Renderer]),
            (Pulse { ticked_at: Duration::ZERO, writer: false, ..good }, &[Fault::Ticker, Fault::Writer]),
        ];
        for (pulse, expected) in table {
            assert_eq!(faults(&pulse, now), expected, "{pulse:?}");
        }
    }

    #[test]
    fn it_is_ready_while_results_come_are_stored_and_are_rendered() {
        let now = fixture::now();
        let (fine, later) = (fixture::fine(), Some(now.after(Duration::from_secs(30))));
        let failing = Facts {
            storing: Storing::Fails { since: Timestamp::UNIX_EPOCH, waiting: 3, lost: 1 },
            ..fine.clone()
        };
        let silent = |from: usize| {
            let mut facts = fine.clone();
            for endpoint in &mut facts.endpoints[from..] {
                std::sync::Arc::make_mut(endpoint).last = None;
            }
            facts
        };
        let (well, damaged, vanished) = (
            Soundness::default(),
            Soundness { damaged: true, vanished: false },
            Soundness { damaged: false, vanished: true },
        );
        let mut cut_off = fine.clone();
        cut_off.lose(std::sync::Arc::from([Lost {
            network: Id::parse("default").unwrap(),
            since: now.wall,
            why: Closed::Unreachable,
        }]));
        let table: [(Facts, Soundness, Option<Moment>, &[Doubt]); 12] = [
            (cut_off, well, later, &[Doubt::NetworkLost]),
            (fine.clone(), well, later, &[]),
            (silent(1), well, later, &[]),
            (silent(0), well, later, &[Doubt::NoRecentResult]),
            (Facts { endpoints: Vec::new(), ..fine.clone() }, well, later, &[]),
            (failing.clone(), well, later, &[Doubt::NotStored]),
            (fine.clone(), damaged, later, &[Doubt::Damaged]),
            (fine.clone(), vanished, later, &[Doubt::Vanished]),
            (failing.clone(), vanished, later, &[Doubt::NotStored, Doubt::Vanished]),
            (fine.clone(), well, None, &[Doubt::NotRendered]),
            (fine.clone(), well, Some(now), &[Doubt::NotRendered]),
            (failing, well, None, &[Doubt::NotStored, Doubt::NotRendered]),
        ];
        for (number, (facts, files, until, expected)) in table.into_iter().enumerate() {
            assert_eq!(doubts(&facts, files, until, now), expected, "row {number}");
        }
    }
}
