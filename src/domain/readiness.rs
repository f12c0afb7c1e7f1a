//! May readers be sent here, and does the process work at all? The one place that decides it.

use std::time::Duration;

use super::facts::{Facts, Storing};
use super::moment::Moment;

/// The ticker comes ten times a second; silent for so long, the runtime stands still.
pub const TICKER_SILENT: Duration = Duration::from_secs(5);
/// The renderer comes by every 15 s at least; so long covers the slowest rendering.
pub const RENDERER_SILENT: Duration = Duration::from_secs(60);

/// What the parts of the daemon last said of themselves; times are monotonic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    pub ticked_at: Duration,
    pub rendering_at: Duration,
    /// Whether the thread that stores is there.
    pub writer: bool,
    /// Until when the page may be believed; none before the first.
    pub rendered_until: Option<Duration>,
}

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    pub well: bool,
    /// A sentence for the operator, whatever the answer.
    pub why: String,
}

/// Whether the process works: when not, only a restart helps.
///
/// | check | fails when |
/// | --- | --- |
/// | `ticker` | our own ticker was not heard for [`TICKER_SILENT`] |
/// | `writer` | the thread that stores has ended |
/// | `renderer` | the renderer did not come by for [`RENDERER_SILENT`] |
pub fn live(pulse: &Pulse, now: Moment) -> Vec<Check> {
    let ticker = now.mono.saturating_sub(pulse.ticked_at);
    let renderer = now.mono.saturating_sub(pulse.rendering_at);
    let writer = if pulse.writer { "the thread that stores runs" } else { "the thread that stores has ended" };
    vec![
        check("ticker", ticker < TICKER_SILENT, format!("ticked {} s ago", ticker.as_secs())),
        check("writer", pulse.writer, writer.to_owned()),
        check("renderer", renderer < RENDERER_SILENT, format!("came by {} s ago", renderer.as_secs())),
    ]
}

/// Whether what is served is worth asking for.
///
/// | check | fails when |
/// | --- | --- |
/// | `results` | there are endpoints, and not one has a recent result |
/// | `store` | results do not reach the disk |
/// | `rendering` | the rendered page has run out, or there is none yet |
///
/// One silent endpoint is told on the page and to the alerts; it is no reason
/// to take the page away from its readers.
pub fn ready(facts: &Facts, pulse: &Pulse, now: Moment) -> Vec<Check> {
    let (all, fresh) = (facts.endpoints.len(), facts.endpoints.iter().filter(|it| it.is_fresh(now)).count());
    let (stored, storing) = match facts.storing {
        Storing::Works => (true, "results are stored".to_owned()),
        Storing::Fails { since, waiting, lost } => {
            (false, format!("nothing is stored since {since:.0}; {waiting} results wait, {lost} are lost"))
        }
    };
    let left = pulse.rendered_until.map(|until| until.saturating_sub(now.mono));
    let (rendered, rendering) = match left {
        None => (false, "no page is rendered yet".to_owned()),
        Some(Duration::ZERO) => (false, "the rendered page has run out".to_owned()),
        Some(left) => (true, format!("the page holds for {} s more", left.as_secs())),
    };
    vec![
        check("results", all == 0 || fresh > 0, format!("{fresh} of {all} endpoints have a recent result")),
        check("store", stored, storing),
        check("rendering", rendered, rendering),
    ]
}

pub fn all_well(checks: &[Check]) -> bool {
    checks.iter().all(|it| it.well)
}

fn check(name: &'static str, well: bool, why: String) -> Check {
    Check { name, well, why }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::publish::fixture;

    fn pulse(now: Moment) -> Pulse {
        Pulse {
            ticked_at: now.mono,
            rendering_at: now.mono,
            writer: true,
            rendered_until: Some(now.mono + Duration::from_secs(30)),
        }
    }

    /// The names of the checks that failed.
    fn failed(checks: &[Check]) -> Vec<&'static str> {
        checks.iter().filter(|it| !it.well).map(|it| it.name).collect()
    }

    #[test]
    fn a_process_lives_while_ticker_writer_and_renderer_do() {
        let now = fixture::now();
        let good = pulse(now);
        let table: [(Pulse, &[&str]); 7] = [
            (good, &[]),
            (Pulse { ticked_at: now.mono - TICKER_SILENT, ..good }, &["ticker"]),
            (Pulse { ticked_at: now.mono - TICKER_SILENT + Duration::from_millis(1), ..good }, &[]),
            (Pulse { writer: false, ..good }, &["writer"]),
            (Pulse { rendering_at: now.mono - RENDERER_SILENT, ..good }, &["renderer"]),
            (Pulse { rendered_until: None, ..good }, &[]),
            (Pulse { ticked_at: Duration::ZERO, writer: false, ..good }, &["ticker", "writer"]),
        ];
        for (pulse, expected) in table {
            let checks = live(&pulse, now);
            assert_eq!(failed(&checks), expected, "{pulse:?}");
            assert_eq!(all_well(&checks), expected.is_empty());
        }
    }

    #[test]
    fn a_page_is_ready_while_results_come_are_stored_and_are_rendered() {
        let (now, good) = (fixture::now(), pulse(fixture::now()));
        let fine = fixture::fine();
        let with = |storing| Facts { storing, ..fine.clone() };
        let failing = Storing::Fails { since: Timestamp::UNIX_EPOCH, waiting: 3, lost: 1 };
        let silent = |from: usize| {
            let mut facts = fine.clone();
            for endpoint in &mut facts.endpoints[from..] {
                std::sync::Arc::make_mut(endpoint).last = None;
            }
            facts
        };
        let none = Facts { endpoints: Vec::new(), ..fine.clone() };
        let until = |mono| Pulse { rendered_until: mono, ..good };
        let table: [(Facts, Pulse, &[&str]); 8] = [
            (fine.clone(), good, &[]),
            (silent(1), good, &[]),
            (silent(0), good, &["results"]),
            (none, good, &[]),
            (with(failing), good, &["store"]),
            (fine.clone(), until(None), &["rendering"]),
            (fine.clone(), until(Some(now.mono)), &["rendering"]),
            (with(failing), until(None), &["store", "rendering"]),
        ];
        for (number, (facts, pulse, expected)) in table.into_iter().enumerate() {
            let checks = ready(&facts, &pulse, now);
            assert_eq!(failed(&checks), expected, "row {number}: {checks:?}");
        }
        let told = ready(&with(failing), &good, now);
        assert_eq!(
            told[1].why,
            "nothing is stored since 1970-01-01T00:00:00Z; 3 results wait, 1 are lost"
        );
    }
}
