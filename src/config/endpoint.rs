//! Reads `[[endpoint]]`: what is knocked at, how often, and what answer is right.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use toml::Spanned;

use super::around::Around;
use super::flow::{self, Reading};
use super::kinds;
use super::report::{Report, Span};
use super::section::Section;
use super::time::{cron, duration, least_gap, written, zone};
use super::value::{boolean, id, integer, one_of};
use crate::domain::endpoint::{
    Addresses, Cadence, ComponentId, Endpoint, EndpointId, Family, Id, Thresholds,
};
use crate::domain::kind::Kind;
use crate::domain::login_budget::FAILING_APART;

const EVERY: Duration = Duration::from_secs(30);
/// Faster is a load test, not a question.
const EVERY_LEAST: Duration = Duration::from_secs(1);
/// Rarer says nothing about now.
const EVERY_MOST: Duration = Duration::from_secs(86_400);
const DEADLINE: Duration = Duration::from_secs(10);
const DEADLINE_LEAST: Duration = Duration::from_millis(100);
/// Nobody waits longer for a login form.
const DEADLINE_MOST: Duration = Duration::from_secs(60);
/// Where nothing is said: four an hour harm nobody.
const LOGIN_EVERY: Duration = Duration::from_secs(900);
/// A real login more often wears out accounts, sessions and other people's logs.
const LOGIN_LEAST: Duration = Duration::from_secs(300);
/// A code that comes by mail later than this helps nobody, but may be waited for.
const REPORTED_MOST: Duration = Duration::from_secs(3_600);
/// More results in a row would hide most outages.
const THRESHOLD_MOST: u32 = 10;
const WAS_LIMIT: usize = 100;

pub(super) fn read(section: &mut Section<'_, '_>, around: &Around<'_>) -> Option<Endpoint> {
    let report = section.report;
    let this = section.required("id", "\"web-login\"", id);
    let component = section.required("component", "\"web\"", id);
    let component = component.and_then(|it| around.names.component(report, it));
    if let Some(row) = kinds::chosen(section) {
        let kind = (row.read)(section, around);
        let rest = rest(section, around, row.knocks.then_some(EVERY));
        kinds::refuse_rest(section, row.name);
        let kind = kind?;
        rest.have_a_choice(report, &kind);
        return Some(rest.of(this?.into_inner(), component?, kind));
    }
    let http = flow::read(section, around);
    let logs_in = http.as_ref().is_some_and(|it| it.flow.logs_in());
    let rest = rest(section, around, Some(if logs_in { LOGIN_EVERY } else { EVERY }));
    kinds::refuse_rest(section, "http");
    let limited = |it: &&Reading| it.flow.logs_in() && (it.flow.wrong_password || !it.sample);
    if let Some(reading) = http.as_ref().filter(limited) {
        not_too_often(section, reading, &rest.cadence, around.now);
    }
    let kind = Kind::Http(Box::new(http.filter(|it| it.whole)?.flow));
    rest.have_a_choice(report, &kind);
    Some(rest.of(this?.into_inner(), component?, kind))
}

/// What endpoints of all kinds have.
struct Rest {
    addresses: Addresses,
    /// Where a choice of them is written.
    chosen_at: Option<Span>,
    network: Option<Id>,
    cadence: Cadence,
    deadline: Duration,
    degraded_after: Duration,
    thresholds: Thresholds,
    was: Vec<EndpointId>,
}

