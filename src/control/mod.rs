//! Talking to the running daemon: an owner-only Unix socket in its data directory.
//!
//! One line of JSON in, one line of JSON out, and the connection ends.

mod ask;
mod door;
mod talk;
mod wire;

pub use ask::{AskError, ask};
pub use door::{Door, DoorError};
pub use talk::{Answers, serve};
pub use wire::{
    Answer, AttemptLine, CanaryLine, Check, ComponentLine, DaemonLine, EndpointLine, EvidenceLine, Knock,
    KnockLine, LoginLine, NetworkLine, NoteLine, NoticeLine, Own, PauseLine, Question, Refusal, Reloaded,
    Status, VERSION, Wanted,
};

/// The socket's name in the data directory.
pub const SOCKET_FILE: &str = "porchlight.sock";
