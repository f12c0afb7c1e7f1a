//! Codes of a second factor, none of which is used twice.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use totp_rs::{Builder, Secret};

use crate::domain::account::{Account, Algorithm, Totp};
use crate::domain::endpoint::Id;
use crate::probe::http::plain;
use crate::probe::logins::Soon;

/// Remembers which codes were used, over restarts too where it can.
pub trait Codes: Send + Sync {
    /// Fresh when neither this time step nor a later one was used before by that
    /// account; from then on it was. `began` is when it did, in seconds since 1970:
    /// that stays in order when an operator changes how long a step is.
    fn reserve<'a>(&'a self, account: &'a Id, began: u64) -> Soon<'a, Reserved>;
}

/// Whether a code may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    Fresh,
    Used,
    /// And why; without that, no code is sent.
    NotWritten(String),
}

/// Remembers for as long as the process lives.
#[derive(Debug, Default)]
pub struct InMemory(Mutex<HashMap<Id, u64>>);

impl Codes for InMemory {
    fn reserve<'a>(&'a self, account: &'a Id, began: u64) -> Soon<'a, Reserved> {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = used.get(account).is_none_or(|last| *last < began);
        if fresh {
            // One entry an account of the config.
            used.insert(account.clone(), began);
        }
        let reserved = if fresh { Reserved::Fresh } else { Reserved::Used };
        Box::pin(std::future::ready(reserved))
    }
}

/// The time step of now, and how long it lasts.
pub(super) fn step(totp: &Totp, now: Timestamp) -> (u64, Duration) {
    let period = i128::from(totp.period.max(1)) * 1_000_000_000;
    let since = now.as_nanosecond().max(0);
    let left = period - since % period;
    let left = u64::try_from(left).map_or(Duration::ZERO, Duration::from_nanos);
    (u64::try_from(since / period).unwrap_or_default(), left)
}

/// The code of a time step; none when the secret is not base32.
pub(super) fn code(account: &Account, step: u64) -> Option<String> {
    let totp = account.totp.as_ref()?;
    let secret = Secret::try_from_base32(base32(plain(&totp.secret))).ok()?;
    let algorithm = match totp.algorithm {
        Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
        Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
        Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
    };
    let period = u64::from(totp.period.max(1));
    // Operators do not choose how long the secret is; their service does.
    let builder = Builder::new().with_algorithm(algorithm).with_digits(totp.digits).with_secret(secret);
    let made = builder.with_step_duration(period).build_noncompliant();
    Some(made.generate(step.checked_mul(period)?).to_string())
}

/// As services write it: in groups, in small letters, padded.
fn base32(written: &str) -> String {
    let kept = written.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '='));
    kept.map(|c| c.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::request::Value;

    fn account(secret: &str, algorithm: Algorithm, digits: u8) -> Account {
        let plain = |text: &str| Value::Plain(text.to_owned());
        let totp = Totp { secret: plain(secret), digits, period: 30, algorithm };
        Account {
            id: Id::parse("probe").unwrap(),
            username: plain("probe"),
            password: None,
            totp: Some(totp),
            logins_per_hour: 4,
        }
    }

    /// RFC 6238, appendix B.
    #[test]
    fn codes_are_those_of_the_standard() {
        let (a, b, c) = (Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512);
        let twenty = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        let thirty_two = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA";
        let sixty_four = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNA";
        for (algorithm, secret, at, expected) in [
            (a, twenty, 59, "94287082"),
            (a, twenty, 1_111_111_109, "07081804"),
            (a, twenty, 20_000_000_000, "65353130"),
            (b, thirty_two, 59, "46119246"),
            (b, thirty_two, 1_111_111_111, "67062674"),
            (c, sixty_four, 59, "90693936"),
            (c, sixty_four, 1_111_111_111, "99943326"),
        ] {
            let account = account(secret, algorithm, 8);
            let (step, _) = step(account.totp.as_ref().unwrap(), Timestamp::from_second(at).unwrap());
            assert_eq!(code(&account, step).as_deref(), Some(expected), "{algorithm:?} at {at}");
        }
    }

    #[test]
    fn a_secret_is_read_as_services_write_it() {
        let plain = code(&account("GEZDGNBVGY3TQOJQ", Algorithm::Sha1, 6), 1);
        assert!(plain.is_some());
        assert_eq!(code(&account("gezd gnbv-gy3t qojq====", Algorithm::Sha1, 6), 1), plain);
        assert_eq!(code(&account("not base32!", Algorithm::Sha1, 6), 1), None);
    }

    #[tokio::test]
    async fn no_step_is_used_twice_nor_an_earlier_one() {
        let codes = InMemory::default();
        let [one, other] = ["one", "other"].map(|it| Id::parse(it).unwrap());
        for (account, began, reserved) in [
            (&one, 7, Reserved::Fresh),
            (&one, 7, Reserved::Used),
            (&one, 6, Reserved::Used),
            (&other, 7, Reserved::Fresh),
            (&one, 8, Reserved::Fresh),
        ] {
            assert_eq!(codes.reserve(account, began).await, reserved, "{account} {began}");
        }
    }

    #[test]
    fn a_step_says_how_long_it_lasts() {
        let account = account("GEZDGNBVGY3TQOJQ", Algorithm::Sha1, 6);
        let totp = account.totp.unwrap();
        let at = |millis| step(&totp, Timestamp::from_millisecond(millis).unwrap());
        assert_eq!(at(30_000), (1, Duration::from_secs(30)));
        assert_eq!(at(59_999), (1, Duration::from_millis(1)));
        assert_eq!(at(-5), (0, Duration::from_secs(30)));
    }
}