impl Rest {
    fn of(self, id: EndpointId, component: ComponentId, kind: Kind) -> Endpoint {
        let Self { addresses, network, cadence, deadline, degraded_after, thresholds, was, .. } = self;
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

impl Rest {
    /// Minds a choice of addresses where there is none.
    fn have_a_choice(&self, report: &Report<'_>, kind: &Kind) {
        let Some(at) = &self.chosen_at else { return };
        let host = kind.host().map(|it| it.trim_matches(['[', ']']));
        let proxied = match kind {
            Kind::Http(flow) => flow.steps().any(|it| it.request.proxy.is_some()),
            _ => false,
        };
        if host.is_none_or(|it| it.parse::<IpAddr>().is_ok()) {
            report.wrong(
                at.clone(),
                "there is one address only, so there is none to choose",
                "leave out `addresses` and `every_address`, or write a name in `url`",
            );
        } else if proxied {
            report.wrong(
                at.clone(),
                "through a proxy it is the proxy that chooses the address",
                "leave out `addresses` and `every_address`, or write proxy = \"none\"",
            );
        }
    }
}

/// `every` is how often where nothing is said; none of those that report by themselves.
fn rest(section: &mut Section<'_, '_>, around: &Around<'_>, every: Option<Duration>) -> Rest {
    let ((addresses, chosen_at), cadence) = match every {
        Some(every) => (addresses(section), cadence(section, around, every)),
        None => ((Addresses::default(), None), Cadence::Every(EVERY_MOST)),
    };
    let (deadline, degraded_after) =
        deadlines(section, &cadence, if every.is_some() { DEADLINE_MOST } else { REPORTED_MOST });
    let network = section.optional("network", id).and_then(|it| around.names.network(section.report, it));
    let mut threshold =
        |key| section.optional(key, |it| integer(it, 1..=THRESHOLD_MOST)).map(Spanned::into_inner);
    let default = Thresholds::default();
    let thresholds = Thresholds {
        failure: threshold("failure_threshold").unwrap_or(default.failure),
        success: threshold("success_threshold").unwrap_or(default.success),
    };
    let was = section.list("was", WAS_LIMIT, id).into_iter().map(Spanned::into_inner).collect();
    Rest { addresses, chosen_at, network, cadence, deadline, degraded_after, thresholds, was }
}

/// Which addresses are knocked at, and where that is written.
fn addresses(section: &mut Section<'_, '_>) -> (Addresses, Option<Span>) {
    let words =
        [("any", Family::Any), ("ipv4", Family::Ipv4), ("ipv6", Family::Ipv6), ("each", Family::Each)];
    let family = section.optional("addresses", |it| one_of(it, &words));
    let every = section.optional("every_address", boolean);
    let chosen_at = every
        .as_ref()
        .filter(|it| *it.get_ref())
        .map(Spanned::span)
        .or(family.as_ref().filter(|it| *it.get_ref() != Family::Any).map(Spanned::span));
    let addresses = Addresses {
        family: family.map(Spanned::into_inner).unwrap_or_default(),
        every: every.is_some_and(Spanned::into_inner),
    };
    (addresses, chosen_at)
}

/// How often we look whether somebody has been silent for too long.
fn look_every(silence: Duration) -> Duration {
    (silence / 10).clamp(EVERY_LEAST, EVERY)
}

fn cadence(section: &mut Section<'_, '_>, around: &Around<'_>, default: Duration) -> Cadence {
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
        (every, None) => Cadence::Every(every.map_or(default, Spanned::into_inner)),
    }
}

/// Refuses a login with a real account every few seconds.
fn not_too_often(section: &Section<'_, '_>, reading: &Reading, cadence: &Cadence, now: Timestamp) {
    let every = match cadence {
        Cadence::Every(every) => Some(*every),
        Cadence::Schedule { cron, zone } => least_gap(cron, zone, now),
    };
    if reading.flow.wrong_password {
        if every.is_some_and(|it| it < FAILING_APART) {
            section.report.wrong(
                section.span.clone(),
                "this sends a wrong password more often than every 15 minutes",
                "write every = \"15m\" or more: services lock whoever fails more often, or block where it comes from",
            );
        }
        return;
    }
    let account = match &reading.flow.account {
        Some(it) => format!("`{}`", it.id),
        None if reading.flow.wrong_password => "nobody".to_owned(),
        // That it is missing was told already.
        None => return,
    };
    if every.is_some_and(|it| it < LOGIN_LEAST) {
        section.report.wrong(
            section.span.clone(),
            format!("this logs in as {account} more often than every 5 minutes"),
            "write every = \"5m\" or more; the page and its form may be asked for more often by an endpoint of their own",
        );
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
