//! The sample wallet: a small real login service to watch and to break.
//!
//! It listens on two loopback ports: the main one has the doors that can be
//! broken, the control one has the page that breaks and mends them, so that
//! the mending stays in reach when the main port is closed.

mod app;
mod book;
mod breaker;
mod codes;
mod control;
mod guard;
mod lockout;
#[cfg(feature = "simulation")]
mod memory;
mod pages;
mod port;
mod site;
mod tickets;
mod totp;
mod wallet;
mod web;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::book::{Standing, Tally};
pub use self::breaker::{Breaker, Door, Mode, Modes};
#[cfg(feature = "simulation")]
pub use self::memory::InMemory;
use self::port::Port;
use self::site::Site;
use self::wallet::Wallet;

/// The one account there is. Its credentials are public: nothing is behind them.
pub const USERNAME: &str = "sample";
pub const PASSWORD: &str = "sample-wallet-9Tq4-mVx7";
/// Where its codes go; nobody has this number and no mail reaches this name.
pub const PHONE: &str = "10000000000";
pub const EMAIL: &str = "sample@wallet.invalid";
/// The secret of its authenticator, in Base32.
pub const TOTP: &str = "ONQW24DMMUWXOYLMNRSXILLUN52HALLT";
/// Never right, for probes that make sure that a wrong password is refused.
pub const WRONG_PASSWORD: &str = "sample-wallet-never-right";

/// The largest request body either port reads; a sign-in has some hundred bytes.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// Where the wallet gets the time from: the daemon's clock, or a test's.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What `{ sample = "name" }` in config.toml resolves to.
pub fn secret(name: &str) -> Option<SecretString> {
    let value = match name {
        "username" => USERNAME,
        "password" => PASSWORD,
        "wrong_password" => WRONG_PASSWORD,
        "phone" => PHONE,
        "email" => EMAIL,
        "totp" => TOTP,
        _ => return None,
    };
    Some(SecretString::from(value))
}

/// The two ports of the sample wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontDoor {
    Wallet,
    Control,
}

/// Which port could not be had, and why.
#[derive(Debug, thiserror::Error)]
#[error("could not listen on {addr} for the sample wallet: {why}")]
pub struct NotBound {
    pub door: FrontDoor,
    pub addr: SocketAddr,
    pub why: io::Error,
}

/// The service, bound to its ports and ready to serve.
pub struct SampleWallet {
    main: TcpListener,
    main_addr: SocketAddr,
    control: TcpListener,
    control_addr: SocketAddr,
    breaker: Breaker,
    /// Tells the breaker whether the main port accepts connections.
    listening: watch::Sender<bool>,
    now: Now,
}

impl SampleWallet {
    /// Binds the main and the control port; port 0 takes any free one. From
    /// here on connections queue, and `serve` answers them.
    ///
    /// # Errors
    /// When an address is not a loopback address, or cannot be bound.
    pub async fn bind(listen: SocketAddr, control: SocketAddr, now: Now) -> Result<Self, NotBound> {
        let open = |door, addr| {
            let bound = port::listen(addr).and_then(|it| Ok((it.local_addr()?, it)));
            bound.map_err(|why| NotBound { door, addr, why })
        };
        let (main_addr, main) = open(FrontDoor::Wallet, listen)?;
        let (control_addr, control) = open(FrontDoor::Control, control)?;
        let (breaker, listening) = Breaker::new();
        Ok(Self { main_addr, main, control_addr, control, breaker, listening, now })
    }

    pub fn local_addr(&self) -> SocketAddr {
        self.main_addr
    }

    /// Where the break page and its API live.
    pub fn control_addr(&self) -> SocketAddr {
        self.control_addr
    }

    pub fn breaker(&self) -> Breaker {
        self.breaker.clone()
    }

    /// Serves until `stop` is cancelled; connections live on `tasks` and end
    /// within a second of the stop.
    pub async fn serve(self, stop: CancellationToken, tasks: TaskTracker) {
        let wallet = Wallet::new(self.now);
        let doors = Site { router: wallet::router(wallet.clone()), breaker: Some(self.breaker.clone()) };
        let control = control::router(self.breaker.clone(), wallet, self.main_addr);
        let hall = Site { router: control, breaker: None };
        let main = Port::new(doors, stop.clone(), tasks.clone());
        let control = Port::new(hall, stop, tasks);
        tokio::join!(
            main.serve_breakable(self.main, self.main_addr, &self.breaker, &self.listening),
            control.serve(self.control),
        );
    }
}
