//! Which door of the sample wallet is broken, and how.

use std::sync::Arc;

use tokio::sync::watch;

/// One way in; each breaks on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The login page, `GET /login`.
    Page,
    /// Signing in on the web: `POST /login`, `POST /api/login`, `/me`, `/logout`.
    SignIn,
    /// The phone app's way in, `POST /api/app/login`.
    App,
    /// `GET /api/version`, which the app asks first.
    Version,
    /// Signing in with a code sent to the phone, on the web and in the app.
    Sms,
    /// Signing in with a code sent by e-mail, on the web and in the app.
    Email,
    /// Signing in with a password and the code of an authenticator.
    Totp,
}

impl Door {
    pub const ALL: [Self; 7] =
        [Self::Page, Self::SignIn, Self::App, Self::Version, Self::Sms, Self::Email, Self::Totp];

    /// The ways this door can be.
    pub fn has(self, mode: Mode) -> bool {
        match mode {
            Mode::NoForm | Mode::NoToken => !matches!(self, Self::SignIn | Self::App | Self::Version),
            Mode::Rejected
            | Mode::Challenge
            | Mode::Expired
            | Mode::BrokenSession
            | Mode::WrongPasswordAccepted => !matches!(self, Self::Page | Self::Version),
            Mode::CodeLost => matches!(self, Self::Sms | Self::Email),
            _ => true,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::SignIn => "signin",
            Self::App => "app",
            Self::Version => "version",
            Self::Sms => "sms",
            Self::Email => "email",
            Self::Totp => "totp",
        }
    }
}

/// How a door behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Works,
    /// Answers 503.
    ServerError,
    /// Gives its true answer after four seconds.
    Slow,
    /// Sends the head at once and then a byte now and then, without end.
    Drip,
    /// Resets the connection after reading the request head; with all doors
    /// in this mode, the port is closed and connects are refused.
    Refuse,
    /// Answers 200 with a page that has no login form.
    WrongPage,
    /// Answers 200 with a maintenance page.
    Maintenance,
    /// Answers 423, as if the account were locked.
    Locked,
    /// Answers 302 to a page that says sorry with 200.
    Redirect,
    /// Answers 403, as a firewall does that takes us for a robot.
    Blocked,
    /// Answers 429 and says how long to wait.
    Throttled,
    /// Shows its page without the form.
    NoForm,
    /// Shows its form without the hidden token.
    NoToken,
    /// Says of every password and code that it is wrong.
    Rejected,
    /// Wants a picture puzzle solved after the right password or code.
    Challenge,
    /// Wants the password changed after the right password or code.
    Expired,
    /// Lets in, and forgets the session at once.
    BrokenSession,
    /// Lets in with any password and code.
    WrongPasswordAccepted,
    /// Says that a code was sent, and sends none.
    CodeLost,
}

impl Mode {
    pub const ALL: [Self; 19] = [
        Self::Works,
        Self::ServerError,
        Self::Slow,
        Self::Drip,
        Self::Refuse,
        Self::WrongPage,
        Self::Maintenance,
        Self::Locked,
        Self::Redirect,
        Self::Blocked,
        Self::Throttled,
        Self::NoForm,
        Self::NoToken,
        Self::Rejected,
        Self::Challenge,
        Self::Expired,
        Self::BrokenSession,
        Self::WrongPasswordAccepted,
        Self::CodeLost,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::ServerError => "error503",
            Self::Slow => "slow",
            Self::Drip => "drip",
            Self::Refuse => "refuse",
            Self::WrongPage => "wrong_page",
            Self::Maintenance => "maintenance",
            Self::Locked => "locked",
            Self::Redirect => "redirect",
            Self::Blocked => "blocked",
            Self::Throttled => "throttled",
            Self::NoForm => "no_form",
            Self::NoToken => "no_token",
            Self::Rejected => "rejected",
            Self::Challenge => "challenge",
            Self::Expired => "expired",
            Self::BrokenSession => "broken_session",
            Self::WrongPasswordAccepted => "wrong_password_accepted",
            Self::CodeLost => "code_lost",
        }
    }
}

