//! When an operator is warned that a certificate runs out.

use jiff::{SignedDuration, Timestamp};

/// Days before the end, most first. Each is told once of one certificate.
pub const THRESHOLDS: [u32; 5] = [21, 14, 7, 3, 1];

/// The threshold that has been reached; none while the end is far, or past:
/// then the knock itself fails.
pub fn threshold(until: Timestamp, now: Timestamp) -> Option<u32> {
    let left = until.duration_since(now);
    if left.is_negative() {
        return None;
    }
    let reached = |days: &&u32| left <= SignedDuration::from_hours(24 * i64::from(**days));
    THRESHOLDS.iter().filter(reached).min().copied()
}

/// Whether reaching `now` is news after `told`.
pub fn is_news(told: Option<u32>, now: u32) -> bool {
    told.is_none_or(|told| now < told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_reached_and_told_once() {
        let now = Timestamp::UNIX_EPOCH;
        let hours = |hours| threshold(now.checked_add(SignedDuration::from_hours(hours)).unwrap(), now);
        for (left, wanted) in [
            (22 * 24, None),
            (21 * 24 + 1, None),
            (21 * 24, Some(21)),
            (13 * 24, Some(14)),
            (7 * 24 + 1, Some(14)),
            (7 * 24, Some(7)),
            (3 * 24, Some(3)),
            (24, Some(1)),
            (0, Some(1)),
            (-1, None),
        ] {
            assert_eq!(hours(left), wanted, "{left} h");
        }
        assert!(is_news(None, 21) && is_news(Some(21), 14) && !is_news(Some(14), 14) && !is_news(Some(3), 7));
    }
}
