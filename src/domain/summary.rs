//! The summary: facts and a moment in, everything a page or an API says out.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::component::{Component, Role};
use super::day::{self, Day, PartHistory, Stretch};
use super::endpoint::{ComponentId, Endpoint, EndpointId};
use super::facts::{EndpointFacts, Facts, Storing};
use super::moment::{Moment, between, minus, plus};
use super::network::name_of;
use super::notice::{Announcement, Covers, Maintenance, Phase};
use super::outage::{Outage, folded, is_flapping, outages};
use super::outcome::Outcome;
use super::span::Health;
use super::status::{self, Part, Status};
use super::uptime::{self, Uptime, Window};
use super::verdict::{self, SOON, Until, Verdict, Way};

/// How many days of bars a page draws.
pub const DAYS: u16 = 90;
/// How long no body may be believed, whatever it says.
pub const LONGEST_TRUTH: Duration = Duration::from_secs(60);
/// What a body may outlive an announced start or end, so that the instant of
/// change does not read as "we cannot tell".
pub const CALENDAR_GRACE: Duration = Duration::from_secs(2);
/// Past outages and maintenances older than this are history, not news.
pub const NEWS: Duration = Duration::from_secs(15 * 24 * 3600);

#[derive(Debug, Clone)]
pub struct Summary {
    pub now: Moment,
    /// Past it this summary says nothing any more.
    pub valid_until: Moment,
    /// The next instant at which time alone changes what is said.
    pub next_change: Option<Timestamp>,
    pub verdict: Verdict,
    pub until: Until,
    pub components: Vec<ComponentSummary>,
    /// Open ones first, then newest first; those that ended within [`NEWS`].
    pub outages: Vec<ComponentOutage>,
    /// Running and overran, then coming soonest first, then past newest first.
    /// Only those that cover something public, and of that only what is public,
    /// by its name of today.
    pub maintenances: Vec<(Maintenance, Phase)>,
    pub announcements: Vec<Announcement>,
    /// The last knock at anything shown.
    pub last_knock: Option<Timestamp>,
    pub storing: Storing,
    pub blind: Option<Blind>,
}

/// What we cannot know, since a network of our own is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blind {
    /// Since the first of them was lost.
    pub since: Timestamp,
    /// The public components that are knocked at through one of them, in the order
    /// they are shown; whether each is known still by other endpoints is its status.
    pub components: Vec<ComponentId>,
    /// Whether they are all that is knocked at.
    pub all: bool,
}

#[derive(Debug, Clone)]
pub struct ComponentSummary {
    pub component: Component,
    pub status: Status,
    pub parts: Vec<PartSummary>,
    /// Oldest first, [`DAYS`] of them; empty for a manual component.
    pub days: Vec<Day>,
    /// Over the last 90 days and the last 30, counted over its endpoints.
    pub uptime: [Uptime; 2],
    /// Time not working as readers see it, over the last 90 days and 30.
    pub not_working: [Duration; 2],
    pub flapping: bool,
    /// When the running maintenance that covers it ends.
    pub covered_until: Option<Timestamp>,
}

impl ComponentSummary {
    pub fn is_manual(&self) -> bool {
        self.parts.is_empty()
    }

    /// The most recent failure among endpoints that are down, for the reader's sentence.
    pub fn cause(&self) -> Option<Outcome> {
        let wanted = match self.status {
            Status::Major | Status::Partial => Health::Down,
            Status::Degraded => Health::Degraded,
            _ => return None,
        };
        self.parts.iter().filter(|part| part.health == wanted).filter_map(|part| part.outcome).next()
    }
}

#[derive(Debug, Clone)]
pub struct PartSummary {
    pub endpoint: EndpointId,
    pub health: Health,
    pub outcome: Option<Outcome>,
    pub last_at: Option<Timestamp>,
    pub total: Option<Duration>,
}

/// An outage as readers see it: a component that was down, wholly or in part.
#[derive(Debug, Clone)]
pub struct ComponentOutage {
    pub component: ComponentId,
    pub outage: Outage,
    /// The worst it was.
    pub status: Status,
}

