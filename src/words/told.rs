//! The sentences that belong to the domain's closed lists.

use super::Words;
use crate::domain::component::Lang;
use crate::domain::notice::Phase;
use crate::domain::outcome::{DegradedReason, FailureClass, Outcome};
use crate::domain::span::Health;
use crate::domain::status::Status;

/// Which of the five usual causes of a failed login an outcome speaks to. What
/// we can see from outside is never an account, an app or a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Network,
    Server,
    /// The server turns our knock down: its own fault, or a knock set up wrongly.
    Refused,
}

impl Cause {
    /// None when the outcome says nothing about the door.
    pub fn of(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Success | Outcome::Unknown(_) => None,
            Outcome::Failure(FailureClass::ConnectUnreachable | FailureClass::ConnectTimeout)
            | Outcome::Degraded(DegradedReason::PartialAddresses | DegradedReason::Ipv6Down) => {
                Some(Self::Network)
            }
            Outcome::Failure(FailureClass::Http4xx) => Some(Self::Refused),
            Outcome::Failure(_) | Outcome::Degraded(_) => Some(Self::Server),
        }
    }
}

impl Words {
    pub fn status(&self, status: Status) -> String {
        self.say(&format!("status-{}", status.wire()))
    }

    pub fn health(&self, health: Health) -> String {
        self.say(&format!("health-{}", health.wire()))
    }

    pub fn phase(&self, phase: Phase) -> String {
        self.say(&format!("phase-{}", phase.wire()))
    }

    /// What one probe saw.
    pub fn outcome(&self, outcome: Outcome) -> String {
        match outcome.reason() {
            Some(reason) => self.say(&format!("{}-{reason}", outcome.kind())),
            None => self.say("outcome-success"),
        }
    }

    /// What is wrong and whose side it is on.
    pub fn cause(&self, outcome: Outcome) -> String {
        let told = self.outcome(outcome);
        let cause = match Cause::of(outcome) {
            Some(Cause::Network) => self.say("cause-network"),
            Some(Cause::Server) => self.say("cause-server"),
            Some(Cause::Refused) => self.say("cause-refused"),
            None => return told,
        };
        self.sentences(&[told, cause])
    }

    /// Sentences after one another, with the space that English wants.
    pub fn sentences(&self, sentences: &[String]) -> String {
        let space = match self.lang() {
            Lang::Zh => "",
            Lang::En => " ",
        };
        sentences.join(space)
    }
}
