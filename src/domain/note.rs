//! What an operator is told: the closed list, and of whom it is said.
//!
//! | it is told | while |
//! | --- | --- |
//! | a login is stopped | a person has not cleared it |
//! | the target sends us away | the pause it earned lasts |
//! | a wrong password was accepted | it is, or until it is refused again |
//! | a certificate runs out | it is not replaced |
//! | an endpoint flaps | it does |
//! | we cannot look, or are not sure of ourselves | we cannot |
//!
//! Each is told once while it holds. One that ends and begins again within half
//! an hour is marked again, but not told again.

use jiff::Timestamp;

use super::endpoint::Id;
use super::redact::Shown;

/// Declares the list: variants, wire names, weights, sentences and what to do.
macro_rules! told {
    ($($variant:ident $wire:literal $weight:ident $sentence:literal $todo:literal,)*) => {
        /// What is told.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Told { $($variant,)* }

        impl Told {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name used in JSON, logs and metrics.
            pub fn wire(self) -> &'static str {
                match self { $(Self::$variant => $wire,)* }
            }

            pub fn weight(self) -> Weight {
                match self { $(Self::$variant => Weight::$weight,)* }
            }

            /// What is so; the subject stands before it.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }

            /// What helps; the subject's name in the place of `{}`.
            pub fn todo(self) -> &'static str {
                match self { $(Self::$variant => $todo,)* }
            }
        }
    };
}

told! {
    WrongPasswordAccepted "wrong_password_accepted" Alarm
        "a wrong password was accepted"
        "treat it as a security incident: call whoever runs this login",
    CredentialsRejected "credentials_rejected" Trouble
        "the account's name or password was refused; it does not log in any more"
        "correct them and `porchlight reload`; after a restart, or when they were right: `porchlight login resume {}`",
    AccountLocked "account_locked" Trouble
        "the account is locked; it does not log in any more"
        "have the account unlocked, then `porchlight login resume {}`",
    Challenged "challenge" Trouble
        "a challenge stands where the session should; it does not log in any more"
        "exempt the account from captchas and second factors, or give it `totp`; then `porchlight login resume {}`",
    CredentialExpired "credential_expired" Trouble
        "the account's password has run out; it does not log in any more"
        "set a new password there and here and `porchlight reload`; after a restart: `porchlight login resume {}`",
    WrongPasswordStopped "wrong_password_stopped" Trouble
        "a wrong password meets something else than a refusal; none is sent any more"
        "have our knocks spared from captchas and locks there, then `porchlight login resume -`",
    Throttled "throttled" Notice
        "the target asks us to slow down, and nobody knocks at its host meanwhile"
        "knock less often, or have our knocks allowed there and then end it: `porchlight pause end HOST`",
    Blocked "blocked" Trouble
        "a wall against bots keeps us out, and nobody knocks at its host meanwhile"
        "have our User-Agent or address allowed there, then `porchlight pause end HOST`",
    CertificateEnds "certificate_ends" Trouble
        "its certificate runs out"
        "have the certificate renewed and its chain served",
    Flapping "flapping" Notice
        "it changes between working and not working; single changes are not told meanwhile"
        "look at `porchlight evidence` for what the outages have in common",
    GateClosed "gate_closed" Trouble
        "it is us who cannot look; results are unknown meanwhile"
        "look at the network, resolver and limits of this machine",
}

/// How loudly it is told, lightest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Weight {
    Notice,
    Trouble,
    /// Somebody should be woken.
    Alarm,
}

impl Weight {
    pub fn wire(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Trouble => "trouble",
            Self::Alarm => "alarm",
        }
    }
}

/// Of whom it is told.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// Porchlight itself.
    Own,
    Endpoint(Id),
    Account(Id),
    /// A group of canaries.
    Network(Id),
    /// A host that several endpoints live on.
    Host(Shown),
}

impl Subject {
    /// `endpoint`, `account`, …
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Endpoint(_) => "endpoint",
            Self::Account(_) => "account",
            Self::Network(_) => "network",
            Self::Host(_) => "host",
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Own => "porchlight",
            Self::Endpoint(id) | Self::Account(id) | Self::Network(id) => id.as_str(),
            Self::Host(host) => host.as_str(),
        }
    }
}

/// Which note: there is at most one of each.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub told: Told,
    pub subject: Subject,
}

/// One thing that holds and that an operator must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub key: Key,
    pub since: Timestamp,
    /// What the sentence leaves open: until when, how many days.
    pub detail: Shown,
}

impl Key {
    pub fn of_endpoint(told: Told, endpoint: &Id) -> Self {
        Self { told, subject: Subject::Endpoint(endpoint.clone()) }
    }

    pub fn of_account(told: Told, account: &Id) -> Self {
        Self { told, subject: Subject::Account(account.clone()) }
    }

    pub fn own(told: Told) -> Self {
        Self { told, subject: Subject::Own }
    }
}

impl Note {
    /// What helps.
    pub fn todo(&self) -> String {
        self.key.told.todo().replace("{}", self.key.subject.name())
    }

    /// `endpoint web: its certificate runs out (in 7 days)`.
    pub fn sentence(&self) -> String {
        let subject = match &self.key.subject {
            Subject::Own => "porchlight".to_owned(),
            other => format!("{} `{}`", other.kind(), other.name()),
        };
        let detail = if self.detail.is_empty() { String::new() } else { format!(" ({})", self.detail) };
        format!("{subject}: {}{detail}", self.key.told.sentence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_note_says_what_is_so_and_what_helps() {
        for told in Told::ALL {
            assert!(told.sentence().len() > 10 && told.todo().len() > 10, "{told:?}");
            assert!(!told.sentence().ends_with('.') && !told.todo().ends_with('.'), "{told:?}");
            let same = |other: &&Told| other.wire() == told.wire() || other.sentence() == told.sentence();
            assert_eq!(Told::ALL.iter().filter(same).count(), 1, "{told:?}");
        }
    }

    #[test]
    fn a_note_reads_as_a_sentence() {
        let key = Key::of_endpoint(Told::CertificateEnds, &Id::parse("web").unwrap());
        let note = Note { key, since: Timestamp::UNIX_EPOCH, detail: Shown::fixed("in 7 days") };
        assert_eq!(note.sentence(), "endpoint `web`: its certificate runs out (in 7 days)");
        let key = Key::of_account(Told::AccountLocked, &Id::parse("probe").unwrap());
        let note = Note { key, since: Timestamp::UNIX_EPOCH, detail: Shown::default() };
        assert_eq!(note.todo(), "have the account unlocked, then `porchlight login resume probe`");
    }
}
