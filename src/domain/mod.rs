//! What is true: pure decisions. No async, no clock, no database, no JSON, no randomness.

pub mod account;
pub mod component;
pub mod day;
pub mod endpoint;
pub mod evidence;
pub mod expect;
pub mod facts;
pub mod flow;
pub mod health_gate;
pub mod judge;
pub mod kind;
pub mod moment;
pub mod network;
pub mod notice;
pub mod outage;
pub mod outcome;
pub mod probe;
pub mod readiness;
pub mod request;
pub mod span;
pub mod status;
pub mod summary;
pub mod template;
pub mod uptime;
pub mod verdict;
