//! What of a result an operator must hear of, beside the change of health.
//!
//! | a result | told |
//! | --- | --- |
//! | a wrong password was accepted | an alarm, until one is refused |
//! | throttled or blocked | once a pause, until another answer comes |

use crate::domain::endpoint::EndpointId;
use crate::domain::note::{Key, Told};
use crate::domain::outcome::{FailureClass, Outcome, UnknownReason};
use crate::domain::redact::{Redactor, Shown};
use crate::notes::Notes;
use crate::probe::manners::Pause;

pub(super) fn sound(notes: &Notes, id: &EndpointId, outcome: Outcome, pause: Option<Pause>) {
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
            let since = pause.map(|it| format!("since {}", it.since.strftime("%Y-%m-%d %H:%M:%S UTC")));
            notes.tell(key(told), Redactor::default().line(&since.unwrap_or_default()));
        } else if !matches!(outcome, Outcome::Unknown(it) if it.is_ours()) {
            notes.clear(&key(told));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::ManualClock;
    use crate::domain::endpoint::Id;
    use crate::domain::note::Weight;

    #[test]
    fn an_accepted_wrong_password_is_an_alarm_until_one_is_refused() {
        let notes = Notes::new(Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH)));
        let id = Id::parse("canary").unwrap();
        let told = || notes.list().iter().map(|it| (it.key.told, it.key.told.weight())).collect::<Vec<_>>();
        sound(&notes, &id, Outcome::Failure(FailureClass::AcceptsWrongPassword), None);
        assert_eq!(told(), [(Told::WrongPasswordAccepted, Weight::Alarm)]);
        for quiet in [Outcome::Unknown(UnknownReason::Budget), Outcome::Failure(FailureClass::Http5xx)] {
            sound(&notes, &id, quiet, None);
            assert_eq!(told().len(), 1, "{quiet:?} proves nothing");
        }
        sound(&notes, &id, Outcome::Success, None);
        assert!(told().is_empty());
    }

    #[test]
    fn a_pause_is_told_until_another_answer_comes() {
        let notes = Notes::new(Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH)));
        let id = Id::parse("web").unwrap();
        let told = || notes.list().iter().map(|it| it.key.told).collect::<Vec<_>>();
        sound(&notes, &id, Outcome::Unknown(UnknownReason::Throttled), None);
        sound(&notes, &id, Outcome::Unknown(UnknownReason::OwnStall), None);
        assert_eq!(told(), [Told::Throttled]);
        sound(&notes, &id, Outcome::Unknown(UnknownReason::Blocked), None);
        assert_eq!(told(), [Told::Blocked]);
        sound(&notes, &id, Outcome::Success, None);
        assert!(told().is_empty());
    }
}
