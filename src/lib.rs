//! Porchlight: look at the light before you knock.
//!
//! The rooms in reading order; ARCHITECTURE.md says what each may know.

pub mod domain;

pub mod clock;
pub mod config;
pub mod control;
pub mod exhibit;
pub mod expr;
pub mod meter;
pub mod notes;
pub mod probe;
pub mod sample;
pub mod schedule;
pub mod store;
pub mod words;

pub mod observe;
pub mod pipeline;
pub mod publish;
pub mod serve;
pub mod service;

pub mod app;
pub mod cli;
