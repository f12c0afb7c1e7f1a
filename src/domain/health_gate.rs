//! Is it us? The one rule that decides when a result says more about ourselves
//! than about its endpoint.
//!
//! The gate of a network, from what its canaries said last:
//!
//! | canaries | gate |
//! | --- | --- |
//! | half of them or fewer fail | open: one that fails is its own trouble |
//! | more than half fail (the only one of one) | closed: `own_network` |
//! | … every one of those by the lookup of its name | closed: `own_dns` |
//! | … and one of those answered, but wrongly: another's page, another's certificate | closed: a portal answers for everybody |
//! | not enough said in this round to tell | as before; open at first |
//! | one was not reached for a fault that is ours by itself (descriptors, a stall) | says nothing, fails nothing |
//! | one shows a certificate out of its dates | fails nothing; where none with a certificate is right, the date is in doubt |
//! | another network's | never looked at |
//!
//! A result, the first row that holds:
//!
//! | we | success | degraded | failure | unknown |
//! | --- | --- | --- | --- | --- |
//! | stood still for half a second while it was in flight | `own_stall` | `own_stall` | `own_stall` | `own_stall` |
//! | already know that it is not the endpoint's: descriptors, memory, no route (by the system's number), no resolver, our proxy | – | – | – | stays |
//! | the gate was closed at some time while it was in flight, and a portal answers | `own_network` | `own_network` | `own_network` | stays |
//! | the gate was closed at some time while it was in flight | stays | `own_network` | `own_network` | stays |
//! | … by lookups alone | stays | `own_dns` | `own_dns` | stays |
//! | no canary with a name can be looked up, though the gate is open | stays | stays | `own_dns` if it failed by its lookup, else stays | stays |
//! | no host asked of late can be looked up, three at least | the same | the same | the same | the same |
//! | doubt the date: the wall clock was set, most certificates fail on theirs (three hosts at least, or those of the canaries), or the server's clock says otherwise | stays | stays | `own_clock` if the certificate failed on its dates, else stays | stays |
//! | missed so much of it that it would be in time without that; or half of one that was given up early | stays | `own_stall` | `own_stall`, unless the failure proves itself | stays |
//! | are well | stays | stays | stays | stays |
//!
//! Storage is no row of it. What waits for the disk is judged, since it was seen
//! and will be stored; what the store never answers for is not heard, and the
//! page runs out (`pipeline.rs`).

use std::time::Duration;

use super::outcome::{FailureClass, Outcome, UnknownReason};

/// Nobody gives up on us for being gone so shortly.
const PATIENCE: Duration = Duration::from_millis(100);

/// What one knock at a canary came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// What it should.
    Right,
    /// Somebody answered, but not as it does.
    Wrong,
    /// No answer.
    Silent,
    /// Its name could not be looked up.
    NoName,
    /// It is there, with a certificate out of its dates: one of two clocks is wrong.
    OutOfDate,
    /// We could not even try.
    Nothing,
}

impl Said {
    pub const ALL: [Self; 6] =
        [Self::Right, Self::Wrong, Self::Silent, Self::NoName, Self::OutOfDate, Self::Nothing];

    pub fn wire(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
            Self::Silent => "silent",
            Self::NoName => "no_name",
            Self::OutOfDate => "out_of_date",
            Self::Nothing => "nothing",
        }
    }

    /// Whether it counts against the network.
    pub fn fails(self) -> bool {
        matches!(self, Self::Wrong | Self::Silent | Self::NoName)
    }

    /// What an outcome at a canary's door means for the network before it.
    pub fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success | Outcome::Degraded(_) => Self::Right,
            Outcome::Unknown(UnknownReason::OwnNetwork) => Self::Silent,
            Outcome::Unknown(UnknownReason::OwnDns) => Self::NoName,
            Outcome::Unknown(UnknownReason::OwnClock) => Self::OutOfDate,
            // A limit of theirs, or a fault of ours that is no network's.
            Outcome::Unknown(_) => Self::Nothing,
            Outcome::Failure(class) => match class {
                FailureClass::DnsNxdomain | FailureClass::DnsError => Self::NoName,
                FailureClass::TlsExpired | FailureClass::TlsNotYet => Self::OutOfDate,
                FailureClass::ConnectRefused
                | FailureClass::ConnectUnreachable
                | FailureClass::ConnectTimeout
                | FailureClass::TimeoutTls
                | FailureClass::TimeoutHeaders
                | FailureClass::TimeoutTtfb
                | FailureClass::TimeoutBody
                | FailureClass::Reset
                | FailureClass::EmptyReply => Self::Silent,
                _ => Self::Wrong,
            },
        }
    }
}

/// Whether results of a network are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gate {
    #[default]
    Open,
    Closed(Closed),
}

/// Why results of a network are not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    Unreachable,
    NoNames,
    /// Something answers in the place of everybody.
    Portal,
}

impl Closed {
    pub fn wire(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::NoNames => "no_names",
            Self::Portal => "portal",
        }
    }

    /// For an operator.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Unreachable => "most of its canaries cannot be reached",
            Self::NoNames => "the names of most of its canaries cannot be looked up",
            Self::Portal => "something else answers in the place of its canaries",
        }
    }

    fn reason(self) -> UnknownReason {
        match self {
            Self::Unreachable | Self::Portal => UnknownReason::OwnNetwork,
            Self::NoNames => UnknownReason::OwnDns,
        }
    }
}

