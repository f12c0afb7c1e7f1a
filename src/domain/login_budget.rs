//! May we log in now? The budget that keeps an account from being locked by us.
//!
//! | case | rule |
//! | --- | --- |
//! | logins of one account at one origin | `logins_per_hour` at most in any hour, 12 by default |
//! | one that was refused, or whose end is not known | none for 15 minutes after it, and 4 in any hour at most |
//! | the sample wallet's own account, which alone may have more than 12 | one whose end is not known holds nothing back: it is there to be broken and mended |
//! | a wrong password that is to be refused | counts as refused, whoever's name it bears |
//! | one that is under way | its end is not known |
//! | one that took its time | counts from its end: the other side counts it when it answers |
//! | its request never left us (refused connection, no such name, bad certificate) | given back |
//! | the process was killed between the reservation and the answer | its end is not known |
//! | whoever asks: schedule, person, reload, a second endpoint | all spend the same |
//! | the wall clock is set while we run | changes nothing: ages are counted on the monotonic clock |
//! | an attempt that a start finds in the future | was made at that start |
//! | a backup was restored | an attempt of every account was made then |
//! | the attempt cannot be written down | no login |
//! | any outcome but a success, nothing refused | its end is not known: a page that answers 200 to a wrong password looks so |
//! | credentials rejected, account locked, challenge, credential expired | no login until a person says so |
//! | a login that failed is confirmed | without another login |
//! | a maintenance that covers the endpoint | no login, by the schedule: [`super::depth`] |

use std::time::Duration;

use jiff::Timestamp;

use super::account::Account;
use super::moment::{Moment, between};
use super::outcome::{FailureClass, Outcome, UnknownReason};

/// Logins an hour that no account is asked for more than.
pub const LOGINS_PER_HOUR: u32 = 12;
/// The strictest lock in the field counts three failures in a quarter of an
/// hour; one in that time is safe everywhere.
pub const FAILING_APART: Duration = Duration::from_secs(15 * 60);
/// Follows from [`FAILING_APART`]; said by itself, so that neither stands alone.
pub const FAILING_PER_HOUR: u32 = 4;
/// No flow takes longer; one under way for so long was cut short.
pub const UNDER_WAY: Duration = Duration::from_secs(120);
/// The window in which logins are counted.
pub const HOUR: Duration = Duration::from_secs(3600);

/// How a login ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    NotKnown,
    LetIn,
    Refused,
}

impl Ended {
    pub fn code(self) -> u8 {
        match self {
            Self::NotKnown => 0,
            Self::LetIn => 1,
            Self::Refused => 2,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        [Self::NotKnown, Self::LetIn, Self::Refused].into_iter().find(|it| it.code() == code)
    }

    pub fn wire(self) -> &'static str {
        match self {
            Self::NotKnown => "not_known",
            Self::LetIn => "let_in",
            Self::Refused => "refused",
        }
    }
}

/// One login that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// For display.
    pub at: Timestamp,
    pub ended: Ended,
    /// How old it was, and when (monotonic) it was so.
    age: Duration,
    when: Duration,
}

impl Attempt {
    /// Made now.
    pub fn made(now: Moment) -> Self {
        Self { at: now.wall, ended: Ended::NotKnown, age: Duration::ZERO, when: now.mono }
    }

    /// Found at a start; from now on its age does not depend on the wall clock.
    /// One whose end nobody wrote down may have been counted there when it ended.
    pub fn found(at: Timestamp, ended: Ended, now: Moment) -> Self {
        let under_way = if ended == Ended::NotKnown { UNDER_WAY } else { Duration::ZERO };
        Self { at, ended, age: between(at, now.wall).saturating_sub(under_way), when: now.mono }
    }

    /// It ended so, now: whoever counts failures counts them when they are answered.
    pub fn end(&mut self, ended: Ended, now: Moment) {
        (self.ended, self.age, self.when) = (ended, Duration::ZERO, now.mono);
    }

    pub fn age(&self, now: Moment) -> Duration {
        self.age.saturating_add(now.mono.saturating_sub(self.when))
    }
}

/// What one account may spend at one origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub per_hour: u32,
    /// Between two that fail, and as many of these in an hour.
    pub failing_apart: Duration,
    pub failing_per_hour: u32,
}

impl Limits {
    /// Nobody's name with a wrong password may be sent as often as it may fail.
    pub fn of(account: Option<&Account>) -> Self {
        Self::so_many(account.map_or(FAILING_PER_HOUR, |it| it.logins_per_hour))
    }

    /// More than anybody may have is the sample wallet's: nobody is behind it.
    fn so_many(per_hour: u32) -> Self {
        if LOGINS_PER_HOUR < per_hour {
            return Self { per_hour, failing_apart: Duration::ZERO, failing_per_hour: per_hour };
        }
        Self { per_hour, failing_apart: FAILING_APART, failing_per_hour: FAILING_PER_HOUR }
    }
}

