//! From what was counted to samples, family by family.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::encode::{Exposition, Format};
use super::families::CATALOGUE;
use super::process::Process;
use crate::domain::component::Component;
use crate::domain::facts::{EndpointFacts, Facts, Storing};
use crate::domain::moment::{Moment, minus, plus};
use crate::domain::note::{Note, Told};
use crate::domain::outage::is_flapping;
use crate::domain::readiness::Soundness;
use crate::domain::span::Health;
use crate::domain::status::Status;
use crate::domain::summary::status_now;
use crate::domain::verdict::Verdict;
use crate::meter::Reading;
use crate::pipeline::knocks::{Counted, PHASES};

/// Bounds in microseconds.
const MICROS: u32 = 1_000_000;
/// Bytes to begin with, and for each endpoint: a little more than they need.
const ROOM: usize = 16 * 1024;
const ROOM_EACH: usize = 8 * 1024;

/// All that is known at the moment of a scrape.
pub struct Seen {
    pub now: Moment,
    pub facts: Arc<Facts>,
    /// As the facts' endpoints; none before an endpoint has a worker.
    pub knocks: Vec<Option<Counted>>,
    pub lateness: Reading,
    pub store: StoreSeen,
    pub page: PageSeen,
    pub own: OwnSeen,
    /// What an operator must know now.
    pub notes: Vec<Note>,
    pub process: Process,
}

pub struct StoreSeen {
    pub queue: usize,
    pub lost: u64,
    pub commit: Reading,
    pub size: Reading,
    pub failed: u64,
    pub database_bytes: i64,
    pub wal_bytes: i64,
    pub free_bytes: i64,
    pub files: Soundness,
    pub evidence_stored: u64,
    pub evidence_lost: u64,
}

pub struct PageSeen {
    pub verdict: Verdict,
    pub render: Reading,
    pub failed: u64,
    /// Seconds since 1970.
    pub rendered_at: i64,
    pub valid_until: Option<Moment>,
    /// Route, class of status, count.
    pub requests: Vec<(&'static str, &'static str, u32)>,
    /// Connections to the page's listener: now, ever, and closed for want of room.
    pub connections: i64,
    pub came: u64,
    pub shown_out: u64,
}