/// The gate after what the canaries said in this round, one place each; none
/// while that is not enough to tell.
pub fn gate(said: &[Option<Said>]) -> Option<Gate> {
    let failing = || said.iter().flatten().filter(|it| it.fails());
    let (fails, pending) = (failing().count(), said.iter().filter(|it| it.is_none()).count());
    if said.len() < fails * 2 {
        let why = if failing().any(|it| *it == Said::Wrong) {
            Closed::Portal
        } else if failing().all(|it| *it == Said::NoName) {
            Closed::NoNames
        } else {
            Closed::Unreachable
        };
        return Some(Gate::Closed(why));
    }
    ((fails + pending) * 2 <= said.len()).then_some(Gate::Open)
}

/// Whether no canary that has a name could be looked up; each with whether it has one.
pub fn no_names(said: impl Iterator<Item = (bool, Option<Said>)> + Clone) -> bool {
    let mut named = said.filter(|(has_name, _)| *has_name).map(|(_, said)| said);
    named.clone().next().is_some() && named.all(|said| said == Some(Said::NoName))
}

/// Whether a certificate of a canary is out of its dates, and none is in them;
/// each with whether it shows one.
pub fn dates_fail(said: impl Iterator<Item = (bool, Option<Said>)> + Clone) -> bool {
    let dated = said.filter(|(shows, _)| *shows).map(|(_, said)| said);
    dated.clone().any(|said| said == Some(Said::OutOfDate))
        && dated.clone().all(|said| said != Some(Said::Right))
}

/// What we know of ourselves while one result was made; all is well by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ourselves {
    /// We stood still for so long that everything in flight is in doubt.
    pub stalled: bool,
    /// The gate of its network, the worst of it since the knock began.
    pub gate: Gate,
    /// Nothing can be looked up: no canary's name, or no host's at all.
    pub no_names: bool,
    /// Our clock, or the server's, is wrong.
    pub dates_doubted: bool,
    /// See [`is_starved`].
    pub starved: bool,
}

/// The second table above: what a result says once it is known how we were.
pub fn concluded(outcome: Outcome, we: &Ourselves) -> Outcome {
    if we.stalled {
        return Outcome::Unknown(UnknownReason::OwnStall);
    }
    let by_lookup = matches!(outcome, Outcome::Failure(FailureClass::DnsNxdomain | FailureClass::DnsError));
    match (outcome, we.gate) {
        (Outcome::Unknown(_), _) => outcome,
        (_, Gate::Closed(why @ Closed::Portal)) => Outcome::Unknown(why.reason()),
        (Outcome::Success, _) => outcome,
        (_, Gate::Closed(why)) => Outcome::Unknown(why.reason()),
        _ if we.no_names && by_lookup => Outcome::Unknown(UnknownReason::OwnDns),
        _ if we.dates_doubted && fails_on_dates(outcome) => Outcome::Unknown(UnknownReason::OwnClock),
        _ if we.starved && !proves_itself(outcome) => Outcome::Unknown(UnknownReason::OwnStall),
        _ => outcome,
    }
}

/// Whether a certificate is out of its dates.
pub fn fails_on_dates(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Failure(FailureClass::TlsExpired | FailureClass::TlsNotYet))
}

/// Whether `missed` of a knock's `total`, in which we were not running, may be
/// what is wrong with it. One that is late without that is late by itself; one
/// that was given up early is ours when we missed half of it, and enough for
/// somebody to lose patience.
pub fn is_starved(total: Duration, missed: Duration, degraded_after: Duration) -> bool {
    if degraded_after < total {
        !missed.is_zero() && total.saturating_sub(missed) <= degraded_after
    } else {
        PATIENCE <= missed && total <= missed.saturating_mul(2)
    }
}

/// What is as true when we look at it late: somebody said no in so many words.
/// A door that hung up may have waited for us in vain, and an assertion may be
/// about time.
fn proves_itself(outcome: Outcome) -> bool {
    use FailureClass as Class;
    let Outcome::Failure(class) = outcome else { return false };
    match class {
        Class::DnsNxdomain
        | Class::ConnectRefused
        | Class::ConnectUnreachable
        | Class::TlsExpired
        | Class::TlsNotYet
        | Class::TlsName
        | Class::TlsUntrusted
        | Class::TlsChain
        | Class::TlsVersion
        | Class::Protocol
        | Class::HeaderTooLarge
        | Class::BodyTooLarge
        | Class::DecodeError
        | Class::RedirectUnexpected
        | Class::RedirectDowngrade
        | Class::RedirectBlocked
        | Class::RedirectScheme
        | Class::RedirectLoop
        | Class::Http4xx
        | Class::Http5xx
        | Class::MaintenancePage
        | Class::FormMissing
        | Class::TokenMissing
        | Class::SessionBroken
        | Class::AcceptsWrongPassword => true,
        Class::DnsError
        | Class::ConnectTimeout
        | Class::TlsError
        | Class::TimeoutTls
        | Class::TimeoutHeaders
        | Class::TimeoutTtfb
        | Class::TimeoutBody
        | Class::Reset
        | Class::EmptyReply
        | Class::BodyIncomplete
        | Class::Assertion => false,
    }
}

#[cfg(test)]
#[path = "health_gate_tests.rs"]
mod tests;
