//! One integration binary: the daemon through its doors, and the walls of the house.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise, and lives at the edge where time and sockets are real"
)]

mod control;
mod crowd;
mod first_release;
mod kill;
mod knock;
mod names;
mod own;
mod pki;
mod reload;
mod schedule;
mod soak;
mod support;
mod target;
mod terminal;
mod tidy;
mod travel;
mod truth;
mod wallet;
