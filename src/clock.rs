//! The only room that reads the time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::moment::{Moment, plus};

/// Asked at the edges only; everything inside is handed a [`Moment`].
pub trait Clock: Send + Sync {
    fn now(&self) -> Moment;
}

/// The machine's clocks; `mono` counts from when this was made and goes on
/// while the machine sleeps, so that a night's sleep is a stall and not a
/// night of being up.
pub struct SystemClock {
    started: Duration,
}

impl SystemClock {
    pub fn new() -> Self {
        Self { started: since_boot() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    fn now(&self) -> Moment {
        Moment { wall: Timestamp::now(), mono: since_boot().saturating_sub(self.started) }
    }
}

fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(time).unwrap_or_default()
}

/// A clock that a test moves by hand, each hand alone or both together.
pub struct ManualClock {
    moment: Mutex<Moment>,
}

impl ManualClock {
    pub fn at(wall: Timestamp) -> Self {
        Self { moment: Mutex::new(Moment { wall, mono: Duration::from_secs(1) }) }
    }

    pub fn advance(&self, by: Duration) {
        let mut moment = self.moment.lock().unwrap_or_else(PoisonError::into_inner);
        *moment = moment.after(by);
    }

    /// Moves the wall clock alone, as an operator or NTP would.
    pub fn step_wall(&self, by: jiff::SignedDuration) {
        let mut moment = self.moment.lock().unwrap_or_else(PoisonError::into_inner);
        moment.wall = moment.wall.checked_add(by).unwrap_or_else(|_| plus(moment.wall, Duration::ZERO));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        *self.moment.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
