//! Outages: the down spans of an endpoint, told as stories with a start and an end.
//!
//! Flapping is a mark on health; health itself goes on, and every change is stored.
//!
//! | within an hour | told |
//! | --- | --- |
//! | five changes or fewer | each outage by itself |
//! | more than [`FLAPPING_CHANGES`] | one stretch, "n times" |
//! | a change to or from unknown | no change |
//! | two such stretches an hour apart | two |

use std::time::Duration;

use jiff::Timestamp;

use super::moment::between;
use super::span::{Health, Span};

/// Changes of health in an hour beyond which an endpoint is said to flap.
pub const FLAPPING_CHANGES: usize = 5;
/// The hour in which they are counted.
pub const FLAPPING_WINDOW: Duration = Duration::from_secs(3600);

/// A time of not working. Unknown stretches within it stay inside, and their
/// seconds are not counted as down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    pub from: Timestamp,
    /// None while it goes on.
    pub to: Option<Timestamp>,
    /// Seconds known to be down.
    pub down: Duration,
    /// How many outages it is: more than one when it flapped.
    pub times: usize,
}

/// The outages in a history as told at `now`, oldest first.
///
/// | spans | outage |
/// | --- | --- |
/// | down, then up or degraded | ends where down ended |
/// | down, unknown, down | one, the unknown seconds not counted |
/// | down, unknown, up or degraded | ends where the last down span ended |
/// | down, perhaps unknown, and nothing yet | goes on |
pub fn outages(told: &[Span], now: Timestamp) -> Vec<Outage> {
    let mut outages: Vec<Outage> = Vec::new();
    let mut open: Option<Outage> = None;
    for span in told {
        let to = span.to.unwrap_or(now);
        match span.health {
            Health::Down => {
                let outage =
                    open.get_or_insert(Outage { from: span.from, to: None, down: Duration::ZERO, times: 1 });
                outage.down += between(span.from, to);
                outage.to = Some(to);
            }
            Health::Unknown => (),
            Health::Up | Health::Degraded => outages.extend(open.take()),
        }
    }
    outages.extend(open.map(|outage| Outage { to: None, ..outage }));
    outages
}

/// The outages as they are told: those of a stretch of flapping are one.
pub fn folded(outages: Vec<Outage>) -> Vec<Outage> {
    // Every start and end, with the outage it belongs to.
    let changes: Vec<(Timestamp, usize)> = outages
        .iter()
        .enumerate()
        .flat_map(|(index, it)| [Some(it.from), it.to].into_iter().flatten().map(move |at| (at, index)))
        .collect();
    let mut joined = vec![false; outages.len()];
    for window in changes.windows(FLAPPING_CHANGES + 1) {
        if let [(begin, first), .., (end, last)] = window
            && between(*begin, *end) < FLAPPING_WINDOW
        {
            // Each but the last is told with the one after it.
            joined.iter_mut().take(*last).skip(*first).for_each(|it| *it = true);
        }
    }
    let mut folded: Vec<Outage> = Vec::new();
    let mut with_the_last = false;
    for (outage, joins) in outages.into_iter().zip(joined) {
        match folded.last_mut().filter(|_| with_the_last) {
            Some(last) => {
                last.to = outage.to;
                last.down = last.down.saturating_add(outage.down);
                last.times += outage.times;
            }
            None => folded.push(outage),
        }
        with_the_last = joins;
    }
    folded
}

/// Whether health changed more often within the last hour than can be told one by one.
pub fn is_flapping(told: &[Span], now: Timestamp) -> bool {
    changes(told, now) > FLAPPING_CHANGES
}

/// Changes of health within the last hour. Unknown between two equal healths is none.
pub fn changes(told: &[Span], now: Timestamp) -> usize {
    let mut changes = 0;
    let mut before = None;
    for span in told.iter().filter(|span| span.health != Health::Unknown) {
        let recent = between(span.from, now) < FLAPPING_WINDOW;
        if recent && before.is_some_and(|before| before != span.health) {
            changes += 1;
        }
        before = Some(span.health);
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::span::letters_a_minute;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// `1-3/2` is an outage from minute 1 to 3 with 2 minutes known down.
    fn drawn(letters: &str) -> String {
        let now = at(60 * i64::try_from(letters.len()).unwrap());
        let drawn: Vec<String> = outages(&letters_a_minute(letters), now).into_iter().map(one).collect();
        drawn.join(" ")
    }

    fn one(outage: Outage) -> String {
        let minute = |at: Timestamp| at.as_second() / 60;
        let to = outage.to.map(|to| minute(to).to_string()).unwrap_or_default();
        let times = if outage.times == 1 { String::new() } else { format!("x{}", outage.times) };
        format!("{}-{to}/{}{times}", minute(outage.from), outage.down.as_secs() / 60)
    }

    /// The same, with what flaps told as one.
    fn folds(letters: &str) -> String {
        let now = at(60 * i64::try_from(letters.len()).unwrap());
        let told: Vec<String> =
            folded(outages(&letters_a_minute(letters), now)).into_iter().map(one).collect();
        told.join(" ")
    }

    #[test]
    fn a_stretch_of_flapping_is_one_entry() {
        assert_eq!(folds("UDUDU"), "1-2/1 3-4/1", "four changes");
        assert_eq!(folds("UDUDUDU"), "1-6/3x3", "six changes");
        assert_eq!(folds("UDUDUDUD"), "1-/4x4");
        assert_eq!(folds("UDU?DUD?U"), "1-7/3x3", "unknown inside counts as it does elsewhere");
        let calm = "U".repeat(59);
        assert_eq!(folds(&format!("UDUDUDU{calm}DU")), "1-6/3x3 66-67/1");
        assert_eq!(folds(&format!("UDUDUDU{calm}{calm}DUDUDU")), "1-6/3x3 125-130/3x3");
        let slow = format!("UD{}", "U".repeat(28)).repeat(4);
        assert!(!folds(&slow).contains('x'), "two an hour");
    }

    #[test]
    fn a_hundred_alternations_are_one_entry() {
        assert_eq!(folds(&"DU".repeat(100)), "0-199/100x100");
    }

    #[test]
    fn an_outage_is_a_down_span() {
        assert_eq!(drawn("UDDU"), "1-3/2");
        assert_eq!(drawn("UUUU"), "");
        assert_eq!(drawn("DGDU"), "0-1/1 2-3/1");
    }

    #[test]
    fn unknown_seconds_inside_stay_inside_and_are_not_counted() {
        assert_eq!(drawn("UD?DU"), "1-4/2");
        assert_eq!(drawn("UD??U"), "1-2/1");
    }

    #[test]
    fn an_outage_nobody_saw_end_goes_on() {
        assert_eq!(drawn("UDD"), "1-/2");
        assert_eq!(drawn("UD?"), "1-/1");
    }

    #[test]
    fn more_than_five_changes_an_hour_are_flapping() {
        assert!(!is_flapping(&letters_a_minute("UDUDUD"), at(360)));
        assert!(is_flapping(&letters_a_minute("UDUDUDU"), at(420)));
        assert!(!is_flapping(&letters_a_minute("U?U?U?U?U?U?U"), at(780)));
        assert!(!is_flapping(&letters_a_minute("UDUDUDU"), at(420 + 3600)));
    }
}
