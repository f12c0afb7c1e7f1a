//! Which of what probes saw is kept, and what of it operators are told.
//!
//! | a result | kept |
//! | --- | --- |
//! | a failure, a degraded one, an unknown one of the endpoint's side | as the last trouble, in the place of the one before |
//! | the failure that a down span begins with | as the start of an outage |
//! | the same after a silence within an outage | only as the last trouble |
//! | a success, a login that was not due or is stopped, an unknown one of ours | not |
//!
//! While an endpoint flaps (more than five changes in an hour) that is told once,
//! and its single changes are not.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::domain::endpoint::EndpointId;
use crate::domain::evidence::Evidence;
use crate::domain::login_budget;
use crate::domain::note::{Key, Told};
use crate::domain::outage::{changes, is_flapping};
use crate::domain::outcome::{Outcome, UnknownReason};
use crate::domain::redact::Redactor;
use crate::domain::span::{Health, Span, Transition};
use crate::exhibit::Exhibit;
use crate::notes::Notes;
use crate::store::{Of, Piece, Store};

/// What a worker remembers of a failure until it is judged.
#[derive(Default)]
pub struct Witness {
    /// The first failure of those in a row, while it was not down already.
    first: Mutex<Option<Piece>>,
}

impl Witness {
    /// What a probe saw, with the health before it and what it led to: never
    /// waits, and never costs a result.
    pub fn heard(
        &self,
        store: &Store,
        endpoint: &EndpointId,
        evidence: &Evidence,
        change: (Health, &[Transition]),
    ) {
        let pieces = self.judge(endpoint, evidence, change);
        for piece in pieces.into_iter().flatten() {
            store.keep_evidence(piece);
        }
    }

    /// The start of an outage, and the last trouble.
    fn judge(
        &self,
        endpoint: &EndpointId,
        evidence: &Evidence,
        (before, transitions): (Health, &[Transition]),
    ) -> [Option<Piece>; 2] {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let trouble = is_trouble(evidence).then(|| piece(endpoint, evidence));
        match evidence.outcome {
            Outcome::Unknown(_) => (),
            Outcome::Failure(_) if before == Health::Down => *first = None,
            Outcome::Failure(_) => *first = first.take().or_else(|| trouble.clone()),
            Outcome::Success | Outcome::Degraded(_) => *first = None,
        }
        let begins = before != Health::Down && transitions.iter().any(|it| it.health == Health::Down);
        let start = begins.then(|| first.take().or_else(|| trouble.clone())).flatten();
        // It may have been renamed since the first failure.
        let start = start.map(|it| Piece { endpoint: endpoint.clone(), of: Of::OutageStart, ..it });
        [start, trouble]
    }
}

fn is_trouble(evidence: &Evidence) -> bool {
    let outcome = evidence.outcome;
    let seen = evidence.steps.iter().any(|it| it.outcome == outcome);
    match outcome {
        Outcome::Success | Outcome::Unknown(UnknownReason::Budget) => false,
        Outcome::Failure(_) | Outcome::Degraded(_) => true,
        // What it was stopped for stays to be seen.
        Outcome::Unknown(_) if login_budget::stops(outcome).is_some() && !seen => false,
        Outcome::Unknown(reason) => !reason.is_ours(),
    }
}

fn piece(endpoint: &EndpointId, evidence: &Evidence) -> Piece {
    Piece {
        endpoint: endpoint.clone(),
        at: evidence.at.wall,
        of: Of::LastTrouble,
        outcome: evidence.outcome.code(),
        seen: Exhibit::of(evidence).stored(),
    }
}

/// Whether the single changes of an endpoint are told.
pub fn tells_changes(notes: &Notes, endpoint: &EndpointId) -> bool {
    !notes.holds(&Key::of_endpoint(Told::Flapping, endpoint))
}

/// Tells that an endpoint flaps, or that it does not any more.
pub fn flaps(notes: &Notes, endpoint: &EndpointId, history: &[Span], now: Timestamp) {
    let detail = || Redactor::default().line(&format!("{} changes within the hour", changes(history, now)));
    let key = Key::of_endpoint(Told::Flapping, endpoint);
    if is_flapping(history, now) { notes.tell(key, detail()) } else { notes.clear(&key) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::endpoint::Id;
    use crate::domain::moment::Moment;
    use crate::domain::outcome::{DegradedReason, FailureClass};

    const FAILS: Outcome = Outcome::Failure(FailureClass::Reset);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// The seconds of what is kept: of an outage's start, of the last trouble.
    fn heard(
        witness: &Witness,
        second: i64,
        outcome: Outcome,
        before: Health,
        to: &[Health],
    ) -> (Option<i64>, Option<i64>) {
        let evidence = Evidence::none(Moment { wall: at(second), mono: Duration::ZERO }, outcome);
        let transitions: Vec<Transition> =
            to.iter().map(|&health| Transition { health, from: at(second) }).collect();
        let id = Id::parse("web").unwrap();
        let [start, trouble] = witness.judge(&id, &evidence, (before, &transitions));
        let second = |it: Piece| it.at.as_second();
        (start.map(second), trouble.map(second))
    }

    #[test]
    fn an_outage_is_told_by_the_failure_it_begins_with() {
        let witness = Witness::default();
        let up = Health::Up;
        assert_eq!(heard(&witness, 1, FAILS, up, &[]), (None, Some(1)));
        let throttled = Outcome::Unknown(UnknownReason::Throttled);
        assert_eq!(heard(&witness, 2, throttled, up, &[]), (None, Some(2)), "breaks no streak");
        assert_eq!(heard(&witness, 3, FAILS, up, &[Health::Down]), (Some(1), Some(3)));
        assert_eq!(heard(&witness, 4, FAILS, Health::Down, &[]), (None, Some(4)));
        assert_eq!(heard(&witness, 5, Outcome::Success, Health::Down, &[]), (None, None));
    }

    #[test]
    fn a_failure_that_was_not_confirmed_begins_no_outage() {
        let witness = Witness::default();
        for (second, outcome) in
            [(1, FAILS), (2, Outcome::Success), (3, FAILS), (4, Outcome::Degraded(DegradedReason::Slow))]
        {
            assert_eq!(heard(&witness, second, outcome, Health::Up, &[]).0, None);
        }
        heard(&witness, 5, FAILS, Health::Up, &[]);
        assert_eq!(heard(&witness, 6, FAILS, Health::Up, &[Health::Down]).0, Some(5));
    }

    #[test]
    fn an_outage_that_goes_on_after_a_silence_has_begun_before() {
        let witness = Witness::default();
        let to = [Health::Unknown, Health::Down];
        assert_eq!(heard(&witness, 9, FAILS, Health::Down, &to), (None, Some(9)));
    }

    #[test]
    fn what_says_nothing_of_the_endpoint_is_not_kept() {
        let witness = Witness::default();
        for reason in [
            UnknownReason::Budget,
            UnknownReason::AccountLocked,
            UnknownReason::OwnNetwork,
            UnknownReason::Stopping,
        ] {
            let kept = heard(&witness, 1, Outcome::Unknown(reason), Health::Up, &[]);
            assert_eq!(kept, (None, None), "{reason:?} in a round without that answer");
        }
    }
}
