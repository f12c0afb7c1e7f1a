//! What is true: pure decisions. No async, no clock, no database, no JSON, no randomness.

pub mod component;
pub mod day;
pub mod endpoint;
pub mod facts;
pub mod judge;
pub mod moment;
pub mod notice;
pub mod outage;
pub mod outcome;
pub mod probe;
pub mod readiness;
pub mod span;
pub mod status;
pub mod summary;
pub mod uptime;
pub mod verdict;
