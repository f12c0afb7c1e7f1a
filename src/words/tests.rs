//! That nothing is left unsaid in either language.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;
use crate::domain::notice::Phase;
use crate::domain::outcome::{DegradedReason, FailureClass, Outcome, UnknownReason};
use crate::domain::span::Health;
use crate::domain::status::Status;
use crate::domain::verdict::Verdict;

/// Every key with the names of its variables, read from the text itself.
fn keys(lang: Lang) -> BTreeMap<String, BTreeSet<String>> {
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut key = String::new();
    for line in source(lang).lines() {
        if let Some((name, _)) = line.split_once(" = ")
            && !line.starts_with([' ', '#', '}'])
        {
            key = name.to_owned();
            assert!(keys.insert(key.clone(), BTreeSet::new()).is_none(), "{key} twice in {}", lang.tag());
        }
        for variable in line.split("{ $").skip(1) {
            let name: String = variable.chars().take_while(char::is_ascii_alphanumeric).collect();
            keys.get_mut(&key).unwrap().insert(name);
        }
    }
    keys
}

#[test]
fn both_files_have_the_same_keys_and_variables() {
    assert_eq!(keys(Lang::Zh), keys(Lang::En));
}

#[test]
fn both_files_are_whole() {
    for lang in Lang::ALL {
        assert!(FluentResource::try_new(source(lang).to_owned()).is_ok(), "{}", lang.tag());
    }
}

#[test]
fn every_member_of_every_closed_list_has_its_words() {
    let failures = FailureClass::ALL.iter().map(|&it| Outcome::Failure(it));
    let degraded = DegradedReason::ALL.iter().map(|&it| Outcome::Degraded(it));
    let unknown = UnknownReason::ALL.iter().map(|&it| Outcome::Unknown(it));
    let outcomes: Vec<Outcome> = failures.chain(degraded).chain(unknown).chain([Outcome::Success]).collect();
    for words in Lang::ALL.map(Words::get) {
        for &outcome in &outcomes {
            assert!(words.cause(outcome).ends_with(['。', '.']), "{outcome:?}");
        }
        for status in Status::ALL {
            words.status(status);
        }
        for health in Health::ALL {
            words.health(health);
        }
        for phase in [Phase::Scheduled, Phase::InProgress, Phase::Overran, Phase::Completed, Phase::Cancelled]
        {
            words.phase(phase);
        }
        for verdict in Verdict::ALL {
            for what in ["state", "verdict", "advice"] {
                let key = format!("{what}-{}", verdict.wire());
                assert!(words.bundle.has_message(&key), "{key}");
            }
        }
    }
}

#[test]
fn a_refused_knock_is_not_said_to_be_the_servers_fault_alone() {
    for words in Lang::ALL.map(Words::get) {
        let told = words.cause(Outcome::Failure(FailureClass::Http4xx));
        assert!(told.ends_with(&words.say("cause-refused")) && !told.contains(&words.say("cause-server")));
    }
}

#[test]
fn every_class_and_reason_has_a_sentence_for_readers_and_one_for_operators() {
    let mut outcomes = vec![Outcome::Success];
    outcomes.extend(FailureClass::ALL.iter().map(|&it| Outcome::Failure(it)));
    outcomes.extend(DegradedReason::ALL.iter().map(|&it| Outcome::Degraded(it)));
    outcomes.extend(UnknownReason::ALL.iter().map(|&it| Outcome::Unknown(it)));
    assert_eq!(outcomes.len(), 1 + 36 + 4 + 14);
    for words in Lang::ALL.map(Words::get) {
        let mut told = std::collections::HashSet::new();
        for &outcome in &outcomes {
            let reader = words.outcome(outcome);
            let operator = words.operator(outcome.kind(), outcome.reason(), true);
            let operator = operator.unwrap_or_else(|| panic!("{outcome:?} has none"));
            let ends = |it: &str| it.ends_with('.') || it.ends_with('。');
            assert!(ends(&reader) && ends(&operator), "{reader} {operator}");
            assert!(outcome == Outcome::Success || reader != operator, "{reader}");
            assert!(told.insert(operator.clone()), "{operator} is said twice");
            assert!(outcome == Outcome::Success || told.insert(reader.clone()), "{reader} is said twice");
        }
        assert_eq!(words.operator("failure", Some("something_newer"), true), None);
        for reason in [UnknownReason::Throttled, UnknownReason::Blocked] {
            let paused = words.operator("unknown", Some(reason.wire()), false).unwrap();
            assert!(paused.contains("porchlight pause end") && told.insert(format!("{paused} {reason:?}")));
        }
    }
}

