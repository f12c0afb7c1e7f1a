//! One component's page: its ninety days, its last probes, its outages and its record.

use std::time::Duration;

use askama::Template;

use super::frame::{Frame, Of};
use super::lead::Lead;
use super::method::{self, Method};
use super::strip::strip;
use super::{Stamp, State, Teller, class, icon};
use crate::domain::day::{self, PartHistory, Stretch};
use crate::domain::facts::Facts;
use crate::domain::moment::{between, minus};
use crate::domain::outage::{folded, outages};
use crate::domain::span::Health;
use crate::domain::status::Status;
use crate::domain::summary::{ComponentSummary, DAYS};
use crate::words::time::percent;

/// Rows of a table; more is for machines.
const ROWS: usize = 100;
const SECONDS_A_DAY: u64 = 86_400;

#[derive(Template)]
#[template(path = "component.html", whitespace = "minimize")]
pub struct ComponentPage {
    pub f: Frame,
    pub verdict: State,
    pub method: Method,
    pub periods: Vec<Period>,
    pub knocks: Vec<Knock>,
    pub outages: Table,
    pub spans: Table,
    pub when: String,
}

pub struct Period {
    pub label: String,
    pub uptime: String,
    pub coverage: String,
    pub down: String,
}

/// The last probe of one endpoint.
pub struct Knock {
    pub endpoint: String,
    pub state: State,
    pub at: Option<Stamp>,
    pub said: String,
    pub took: String,
}

pub struct Table {
    pub rows: Vec<Row>,
    pub more: Option<String>,
}

pub struct Row {
    pub when: String,
    pub machine: String,
    pub state: State,
    pub length: String,
    pub down: String,
}

impl ComponentPage {
    pub fn new(teller: &Teller<'_>, facts: &Facts, it: &ComponentSummary) -> Self {
        let lead = Lead::new(teller);
        let verdict = teller.summary.verdict.status();
        let name = it.component.name.read(teller.lang).1;
        let with = |title: &str| {
            teller.say_with(
                title,
                &[
                    ("icon", icon(it.status).into()),
                    ("component", name.into()),
                    ("status", teller.words.status(it.status).into()),
                    ("site", teller.site.name.read(teller.lang).1.into()),
                ],
            )
        };
        let path = format!("c/{}", it.component.id);
        let of = Of {
            path: &path,
            title: with("component-title"),
            description: method::description(teller, &lead.plain()),
            status: it.status,
            valid: Some((teller.summary.now.wall, teller.summary.valid_until.wall)),
        };
        let now = teller.summary.now;
        let histories: Vec<PartHistory<'_>> = facts
            .endpoints_of(&it.component)
            .map(|part| PartHistory { endpoint: &part.endpoint, spans: part.told_history(now) })
            .collect();
        let timeline = day::timeline(&it.component, &histories, &facts.notices.maintenances, now.wall);
        let since = minus(now.wall, Duration::from_secs(u64::from(DAYS) * SECONDS_A_DAY));
        let recent: Vec<Stretch> = timeline.into_iter().filter(|it| since < it.window.to).collect();
        let mut method = method::method(teller, it);
        method.strip = strip(teller, &it.days, name);
        Self {
            f: Frame::new(teller.site, teller.lang, of),
            verdict: State {
                class: class(verdict),
                word: teller.say_with("verdict-now", &[("verdict", lead.plain().into())]),
            },
            method,
            periods: if it.is_manual() { Vec::new() } else { periods(teller, it) },
            knocks: knocks(teller, it),
            outages: outage_rows(teller, &recent),
            spans: span_rows(teller, &recent),
            when: teller.say_with("column-when", &[("zone", teller.calendar.zone_label().into())]),
        }
    }
}

fn periods(teller: &Teller<'_>, it: &ComponentSummary) -> Vec<Period> {
    let figure = |ratio: Option<u32>| ratio.map_or_else(|| teller.say("status-unknown"), percent);
    let windows = [90_u16, 30].into_iter().zip(it.uptime).zip(it.not_working);
    windows
        .map(|((days, uptime), down)| Period {
            label: teller.say_with("period", &[("days", days.into())]),
            uptime: figure(uptime.ratio()),
            coverage: figure(uptime.coverage()),
            down: if down.is_zero() { teller.say("figure-none") } else { teller.length(down) },
        })
        .collect()
}

fn knocks(teller: &Teller<'_>, it: &ComponentSummary) -> Vec<Knock> {
    it.parts
        .iter()
        .map(|part| Knock {
            endpoint: part.endpoint.to_string(),
            state: State { class: health_class(part.health), word: teller.words.health(part.health) },
            at: part.last_at.map(|at| teller.second(at)),
            said: part.outcome.map_or_else(|| teller.say("never"), |outcome| teller.words.outcome(outcome)),
            took: part
                .total
                // Nobody knocked: a login held back, a network that is lost.
                .filter(|total| !total.is_zero())
                .map(|total| teller.say_with("milliseconds", &[("n", total.as_millis().to_string().into())]))
                .map(|length| teller.say_with("knock-took", &[("length", length.into())]))
                .unwrap_or_default(),
        })
        .collect()
}

fn health_class(health: Health) -> &'static str {
    class(match health {
        Health::Up => Status::Operational,
        Health::Degraded => Status::Degraded,
        Health::Down => Status::Major,
        Health::Unknown => Status::Unknown,
    })
}

/// Newest first, as many as a table holds.
fn table(teller: &Teller<'_>, mut rows: Vec<Row>) -> Table {
    rows.reverse();
    let more = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    let more = (more > 0).then(|| teller.say_with("rows-more", &[("n", ROWS.into()), ("more", more.into())]));
    Table { rows, more }
}

fn outage_rows(teller: &Teller<'_>, timeline: &[Stretch]) -> Table {
    let now = teller.summary.now.wall;
    let rows = folded(outages(&day::as_spans(timeline), now)).into_iter().map(|it| {
        let to = it.to.unwrap_or(now);
        let major = timeline.iter().any(|stretch| {
            stretch.status == Status::Major && stretch.window.from < to && it.from < stretch.window.to
        });
        Row {
            when: teller.outage_window(&it),
            machine: teller.calendar.rfc3339(it.from),
            state: teller.state(if major { Status::Major } else { Status::Partial }),
            length: teller.length(between(it.from, to)),
            // Said only where part of the outage went unseen.
            down: if it.down < between(it.from, to) {
                teller.say_with("column-down", &[("length", teller.length(it.down).into())])
            } else {
                String::new()
            },
        }
    });
    table(teller, rows.collect())
}

fn span_rows(teller: &Teller<'_>, timeline: &[Stretch]) -> Table {
    let now = teller.summary.now.wall;
    let rows = timeline.iter().map(|it| Row {
        when: teller.window(it.window.from, Some(it.window.to).filter(|&to| to < now)),
        machine: teller.calendar.rfc3339(it.window.from),
        state: teller.state(it.status),
        length: teller.length(it.window.length()),
        down: String::new(),
    });
    table(teller, rows.collect())
}
