//! Between the values of the domain and the numbers of the tables.

use std::time::Duration;

use jiff::Timestamp;

use super::error::StoreError;
use crate::domain::endpoint::Id;
use crate::domain::outcome::Outcome;
use crate::domain::span::Health;

pub(super) fn ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// `at` as it reads back from the database.
pub(super) fn whole_ms(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(ms(at)).unwrap_or(at)
}

pub(super) fn timestamp(table: &'static str, ms: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(ms)
        .map_err(|_| StoreError::Inconsistent { table, what: format!("time {ms}") })
}

pub(super) fn health(code: u8) -> Result<Health, StoreError> {
    Health::from_code(code)
        .ok_or_else(|| StoreError::Inconsistent { table: "span", what: format!("health {code}") })
}

pub(super) fn outcome(code: u8) -> Result<Outcome, StoreError> {
    let what = || format!("outcome {code}");
    Outcome::from_code(code).ok_or_else(|| StoreError::Inconsistent { table: "result", what: what() })
}

pub(super) fn id(table: &'static str, text: &str) -> Result<Id, StoreError> {
    Id::parse(text).ok_or_else(|| StoreError::Inconsistent { table, what: format!("id {text:?}") })
}

pub(super) fn us(length: Duration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn length(us: i64) -> Duration {
    Duration::from_micros(u64::try_from(us).unwrap_or_default())
}
