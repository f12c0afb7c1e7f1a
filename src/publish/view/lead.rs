//! The first screen: state, verdict, what to do, until when, what works, and how old it all is.

use std::time::Duration;

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

use super::{Said, Stamp, State, Teller, class};
use crate::domain::component::{Component, Lang, Role};
use crate::domain::facts::Site;
use crate::domain::notice::Phase;
use crate::domain::span::Health;
use crate::domain::status::Status;
use crate::domain::summary::ComponentSummary;
use crate::domain::verdict::{Sure, Verdict};
use crate::words::Words;
use crate::words::time;

pub struct Lead {
    pub class: &'static str,
    pub state: String,
    /// The verdict, cut where it may break.
    pub verdict: Vec<String>,
    pub advice: String,
    pub facts: Vec<Fact>,
    pub doors: Vec<Doors>,
    pub warn: Option<String>,
    pub last_knock: Option<Stamp>,
    pub never_knocked: bool,
    pub zone: String,
    pub my_side: String,
}

pub struct Fact {
    pub label: String,
    pub value: String,
    pub machine: Option<String>,
    pub note: String,
}

/// The ways in one condition.
pub struct Doors {
    pub label: String,
    pub ways: Vec<(State, Said)>,
}

impl Lead {
    pub fn new(teller: &Teller<'_>) -> Self {
        let verdict = teller.summary.verdict;
        Self {
            class: class(verdict.status()),
            state: state(teller),
            verdict: parts(&heading(teller)),
            advice: advice(teller),
            facts: facts(teller),
            doors: doors(teller),
            warn: warn(teller.words, teller.site.lockout, verdict),
            last_knock: teller.summary.last_knock.map(|at| teller.second(at)),
            never_knocked: teller.summary.last_knock.is_none(),
            zone: teller.calendar.zone_label(),
            my_side: my_side(teller.words, verdict),
        }
    }

    /// What stands on a page that has outlived its truth: no figure, no claim.
    pub fn cannot_tell(site: &Site, lang: Lang) -> Self {
        let words = Words::get(lang);
        let verdict = Verdict::Unknown;
        Self {
            class: class(verdict.status()),
            state: words.say("state-unknown"),
            verdict: parts(&words.say("verdict-unknown")),
            advice: words.say("advice-unknown"),
            facts: vec![unknown_until(words)],
            doors: Vec::new(),
            warn: warn(words, site.lockout, verdict),
            last_knock: None,
            never_knocked: false,
            zone: String::new(),
            my_side: my_side(words, verdict),
        }
    }

    /// The verdict without its marks, for titles.
    pub fn plain(&self) -> String {
        self.verdict.concat()
    }
}

fn parts(heading: &str) -> Vec<String> {
    heading.split('|').map(str::to_owned).collect()
}

/// The time the verdict speaks of. An announced one is told as announced; an
/// estimate is told up to the next whole minute, so that it is not told too early.
fn until(teller: &Teller<'_>) -> Option<Timestamp> {
    let until = teller.summary.until;
    let up = TimestampRound::new().smallest(Unit::Minute).mode(RoundMode::Ceil);
    let told = |at: Timestamp| match until.sure {
        Sure::Estimate => at.round(up).unwrap_or(at),
        Sure::Scheduled | Sure::Unknown => at,
    };
    until.at.map(told)
}

/// The same, as the heading and the advice write it.
fn at(teller: &Teller<'_>) -> Option<String> {
    until(teller).map(|at| teller.calendar.minute(at))
}

fn heading(teller: &Teller<'_>) -> String {
    let verdict = teller.summary.verdict;
    let key = format!("verdict-{}", verdict.wire());
    match (verdict, at(teller)) {
        (Verdict::Maintenance | Verdict::MaintenanceSoon, Some(at)) => {
            teller.say_with(&key, &[("at", at.into())])
        }
        (Verdict::Maintenance, None) => teller.say("verdict-maintenance-open"),
        _ => teller.say(&key),
    }
}

/// Names the one that fails, or is under maintenance, when it is only one.
fn state(teller: &Teller<'_>) -> String {
    let verdict = teller.summary.verdict;
    let key = format!("state-{}", verdict.wire());
    if verdict != Verdict::Partial {
        return teller.say(&key);
    }
    let failing: Vec<_> =
        login(teller).filter(|it| matches!(it.status, Status::Partial | Status::Major)).collect();
    let covered: Vec<_> = login(teller).filter(|it| it.status == Status::Maintenance).collect();
    match (failing.as_slice(), covered.as_slice()) {
        ([one], _) | ([], [one]) => {
            let status = teller.words.status(one.status);
            let name = teller.name(&one.component.id);
            teller.say_with("state-partial-one", &[("name", name.into()), ("status", status.into())])
        }
        ([], _) => teller.say("state-partial-maintenance"),
        _ => teller.say(&key),
    }
}

fn is_closed(status: Status) -> bool {
    matches!(status, Status::Partial | Status::Major | Status::Maintenance)
}

fn is_open(status: Status) -> bool {
    matches!(status, Status::Operational | Status::Degraded)
}

pub fn advice(teller: &Teller<'_>) -> String {
    let verdict = teller.summary.verdict;
    let key = format!("advice-{}", verdict.wire());
    match verdict {
        Verdict::Partial => {
            let ways = ways_instead(teller);
            if ways.is_empty() {
                return teller.say("advice-partial-none");
            }
            let names: Vec<&str> = ways.iter().map(|it| it.name.read(teller.lang).1).collect();
            teller.say_with(&key, &[("ways", teller.words.either(&names).into())])
        }
        Verdict::No if overran(teller) => teller.say("advice-overran"),
        Verdict::MaintenanceSoon | Verdict::Recovering => {
            teller.say_with(&key, &[("at", at(teller).unwrap_or_default().into())])
        }
        _ => teller.say(&key),
    }
}

