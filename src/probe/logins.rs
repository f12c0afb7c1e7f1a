//! Before a password is sent: may it be? Whoever keeps the budget answers.

use std::pin::Pin;
use std::sync::Arc;

use super::Kit;
use crate::domain::endpoint::Endpoint;
use crate::domain::flow::Flow;
use crate::domain::login_budget::{self, Ended, Limits};
use crate::domain::outcome::{Outcome, UnknownReason};

/// The account of a wrong password that is sent with nobody's name; no id of a
/// config looks so.
pub const NOBODY: &str = "-";

/// An account at an origin: what a budget is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Door {
    pub origin: String,
    pub account: String,
}

impl Door {
    /// Where a flow logs in, and as whom.
    pub fn of(flow: &Flow) -> Self {
        let account = flow.account.as_ref().map_or_else(|| NOBODY.to_owned(), |it| it.id.to_string());
        Self { origin: flow.first.request.url.origin().ascii_serialization(), account }
    }
}

/// A login that may be tried, and is counted from now on.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    pub door: Door,
    pub number: u64,
}

/// Not now, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub reason: UnknownReason,
    /// For an operator.
    pub said: String,
}

/// What became of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// Its request never left us.
    NotSent,
    To {
        ended: Ended,
        /// No login may follow until a person says so.
        stop: Option<UnknownReason>,
    },
}

pub type Soon<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Keeps the budget of logins.
pub trait Logins: Send + Sync {
    /// May wait a moment for one that is under way; never long.
    fn reserve<'a>(&'a self, door: Door, limits: Limits) -> Soon<'a, Result<Ticket, Held>>;
    /// A ticket that is never settled counts as one whose end is not known.
    fn settle<'a>(&'a self, ticket: Ticket, came: Came) -> Soon<'a, ()>;
}

/// Grants everything; for a prober that only a test holds.
pub struct Unguarded;

impl Logins for Unguarded {
    fn reserve<'a>(&'a self, door: Door, _: Limits) -> Soon<'a, Result<Ticket, Held>> {
        Box::pin(async { Ok(Ticket { door, number: 0 }) })
    }

    fn settle<'a>(&'a self, _: Ticket, _: Came) -> Soon<'a, ()> {
        Box::pin(async {})
    }
}

/// Leave to log in once. Dropped unsettled, nobody knows how it ended.
pub struct Pass {
    logins: Arc<dyn Logins>,
    ticket: Ticket,
    wrong_password: bool,
}

impl Kit {
    /// Asks for leave to send the account's name or password; to be called
    /// right before the first step of a flow that does.
    pub(super) async fn may_log_in(&self, endpoint: &Endpoint, flow: &Flow) -> Result<Pass, Held> {
        let reserved = self.logins.reserve(Door::of(flow), Limits::of(flow.account.as_ref())).await;
        let ticket = reserved.inspect_err(|held| tracing::debug!("`{}`: {}", endpoint.id, held.said))?;
        Ok(Pass { logins: self.logins.clone(), ticket, wrong_password: flow.wrong_password })
    }
}

impl Pass {
    /// To be told what the flow came to; `sent` says whether the request with
    /// the password may have left us.
    pub async fn came_to(self, outcome: Outcome, sent: bool) {
        let came = if sent {
            let ended = login_budget::ended(outcome, self.wrong_password);
            Came::To { ended, stop: login_budget::stops(outcome) }
        } else {
            Came::NotSent
        };
        self.logins.settle(self.ticket, came).await;
    }
}