pub struct OwnSeen {
    pub stalls: u64,
    pub clock_steps: u64,
    pub clock_doubted: bool,
    pub missed: Duration,
    pub networks: Vec<NetworkSeen>,
    pub lost_lines: u64,
    /// Hosts that are paused now, and pauses since the start.
    pub hosts_paused: usize,
    pub pauses: u64,
    /// How many logins ended how.
    pub logins: Vec<(&'static str, u64)>,
    /// Accounts, and at how many doors they log in no more.
    pub stopped: Vec<(String, usize)>,
}

/// One network that has canaries.
pub struct NetworkSeen {
    pub id: String,
    pub lost: bool,
    /// How often its canaries said what.
    pub said: Vec<(&'static str, u32)>,
}

pub fn write(seen: &Seen, format: Format) -> String {
    let mut out = Exposition::new(format, ROOM + ROOM_EACH * seen.facts.endpoints.len());
    for family in CATALOGUE {
        out.family(family);
        let one = |value: i64| Some(value.to_string());
        let plain = match family.name {
            "porchlight_storing" => one(i64::from(seen.facts.storing == Storing::Works)),
            "porchlight_unstored_results" => Some(unstored(&seen.facts).to_string()),
            "porchlight_results_lost_total" => Some(seen.store.lost.to_string()),
            "porchlight_evidence_stored_total" => Some(seen.store.evidence_stored.to_string()),
            "porchlight_evidence_lost_total" => Some(seen.store.evidence_lost.to_string()),
            "porchlight_commit_queue" => Some(seen.store.queue.to_string()),
            "porchlight_commits_failed_total" => Some(seen.store.failed.to_string()),
            "porchlight_database_bytes" => one(seen.store.database_bytes),
            "porchlight_wal_bytes" => one(seen.store.wal_bytes),
            "porchlight_disk_free_bytes" => one(seen.store.free_bytes),
            "porchlight_database_damaged" => one(i64::from(seen.store.files.damaged)),
            "porchlight_database_vanished" => one(i64::from(seen.store.files.vanished)),
            "porchlight_renders_failed_total" => Some(seen.page.failed.to_string()),
            "porchlight_rendered_timestamp_seconds" => one(seen.page.rendered_at),
            "porchlight_valid_until_timestamp_seconds" => {
                seen.page.valid_until.map(|it| wall(seen.now, it).as_second().to_string())
            }
            "porchlight_http_connections" => one(seen.page.connections),
            "porchlight_http_accepted_total" => Some(seen.page.came.to_string()),
            "porchlight_http_shown_out_total" => Some(seen.page.shown_out.to_string()),
            "porchlight_stalls_total" => Some(seen.own.stalls.to_string()),
            "porchlight_clock_steps_total" => Some(seen.own.clock_steps.to_string()),
            "porchlight_missed_seconds_total" => Some(seen.own.missed.as_secs_f64().to_string()),
            "porchlight_clock_doubted" => one(i64::from(seen.own.clock_doubted)),
            "porchlight_log_lines_lost_total" => Some(seen.own.lost_lines.to_string()),
            "porchlight_hosts_paused" => Some(seen.own.hosts_paused.to_string()),
            "porchlight_pauses_total" => Some(seen.own.pauses.to_string()),
            "process_start_time_seconds" => one(started(seen.now).as_second()),
            "process_cpu_seconds_total" => seen.process.cpu.map(|it| it.as_secs_f64().to_string()),
            "process_resident_memory_bytes" => seen.process.resident_bytes.map(|it| it.to_string()),
            "process_open_fds" => seen.process.open_files.map(|it| it.to_string()),
            "process_max_fds" => seen.process.most_files.map(|it| it.to_string()),
            "process_threads" => seen.process.threads.map(|it| it.to_string()),
            _ => None,
        };
        match plain {
            Some(value) => out.sample(&[], value),
            None => labelled(&mut out, family.name, seen),
        }
    }
    out.finish()
}

fn labelled(out: &mut Exposition, family: &str, seen: &Seen) {
    match family {
        "porchlight_build_info" => out.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1),
        "porchlight_verdict" => {
            for verdict in Verdict::ALL {
                out.sample(&[("verdict", verdict.wire())], u8::from(verdict == seen.page.verdict));
            }
        }
        "porchlight_component_status" => {
            seen.facts.components.iter().for_each(|it| component(out, seen, it));
        }
        "porchlight_network_lost" => {
            for network in &seen.own.networks {
                out.sample(&[("network", &network.id)], u8::from(network.lost));
            }
        }
        "porchlight_logins_total" => {
            for (ended, count) in &seen.own.logins {
                out.sample(&[("ended", ended)], count);
            }
        }
        "porchlight_logins_stopped" => {
            for (account, count) in &seen.own.stopped {
                out.sample(&[("account", account)], count);
            }
        }
        "porchlight_canary_knocks_total" => {
            for network in &seen.own.networks {
                for (said, count) in &network.said {
                    out.sample(&[("network", &network.id), ("said", said)], count);
                }
            }
        }
        "porchlight_operator_notes" => {
            for told in Told::ALL {
                let count = seen.notes.iter().filter(|it| it.key.told == *told).count();
                out.sample(&[("note", told.wire())], count);
            }
        }
        "porchlight_probe_lateness_seconds" => out.histogram(&[], &seen.lateness, MICROS),
        "porchlight_commit_seconds" => out.histogram(&[], &seen.store.commit, MICROS),
        "porchlight_commit_size" => out.histogram(&[], &seen.store.size, 1),
        "porchlight_render_seconds" => out.histogram(&[], &seen.page.render, MICROS),
        "porchlight_http_requests_total" => {
            for (route, class, count) in &seen.page.requests {
                out.sample(&[("route", route), ("class", class)], count);
            }
        }
        _ => {
            for (facts, counted) in seen.facts.endpoints.iter().zip(&seen.knocks) {
                known(out, family, facts, seen.now);
                if let Some(counted) = counted {
                    count(out, family, facts.endpoint.id.as_str(), counted);
                }
            }
        }
    }
}

fn component(out: &mut Exposition, seen: &Seen, component: &Component) {
    let now = status_now(&seen.facts, component, seen.now);
    for status in Status::ALL {
        let labels = [("component", component.id.as_str()), ("status", status.wire())];
        out.sample(&labels, u8::from(status == now));
    }
}

/// What the facts say of an endpoint.
fn known(out: &mut Exposition, family: &str, facts: &EndpointFacts, now: Moment) {
    let id = facts.endpoint.id.as_str();
    match family {
        "porchlight_endpoint_info" => {
            out.sample(&[("endpoint", id), ("component", facts.endpoint.component.as_str())], 1);
        }
        "porchlight_endpoint_health" => {
            let told = facts.told(now);
            for health in [Health::Up, Health::Degraded, Health::Down, Health::Unknown] {
                out.sample(&[("endpoint", id), ("health", health.wire())], u8::from(health == told));
            }
        }
        "porchlight_endpoint_flapping" => {
            let flaps = is_flapping(&facts.history, now.wall);
            out.sample(&[("endpoint", id)], u8::from(flaps));
        }
        "porchlight_health_since_timestamp_seconds" => {
            if let Some(open) = facts.history.last().filter(|it| it.to.is_none()) {
                out.sample(&[("endpoint", id)], open.from.as_second());
            }
        }
        "porchlight_last_result_timestamp_seconds" => {
            if let Some(last) = facts.last {
                out.sample(&[("endpoint", id)], last.at.as_second());
            }
        }
        _ => (),
    }
}

/// What its worker counted.
fn count(out: &mut Exposition, family: &str, id: &str, counted: &Counted) {
    match family {
        "porchlight_results_total" => {
            for (outcome, count) in &counted.outcomes {
                let reason = outcome.reason().unwrap_or("none");
                out.sample(&[("endpoint", id), ("outcome", outcome.kind()), ("reason", reason)], count);
            }
        }
        "porchlight_probe_seconds" => out.histogram(&[("endpoint", id)], &counted.total, MICROS),
        "porchlight_probe_phase_seconds" => {
            for (phase, reading) in PHASES.iter().zip(&counted.phases) {
                if let Some(reading) = reading {
                    out.histogram(&[("endpoint", id), ("phase", phase)], reading, MICROS);
                }
            }
        }
        "porchlight_rings_dropped_total" => out.sample(&[("endpoint", id)], counted.rings_dropped),
        "porchlight_certificate_expires_timestamp_seconds" => {
            if let Some(until) = counted.certificate_until {
                out.sample(&[("endpoint", id)], until.as_second());
            }
        }
        _ => (),
    }
}

fn unstored(facts: &Facts) -> u64 {
    match facts.storing {
        Storing::Works => 0,
        Storing::Fails { waiting, .. } => waiting,
    }
}

/// A moment by the wall clock of now, which may have been set since.
fn wall(now: Moment, at: Moment) -> Timestamp {
    let left = at.mono.saturating_sub(now.mono);
    if left.is_zero() { minus(now.wall, now.mono.saturating_sub(at.mono)) } else { plus(now.wall, left) }
}

fn started(now: Moment) -> Timestamp {
    minus(now.wall, now.mono)
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
