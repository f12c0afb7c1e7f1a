//! One integration binary: the daemon through its doors, and the walls of the house.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test may stop at the first surprise, and lives at the edge where time and sockets are real"
)]

mod addresses;
mod alerts;
mod backup;
mod certificates;
mod control;
mod crowd;
mod damage;
mod evidence;
mod first;
mod first_release;
mod flood;
mod flow;
mod front;
mod gate;
mod goodbye;
mod harm;
mod hop;
mod install;
mod kill;
mod kinds;
mod knock;
mod migration;
mod names;
mod network;
mod notify;
mod observing;
mod own;
mod pki;
mod power;
mod pressure;
mod push;
mod reload;
mod schedule;
mod scribe;
mod secrets;
mod soak;
mod support;
mod target;
mod terminal;
mod tidy;
mod torture;
mod traced;
mod travel;
mod truth;
mod wallet;
mod wallet_flows;
