//! Porchlight: look at the light before you knock.

pub mod clock;
pub mod domain;

pub mod config;
pub mod probe;
pub mod publish;
pub mod sample;
pub mod schedule;
pub mod store;
pub mod words;
