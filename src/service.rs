//! The service manager's side: a socket it hands over, and word to it of how we are.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::{NotifyState, notify};

/// Begun, with the page bound and rendered.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The config is read anew; [`ready`] ends it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// We live; wanted more often than every [`watchdog`].
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How long we may be silent before we are killed and started again, if anybody listens.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// The page's socket, when the service manager listens for us. To be asked once.
pub fn handed_over() -> io::Result<Option<TcpListener>> {
    let listener = ListenFd::from_env().take_tcp_listener(0)?;
    if let Some(listener) = &listener {
        listener.set_nonblocking(true)?;
    }
    Ok(listener)
}

/// Without a service manager nothing is sent. One that does not listen is no fault of ours.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = notify(states) {
        tracing::debug!("The service manager was not told: {error}");
    }
}
