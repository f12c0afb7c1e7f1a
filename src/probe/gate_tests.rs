//! One gate by itself: rounds, words, who asks and who waits.

use jiff::Timestamp;
use url::Url;

use super::*;
use crate::clock::ManualClock;
use crate::domain::endpoint::Id;
use crate::domain::network::Canary;
use crate::domain::outcome::{FailureClass, UnknownReason};

const FAILS: Outcome = Outcome::Failure(FailureClass::ConnectRefused);

fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

fn network(name: &str) -> Network {
    let canary = |port: u16| {
        let url = Url::parse(&format!("tcp://192.0.2.1:{port}")).unwrap();
        Canary { url, contains: None, proxy: None }
    };
    Network { id: id(name), canaries: (1..=3).map(canary).collect() }
}

fn endpoint(name: &str) -> Endpoint {
    Endpoint::get(id(name), id("web"), Url::parse("http://192.0.2.2/").unwrap())
}

fn made() -> (Arc<ManualClock>, Gates, Arc<Group>) {
    let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
    let gates = Gates::new(clock.clone());
    gates.set(&[network("default"), network("lan")]);
    let group = gates.of(&endpoint("a")).unwrap();
    (clock, gates, group)
}

fn all_say(group: &Group, said: [Said; 3]) {
    let round = group.begin();
    for (canary, said) in said.into_iter().enumerate() {
        group.hear(round, canary, said);
    }
}

const WELL: [Said; 3] = [Said::Right; 3];
const LOST: [Said; 3] = [Said::Right, Said::Silent, Said::Silent];

fn is_closed(group: &Group, began: Duration) -> bool {
    matches!(group.bearing(began).gate, Gate::Closed(_))
}

#[test]
fn a_knock_in_flight_while_the_gate_was_closed_is_not_believed_though_it_opened() {
    let (clock, gates, group) = made();
    let began = clock.now().mono;
    assert!(!is_closed(&group, began), "nothing was heard yet");
    all_say(&group, LOST);
    gates.tell();
    assert!(is_closed(&group, began));
    assert_eq!(gates.lost().borrow().len(), 1, "the other network is not touched");
    clock.advance(Duration::from_secs(5));
    let later = clock.now().mono;
    all_say(&group, WELL);
    gates.tell();
    assert!(gates.lost().borrow().is_empty());
    assert!(is_closed(&group, began) && is_closed(&group, later), "they began before it opened");
    clock.advance(Duration::from_millis(1));
    assert!(!is_closed(&group, clock.now().mono));
}

#[test]
fn a_word_of_a_round_that_is_over_is_not_heard() {
    let (clock, _, group) = made();
    let old = group.begin();
    all_say(&group, WELL);
    for canary in 0..3 {
        group.hear(old, canary, Said::Silent);
    }
    group.hear(old + 1, 9, Said::Silent);
    assert!(!is_closed(&group, clock.now().mono));
}

#[test]
fn a_network_that_did_not_change_keeps_what_it_knows() {
    let (clock, gates, group) = made();
    all_say(&group, LOST);
    gates.set(&[network("default")]);
    assert!(is_closed(&gates.of(&endpoint("a")).unwrap(), clock.now().mono));
    assert_eq!(gates.lost().borrow().len(), 1);
    let mut other = network("default");
    other.canaries.pop();
    gates.set(&[other]);
    assert!(group.leave.is_cancelled(), "the old one is let go");
    assert!(!is_closed(&gates.of(&endpoint("a")).unwrap(), clock.now().mono));
    assert!(gates.lost().borrow().is_empty());
    let lan = Endpoint { network: Some(id("lan")), ..endpoint("a") };
    assert!(gates.of(&lan).is_none(), "its network is gone");
}

#[tokio::test]
async fn a_failure_that_may_change_something_waits_for_the_canaries_and_others_do_not() {
    let (clock, _, group) = made();
    let (group, began) = (&*group, clock.now().mono);
    let here = endpoint("a");
    let closed = |bearing: Bearing| matches!(bearing.gate, Gate::Closed(_));
    // Successes, and what we know to be ours, ask nobody.
    for outcome in [Outcome::Success, Outcome::Unknown(UnknownReason::OwnResources)] {
        assert!(!closed(group.consult(&here, outcome, began).await));
    }
    // The first failure asks, and hears that it is us.
    let canaries = async {
        group.wanted.notified().await;
        all_say(group, LOST);
    };
    let (bearing, ()) = tokio::join!(group.consult(&here, FAILS, began), canaries);
    assert!(closed(bearing));
    // The canaries are back: a failure is believed, the first and its confirmation …
    all_say(group, WELL);
    clock.advance(Duration::from_secs(2));
    for _ in 0..2 {
        let canaries = async {
            group.wanted.notified().await;
            all_say(group, WELL);
        };
        let (bearing, ()) = tokio::join!(group.consult(&here, FAILS, clock.now().mono), canaries);
        assert!(!closed(bearing));
        group.note(&here, FAILS);
        clock.advance(Duration::from_secs(2));
    }
    // … and from then on it is known to be down, and nobody is asked.
    let rounds = group.state().round;
    assert!(!closed(group.consult(&here, FAILS, clock.now().mono).await));
    let asked = tokio::time::timeout(Duration::from_secs(1), group.wanted.notified()).await;
    assert!(asked.is_err() && group.state().round == rounds);
    // A success ends that.
    group.note(&here, Outcome::Success);
    assert!(group.may_matter(&here, FAILS));
}

#[tokio::test]
async fn canaries_that_never_answer_hold_nothing_up_for_long() {
    let (clock, _, group) = made();
    let began = tokio::time::Instant::now();
    let bearing = group.consult(&endpoint("a"), FAILS, clock.now().mono).await;
    assert_eq!(bearing.gate, Gate::Open);
    assert!(began.elapsed() < PATIENCE * 10);
}

#[test]
fn a_round_that_has_just_begun_is_not_begun_again() {
    let (clock, _, group) = made();
    let round = group.begin();
    assert_eq!(group.want(), round);
    clock.advance(FRESH);
    assert_eq!(group.want(), round + 1);
}
