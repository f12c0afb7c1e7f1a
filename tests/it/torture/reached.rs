//! Every word of the closed lists was said of a real knock, by the table of the torture
//! or by a test that is named here, and every behaviour we began with has its test.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use porchlight::domain::outcome::{DegradedReason, FailureClass, Outcome, UnknownReason};

use super::cases;
use crate::knock::told;

/// A verdict that no case of the table alone leads to, the file in `tests/it/` and the
/// test where it does; the word stands in the test, or in a table that the test names.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("failure/dns_nxdomain", "names.rs", "names_fail_by_class"),
    ("failure/dns_error", "names.rs", "names_fail_by_class"),
    ("failure/connect_unreachable", "knock.rs", "an_address_that_no_packet_can_be_sent_to_is_unreachable"),
    ("failure/connect_unreachable", "own.rs", "root_why_nothing_gets_there_is_told_apart"),
    ("failure/connect_timeout", "knock.rs", "a_full_queue_that_drops_whoever_comes_is_a_connect_timeout"),
    ("failure/redirect_downgrade", "redirects.rs", "every_hop_shows_a_certificate_of_its_own"),
    ("failure/form_missing", "flow.rs", "the_step_that_failed_is_named_with_what_was_looked_for"),
    ("failure/token_missing", "flow.rs", "the_step_that_failed_is_named_with_what_was_looked_for"),
    ("failure/session_broken", "flow.rs", "a_session_that_does_not_hold_is_told_from_a_page_that_is_down"),
    ("failure/accepts_wrong_password", "harm.rs", "a_wrong_password_that_is_accepted_is_an_alarm_told_once"),
    (
        "degraded/partial_addresses",
        "addresses.rs",
        "one_dead_address_of_two_is_degraded_only_when_every_one_is_asked_for",
    ),
    ("degraded/ipv6_down", "addresses.rs", "families_are_told_apart_and_can_be_forced"),
    ("degraded/assertion", "kinds.rs", "certificates_are_judged_and_shown"),
    ("unknown/challenge", "wallet_flows.rs", "every_way_in_and_each_way_it_breaks_is_told_apart"),
    ("unknown/credentials_rejected", "wallet_flows.rs", "every_way_in_and_each_way_it_breaks_is_told_apart"),
    ("unknown/account_locked", "wallet_flows.rs", "every_way_in_and_each_way_it_breaks_is_told_apart"),
    ("unknown/credential_expired", "wallet_flows.rs", "every_way_in_and_each_way_it_breaks_is_told_apart"),
    ("unknown/budget", "wallet_flows.rs", "a_confirmation_does_not_log_in"),
    ("unknown/own_network", "own.rs", "root_why_nothing_gets_there_is_told_apart"),
    ("unknown/own_network", "hop.rs", "a_proxy_that_fails_is_never_the_endpoints_fault"),
    ("unknown/own_dns", "names.rs", "a_resolver_that_knows_no_name_is_our_own_fault"),
    ("unknown/own_resources", "own.rs", "spent_descriptors_are_never_an_outage"),
    ("unknown/own_stall", "own.rs", "a_stop_of_six_seconds_is_never_an_outage"),
    ("unknown/own_clock", "knock.rs", "after_our_clock_was_set_dates_are_not_judged"),
    (
        "unknown/own_storage",
        "pressure.rs",
        "a_locked_database_costs_no_result_and_a_login_that_cannot_be_written_down_is_not_tried",
    ),
    ("unknown/stopping", "flow.rs", "stopping_logs_out_first"),
];

/// The behaviours that were listed before there was any code.
const LISTED: &[u8] = &[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 14, 15, 16, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
    33, 34, 36, 38, 45, 46, 48, 49, 51, 52, 53, 54, 55, 57, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70,
    71, 72, 73,
];

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// A test with its attributes, and the tables that it names.
fn test(file: &str, name: &str) -> Option<String> {
    let source = std::fs::read_to_string(sources().join("it").join(file)).unwrap();
    let at = source.find(&format!("fn {name}("))?;
    let before = &source[source[..at].rfind("\n}\n").unwrap_or_default()..at];
    let body = source[at..].split("\n}\n").next()?;
    let tables = source.split("\nconst ").skip(1).filter_map(|it| it.split("\n];\n").next());
    let named = tables.filter(|it| body.contains(it.split(':').next().unwrap_or_default()));
    let is_test = before.contains("#[test]") || before.contains("#[tokio::test");
    is_test.then(|| [body].into_iter().chain(named).collect())
}

#[test]
fn every_word_of_the_closed_lists_was_said_of_a_real_knock() {
    let mut words: BTreeSet<String> = BTreeSet::from(["success".to_owned()]);
    words.extend(FailureClass::ALL.iter().map(|it| told(Outcome::Failure(*it))));
    words.extend(DegradedReason::ALL.iter().map(|it| told(Outcome::Degraded(*it))));
    words.extend(UnknownReason::ALL.iter().map(|it| told(Outcome::Unknown(*it))));
    // Where the order of packets decides, a case proves neither of its words.
    let bench = cases::all();
    let sure = bench.cases.iter().map(|it| it.verdict).filter(|it| !it.contains(" | "));
    let mut said: BTreeSet<String> = sure.map(str::to_owned).collect();
    for (verdict, file, name) in ELSEWHERE {
        let text = test(file, name).unwrap_or_else(|| panic!("{file} has no test {name}"));
        let word = verdict.rsplit('/').next().unwrap();
        assert!(text.contains(word), "{name} in {file} says nothing of {word}");
        said.insert((*verdict).to_owned());
    }
    assert_eq!(said, words);
}

fn read_all(dir: &Path, into: &mut String) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, into);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let source = std::fs::read_to_string(path).unwrap();
            into.extend(source.lines().filter(|it| !it.starts_with("//!")));
        }
    }
}

#[test]
fn every_behaviour_we_began_with_is_named_where_it_is_tested() {
    let mut source = String::new();
    read_all(&sources(), &mut source);
    let missing = LISTED.iter().map(|it| format!("T{it:02}")).filter(|it| !source.contains(it.as_str()));
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<String>::new());
}