#[test]
fn every_class_and_reason_speaks_to_one_of_the_five_causes_or_to_none() {
    use FailureClass as F;
    for &class in FailureClass::ALL {
        let wanted = match class {
            F::ConnectUnreachable | F::ConnectTimeout => Cause::Network,
            F::TlsVersion => Cause::System,
            F::Http4xx => Cause::App,
            _ => Cause::Server,
        };
        assert_eq!(Cause::of(Outcome::Failure(class)), Some(wanted), "{class:?}");
    }
    for &reason in DegradedReason::ALL {
        let addresses = matches!(reason, DegradedReason::PartialAddresses | DegradedReason::Ipv6Down);
        let wanted = if addresses { Cause::Network } else { Cause::Server };
        assert_eq!(Cause::of(Outcome::Degraded(reason)), Some(wanted), "{reason:?}");
    }
    for &reason in UnknownReason::ALL {
        let of_account = ["challenge", "credentials_rejected", "account_locked", "credential_expired"];
        let wanted = of_account.contains(&reason.wire()).then_some(Cause::Account);
        assert_eq!(Cause::of(Outcome::Unknown(reason)), wanted, "{reason:?}");
    }
    for words in Lang::ALL.map(Words::get) {
        let all = [Cause::Network, Cause::Account, Cause::App, Cause::System, Cause::Server];
        let names: BTreeSet<String> = all.iter().map(|it| words.speaks_to(*it)).collect();
        assert_eq!(names.len(), all.len(), "{names:?}");
        let told = words.cause(Outcome::Unknown(UnknownReason::AccountLocked));
        assert!(told.ends_with(&words.say("cause-account")), "{told}");
    }
}

/// The text of every file that may name a key.
fn speakers() -> String {
    fn read(path: &Path, text: &mut String) {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                read(&entry.unwrap().path(), text);
            }
        } else if !path.ends_with("tests.rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap_or_default());
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for room in ["src/words", "src/publish", "templates"] {
        read(&root.join(room), &mut text);
    }
    text
}

#[test]
fn every_key_asked_for_is_there() {
    let (keys, text) = (keys(Lang::Zh), speakers());
    for call in [".say(\"", ".say_with(\""] {
        for asked in text.split(call).skip(1) {
            let key = asked.split('"').next().unwrap();
            assert!(keys.contains_key(key), "{key} is asked for and nowhere said");
        }
    }
}

#[test]
fn no_sentence_is_left_over() {
    const BY_NAME: [&str; 10] = [
        "status-",
        "health-",
        "phase-",
        "failure-",
        "degraded-",
        "unknown-",
        "verdict-",
        "advice-",
        "state-",
        "operator-",
    ];
    let text = speakers();
    for key in keys(Lang::Zh).keys() {
        let named = BY_NAME.iter().any(|prefix| key.starts_with(prefix));
        assert!(named || text.contains(&format!("\"{key}\"")), "{key} is never said");
    }
}

#[test]
fn english_counts_in_the_plural() {
    let words = Words::get(Lang::En);
    assert_eq!(words.say_with("days-ok", &[("n", 1.into())]), "one day operational");
    assert_eq!(words.say_with("days-ok", &[("n", 89.into())]), "89 days operational");
}