pub fn summarize(facts: &Facts, now: Moment) -> Summary {
    let mut by_component: HashMap<&ComponentId, Vec<&EndpointFacts>> = HashMap::new();
    for endpoint in &facts.endpoints {
        by_component.entry(&endpoint.endpoint.component).or_default().push(endpoint);
    }
    let mut components = Vec::new();
    let mut ways = Vec::new();
    let mut all_outages = Vec::new();
    for component in facts.components.iter().filter(|it| it.public) {
        let endpoints = by_component.get(&component.id).map_or(&[][..], Vec::as_slice);
        let told = Told::new(facts, component, endpoints, now);
        if component.role == Role::Login {
            ways.push(told.way(facts, endpoints, now));
        }
        all_outages.extend(told.outages.iter().map(|&(outage, status)| ComponentOutage {
            component: component.id.clone(),
            outage,
            status,
        }));
        components.push(told.summary);
    }
    all_outages.retain(|it| it.outage.to.is_none_or(|to| between(to, now.wall) < NEWS));
    all_outages.sort_by_key(|it| (it.outage.to.is_some(), std::cmp::Reverse(it.outage.from)));
    let (verdict, until) = verdict::verdict(&ways, facts.site.recovering_for, now.wall);
    let last_knock = components.iter().flat_map(|it| &it.parts).filter_map(|it| it.last_at).max();
    let maintenances = maintenances(facts, now);
    Summary {
        now,
        valid_until: valid_until(facts, now),
        next_change: next_change(facts, &ways, now),
        verdict,
        until,
        components,
        outages: all_outages,
        maintenances,
        announcements: facts
            .notices
            .announcements
            .iter()
            .filter(|it| it.is_shown(now.wall))
            .cloned()
            .collect(),
        last_knock,
        storing: facts.storing,
        blind: blind(facts),
    }
}

/// None while every public endpoint's network works, as far as canaries tell.
fn blind(facts: &Facts) -> Option<Blind> {
    let hit =
        |it: &&EndpointFacts| facts.lost.iter().find(|lost| lost.network.as_str() == name_of(&it.endpoint));
    let public = facts.components.iter().filter(|it| it.public);
    let watched: Vec<(&Component, Option<Timestamp>)> = public
        .filter_map(|it| {
            let endpoints = || facts.endpoints_of(it).map(|it| &**it);
            endpoints().next()?;
            Some((it, endpoints().filter_map(|it| hit(&it)).map(|lost| lost.since).min()))
        })
        .collect();
    let since = watched.iter().filter_map(|(_, since)| *since).min()?;
    let blind = watched.iter().filter(|(_, since)| since.is_some()).map(|(it, _)| it.id.clone());
    Some(Blind { since, components: blind.collect(), all: watched.iter().all(|(_, since)| since.is_some()) })
}

/// The status of any component now, whether the public sees it or not.
pub fn status_now(facts: &Facts, component: &Component, now: Moment) -> Status {
    status_of(facts, component, facts.endpoints_of(component).map(|it| &**it), now)
}

fn status_of<'a>(
    facts: &Facts,
    component: &Component,
    endpoints: impl Iterator<Item = &'a EndpointFacts>,
    now: Moment,
) -> Status {
    let running = || facts.notices.maintenances.iter().filter(|it| it.is_running(now.wall));
    let parts: Vec<Part<'_>> = endpoints
        .map(|it| Part {
            endpoint: &it.endpoint.id,
            health: it.told(now),
            covered: running().any(|maintenance| maintenance.covers_endpoint(&it.endpoint)),
        })
        .collect();
    let covered = running().any(|it| it.covers_component(component));
    status::status(covered, &parts, &component.roll_up)
}

/// One component with the history its summary was made from.
struct Told {
    summary: ComponentSummary,
    outages: Vec<(Outage, Status)>,
}

