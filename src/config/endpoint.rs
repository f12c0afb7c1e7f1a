//! Reads `[[endpoint]]`: what is knocked at, how often, and what answer is right.

use std::net::SocketAddr;
use std::time::Duration;

use toml::Spanned;

use super::kinds;
use super::names::Names;
use super::proxy;
use super::request;
use super::secret::Secrets;
use super::section::Section;
use super::time::{cron, duration, written, zone};
use super::value::{boolean, id, integer, one_of, phrase, status};
use crate::domain::endpoint::{
    Addresses, Cadence, ComponentId, Endpoint, EndpointId, Family, Id, Thresholds,
};
use crate::domain::expect::Expect;
use crate::domain::flow::Flow;
use crate::domain::kind::Kind;
use crate::domain::request::{Method, Proxy, Request};
use jiff::Timestamp;
use jiff::tz::TimeZone;

const EVERY: Duration = Duration::from_secs(30);
/// Faster is a load test, not a question.
const EVERY_LEAST: Duration = Duration::from_secs(1);
/// Rarer says nothing about now.
const EVERY_MOST: Duration = Duration::from_secs(86_400);
const DEADLINE: Duration = Duration::from_secs(10);
const DEADLINE_LEAST: Duration = Duration::from_millis(100);
/// Nobody waits longer for a login form.
const DEADLINE_MOST: Duration = Duration::from_secs(60);
/// A code that comes by mail later than this helps nobody, but may be waited for.
const REPORTED_MOST: Duration = Duration::from_secs(3_600);
/// More results in a row would hide most outages.
const THRESHOLD_MOST: u32 = 10;
/// Each is searched in every answer.
const CONTAINS_LIMIT: usize = 50;
const CONTAINS_LENGTH: usize = 1_000;
const STATUS_LIMIT: usize = 50;
const WAS_LIMIT: usize = 100;

/// What reading an endpoint takes besides its own table.
pub(super) struct Around<'a> {
    pub(super) names: &'a Names,
    pub(super) secrets: &'a Secrets<'a>,
    /// The page's.
    pub(super) zone: &'a TimeZone,
    pub(super) now: Timestamp,
    /// The proxy of all who name none.
    pub(super) proxy: &'a Option<Proxy>,
    /// Where we listen ourselves.
    pub(super) ours: &'a [SocketAddr],
}

pub(super) fn read(section: &mut Section<'_, '_>, around: &Around<'_>) -> Option<Endpoint> {
    let report = section.report;
    let this = section.required("id", "\"web-login\"", id);
    let component = section.required("component", "\"web\"", id);
    let component = component.and_then(|it| around.names.component(report, it));
    if let Some(row) = kinds::chosen(section) {
        let kind = (row.read)(section, around);
        let rest = rest(section, around, row.knocks);
        kinds::refuse_rest(section, row.name);
        return Some(rest.of(this?.into_inner(), component?, kind?));
    }
    let request = request::read(section, around.secrets);
    let named = section.has("proxy");
    let own = proxy::read(section, around.secrets, around.ours);
    let proxy = if named { own } else { around.proxy.clone() };
    let request = request.map(|it| Request { proxy, ..it });
    let method = request.as_ref().map(|it| it.method);
    let expect = expect(section, method);
    let rest = rest(section, around, true);
    kinds::refuse_rest(section, "http");
    let kind = Kind::Http(Flow::of(request?, expect));
    Some(rest.of(this?.into_inner(), component?, kind))
}

/// What endpoints of all kinds have.
struct Rest {
    addresses: Addresses,
    network: Option<Id>,
    cadence: Cadence,
    deadline: Duration,
    degraded_after: Duration,
    thresholds: Thresholds,
    was: Vec<EndpointId>,
}

impl Rest {
    fn of(self, id: EndpointId, component: ComponentId, kind: Kind) -> Endpoint {
        let Self { addresses, network, cadence, deadline, degraded_after, thresholds, was } = self;
        let cadence = kind.push().map_or(cadence, |push| Cadence::Every(look_every(push.silence)));
        Endpoint {
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
        }
    }
}