/// Not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooSoon {
    /// The next may be after this.
    pub wait: Duration,
    /// Because a failing one, not all of them, is too recent.
    pub failing: bool,
}

/// Whether one more login may be tried now.
pub fn may_log_in(attempts: &[Attempt], limits: Limits, now: Moment) -> Result<(), TooSoon> {
    let within = |window: Duration, counts: fn(&Attempt) -> bool| {
        let ages = attempts.iter().filter(move |it| counts(it)).map(|it| it.age(now));
        let mut ages: Vec<Duration> = ages.filter(|age| *age < window).collect();
        ages.sort_unstable();
        ages
    };
    let failing: fn(&Attempt) -> bool = |it| it.ended != Ended::LetIn;
    // Until the oldest of the newest so many is out of the window.
    let until = |ages: &[Duration], most: u32, window: Duration| {
        let last = usize::try_from(most.max(1)).unwrap_or(usize::MAX) - 1;
        ages.get(last).map_or(Duration::ZERO, |age| window.saturating_sub(*age))
    };
    let all = until(&within(HOUR, |_| true), limits.per_hour, HOUR);
    let apart = until(&within(limits.failing_apart, failing), 1, limits.failing_apart);
    let failed = until(&within(HOUR, failing), limits.failing_per_hour, HOUR);
    let wait = all.max(apart).max(failed);
    if wait.is_zero() { Ok(()) } else { Err(TooSoon { wait, failing: all < wait }) }
}

/// How a login ended, by what its flow came to.
pub fn ended(outcome: Outcome, wrong_password: bool) -> Ended {
    match outcome {
        Outcome::Success | Outcome::Degraded(_) if wrong_password => Ended::Refused,
        Outcome::Failure(FailureClass::AcceptsWrongPassword) => Ended::LetIn,
        _ if wrong_password => Ended::NotKnown,
        Outcome::Success | Outcome::Degraded(_) => Ended::LetIn,
        Outcome::Failure(FailureClass::Http4xx) => Ended::Refused,
        outcome if stops(outcome).is_some() => Ended::Refused,
        _ => Ended::NotKnown,
    }
}