/// The mode of every door.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Modes {
    pub page: Mode,
    pub sign_in: Mode,
    pub app: Mode,
    pub version: Mode,
    pub sms: Mode,
    pub email: Mode,
    pub totp: Mode,
}

impl Modes {
    /// Every door in this mode, as far as it has it.
    pub fn all(mode: Mode) -> Self {
        let mut modes = Self::default();
        for door in Door::ALL.into_iter().filter(|door| door.has(mode)) {
            modes.set(door, mode);
        }
        modes
    }

    pub fn of(self, door: Door) -> Mode {
        match door {
            Door::Page => self.page,
            Door::SignIn => self.sign_in,
            Door::App => self.app,
            Door::Version => self.version,
            Door::Sms => self.sms,
            Door::Email => self.email,
            Door::Totp => self.totp,
        }
    }

    fn set(&mut self, door: Door, mode: Mode) {
        match door {
            Door::Page => self.page = mode,
            Door::SignIn => self.sign_in = mode,
            Door::App => self.app = mode,
            Door::Version => self.version = mode,
            Door::Sms => self.sms = mode,
            Door::Email => self.email = mode,
            Door::Totp => self.totp = mode,
        }
    }

    /// Whether anyone is at home: with every door refusing, the port is closed.
    pub(super) fn port_is_open(self) -> bool {
        Door::ALL.iter().any(|door| self.of(*door) != Mode::Refuse)
    }
}

/// The handle that breaks and mends doors while the wallet runs.
#[derive(Debug, Clone)]
pub struct Breaker {
    modes: Arc<watch::Sender<Modes>>,
    listening: watch::Receiver<bool>,
}

impl Breaker {
    /// All doors working, and the end by which the port says whether it is open.
    pub(super) fn new() -> (Self, watch::Sender<bool>) {
        let (says, listening) = watch::channel(true);
        let modes = Arc::new(watch::Sender::new(Modes::default()));
        (Self { modes, listening }, says)
    }

    /// In effect for every request whose head is read from now on. Closing and
    /// opening the port take a moment more: see [`Breaker::settled`].
    pub fn set(&self, door: Door, mode: Mode) {
        self.modes.send_modify(|modes| modes.set(door, mode));
    }

    /// Every door that can be so is; the others work.
    pub fn set_all(&self, mode: Mode) {
        self.modes.send_modify(|modes| *modes = Modes::all(mode));
    }

    pub fn modes(&self) -> Modes {
        *self.modes.borrow()
    }

    /// Returns when the port is open or closed as the modes say, or the wallet
    /// has stopped. Needs `serve` to be running.
    pub async fn settled(&self) {
        let mut listening = self.listening.clone();
        // An error means that the wallet has stopped: nothing will change any more.
        drop(listening.wait_for(|open| *open == self.modes().port_is_open()).await);
    }

    pub(super) fn watch(&self) -> watch::Receiver<Modes> {
        self.modes.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_closes_only_when_every_door_refuses() {
        let (breaker, _says) = Breaker::new();
        for door in Door::ALL {
            assert!(breaker.modes().port_is_open());
            breaker.set(door, Mode::Refuse);
        }
        assert!(!breaker.modes().port_is_open());
        breaker.set(Door::App, Mode::Locked);
        assert!(breaker.modes().port_is_open());
    }

    #[test]
    fn one_door_breaks_without_the_others() {
        let (breaker, _says) = Breaker::new();
        breaker.set(Door::SignIn, Mode::Slow);
        assert_eq!(breaker.modes(), Modes { sign_in: Mode::Slow, ..Modes::default() });
        breaker.set_all(Mode::Works);
        assert_eq!(breaker.modes(), Modes::default());
    }

    #[test]
    fn a_mode_breaks_the_doors_that_have_it_and_mends_the_others() {
        let (breaker, _says) = Breaker::new();
        breaker.set_all(Mode::ServerError);
        breaker.set_all(Mode::CodeLost);
        let lost = Modes { sms: Mode::CodeLost, email: Mode::CodeLost, ..Modes::default() };
        assert_eq!(breaker.modes(), lost);
    }
}
