//! One component as a row: state, hint, ninety days, uptime and coverage.

use super::lead::advice;
use super::strip::{Strip, strip};
use super::{Said, State, Teller};
use crate::domain::span::Health;
use crate::domain::status::Status;
use crate::domain::summary::ComponentSummary;
use crate::domain::uptime::Uptime;
use crate::words::time::percent;

pub struct Method {
    pub path: String,
    pub name: Said,
    pub state: State,
    pub hints: Vec<String>,
    pub strip: Option<Strip>,
    /// Over ninety days and over thirty.
    pub uptime: [String; 2],
    pub coverage: [String; 2],
}

/// Neighbouring components that share a heading, or have none.
pub struct Group {
    pub name: Option<Said>,
    /// The level of the headings of its methods.
    pub level: u8,
    pub methods: Vec<Method>,
}

pub fn groups(teller: &Teller<'_>) -> Vec<Group> {
    let components = &teller.summary.components;
    let runs = components.chunk_by(|a, b| a.component.group == b.component.group);
    runs.map(|run| {
        let name = run.first().and_then(|it| it.component.group.as_ref()).map(|text| teller.said(text));
        let level = if name.is_some() { 4 } else { 3 };
        Group { name, level, methods: run.iter().map(|it| method(teller, it)).collect() }
    })
    .collect()
}

pub fn method(teller: &Teller<'_>, it: &ComponentSummary) -> Method {
    let name = teller.said(&it.component.name);
    Method {
        path: format!("{}c/{}", super::frame::home(teller.site, teller.lang), it.component.id),
        state: teller.state(it.status),
        hints: hints(teller, it),
        strip: strip(teller, &it.days, &name.text),
        name,
        uptime: [0, 1].map(|window| uptime(teller, it, window)),
        coverage: it.uptime.map(|uptime| coverage(teller, uptime)),
    }
}

/// What is wrong, whose side it is on, and what works instead.
pub fn hints(teller: &Teller<'_>, it: &ComponentSummary) -> Vec<String> {
    let mut hints = Vec::new();
    if it.is_manual() {
        hints.push(teller.say("manual"));
    }
    let mut now: Vec<String> = it.cause().map(|outcome| teller.words.cause(outcome)).into_iter().collect();
    if let Some(end) = it.covered_until.filter(|_| it.status == Status::Maintenance) {
        now.push(teller.say_with("covered-until", &[("at", teller.calendar.minute(end).into())]));
    }
    if matches!(it.status, Status::Partial | Status::Major | Status::Maintenance) {
        let ways: Vec<&str> = teller
            .summary
            .components
            .iter()
            .filter(|other| other.component.alternative_to.contains(&it.component.id))
            .filter(|other| {
                !other.is_manual() && matches!(other.status, Status::Operational | Status::Degraded)
            })
            .map(|other| other.component.name.read(teller.lang).1)
            .collect();
        if !ways.is_empty() {
            now.push(teller.say_with("use-instead", &[("ways", teller.words.either(&ways).into())]));
        }
    }
    if it.flapping {
        now.push(teller.say("flapping"));
    }
    if !now.is_empty() {
        hints.push(teller.words.sentences(&now));
    }
    let unknown = it.parts.iter().filter(|part| part.health == Health::Unknown).count();
    if unknown > 0 && !matches!(it.status, Status::Unknown | Status::Maintenance) {
        let with = [("n", unknown.into()), ("total", it.parts.len().into())];
        hints.push(teller.say_with("set-aside", &with));
    }
    // Why, also where the others decide: a login that is turned down, say.
    let why = it.parts.iter().filter_map(|part| part.outcome).find(|it| it.kind() == "unknown");
    if let Some(outcome) = why.filter(|_| unknown > 0) {
        hints.push(teller.words.outcome(outcome));
    }
    hints
}

fn uptime(teller: &Teller<'_>, it: &ComponentSummary, window: usize) -> String {
    let (Some(counted), Some(&down)) = (it.uptime.get(window), it.not_working.get(window)) else {
        return String::new();
    };
    match counted.ratio() {
        None if it.is_manual() => String::new(),
        None => teller.say("uptime-none"),
        Some(100_000) => teller.say("uptime-zero"),
        Some(ratio) if down.is_zero() => teller.say_with("uptime", &[("ratio", percent(ratio).into())]),
        Some(ratio) => teller.say_with(
            "uptime-down",
            &[("ratio", percent(ratio).into()), ("length", teller.length(down).into())],
        ),
    }
}

fn coverage(teller: &Teller<'_>, uptime: Uptime) -> String {
    let coverage = uptime.coverage();
    coverage.map(|it| teller.say_with("coverage", &[("ratio", percent(it).into())])).unwrap_or_default()
}

/// The sentence under a title in search results.
pub fn description(teller: &Teller<'_>, verdict: &str) -> String {
    teller.say_with("description", &[("verdict", verdict.into()), ("advice", advice(teller).into())])
}
