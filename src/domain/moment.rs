//! A moment on both clocks: the wall for people, the monotonic one for decisions.

use std::time::Duration;

use jiff::Timestamp;

/// `wall` may step when an operator or NTP sets the clock; `mono` never does.
/// Freshness and order are decided by `mono`, calendars and display by `wall`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub wall: Timestamp,
    /// Since this process started.
    pub mono: Duration,
}

impl Moment {
    /// The moment `later` after this one, if neither clock is touched.
    pub fn after(self, later: Duration) -> Self {
        Self { wall: plus(self.wall, later), mono: self.mono.saturating_add(later) }
    }

    pub fn min(self, other: Self) -> Self {
        if other.mono < self.mono { other } else { self }
    }
}

/// `at` plus `length`, held at the end of representable time.
pub fn plus(at: Timestamp, length: Duration) -> Timestamp {
    at.checked_add(length).unwrap_or(Timestamp::MAX)
}

/// `at` minus `length`, held at the start of representable time.
pub fn minus(at: Timestamp, length: Duration) -> Timestamp {
    at.checked_sub(length).unwrap_or(Timestamp::MIN)
}

/// From `from` to `to`; zero when `to` is not later.
pub fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}
