//! Tests of the exposition: every family, and what one endpoint costs.

use std::time::Duration;

use super::*;
use crate::domain::outcome::{FailureClass, Outcome};
use crate::meter::Histogram;
use crate::publish::fixture;

fn counted() -> Counted {
    let histogram =
        Histogram::new(&[5_000, 25_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000]);
    histogram.time(Duration::from_millis(30));
    let reading = histogram.read();
    Counted {
        outcomes: vec![(Outcome::Success, 7), (Outcome::Failure(FailureClass::Reset), 1)],
        phases: std::array::from_fn(|_| Some(reading.clone())),
        total: reading,
        certificate_until: Some(Timestamp::from_second(2_000_000_000).unwrap()),
        rings_dropped: 2,
    }
}

fn seen(facts: Facts) -> Seen {
    let now = fixture::now();
    let reading = counted().total;
    Seen {
        now,
        knocks: facts.endpoints.iter().map(|_| Some(counted())).collect(),
        facts: Arc::new(facts),
        lateness: reading.clone(),
        store: StoreSeen {
            queue: 1,
            lost: 2,
            commit: reading.clone(),
            size: Histogram::new(&[1, 5]).read(),
            failed: 3,
            database_bytes: 4096,
            wal_bytes: 0,
            free_bytes: 1 << 40,
            files: Soundness { damaged: true, vanished: false },
            evidence_stored: 4,
            evidence_lost: 1,
        },
        page: PageSeen {
            verdict: Verdict::Partial,
            render: reading,
            failed: 0,
            rendered_at: now.wall.as_second(),
            valid_until: Some(now.after(Duration::from_secs(30))),
            requests: vec![("/c/{id}", "2xx", 5)],
            connections: 3,
            came: 4,
            shown_out: 0,
        },
        own: OwnSeen {
            stalls: 1,
            clock_steps: 0,
            clock_doubted: false,
            missed: Duration::from_millis(1500),
            networks: vec![NetworkSeen { id: "default".to_owned(), lost: true, said: vec![("silent", 2)] }],
            lost_lines: 0,
            hosts_paused: 1,
            pauses: 2,
            logins: vec![("let_in", 3)],
            stopped: vec![("probe".to_owned(), 1)],
        },
        notes: Vec::new(),
        process: Process::read(),
    }
}

#[test]
fn every_family_of_the_catalogue_has_a_sample_of_its_own_in_both_formats() {
    let seen = seen(fixture::of(Verdict::Partial));
    for format in [Format::Prometheus, Format::OpenMetrics] {
        let text = write(&seen, format);
        let mut lines = text.lines().peekable();
        for family in CATALOGUE {
            assert!(lines.next().unwrap().starts_with("# HELP "), "{}", family.name);
            assert!(lines.next().unwrap().starts_with("# TYPE "), "{}", family.name);
            let mut samples = 0;
            while let Some(line) = lines.next_if(|it| !it.starts_with('#')) {
                assert!(line.starts_with(family.name), "{line} in {}", family.name);
                let labels = line.rsplit_once('}').map_or("", |(it, _)| it.split_once('{').unwrap().1);
                let names = labels.split("\",").filter_map(|it| Some(it.split_once('=')?.0));
                let names: Vec<&str> = names.filter(|it| *it != "le").collect();
                assert_eq!(names.join(","), family.labels, "{line}");
                samples += 1;
            }
            assert!(samples > 0, "{} has no sample", family.name);
        }
        assert_eq!(lines.next(), (format == Format::OpenMetrics).then_some("# EOF"));
        assert_eq!(lines.next(), None);
    }
}

#[test]
fn states_are_one_of_all_and_silence_is_unknown() {
    let mut facts = fixture::of(Verdict::Partial);
    Arc::make_mut(&mut facts.endpoints[0]).last = None;
    let id = facts.endpoints[0].endpoint.id.clone();
    let text = write(&seen(facts), Format::Prometheus);
    let health: Vec<&str> = text
        .lines()
        .filter(|it| it.starts_with(&format!("porchlight_endpoint_health{{endpoint=\"{id}\"")))
        .collect();
    assert_eq!(health.len(), 4);
    let set: Vec<&&str> = health.iter().filter(|it| it.ends_with(" 1")).collect();
    assert!(set.len() == 1 && set[0].contains("health=\"unknown\""), "{health:?}");
    assert!(text.contains("porchlight_verdict{verdict=\"partial\"} 1\n"));
    assert!(text.contains("porchlight_verdict{verdict=\"yes\"} 0\n"));
    assert!(
        text.contains("reason=\"reset\"} 1\n") && text.contains("outcome=\"success\",reason=\"none\"} 7\n")
    );
}

#[test]
fn an_address_or_a_secret_is_in_no_line() {
    let text = write(&seen(fixture::busy()), Format::OpenMetrics);
    for word in ["http:", "https:", "wallet.example", "Bearer"] {
        assert!(!text.contains(word), "{word}");
    }
}

#[test]
fn five_hundred_endpoints_are_a_few_megabytes_and_milliseconds() {
    let mut facts = fixture::fine();
    let one = facts.endpoints[0].clone();
    facts.endpoints = vec![one; 500];
    let seen = seen(facts);
    let watch = crate::meter::Stopwatch::start();
    let text = write(&seen, Format::Prometheus);
    let took = watch.read();
    assert!(text.len() < 8_000_000, "{} bytes, {} lines, {took:?}", text.len(), text.lines().count());
    assert!(took < Duration::from_secs(5), "{took:?}");
}