/// `knocks` is false of those that report by themselves.
fn rest(section: &mut Section<'_, '_>, around: &Around<'_>, knocks: bool) -> Rest {
    let network = section.optional("network", id).and_then(|it| around.names.network(section.report, it));
    let (addresses, cadence) = match knocks {
        true => (addresses(section), cadence(section, around)),
        false => (Addresses::default(), Cadence::Every(EVERY_MOST)),
    };
    let (deadline, degraded_after) =
        deadlines(section, &cadence, if knocks { DEADLINE_MOST } else { REPORTED_MOST });
    let mut threshold =
        |key| section.optional(key, |it| integer(it, 1..=THRESHOLD_MOST)).map(Spanned::into_inner);
    let default = Thresholds::default();
    let thresholds = Thresholds {
        failure: threshold("failure_threshold").unwrap_or(default.failure),
        success: threshold("success_threshold").unwrap_or(default.success),
    };
    let was = section.list("was", WAS_LIMIT, id).into_iter().map(Spanned::into_inner).collect();
    Rest { addresses, network, cadence, deadline, degraded_after, thresholds, was }
}

fn addresses(section: &mut Section<'_, '_>) -> Addresses {
    let words =
        [("any", Family::Any), ("ipv4", Family::Ipv4), ("ipv6", Family::Ipv6), ("each", Family::Each)];
    let family = section.optional("addresses", |it| one_of(it, &words)).map(Spanned::into_inner);
    let every = section.optional("every_address", boolean).is_some_and(Spanned::into_inner);
    Addresses { family: family.unwrap_or_default(), every }
}

/// How often we look whether somebody has been silent for too long.
fn look_every(silence: Duration) -> Duration {
    (silence / 10).clamp(EVERY_LEAST, EVERY)
}

fn expect(section: &mut Section<'_, '_>, method: Option<Method>) -> Expect {
    let status = section.list("status", STATUS_LIMIT, status).into_iter().map(Spanned::into_inner).collect();
    let mut texts = |key| {
        let texts = section.list(key, CONTAINS_LIMIT, |it| phrase(it, CONTAINS_LENGTH));
        if let Some(first) = texts.first()
            && method == Some(Method::Head)
        {
            section.report.wrong(
                first.span(),
                "an answer to HEAD has no body to look into",
                "use method = \"GET\"",
            );
        }
        texts.into_iter().map(Spanned::into_inner).collect::<Vec<String>>()
    };
    let (contains, not_contains) = (texts("contains"), texts("not_contains"));
    Expect { status, contains, not_contains }
}

fn cadence(section: &mut Section<'_, '_>, around: &Around<'_>) -> Cadence {
    let report = section.report;
    let scheduled = section.has("schedule");
    let every = section.optional("every", |it| duration(it, EVERY_LEAST, EVERY_MOST));
    let own_zone = section.optional("zone", zone);
    if !scheduled && let Some(own) = &own_zone {
        report.wrong(
            own.span(),
            "`zone` belongs to a `schedule`, and there is none",
            "leave it out; `every` is the same in all zones",
        );
    }
    let zone = own_zone.map_or_else(|| around.zone.clone(), Spanned::into_inner);
    let cron = section.optional("schedule", |it| cron(it, &zone, around.now));
    match (every, cron) {
        (Some(every), _) if scheduled => {
            report.wrong(
                every.span(),
                "an endpoint has `every` or `schedule`, not both",
                "leave one of them out",
            );
            Cadence::Every(every.into_inner())
        }
        (_, Some(cron)) => Cadence::Schedule { cron: cron.into_inner(), zone },
        (every, None) => Cadence::Every(every.map_or(EVERY, Spanned::into_inner)),
    }
}

/// The deadline, and from when on an answer is slow.
fn deadlines(section: &mut Section<'_, '_>, cadence: &Cadence, most: Duration) -> (Duration, Duration) {
    let report = section.report;
    let every = match cadence {
        Cadence::Every(every) => Some(*every),
        Cadence::Schedule { .. } => None,
    };
    let guessed = !section.has("deadline");
    let given = section.optional("deadline", |it| duration(it, DEADLINE_LEAST, most));
    if let (Some(given), Some(every)) = (&given, every)
        && every < *given.get_ref()
    {
        let message = format!("this deadline is longer than the interval of {}", written(every));
        report.warn(
            given.span(),
            message,
            "a slow round makes the next ones be skipped; a shorter deadline or a longer interval avoids it",
        );
    }
    let readable = guessed || given.is_some();
    let deadline =
        given.map_or_else(|| every.map_or(DEADLINE, |every| every.min(DEADLINE)), Spanned::into_inner);
    let slow = section.optional("degraded_after", |it| duration(it, Duration::from_millis(1), most));
    if let Some(slow) = &slow
        && readable
        && deadline <= *slow.get_ref()
    {
        let message = format!("`degraded_after` is not below the deadline of {}", written(deadline));
        report.wrong(slow.span(), message, "an answer can only be slow before it is too late");
    }
    (deadline, slow.map_or(deadline / 2, Spanned::into_inner))
}
