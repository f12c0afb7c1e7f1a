//! Every family of numbers there is: its name, its kind, its labels and what it means.

pub struct Family {
    /// Counters end with `_total`; units are seconds and bytes.
    pub name: &'static str,
    pub kind: Kind,
    /// Names of labels, with commas.
    pub labels: &'static str,
    pub help: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

const fn counter(name: &'static str, labels: &'static str, help: &'static str) -> Family {
    Family { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static str, help: &'static str) -> Family {
    Family { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(name: &'static str, labels: &'static str, help: &'static str) -> Family {
    Family { name, kind: Kind::Histogram, labels, help }
}

/// In the order they are written. `contrib/prometheus/METRICS.md` says the same.
pub const CATALOGUE: &[Family] = &[
    gauge("porchlight_build_info", "version", "Always 1; the version that runs."),
    gauge("porchlight_verdict", "verdict", "1 for the verdict the page gives now, 0 for the others."),
    gauge(
        "porchlight_component_status",
        "component,status",
        "1 for the status of the component now, 0 for the others.",
    ),
    gauge("porchlight_endpoint_info", "endpoint,component", "Always 1; the component of the endpoint."),
    gauge(
        "porchlight_endpoint_health",
        "endpoint,health",
        "1 for the health of the endpoint as it may be told now, 0 for the others; silence is unknown.",
    ),
    gauge(
        "porchlight_health_since_timestamp_seconds",
        "endpoint",
        "When the open span of the endpoint's health began.",
    ),
    gauge(
        "porchlight_last_result_timestamp_seconds",
        "endpoint",
        "When the last probe of the endpoint began, whatever it concluded.",
    ),
    counter(
        "porchlight_results_total",
        "endpoint,outcome,reason",
        "Probe results by outcome and its reason.",
    ),
    histogram("porchlight_probe_seconds", "endpoint", "Length of a probe, from the lookup to the last byte."),
    histogram(
        "porchlight_probe_phase_seconds",
        "endpoint,phase",
        "Length of one phase of a probe that came so far.",
    ),
    counter(
        "porchlight_rings_dropped_total",
        "endpoint",
        "Rings dropped because the last round was not over.",
    ),
    gauge(
        "porchlight_certificate_expires_timestamp_seconds",
        "endpoint",
        "When the first certificate of the chain last shown runs out.",
    ),
    gauge(
        "porchlight_endpoint_flapping",
        "endpoint",
        "1 while the endpoint changes too often to be told change by change.",
    ),
    gauge(
        "porchlight_operator_notes",
        "note",
        "How many things of this kind an operator must know now; `porchlight status` says them.",
    ),
    counter("porchlight_evidence_stored_total", "", "What failing probes saw, stored for operators."),
    counter("porchlight_evidence_lost_total", "", "What failing probes saw and could not be stored."),
    histogram("porchlight_probe_lateness_seconds", "", "How long after it was due a round began."),
    gauge("porchlight_storing", "", "1 while results reach the disk, 0 while they do not."),
    gauge("porchlight_unstored_results", "", "Results that wait in memory because storing fails."),
    counter("porchlight_results_lost_total", "", "Results that can never be stored."),
    gauge("porchlight_commit_queue", "", "Results that wait for a commit, when all is well too."),
    histogram("porchlight_commit_seconds", "", "Length of a commit, its flush included."),
    histogram("porchlight_commit_size", "", "Results and changes that shared a commit."),
    counter("porchlight_commits_failed_total", "", "Commits that failed and were tried again."),
    gauge("porchlight_database_bytes", "", "Size of the database file."),
    gauge("porchlight_wal_bytes", "", "Size of the write-ahead log."),
    gauge("porchlight_disk_free_bytes", "", "Free space where the database is."),
    gauge("porchlight_database_damaged", "", "1 while a page of the database is known to be broken."),
    gauge("porchlight_database_vanished", "", "1 while the database's file is removed or replaced."),
    histogram("porchlight_render_seconds", "", "Length of a rendering of the front page and the summary."),
    counter("porchlight_renders_failed_total", "", "Renderings that failed."),
    gauge("porchlight_rendered_timestamp_seconds", "", "When the page that is served was rendered."),
    gauge(
        "porchlight_valid_until_timestamp_seconds",
        "",
        "Until when the page that is served may be believed.",
    ),
    counter(
        "porchlight_http_requests_total",
        "route,class",
        "Requests by route and class of the answer's status.",
    ),
    gauge("porchlight_http_connections", "", "Connections to the page that are open."),
    counter("porchlight_http_accepted_total", "", "Connections to the page that were given a place."),
    counter(
        "porchlight_http_shown_out_total",
        "",
        "Quiet connections that were closed because others needed the place.",
    ),
    counter("porchlight_stalls_total", "", "Times the process stood still for more than half a second."),
    counter("porchlight_clock_steps_total", "", "Times the wall clock was set by more than 5 s."),
    counter(
        "porchlight_missed_seconds_total",
        "",
        "Time in which the process was kept from running, as its ticker tells.",
    ),
    gauge(
        "porchlight_clock_doubted",
        "",
        "1 while certificates' dates are not judged because the clock was set.",
    ),
    gauge(
        "porchlight_network_lost",
        "network",
        "1 while most canaries of a network of ours fail and its results are not believed.",
    ),
    counter(
        "porchlight_logins_total",
        "ended",
        "Logins that were asked for: let_in, refused or not_known once sent, not_sent, or held for want of budget.",
    ),
    gauge(
        "porchlight_logins_stopped",
        "account",
        "Doors where this account logs in no more until a person says so.",
    ),
    gauge("porchlight_hosts_paused", "", "Hosts that told us to stay away, where nobody knocks now."),
    counter("porchlight_pauses_total", "", "Times a host told us to stay away."),
    counter("porchlight_canary_knocks_total", "network,said", "Knocks at canaries by what they said."),
    counter(
        "porchlight_log_lines_lost_total",
        "",
        "Lines of the log that were dropped because whoever reads it did not keep up.",
    ),
    gauge("process_start_time_seconds", "", "When the process started."),
    counter("process_cpu_seconds_total", "", "Processor time used, user and system."),
    gauge("process_resident_memory_bytes", "", "Memory held."),
    gauge("process_open_fds", "", "Open file descriptors."),
    gauge("process_max_fds", "", "File descriptors allowed."),
    gauge("process_threads", "", "Threads."),
];

#[cfg(test)]
mod tests {
    use super::*;

    const MANUAL: &str = include_str!("../../contrib/prometheus/METRICS.md");

    #[test]
    fn the_manual_lists_every_family_and_no_other() {
        let rows: Vec<&str> = MANUAL.lines().filter(|it| it.starts_with("| `")).collect();
        let wanted: Vec<String> = CATALOGUE
            .iter()
            .map(|it| {
                let labels: Vec<String> =
                    it.labels.split(',').filter(|it| !it.is_empty()).map(|it| format!("`{it}`")).collect();
                let kind = format!("{:?}", it.kind).to_lowercase();
                format!("| `{}` | {kind} | {} | {} |", it.name, labels.join(" "), it.help)
            })
            .collect();
        assert_eq!(rows, wanted, "\n{}\n", wanted.join("\n"));
    }

    #[test]
    fn names_say_their_kind_and_their_unit() {
        for it in CATALOGUE {
            assert_eq!(it.kind == Kind::Counter, it.name.ends_with("_total"), "{}", it.name);
            assert!(it.name.starts_with("porchlight_") || it.name.starts_with("process_"), "{}", it.name);
            assert!(!it.name.contains("_ms") && !it.name.contains("milli"), "{}", it.name);
            assert!(it.help.ends_with('.') && !it.help.contains(['\\', '\n']), "{}", it.name);
            assert_eq!(CATALOGUE.iter().filter(|other| other.name == it.name).count(), 1, "{}", it.name);
        }
    }
}
