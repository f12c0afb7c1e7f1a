//! The sentences that belong to the domain's closed lists.

use super::Words;
use crate::domain::component::Lang;
use crate::domain::notice::Phase;
use crate::domain::outcome::{DegradedReason, FailureClass, Outcome, UnknownReason};
use crate::domain::span::Health;
use crate::domain::status::Status;

/// Which of the five usual causes of a failed login an outcome speaks to. From
/// outside we never see a reader's account, app or phone; what is said of these
/// three says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Network,
    /// That of our own, made for knocking.
    Account,
    /// The server turns our knock down, as it does an app that it no longer
    /// knows: its own fault, or a knock set up wrongly.
    App,
    System,
    /// Or its maintenance.
    Server,
}

impl Cause {
    /// The name used in JSON.
    pub fn wire(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Account => "account",
            Self::App => "app_version",
            Self::System => "system",
            Self::Server => "server",
        }
    }

    /// None when the outcome says nothing about the door.
    pub fn of(outcome: Outcome) -> Option<Self> {
        use UnknownReason::{AccountLocked, Challenge, CredentialExpired, CredentialsRejected};
        match outcome {
            Outcome::Unknown(AccountLocked | Challenge | CredentialExpired | CredentialsRejected) => {
                Some(Self::Account)
            }
            Outcome::Success | Outcome::Unknown(_) => None,
            Outcome::Failure(FailureClass::ConnectUnreachable | FailureClass::ConnectTimeout)
            | Outcome::Degraded(DegradedReason::PartialAddresses | DegradedReason::Ipv6Down) => {
                Some(Self::Network)
            }
            Outcome::Failure(FailureClass::Http4xx) => Some(Self::App),
            Outcome::Failure(FailureClass::TlsVersion) => Some(Self::System),
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

    /// What one probe saw and what to do about it, for an operator; by the names
    /// of an outcome, which may be those of another version; `asked` is whether
    /// anybody was met at all. None when it has none.
    pub fn operator(&self, kind: &str, reason: Option<&str>, asked: bool) -> Option<String> {
        let key = match reason {
            // Nothing was sent: its host wants us away since an earlier answer.
            Some("throttled" | "blocked") if !asked && kind == "unknown" => "operator-paused".to_owned(),
            Some(reason) => format!("operator-{kind}-{reason}"),
            None => "operator-outcome-success".to_owned(),
        };
        self.bundle.has_message(&key).then(|| self.say(&key))
    }

    /// What is wrong and whose side it is on.
    pub fn cause(&self, outcome: Outcome) -> String {
        let told = self.outcome(outcome);
        let cause = match Cause::of(outcome) {
            Some(Cause::Network) => self.say("cause-network"),
            Some(Cause::Server) => self.say("cause-server"),
            Some(Cause::Account) => self.say("cause-account"),
            Some(Cause::App) => self.say("cause-refused"),
            Some(Cause::System) => self.say("cause-system"),
            None => return told,
        };
        self.sentences(&[told, cause])
    }

    /// Which of the five causes an outcome speaks to, for an operator.
    pub fn speaks_to(&self, cause: Cause) -> String {
        self.say(match cause {
            Cause::Network => "speaks-network",
            Cause::Account => "speaks-account",
            Cause::App => "speaks-app",
            Cause::System => "speaks-system",
            Cause::Server => "speaks-server",
        })
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