fn login<'a>(teller: &Teller<'a>) -> impl Iterator<Item = &'a ComponentSummary> {
    teller.summary.components.iter().filter(|it| it.component.role == Role::Login)
}

/// Whether a maintenance that runs over covers a way that is down, wholly or
/// by an endpoint of it that is.
fn overran(teller: &Teller<'_>) -> bool {
    let over = teller.summary.maintenances.iter().filter(|(_, phase)| *phase == Phase::Overran);
    over.map(|(it, _)| &it.covers).any(|covers| {
        login(teller).filter(|way| way.status == Status::Major).any(|way| {
            let down = way.parts.iter().filter(|part| part.health == Health::Down);
            covers.components.contains(&way.component.id)
                || down.map(|part| &part.endpoint).any(|part| covers.endpoints.contains(part))
        })
    })
}

/// Since when a way that is closed now has not worked, the oldest of them.
fn since(teller: &Teller<'_>) -> Option<Timestamp> {
    let closed = |id| login(teller).any(|it| &it.component.id == id && is_closed(it.status));
    let open = teller.summary.outages.iter().filter(|it| it.outage.to.is_none());
    open.filter(|it| closed(&it.component)).map(|it| it.outage.from).min()
}

/// The ways that work in place of those that do not: the declared
/// alternatives, or every other way that we saw working.
fn ways_instead<'a>(teller: &Teller<'a>) -> Vec<&'a Component> {
    let open = || login(teller).filter(|it| is_open(it.status) && !it.is_manual()).map(|it| &it.component);
    let closed: Vec<_> = login(teller).filter(|it| is_closed(it.status)).map(|it| &it.component.id).collect();
    let declared: Vec<_> =
        open().filter(|it| it.alternative_to.iter().any(|id| closed.contains(&id))).collect();
    if declared.is_empty() { open().collect() } else { declared }
}

fn facts(teller: &Teller<'_>) -> Vec<Fact> {
    let (verdict, sure) = (teller.summary.verdict, teller.summary.until.sure);
    let label = match verdict {
        Verdict::Yes => "until-next",
        Verdict::MaintenanceSoon => "until-starts",
        Verdict::Maintenance => "until-ends",
        Verdict::Recovering => "until-steady",
        Verdict::Unknown => return vec![unknown_until(teller.words)],
        Verdict::No | Verdict::Partial | Verdict::Slow => "until-back",
    };
    let none = if verdict == Verdict::Yes { "until-none" } else { "until-unknown" };
    let expected = until(teller).map(|at| teller.minute(at));
    let mut facts = vec![Fact {
        label: teller.say(label),
        value: expected.as_ref().map_or_else(|| teller.say(none), |it| it.text.clone()),
        note: match sure {
            Sure::Scheduled if expected.is_some() => teller.say("sure-scheduled"),
            Sure::Estimate => teller.say("sure-estimate"),
            Sure::Scheduled | Sure::Unknown => String::new(),
        },
        machine: expected.map(|it| it.machine),
    }];
    if let (Some(since), Verdict::No | Verdict::Partial) = (since(teller), verdict) {
        let Stamp { text, machine } = teller.minute(since);
        facts.push(Fact {
            label: teller.say("since"),
            value: text,
            machine: Some(machine),
            note: String::new(),
        });
    }
    facts
}

fn unknown_until(words: &Words) -> Fact {
    Fact {
        label: words.say("until-known"),
        value: words.say("until-unknown"),
        machine: None,
        note: String::new(),
    }
}

/// A manual way that nobody says is closed was not seen to work either.
fn doors(teller: &Teller<'_>) -> Vec<Doors> {
    const KINDS: [&str; 4] = ["doors-work", "doors-partly", "doors-not", "doors-unknown"];
    let kind = |status| match status {
        Status::Operational | Status::Degraded => "doors-work",
        Status::Partial => "doors-partly",
        Status::Major | Status::Maintenance => "doors-not",
        Status::Unknown => "doors-unknown",
    };
    let mut doors = Vec::new();
    for label in KINDS {
        let ways: Vec<(State, Said)> = teller
            .summary
            .components
            .iter()
            .filter(|it| kind(it.status) == label && !(it.is_manual() && is_open(it.status)))
            .map(|it| (teller.state(it.status), teller.said(&it.component.name)))
            .collect();
        if !ways.is_empty() {
            doors.push(Doors { label: teller.say(label), ways });
        }
    }
    doors
}

fn warn(words: &Words, lockout: Option<Duration>, verdict: Verdict) -> Option<String> {
    let calm = matches!(verdict, Verdict::Yes | Verdict::MaintenanceSoon);
    match lockout {
        Some(length) => {
            let key = if calm { "lockout-calm" } else { "lockout" };
            Some(words.say_with(key, &[("length", time::length(words.lang(), length).into())]))
        }
        None if calm => None,
        None => Some(words.say("careful")),
    }
}

fn my_side(words: &Words, verdict: Verdict) -> String {
    match verdict {
        Verdict::Yes | Verdict::MaintenanceSoon => words.say("my-side-yes"),
        Verdict::Unknown => words.say("my-side-unknown"),
        _ => words.say("my-side-wait"),
    }
}
