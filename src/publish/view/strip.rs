//! Ninety days as one drawing and as one sentence with the same facts.

use std::fmt::Write;

use super::{Teller, class};
use crate::domain::day::Day;
use crate::domain::status::Status;
use crate::domain::summary::DAYS;

/// Days named one by one in the sentence; a longer list helps nobody.
const NAMED_DAYS: usize = 30;

pub struct Strip {
    /// The ordinary days, as the data of one path.
    pub ok: String,
    /// The days without data, as the data of one path.
    pub none: String,
    pub bars: Vec<Bar>,
    pub sentence: String,
    /// Where it begins: ninety days ago, or thirty where only those are shown.
    pub from: [String; 2],
}

/// A day that stands out.
pub struct Bar {
    pub class: &'static str,
    pub x: String,
    pub y: u16,
    pub width: &'static str,
    pub height: u16,
    pub title: String,
}

pub fn strip(teller: &Teller<'_>, days: &[Day], name: &str) -> Option<Strip> {
    if days.is_empty() {
        return None;
    }
    // A short list is drawn at its right end: today is always last.
    let first = usize::from(DAYS).saturating_sub(days.len());
    let mut bars = Vec::new();
    let mut said = Vec::new();
    // A day that works but for a gap in the data is drawn alike and named apart.
    let plain: Vec<Drawn> = days.iter().map(Drawn::of).collect();
    let ordinary = plain.iter().filter(|it| **it == Drawn::Ordinary).count();
    let without = plain.iter().filter(|it| **it == Drawn::Nothing).count();
    if ordinary > 0 {
        said.push(teller.say_with("days-ok", &[("n", ordinary.into())]));
    }
    if without > 0 {
        said.push(teller.say_with("days-none", &[("n", without.into())]));
    }
    for (index, (day, drawn)) in days.iter().zip(&plain).enumerate() {
        let Drawn::Apart(status) = *drawn else { continue };
        let title = title(teller, day, status);
        said.push(title.clone());
        bars.push(bar(first + index, status, title));
    }
    let ahead = usize::from(ordinary > 0) + usize::from(without > 0);
    let more = (said.len() - ahead).saturating_sub(NAMED_DAYS);
    if more > 0 {
        // The latest days are the ones that are asked about.
        said.drain(ahead..ahead + more);
        said.push(teller.say_with("more-bad-days", &[("n", more.into()), ("name", name.into())]));
    }
    let list = said.join(&teller.say("list-semicolon"));
    let sentence = teller.say_with("days-heard", &[("days", DAYS.into()), ("list", list.into())]);
    let from = [90_u16, 30].map(|days| teller.say_with("strip-from", &[("days", days.into())]));
    let run = |of: Drawn| runs(&plain, first, of);
    Some(Strip { ok: run(Drawn::Ordinary), none: run(Drawn::Nothing), bars, sentence, from })
}

/// How a day is drawn: in a run with its like, or by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drawn {
    Ordinary,
    Nothing,
    Apart(Status),
}

impl Drawn {
    fn of(day: &Day) -> Self {
        match day.worst() {
            None => Self::Nothing,
            Some(Status::Operational) if day.gap().is_none() => Self::Ordinary,
            Some(status) => Self::Apart(status),
        }
    }
}

/// The day's status with its length, and how long there was no data beside it.
fn title(teller: &Teller<'_>, day: &Day, status: Status) -> String {
    let mut with = vec![
        ("date", teller.calendar.date(day.date).into()),
        ("status", teller.words.status(status).into()),
        ("length", teller.length(day.lasted(status)).into()),
    ];
    let gap = day.gap().map(|gap| teller.length(gap));
    with.extend(gap.clone().map(|gap| ("gap", gap.into())));
    let key = match (status, gap) {
        (_, None) => "day-bad",
        (Status::Operational, Some(_)) => "day-gap",
        (_, Some(_)) => "day-bad-gap",
    };
    teller.say_with(key, &with)
}

fn bar(index: usize, status: Status, title: String) -> Bar {
    let x = 10 * index;
    // Worse is taller, so that the strip reads without colour too.
    let (y, height) = match status {
        Status::Operational => (18, 14),
        Status::Unknown => (19, 12),
        Status::Maintenance => (13, 18),
        Status::Degraded => (12, 20),
        Status::Partial => (6, 26),
        Status::Major => (0, 32),
    };
    // An outline is drawn around its edge and needs the room.
    let outlined = matches!(status, Status::Maintenance | Status::Unknown);
    let (x, width) = if outlined { (format!("{x}.75"), "5.5") } else { (x.to_string(), "7") };
    Bar { class: class(status), x, y, width, height, title }
}

/// One stroke for each run of equal days: `M0 25h87` is days 0 to 8.
fn runs(days: &[Drawn], first: usize, of: Drawn) -> String {
    let mut path = String::new();
    let mut index = 0;
    while index < days.len() {
        let length = days[index..].iter().take_while(|it| **it == of).count();
        if length > 0 {
            // Writing to a string cannot fail.
            let _ = write!(path, "M{} 25h{}", 10 * (first + index), 10 * length - 3);
        }
        index += length.max(1);
    }
    path
}
