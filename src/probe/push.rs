//! Nobody knocks at a door that reports by itself.

use super::bare::{Bare, Fault};
use super::{Kit, Knocked};
use crate::domain::endpoint::Endpoint;
use crate::domain::outcome::{Outcome, UnknownReason};

pub(super) fn knock(kit: &Kit, endpoint: &Endpoint) -> Knocked {
    let fault = Fault {
        outcome: Outcome::Unknown(UnknownReason::Budget),
        said: "it reports by itself and is not knocked at".into(),
    };
    Bare::begin(kit, endpoint).finish(None, None, Err(fault))
}
