//! All that the sample wallet remembers, and who is let in.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::breaker::Mode;
use super::codes::{Channel, Inbox};
use super::lockout::{Attempt, Lockout};
use super::tickets::{Tickets, random_token};
use super::totp::Authenticator;
use super::{Now, PASSWORD, USERNAME};

/// A login page left open for longer has to be loaded again.
const VISIT_LASTS: SignedDuration = SignedDuration::from_hours(1);
const SESSION_LASTS: SignedDuration = SignedDuration::from_mins(30);
#[cfg(feature = "simulation")]
/// The first attempts are remembered, for whoever asks what we did to the account.
const ATTEMPTS: usize = 1_000;
/// Between the password and the second factor.
const HALFWAY_LASTS: SignedDuration = SignedDuration::from_mins(5);

/// The wallet behind its doors.
pub struct Wallet {
    now: Now,
    book: Mutex<Book>,
}

pub struct Book {
    pub lockout: Lockout,
    /// Visits stand for the CSRF token of their form.
    pub visits: Tickets<String>,
    /// The one account is all that a session can stand for.
    pub sessions: Tickets<()>,
    /// Who has given the right password and not yet the code.
    pub halfway: Tickets<()>,
    pub inbox: Inbox,
    pub authenticator: Authenticator,
    tally: Tally,
    /// When somebody was wrong of late, whatever he did after it.
    #[cfg(feature = "simulation")]
    wrong_at: Vec<Timestamp>,
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub logins: u64,
    pub wrong: u64,
    /// Attempts that found the account locked.
    pub locked: u64,
}

/// What becomes of somebody who says who he is.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// With this session.
    In(String),
    Wrong,
    Locked {
        until: Timestamp,
    },
    Challenge,
    Expired,
}

/// The account as the control page shows it.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    pub sessions: usize,
    pub wrong_of_late: usize,
    pub locked_until: Option<Timestamp>,
    pub tally: Tally,
}

impl Wallet {
    pub fn new(now: Now) -> Arc<Self> {
        let book = Book {
            lockout: Lockout::default(),
            visits: Tickets::new(VISIT_LASTS),
            sessions: Tickets::new(SESSION_LASTS),
            halfway: Tickets::new(HALFWAY_LASTS),
            inbox: Inbox::default(),
            authenticator: Authenticator::default(),
            tally: Tally::default(),
            #[cfg(feature = "simulation")]
            wrong_at: Vec::new(),
        };
        Arc::new(Self { now, book: Mutex::new(book) })
    }

    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// A handler that panicked while holding the lock leaves nothing half done.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn standing(&self) -> Standing {
        let (now, book) = (self.now(), self.book());
        Standing {
            sessions: book.sessions.count(now),
            wrong_of_late: book.lockout.wrong_of_late(now),
            locked_until: book.lockout.locked_until(now),
            tally: book.tally,
        }
    }

    /// When passwords and codes of the account were wrong, oldest first.
    #[cfg(feature = "simulation")]
    pub fn wrong_at(&self) -> Vec<Timestamp> {
        self.book().wrong_at.clone()
    }

    /// Forgets wrong passwords and the lock they led to.
    pub fn unlock(&self) {
        self.book().lockout = Lockout::default();
    }
}

impl Book {
    /// An unknown name is as wrong as a wrong password, but locks nothing.
    pub fn by_password(&mut self, now: Timestamp, mode: Mode, username: &str, password: &str) -> Admission {
        if username != USERNAME && mode != Mode::WrongPasswordAccepted {
            self.tally.wrong += 1;
            return Admission::Wrong;
        }
        self.admit(now, mode, password == PASSWORD)
    }

    /// Judges what somebody gave last, and lets in who was right, as the mode has it.
    pub fn admit(&mut self, now: Timestamp, mode: Mode, right: bool) -> Admission {
        match self.judge(now, mode, right) {
            Attempt::Wrong => Admission::Wrong,
            Attempt::Locked { until } => Admission::Locked { until },
            Attempt::Right => {
                self.tally.logins += 1;
                match mode {
                    Mode::Challenge => Admission::Challenge,
                    Mode::Expired => Admission::Expired,
                    Mode::BrokenSession => Admission::In(random_token()),
                    _ => Admission::In(self.sessions.issue(now, ())),
                }
            }
        }
    }

    /// The first half of two: a right password opens nothing yet.
    pub fn halfway(&mut self, now: Timestamp, mode: Mode, username: &str, password: &str) -> Admission {
        let anybody = mode == Mode::WrongPasswordAccepted;
        let right = anybody || (username == USERNAME && password == PASSWORD);
        if right && self.lockout.locked_until(now).is_none() {
            return Admission::In(self.halfway.issue(now, ()));
        }
        if username != USERNAME {
            self.tally.wrong += 1;
            return Admission::Wrong;
        }
        match self.judge(now, Mode::Works, right) {
            Attempt::Locked { until } => Admission::Locked { until },
            Attempt::Right | Attempt::Wrong => Admission::Wrong,
        }
    }

    /// The second half. None when the first half is not there or too long ago.
    pub fn by_totp(&mut self, now: Timestamp, mode: Mode, ticket: &str, code: &str) -> Option<Admission> {
        self.halfway.find(now, ticket)?;
        let right = self.lockout.locked_until(now).is_none() && self.authenticator.accepts(now, code);
        let admission = self.admit(now, mode, right);
        if admission != Admission::Wrong {
            self.halfway.withdraw(ticket);
        }
        Some(admission)
    }

    /// A code that was sent; a wrong one counts as a wrong password does.
    pub fn by_code(
        &mut self,
        now: Timestamp,
        mode: Mode,
        channel: Channel,
        (to, code): (&str, &str),
    ) -> Admission {
        if to != channel.ours() && mode != Mode::WrongPasswordAccepted {
            self.tally.wrong += 1;
            return Admission::Wrong;
        }
        let right = self.lockout.locked_until(now).is_none() && self.inbox.takes(now, channel, to, code);
        self.admit(now, mode, right)
    }

    fn judge(&mut self, now: Timestamp, mode: Mode, right: bool) -> Attempt {
        let right = match mode {
            Mode::Rejected => false,
            Mode::WrongPasswordAccepted => true,
            _ => right,
        };
        let attempt = self.lockout.attempt(now, right);
        match attempt {
            Attempt::Right => {}
            Attempt::Wrong => {
                self.tally.wrong += 1;
                #[cfg(feature = "simulation")]
                {
                    self.wrong_at.push(now);
                    self.wrong_at.truncate(ATTEMPTS);
                }
            }
            Attempt::Locked { .. } => self.tally.locked += 1,
        }
        attempt
    }
}