impl Told {
    fn new(facts: &Facts, component: &Component, endpoints: &[&EndpointFacts], now: Moment) -> Self {
        let maintenances = &facts.notices.maintenances;
        let histories: Vec<PartHistory<'_>> = endpoints
            .iter()
            .map(|it| PartHistory { endpoint: &it.endpoint, spans: it.told_history(now) })
            .collect();
        let timeline = day::timeline(component, &histories, maintenances, now.wall);
        let running = |it: &&Maintenance| it.is_running(now.wall);
        let covering = maintenances.iter().filter(|it| it.covers_all(component, each(endpoints)));
        let covered_until = covering.filter(running).map(Maintenance::end).max();
        let status = status_of(facts, component, endpoints.iter().copied(), now);
        let stretches = day::as_spans(&timeline);
        let outages: Vec<(Outage, Status)> = folded(outages(&stretches, now.wall))
            .into_iter()
            .map(|it| (it, worst_during(&timeline, it, now)))
            .collect();
        let windows = [90_u64, 30]
            .map(|days| Window { from: minus(now.wall, Duration::from_secs(days * 86_400)), to: now.wall });
        let summary = ComponentSummary {
            component: component.clone(),
            status,
            parts: endpoints.iter().map(|it| part_summary(it, now)).collect(),
            days: if endpoints.is_empty() {
                Vec::new()
            } else {
                day::days(&timeline, &facts.site.zone, now.wall, DAYS)
            },
            uptime: windows.map(|window| counted(component, &histories, maintenances, window)),
            not_working: windows.map(|window| not_working(&timeline, window)),
            flapping: histories.iter().any(|it| is_flapping(&it.spans, now.wall)),
            covered_until,
        };
        Self { summary, outages }
    }

    fn way(&self, facts: &Facts, endpoints: &[&EndpointFacts], now: Moment) -> Way {
        let component = &self.summary.component;
        let works = matches!(self.summary.status, Status::Operational | Status::Degraded);
        let covering = facts.notices.maintenances.iter();
        let covering = covering.filter(|it| it.covers_all(component, each(endpoints)));
        let coming = covering.filter(|it| it.window().is_some_and(|window| now.wall < window.from));
        Way {
            status: self.summary.status,
            manual: self.summary.is_manual(),
            came_back_at: self.outages.last().and_then(|(outage, _)| outage.to).filter(|_| works),
            covered_until: self.summary.covered_until,
            covered_from: coming.map(|it| it.starts_at).min(),
        }
    }
}

fn each<'a>(endpoints: &[&'a EndpointFacts]) -> impl Iterator<Item = &'a Endpoint> {
    endpoints.iter().map(|it| &*it.endpoint)
}

fn part_summary(endpoint: &EndpointFacts, now: Moment) -> PartSummary {
    let last = endpoint.last;
    PartSummary {
        endpoint: endpoint.endpoint.id.clone(),
        health: endpoint.told(now),
        outcome: last.map(|it| it.outcome),
        last_at: last.map(|it| it.at),
        total: last.map(|it| it.total),
    }
}

fn worst_during(timeline: &[Stretch], outage: Outage, now: Moment) -> Status {
    let window = Window { from: outage.from, to: outage.to.unwrap_or(now.wall) };
    let major = timeline.iter().any(|it| it.status == Status::Major && it.window.shared(window).is_some());
    if major { Status::Major } else { Status::Partial }
}

