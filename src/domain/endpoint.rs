//! An endpoint: one URL we knock at, how often, and what answer is right.

use std::time::Duration;

use jiff::tz::TimeZone;
use url::Url;

use super::expect::Expect;
use super::flow::Flow;
pub use super::id::{ComponentId, EndpointId, ID_LIMIT, Id, NoticeId};
use super::kind::Kind;
use super::request::Request;

/// Equal means: nothing about the knocking or the judging differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    pub id: EndpointId,
    pub component: ComponentId,
    pub kind: Kind,
    pub addresses: Addresses,
    /// Whose canaries tell whether it is us; none is the default network.
    pub network: Option<Id>,
    pub cadence: Cadence,
    /// From DNS to the last byte, over all steps.
    pub deadline: Duration,
    /// An answer later than this is degraded (slow).
    pub degraded_after: Duration,
    pub thresholds: Thresholds,
    /// Former ids whose history is ours.
    pub was: Vec<EndpointId>,
}

impl Endpoint {
    /// One GET every 30 s, with everything else as the manual has it by default.
    pub fn get(id: Id, component: ComponentId, url: Url) -> Self {
        Self {
            id,
            component,
            kind: Kind::Http(Box::new(Flow::of(Request::get(url), Expect::default()))),
            addresses: Addresses::default(),
            network: None,
            cadence: Cadence::Every(Duration::from_secs(30)),
            deadline: Duration::from_secs(10),
            degraded_after: Duration::from_secs(5),
            thresholds: Thresholds::default(),
            was: Vec::new(),
        }
    }

    /// Its flow, if it is knocked at over HTTP.
    pub fn flow(&self) -> Option<&Flow> {
        match &self.kind {
            Kind::Http(flow) => Some(flow),
            _ => None,
        }
    }

    /// Whether a knock tries to log in.
    pub fn logs_in(&self) -> bool {
        self.flow().is_some_and(Flow::logs_in)
    }

    /// Its flow, to be changed.
    pub fn flow_mut(&mut self) -> Option<&mut Flow> {
        match &mut self.kind {
            Kind::Http(flow) => Some(flow),
            _ => None,
        }
    }

    /// The names of the parts in which it differs from `other`, as the config
    /// calls them; never a value.
    pub fn differs_in(&self, other: &Self) -> Vec<&'static str> {
        // Taken apart in full, so that a new part cannot be forgotten here.
        let Self {
            id,
            component,
            kind,
            addresses,
            network,
            cadence,
            deadline,
            degraded_after,
            thresholds,
            was,
        } = self;
        let parts = [
            (id != &other.id, "id"),
            (component != &other.component, "component"),
            (addresses != &other.addresses, "addresses"),
            (network != &other.network, "network"),
            (cadence != &other.cadence, "cadence"),
            (deadline != &other.deadline, "deadline"),
            (degraded_after != &other.degraded_after, "degraded_after"),
            (thresholds != &other.thresholds, "thresholds"),
            (was != &other.was, "was"),
        ];
        let mut differs: Vec<&'static str> =
            parts.into_iter().filter_map(|(differs, part)| differs.then_some(part)).collect();
        match (kind, &other.kind) {
            (Kind::Http(flow), Kind::Http(other)) => differs.extend(flow.differs_in(other)),
            _ if kind != &other.kind => differs.push(kind.name()),
            _ => (),
        }
        differs
    }
}

/// Which of a name's addresses are knocked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Addresses {
    pub family: Family,
    /// Every address is knocked at, and one that is dead among live ones is degraded.
    pub every: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Family {
    /// Whatever answers first.
    #[default]
    Any,
    Ipv4,
    Ipv6,
    /// IPv4 and IPv6, each by itself: one that fails is degraded.
    Each,
}

/// When an endpoint is knocked at.
#[derive(Debug, Clone, PartialEq)]
pub enum Cadence {
    /// A monotonic interval, spread by the hash of the id.
    Every(Duration),
    /// A cron expression read in a zone.
    Schedule { cron: String, zone: TimeZone },
}

/// How many results in a row change health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Worse results, the confirmation counted.
    pub failure: u32,
    /// Better results.
    pub success: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { failure: 2, success: 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_lower_case_and_plain() {
        for good in ["password", "sms-code", "a1", "sms_code", "2fa"] {
            assert!(Id::parse(good).is_some(), "{good}");
        }
        for bad in ["", "Web", "a b", "-a", "a-", "a--b", "密码", "a/b", &"a".repeat(65)] {
            assert!(Id::parse(bad).is_none(), "{bad}");
        }
    }
}
