//! The facts: all that is known now. Everything shown follows from them and the time.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use url::Url;

use super::component::{Component, Text};
use super::endpoint::{Endpoint, EndpointId};
use super::moment::Moment;
use super::network::{Lost, name_of};
use super::notice::Notices;
use super::outcome::{Outcome, UnknownReason};
use super::span::{self, Health, Span};

#[derive(Debug, Clone)]
pub struct Facts {
    pub site: Arc<Site>,
    /// In the order they are shown.
    pub components: Arc<[Component]>,
    /// In the order of the file.
    pub endpoints: Vec<Arc<EndpointFacts>>,
    pub notices: Arc<Notices>,
    pub storing: Storing,
    /// Networks through which nothing can be learnt now.
    pub lost: Arc<[Lost]>,
}

/// What the operator says about the page itself.
#[derive(Debug, Clone)]
pub struct Site {
    pub name: Text,
    pub zone: TimeZone,
    pub support: Vec<Contact>,
    /// How long an account stays locked after wrong passwords, if it does.
    pub lockout: Option<Duration>,
    /// How long after a recovery the verdict still says "recovering".
    pub recovering_for: Duration,
    /// Whether the bundled sample wallet is being watched.
    pub sample: Option<SamplePage>,
    /// Where readers find the page; its path ends with `/`.
    pub public_url: Option<Url>,
    /// Whom the operator of a target may write to.
    pub probe_contact: Option<String>,
}

impl Site {
    /// The path everything lives under; it begins and ends with `/`.
    pub fn base(&self) -> &str {
        self.public_url.as_ref().map_or("/", Url::path)
    }

    /// A path for those who are elsewhere: a whole address, where ours is known.
    pub fn address(&self, path: &str) -> String {
        let origin = self.public_url.as_ref().map(|it| it.origin().ascii_serialization());
        format!("{}{path}", origin.unwrap_or_default())
    }
}

/// Where the sample wallet can be broken, for the page to link to.
#[derive(Debug, Clone)]
pub struct SamplePage {
    pub url: String,
}

/// An official way to reach support.
#[derive(Debug, Clone)]
pub struct Contact {
    pub label: Text,
    /// `https:`, `tel:` or `mailto:`.
    pub url: String,
}

#[derive(Debug, Clone)]
pub struct EndpointFacts {
    pub endpoint: Arc<Endpoint>,
    /// Oldest first; ends with the open span. Empty before anything is known.
    pub history: Arc<Vec<Span>>,
    pub health: Health,
    pub last: Option<LastResult>,
    /// The network it is knocked at through is lost to us now.
    pub cut_off: bool,
}

/// The last result that said something, and the last knock of any outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastResult {
    /// The last known result: silence is counted from here.
    pub known_at: Timestamp,
    /// Monotonic; past it we do not know.
    pub fresh_until: Duration,
    /// The last knock, whatever it said.
    pub at: Timestamp,
    pub outcome: Outcome,
    pub total: Duration,
}

/// Whether results reach the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Storing {
    #[default]
    Works,
    /// Results wait in memory; what is shown may be lost.
    Fails { since: Timestamp, waiting: u64, lost: u64 },
}

impl EndpointFacts {
    /// Health as it may be told now:
    ///
    /// | its last result | its network | told |
    /// | --- | --- | --- |
    /// | no longer fresh, or none | any | unknown |
    /// | fresh, or kept fresh by an earlier one | works | its health |
    /// | says that our network failed | lost to us | unknown, at once |
    /// | a success | lost to us | its health: it did answer |
    pub fn told(&self, now: Moment) -> Health {
        if self.is_fresh(now) && !self.is_out_of_sight() { self.health } else { Health::Unknown }
    }

    /// Whether its last knock did not get out of our own network, which is lost still.
    pub fn is_out_of_sight(&self) -> bool {
        let ours = |it: LastResult| {
            matches!(it.outcome, Outcome::Unknown(UnknownReason::OwnNetwork | UnknownReason::OwnDns))
        };
        self.cut_off && self.last.is_some_and(ours)
    }

    pub fn is_fresh(&self, now: Moment) -> bool {
        self.last.is_some_and(|last| now.mono < last.fresh_until)
    }

    /// The history as it may be told now: closed, with silence as unknown.
    pub fn told_history(&self, now: Moment) -> Vec<Span> {
        let silent_since = self.last.filter(|_| !self.is_fresh(now)).map(|last| last.known_at);
        span::as_told(&self.history, silent_since, now.wall)
    }
}

impl Facts {
    pub fn endpoint(&self, id: &EndpointId) -> Option<&Arc<EndpointFacts>> {
        self.endpoints.iter().find(|it| &it.endpoint.id == id)
    }

    /// From now on these networks are lost to us, and no others.
    pub fn lose(&mut self, lost: Arc<[Lost]>) {
        for endpoint in &mut self.endpoints {
            let cut_off = lost.iter().any(|it| it.network.as_str() == name_of(&endpoint.endpoint));
            if endpoint.cut_off != cut_off {
                Arc::make_mut(endpoint).cut_off = cut_off;
            }
        }
        self.lost = lost;
    }

    /// The endpoints of a component.
    pub fn endpoints_of<'a>(
        &'a self,
        component: &'a Component,
    ) -> impl Iterator<Item = &'a Arc<EndpointFacts>> {
        self.endpoints.iter().filter(move |it| it.endpoint.component == component.id)
    }
}
