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
    let worst: Vec<Option<Status>> = days.iter().map(Day::worst).collect();
    let mut bars = Vec::new();
    let mut said = Vec::new();
    let ordinary = worst.iter().filter(|it| **it == Some(Status::Operational)).count();
    let without = worst.iter().filter(|it| it.is_none()).count();
    if ordinary > 0 {
        said.push(teller.say_with("days-ok", &[("n", ordinary.into())]));
    }
    if without > 0 {
        said.push(teller.say_with("days-none", &[("n", without.into())]));
    }
    for (index, (day, status)) in days.iter().zip(&worst).enumerate() {
        let Some(status) = status.filter(|&it| it != Status::Operational) else { continue };
        let title = teller.say_with(
            "day-bad",
            &[
                ("date", teller.calendar.date(day.date).into()),
                ("status", teller.words.status(status).into()),
                ("length", teller.length(day.lasted(status)).into()),
            ],
        );
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
    let run = |of: Option<Status>| runs(&worst, first, of);
    Some(Strip { ok: run(Some(Status::Operational)), none: run(None), bars, sentence, from })
}

fn bar(index: usize, status: Status, title: String) -> Bar {
    let x = 10 * index;
    // Worse is taller, so that the strip reads without colour too.
    let (y, height) = match status {
        Status::Operational | Status::Unknown => (19, 12),
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
fn runs(worst: &[Option<Status>], first: usize, of: Option<Status>) -> String {
    let mut path = String::new();
    let mut index = 0;
    while index < worst.len() {
        let length = worst[index..].iter().take_while(|it| **it == of).count();
        if length > 0 {
            // Writing to a string cannot fail.
            let _ = write!(path, "M{} 25h{}", 10 * (first + index), 10 * length - 3);
        }
        index += length.max(1);
    }
    path
}