/// Why no login may follow this outcome until a person says so.
pub fn stops(outcome: Outcome) -> Option<UnknownReason> {
    use UnknownReason::{AccountLocked, Challenge, CredentialExpired, CredentialsRejected};
    match outcome {
        Outcome::Unknown(reason @ (CredentialsRejected | AccountLocked | Challenge | CredentialExpired)) => {
            Some(reason)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Moment {
        let start = Moment { wall: Timestamp::UNIX_EPOCH, mono: Duration::ZERO };
        start.after(Duration::from_secs(seconds))
    }

    fn attempts(made: &[(u64, Ended)]) -> Vec<Attempt> {
        made.iter().map(|&(second, ended)| Attempt { ended, ..Attempt::made(at(second)) }).collect()
    }

    /// Seconds to wait, zero when granted.
    fn wait(made: &[(u64, Ended)], now: u64) -> u64 {
        let limits = Limits::so_many(LOGINS_PER_HOUR);
        may_log_in(&attempts(made), limits, at(now)).map_or_else(|it| it.wait.as_secs(), |()| 0)
    }

    #[test]
    fn what_is_granted_is_in_the_table() {
        use Ended::{LetIn, NotKnown, Refused};
        assert_eq!(wait(&[], 0), 0);
        assert_eq!(wait(&[(0, LetIn)], 0), 0, "being let in forgives all");
        for failing in [NotKnown, Refused] {
            assert_eq!(wait(&[(0, failing)], 0), 900);
            assert_eq!(wait(&[(0, failing)], 899), 1);
            assert_eq!(wait(&[(0, failing)], 900), 0);
            assert_eq!(wait(&[(0, failing), (10, LetIn)], 20), 880, "a later success hides nothing");
        }
        let hour: Vec<(u64, Ended)> = (0..12).map(|it| (it * 10, LetIn)).collect();
        assert_eq!(wait(&hour[..11], 200), 0);
        assert_eq!(wait(&hour, 200), 3400, "until the first of twelve is an hour old");
        assert_eq!(wait(&hour, 3600), 0);
        let quarters: Vec<(u64, Ended)> = (0..4).map(|it| (it * 800, Refused)).collect();
        assert_eq!(wait(&quarters, 3400), 200, "four an hour, whatever lay between them");
    }

    #[test]
    fn an_account_may_be_given_less_and_a_name_of_nobody_gets_what_may_fail() {
        let made = attempts(&[(0, Ended::LetIn), (10, Ended::LetIn)]);
        let two = may_log_in(&made, Limits::so_many(2), at(20)).unwrap_err();
        assert_eq!((two.wait.as_secs(), two.failing), (3580, false));
        assert_eq!(Limits::of(None).per_hour, 4);
    }

    #[test]
    fn the_sample_wallet_is_there_to_be_broken_and_mended() {
        let sample = Limits::so_many(LOGINS_PER_HOUR + 1);
        let failed = attempts(&[(0, Ended::NotKnown), (5, Ended::NotKnown), (10, Ended::Refused)]);
        assert_eq!(may_log_in(&failed, sample, at(11)), Ok(()));
        let many: Vec<(u64, Ended)> = (0..13).map(|it| (it, Ended::LetIn)).collect();
        assert!(may_log_in(&attempts(&many), sample, at(20)).is_err(), "but it has a limit, too");
    }

    #[test]
    fn a_clock_that_was_set_grants_nothing() {
        let refused = |now: Moment, made: Attempt| {
            may_log_in(&[made], Limits::so_many(12), now).map_err(|it| it.wait.as_secs())
        };
        let made = Attempt::made(at(100));
        for wall in [Timestamp::UNIX_EPOCH, Timestamp::MAX, Timestamp::MIN] {
            let now = Moment { wall, ..at(160) };
            assert_eq!(refused(now, made), Err(840), "while we run");
        }
        // After a restart the monotonic clock begins anew.
        let found = Attempt::found(at(100).wall, Ended::NotKnown, Moment { mono: Duration::ZERO, ..at(160) });
        assert_eq!(
            refused(Moment { mono: Duration::from_secs(40), ..at(0) }, found),
            Err(860),
            "it may have ended two minutes after it began"
        );
        let future = Attempt::found(at(9_000_000).wall, Ended::NotKnown, at(160));
        assert_eq!(refused(at(160), future), Err(900), "from the future is from now");
        assert_eq!(refused(at(160 + 900), future), Ok(()), "and not for ever");
    }

    #[test]
    fn how_a_login_ended_follows_from_the_outcome() {
        let real = |outcome| ended(outcome, false);
        let wrong = |outcome| ended(outcome, true);
        assert_eq!(real(Outcome::Success), Ended::LetIn);
        assert_eq!(real(Outcome::Failure(FailureClass::SessionBroken)), Ended::NotKnown);
        assert_eq!(real(Outcome::Failure(FailureClass::Http4xx)), Ended::Refused);
        assert_eq!(real(Outcome::Unknown(UnknownReason::CredentialsRejected)), Ended::Refused);
        assert_eq!(real(Outcome::Failure(FailureClass::TimeoutTtfb)), Ended::NotKnown);
        assert_eq!(real(Outcome::Unknown(UnknownReason::OwnStall)), Ended::NotKnown);
        assert_eq!(wrong(Outcome::Success), Ended::Refused);
        assert_eq!(wrong(Outcome::Failure(FailureClass::AcceptsWrongPassword)), Ended::LetIn);
        assert_eq!(wrong(Outcome::Failure(FailureClass::Http5xx)), Ended::NotKnown);
    }

    #[test]
    fn only_what_a_person_must_mend_stops() {
        let reasons = UnknownReason::ALL.iter().filter(|it| stops(Outcome::Unknown(**it)).is_some());
        let names: Vec<&str> = reasons.map(|it| it.wire()).collect();
        assert_eq!(names, ["challenge", "credentials_rejected", "account_locked", "credential_expired"]);
        assert_eq!(stops(Outcome::Failure(FailureClass::Http4xx)), None);
    }

    proptest! {
        /// Whoever asks, however often and whenever: no quarter of an hour has two failing
        /// logins, no hour five, and none more than the limit in all.
        #[test]
        fn no_order_of_asking_gets_more(asked in prop::collection::vec((0_u64..600, 0_u8..3), 1..300)) {
            let limits = Limits::so_many(LOGINS_PER_HOUR);
            let (mut made, mut now): (Vec<Attempt>, u64) = (Vec::new(), 0);
            for (later, end) in asked {
                now += later;
                if may_log_in(&made, limits, at(now)).is_ok() {
                    let ended = Ended::from_code(end).unwrap();
                    made.push(Attempt { ended, ..Attempt::made(at(now)) });
                }
            }
            for first in &made {
                let after = |window: Duration| made.iter().filter(move |it| {
                    first.when <= it.when && it.when - first.when < window
                });
                let failing = |it: &&Attempt| it.ended != Ended::LetIn;
                prop_assert!(after(FAILING_APART).filter(failing).count() <= 1);
                prop_assert!(after(HOUR).filter(failing).count() <= 4);
                prop_assert!(after(HOUR).count() <= 12);
            }
        }
    }
}
