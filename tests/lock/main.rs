//! Days on virtual time against an account that locks itself, and through a maintenance:
//! the real rooms and the real prober, answered in memory.
//!
//! `probe/wire.rs` says what of a knock is passed by; `tests/sim` has the days
//! and the outages.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise and say why; it reads the database by itself"
)]

mod house;
mod lockout;
mod maintenance;
