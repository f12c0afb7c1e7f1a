//! The authenticator of the sample account: time-based codes, each good for once.

use jiff::Timestamp;
use totp_rs::{Builder, Secret, Totp};

use super::TOTP;

/// Seconds that a code is shown for.
const STEP: u64 = 30;

/// Checks codes as RFC 6238 wants it: of now, or of the step before or after,
/// and never one at or before the last that was taken.
#[derive(Debug, Default)]
pub struct Authenticator {
    taken: Option<u64>,
}

impl Authenticator {
    pub fn accepts(&mut self, now: Timestamp, code: &str) -> bool {
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let step = seconds / STEP;
        let fresh = [step.saturating_sub(1), step, step + 1]
            .into_iter()
            .find(|step| code_of(*step).as_deref() == Some(code) && self.taken < Some(*step));
        if fresh.is_some() {
            self.taken = fresh;
        }
        fresh.is_some()
    }
}

fn code_of(step: u64) -> Option<String> {
    let secret = Secret::try_from_base32(TOTP).ok()?;
    let totp: Totp = Builder::new().with_secret(secret).build_noncompliant();
    Some(totp.generate(step * STEP).to_string())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn a_code_is_good_once_and_for_a_step_either_way() {
        let mut it = Authenticator::default();
        let code = code_of(100).unwrap();
        assert_eq!(code.len(), 6);
        assert!(!it.accepts(at(98 * 30), &code), "two steps early");
        assert!(it.accepts(at(99 * 30), &code), "one step early");
        assert!(!it.accepts(at(100 * 30), &code), "twice");
        assert!(!it.accepts(at(101 * 30), &code_of(99).unwrap()), "older than the last");
        assert!(it.accepts(at(102 * 30), &code_of(101).unwrap()), "one step late");
        assert!(!it.accepts(at(105 * 30), &code_of(103).unwrap()), "two steps late");
        assert!(!it.accepts(at(105 * 30), ""));
    }
}
