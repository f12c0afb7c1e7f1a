//! When the sample account locks itself, and for how long.

use jiff::{SignedDuration, Timestamp};

/// The third wrong password or code inside the window locks the account.
pub const MAX_WRONG: usize = 3;
pub const WINDOW: SignedDuration = SignedDuration::from_mins(15);
pub const LOCKED_FOR: SignedDuration = SignedDuration::from_mins(30);

/// What became of one attempt to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    Right,
    Wrong,
    /// Not even looked at, until then.
    Locked {
        until: Timestamp,
    },
}

/// The wrong passwords of late, or the lock they led to.
#[derive(Debug, Default)]
pub struct Lockout {
    wrong: Vec<Timestamp>,
    locked_until: Option<Timestamp>,
}

impl Lockout {
    /// Until when the account is locked, if it is.
    pub fn locked_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.locked_until.filter(|until| now < *until)
    }

    /// Wrong passwords and codes that still count.
    pub fn wrong_of_late(&self, now: Timestamp) -> usize {
        self.wrong.iter().filter(|at| now.duration_since(**at) < WINDOW).count()
    }

    /// Judges one attempt. The wrong password that locks the account is still
    /// told to be wrong; the next attempt learns of the lock, right or not.
    pub fn attempt(&mut self, now: Timestamp, right: bool) -> Attempt {
        if let Some(until) = self.locked_until {
            if now < until {
                return Attempt::Locked { until };
            }
            self.locked_until = None;
        }
        if right {
            self.wrong.clear();
            return Attempt::Right;
        }
        self.wrong.retain(|at| now.duration_since(*at) < WINDOW);
        self.wrong.push(now);
        if self.wrong.len() >= MAX_WRONG {
            self.wrong.clear();
            self.locked_until = Some(now.checked_add(LOCKED_FOR).unwrap_or(Timestamp::MAX));
        }
        Attempt::Wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays attempts given as `(minute, right)` and draws what became of
    /// them: `+` right, `-` wrong, `L` locked.
    fn film(attempts: &[(i64, bool)]) -> String {
        let mut lockout = Lockout::default();
        attempts
            .iter()
            .map(|(minute, right)| {
                match lockout.attempt(Timestamp::UNIX_EPOCH + SignedDuration::from_mins(*minute), *right) {
                    Attempt::Right => '+',
                    Attempt::Wrong => '-',
                    Attempt::Locked { .. } => 'L',
                }
            })
            .collect()
    }

    #[test]
    fn three_wrong_passwords_lock_even_the_right_one_out() {
        let three = [(0, false), (1, false), (14, false)];
        assert_eq!(film(&[&three[..], &[(15, true), (43, false)]].concat()), "---LL");
    }

    #[test]
    fn the_lock_ends_after_half_an_hour_and_the_count_begins_anew() {
        let three = [(0, false); 3];
        assert_eq!(film(&[&three[..], &[(29, true), (30, false), (31, true)]].concat()), "---L-+");
    }

    #[test]
    fn a_right_password_forgets_the_wrong_ones() {
        let two = [(0, false); 2];
        assert_eq!(film(&[&two[..], &[(1, true)], &two[..], &[(2, true)]].concat()), "--+--+");
    }

    #[test]
    fn wrong_passwords_older_than_the_window_do_not_count() {
        let two = [(0, false); 2];
        assert_eq!(film(&[&two[..], &[(15, false), (16, true)]].concat()), "---+");
    }
}
