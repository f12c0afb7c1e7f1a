//! Days on virtual time: the real rooms and the real prober, answered in memory.
//!
//! `probe/wire.rs` says what of a knock is passed by. `tests/sim` looks for
//! trouble with faults of every kind; here all is well on our side, and what is
//! told of the targets must be the truth.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise and say why; it reads the database by itself"
)]

mod healthy;
mod house;
mod outages;
mod town;
