//! What of a result an operator must hear of, beside the change of health.
//!
//! | a result | told |
//! | --- | --- |
//! | a wrong password was accepted | an alarm, until one is refused |
//! | throttled or blocked | once a pause, until another answer comes or a person ends the pause |
//! | no request was sent because of another's pause | nothing |

use crate::domain::endpoint::EndpointId;
use crate::domain::note::{Key, Told};
use crate::domain::outcome::{FailureClass, Outcome, UnknownReason};
use crate::domain::probe::ProbeResult;
use crate::domain::redact::{Redactor, Shown};
use crate::notes::Notes;
use crate::probe::pauses::Pause;

pub(super) fn sound(notes: &Notes, id: &EndpointId, result: &ProbeResult, pause: Option<(String, Pause)>) {
    let outcome = result.outcome;
    let key = |told| Key::of_endpoint(told, id);
    match outcome {
        Outcome::Failure(FailureClass::AcceptsWrongPassword) => {
            notes.tell(key(Told::WrongPasswordAccepted), Shown::default());
        }
        Outcome::Success | Outcome::Degraded(_) => notes.clear(&key(Told::WrongPasswordAccepted)),
        _ => (),
    }
    for (reason, told) in
        [(UnknownReason::Throttled, Told::Throttled), (UnknownReason::Blocked, Told::Blocked)]
    {
        if outcome == Outcome::Unknown(reason) {
            // Who was not let out of the house met nobody: `status` says why it rests.
            if result.http_status.is_none() {
                continue;
            }
            let until = |(host, it): &(String, Pause)| {
                format!("{host} until {}", it.ends().strftime("%Y-%m-%d %H:%M:%S UTC"))
            };
            let until = pause.as_ref().map(until).unwrap_or_default();
            notes.tell(key(told), Redactor::default().line(&until));
        } else if !matches!(outcome, Outcome::Unknown(it) if it.is_ours()) {
            notes.clear(&key(told));
        }
    }
}

/// A person ended the pause of a host that this endpoint knocks at.
pub fn end_pause(notes: &Notes, id: &EndpointId) {
    for told in [Told::Throttled, Told::Blocked] {
        notes.clear(&Key::of_endpoint(told, id));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::clock::ManualClock;
    use crate::domain::endpoint::Id;
    use crate::domain::moment::Moment;
    use crate::domain::note::Weight;

    fn answered(outcome: Outcome) -> ProbeResult {
        let at = Moment { wall: jiff::Timestamp::UNIX_EPOCH, mono: Duration::ZERO };
        ProbeResult { at, total: Duration::ZERO, outcome, http_status: Some(200), fresh_for: Duration::ZERO }
    }

    #[test]
    fn an_accepted_wrong_password_is_an_alarm_until_one_is_refused() {
        let notes = Notes::new(Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH)));
        let id = Id::parse("canary").unwrap();
        let told = || notes.list().iter().map(|it| (it.key.told, it.key.told.weight())).collect::<Vec<_>>();
        sound(&notes, &id, &answered(Outcome::Failure(FailureClass::AcceptsWrongPassword)), None);
        assert_eq!(told(), [(Told::WrongPasswordAccepted, Weight::Alarm)]);
        for quiet in [Outcome::Unknown(UnknownReason::Budget), Outcome::Failure(FailureClass::Http5xx)] {
            sound(&notes, &id, &answered(quiet), None);
            assert_eq!(told().len(), 1, "{quiet:?} proves nothing");
        }
        sound(&notes, &id, &answered(Outcome::Success), None);
        assert!(told().is_empty());
    }

    #[test]
    fn a_pause_is_told_until_another_answer_comes() {
        let notes = Notes::new(Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH)));
        let id = Id::parse("web").unwrap();
        let told = || notes.list().iter().map(|it| it.key.told).collect::<Vec<_>>();
        sound(&notes, &id, &answered(Outcome::Unknown(UnknownReason::Throttled)), None);
        sound(&notes, &id, &answered(Outcome::Unknown(UnknownReason::OwnStall)), None);
        assert_eq!(told(), [Told::Throttled]);
        sound(&notes, &id, &answered(Outcome::Unknown(UnknownReason::Blocked)), None);
        assert_eq!(told(), [Told::Blocked]);
        let held = ProbeResult { http_status: None, ..answered(Outcome::Unknown(UnknownReason::Throttled)) };
        sound(&notes, &Id::parse("other").unwrap(), &held, None);
        assert_eq!(told(), [Told::Blocked], "it was not even asked");
        sound(&notes, &id, &answered(Outcome::Success), None);
        assert!(told().is_empty());
        sound(&notes, &id, &answered(Outcome::Unknown(UnknownReason::Blocked)), None);
        end_pause(&notes, &id);
        assert!(told().is_empty());
    }
}