/// Uptime over the endpoints of a component, announced maintenance left out.
fn counted(
    component: &Component,
    histories: &[PartHistory<'_>],
    maintenances: &[Maintenance],
    window: Window,
) -> Uptime {
    let mut sum = Uptime::default();
    for history in histories {
        let covering = maintenances
            .iter()
            .filter(|it| it.covers_component(component) || it.covers_endpoint(history.endpoint));
        let excluded = uptime::merged(covering.filter_map(Maintenance::announced).collect());
        sum = sum.plus(uptime::uptime(&history.spans, &excluded, window));
    }
    sum
}

fn not_working(timeline: &[Stretch], window: Window) -> Duration {
    let down = timeline.iter().filter(|it| matches!(it.status, Status::Partial | Status::Major));
    down.filter_map(|it| it.window.shared(window)).map(Window::length).sum()
}

fn maintenances(facts: &Facts, now: Moment) -> Vec<(Maintenance, Phase)> {
    let open = open_outages(facts, now);
    let mut told: Vec<(Maintenance, Phase)> = facts
        .notices
        .maintenances
        .iter()
        .filter_map(|it| for_the_public(facts, it))
        .map(|it| {
            let phase = it.phase(unwell_since(&open, &it), now.wall);
            (it, phase)
        })
        .filter(|(it, phase)| match phase {
            Phase::Scheduled | Phase::InProgress | Phase::Overran => true,
            Phase::Completed | Phase::Cancelled => between(it.end(), now.wall) < NEWS,
        })
        .collect();
    told.sort_by_key(|(it, phase)| match phase {
        Phase::InProgress | Phase::Overran => (0, it.starts_at.as_second()),
        Phase::Scheduled => (1, it.starts_at.as_second()),
        Phase::Completed | Phase::Cancelled => (2, -it.starts_at.as_second()),
    });
    told
}

/// The maintenance with what it covers in names of today, without what is not
/// public; none when nothing is left of it.
fn for_the_public(facts: &Facts, maintenance: &Maintenance) -> Option<Maintenance> {
    let public = || facts.components.iter().filter(|it| it.public);
    let components = public().filter(|it| maintenance.covers_component(it));
    let endpoints = public().flat_map(|it| facts.endpoints_of(it)).map(|it| &it.endpoint);
    let endpoints = endpoints.filter(|it| maintenance.covers_endpoint(it));
    let covers = Covers {
        components: components.map(|it| it.id.clone()).collect(),
        endpoints: endpoints.map(|it| it.id.clone()).collect(),
    };
    (covers != Covers::default()).then(|| Maintenance { covers, ..maintenance.clone() })
}

/// The endpoints whose outage goes on, and since when. A restart or a silence
/// inside it does not make it another.
fn open_outages(facts: &Facts, now: Moment) -> Vec<(&Endpoint, Timestamp)> {
    let open = |it: &EndpointFacts| {
        let last = outages(&it.told_history(now), now.wall).pop()?;
        last.to.is_none().then_some(last.from)
    };
    facts.endpoints.iter().filter_map(|it| Some((&*it.endpoint, open(it)?))).collect()
}

/// When the oldest outage that goes on in what the maintenance covers began.
fn unwell_since(open: &[(&Endpoint, Timestamp)], maintenance: &Maintenance) -> Option<Timestamp> {
    let covered = open.iter().filter(|(it, _)| {
        maintenance.covers_endpoint(it) || maintenance.covers.components.contains(&it.component)
    });
    covered.map(|&(_, since)| since).min()
}

/// A body may be believed for a minute, never past the silence of an endpoint
/// that still counts as heard, and hardly past an announced start or end.
fn valid_until(facts: &Facts, now: Moment) -> Moment {
    let silence = facts.endpoints.iter().filter(|it| it.is_fresh(now)).filter_map(|it| it.last);
    let silence = silence.map(|last| now.after(last.fresh_until.saturating_sub(now.mono)));
    let calendar = calendar_edges(facts)
        .filter(|&edge| now.wall < edge)
        .map(|edge| now.after(between(now.wall, edge).saturating_add(CALENDAR_GRACE)));
    silence.chain(calendar).fold(now.after(LONGEST_TRUTH), Moment::min)
}

/// Every instant at which a notice begins or ends.
fn calendar_edges(facts: &Facts) -> impl Iterator<Item = Timestamp> {
    let maintenances = facts.notices.maintenances.iter().flat_map(|it| [it.starts_at, it.end()]);
    let announcements = facts.notices.announcements.iter();
    let announcements = announcements.flat_map(|it| [Some(it.starts_at), it.ends_at, it.ended_at]).flatten();
    maintenances.chain(announcements)
}

fn next_change(facts: &Facts, ways: &[Way], now: Moment) -> Option<Timestamp> {
    let recovered =
        ways.iter().filter_map(|it| it.came_back_at).map(|at| plus(at, facts.site.recovering_for));
    let soon = ways.iter().filter_map(|it| it.covered_from).map(|at| minus(at, SOON));
    let midnight = now.wall.to_zoned(facts.site.zone.clone()).date();
    let midnight = day::day_window(midnight, &facts.site.zone).map(|today| today.to);
    calendar_edges(facts).chain(recovered).chain(soon).chain(midnight).filter(|&at| now.wall < at).min()
}
