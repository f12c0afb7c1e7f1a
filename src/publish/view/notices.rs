//! What people wrote and what went wrong: now, soon and lately.

use super::{Said, Stamp, State, Teller, class};
use crate::domain::facts::Storing;
use crate::domain::moment::between;
use crate::domain::notice::{Announcement, Maintenance, Phase};
use crate::domain::status::Status;
use crate::domain::summary::Blind;
use crate::domain::summary::ComponentOutage;

/// Rows under "last 15 days"; an endpoint that flaps could fill a book.
const PAST_ROWS: usize = 20;

/// A notice as a card.
pub struct Card {
    pub title: Said,
    pub state: State,
    /// The window or the time of posting.
    pub when: String,
    pub machine_from: String,
    pub affected: String,
    pub line: String,
    pub body: Option<Said>,
    /// The calendar leaf of a coming maintenance.
    pub leaf: Option<Leaf>,
}

pub struct Leaf {
    pub month: String,
    pub day: i8,
    pub weekday: &'static str,
}

/// A line of the past.
pub struct Past {
    pub title: Said,
    pub state: State,
    pub when: String,
    pub path: String,
}

pub struct PastList {
    pub rows: Vec<Past>,
    pub more: Option<String>,
}

/// Running maintenance first, then announcements.
pub fn open(teller: &Teller<'_>) -> Vec<Card> {
    let running = |it: &&(Maintenance, Phase)| matches!(it.1, Phase::InProgress | Phase::Overran);
    let running = teller.summary.maintenances.iter().filter(running).map(|it| maintenance(teller, it));
    running.chain(teller.summary.announcements.iter().map(|it| announcement(teller, it))).collect()
}

pub fn coming(teller: &Teller<'_>) -> Vec<Card> {
    let scheduled = teller.summary.maintenances.iter().filter(|it| it.1 == Phase::Scheduled);
    scheduled.map(|it| maintenance(teller, it)).collect()
}

/// What is said while results do not reach the disk.
pub fn storing(teller: &Teller<'_>) -> Option<String> {
    let Storing::Fails { since, waiting, lost } = teller.summary.storing else { return None };
    let at = teller.calendar.minute(since);
    let mut told = vec![teller.say_with("storing-fails", &[("at", at.into()), ("waiting", waiting.into())])];
    if lost > 0 {
        told.push(teller.say_with("storing-lost", &[("lost", lost.into())]));
    }
    Some(teller.words.sentences(&told))
}

/// What is said while our own network keeps us from knowing.
pub fn blind(teller: &Teller<'_>) -> Option<String> {
    let Blind { since, components, all } = teller.summary.blind.as_ref()?;
    let at = teller.calendar.minute(*since);
    if *all {
        return Some(teller.say_with("own-network", &[("at", at.into())]));
    }
    let names: Vec<String> = components.iter().map(|it| teller.name(it)).collect();
    let ways = teller.words.list(names.iter().map(String::as_str));
    Some(teller.say_with("own-network-of", &[("at", at.into()), ("ways", ways.into())]))
}

fn maintenance(teller: &Teller<'_>, (it, phase): &(Maintenance, Phase)) -> Card {
    let now = teller.summary.now.wall;
    let length = |key, length| teller.say_with(key, &[("length", teller.length(length).into())]);
    let line = match phase {
        Phase::Scheduled => length("maintenance-starts-in", between(now, it.starts_at)),
        Phase::InProgress => length("maintenance-ends-in", between(now, it.end())),
        Phase::Overran => teller.say("maintenance-overran-line"),
        Phase::Completed | Phase::Cancelled => String::new(),
    };
    let date = teller.calendar.day_of(it.starts_at);
    let leaf = (*phase == Phase::Scheduled).then(|| Leaf {
        month: teller.calendar.month(date),
        day: date.day(),
        weekday: teller.calendar.weekday(date),
    });
    Card {
        title: teller.said(&it.title),
        state: phase_state(teller, *phase),
        when: teller.window(it.starts_at, Some(it.end())),
        machine_from: teller.calendar.rfc3339(it.starts_at),
        affected: teller.covered_by(it),
        line,
        body: it.body.as_ref().map(|text| teller.said(text)),
        leaf,
    }
}

fn announcement(teller: &Teller<'_>, it: &Announcement) -> Card {
    let Stamp { text, machine } = teller.minute(it.posted_at());
    Card {
        title: teller.said(&it.title),
        state: State { class: "said", word: teller.say("announcement") },
        when: teller.say_with("announced-at", &[("at", text.into())]),
        machine_from: machine,
        affected: String::new(),
        line: String::new(),
        body: it.body.as_ref().map(|text| teller.said(text)),
        leaf: None,
    }
}

fn phase_state(teller: &Teller<'_>, phase: Phase) -> State {
    let status = if phase == Phase::Overran { Status::Partial } else { Status::Maintenance };
    State { class: class(status), word: teller.words.phase(phase) }
}

/// Outages and maintenance of the last days, those that go on first, then newest first.
pub fn past(teller: &Teller<'_>) -> PastList {
    let mut rows: Vec<_> = teller
        .summary
        .outages
        .iter()
        .map(|it| ((it.outage.to.is_some(), std::cmp::Reverse(it.outage.from)), outage(teller, it)))
        .collect();
    let over = |it: &&(Maintenance, Phase)| matches!(it.1, Phase::Completed | Phase::Cancelled);
    rows.extend(teller.summary.maintenances.iter().filter(over).map(|(it, phase)| {
        let row = Past {
            title: teller.said(&it.title),
            state: phase_state(teller, *phase),
            when: over_text(teller, it, *phase),
            path: String::new(),
        };
        ((true, std::cmp::Reverse(it.starts_at)), row)
    }));
    rows.sort_by_key(|(key, _)| *key);
    let more = rows.len().saturating_sub(PAST_ROWS);
    PastList {
        rows: rows.into_iter().take(PAST_ROWS).map(|(_, row)| row).collect(),
        more: (more > 0).then(|| teller.say_with("past-more", &[("n", more.into())])),
    }
}

fn over_text(teller: &Teller<'_>, it: &Maintenance, phase: Phase) -> String {
    let end = if phase == Phase::Cancelled { it.ends_at } else { it.end() };
    let mut facts = vec![teller.window(it.starts_at, Some(end))];
    let affected = teller.covered_by(it);
    if !affected.is_empty() {
        facts.push(affected);
    }
    facts.join(" · ")
}

fn outage(teller: &Teller<'_>, it: &ComponentOutage) -> Past {
    let over = it.outage.to.is_some();
    let state = if over {
        State { class: class(Status::Operational), word: teller.say("outage-over") }
    } else {
        State { class: class(it.status), word: teller.say("outage-on") }
    };
    let down = teller.length(it.outage.down);
    let down = teller.say_with("outage-down", &[("length", down.into())]);
    let status = teller.words.status(it.status);
    let title = teller
        .say_with("outage-of", &[("name", teller.name(&it.component).into()), ("status", status.into())]);
    Past {
        title: Said { text: title, lang: "", label: String::new() },
        state,
        when: format!("{} · {down}", teller.outage_window(&it.outage)),
        path: format!("{}c/{}", super::frame::home(teller.site, teller.lang), it.component),
    }
}
