//! Readers of time: lengths, zones, cron expressions and instants.

use std::time::Duration;

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{self, AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use toml::de::DeValue;
use toml::value::{Datetime, Offset as WrittenOffset};

use super::nearest::nearest;
use super::section::{Entry, Wrong, kind, quoted, wrong};
use super::value::string;

const UNITS: &[(&str, u64)] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Longer than any expression a person would write.
const CRON_LIMIT: usize = 200;

/// A length such as "500ms", "30s", "5m", "1h30m" or "90d", within both bounds.
pub(super) fn duration(entry: &Entry<'_>, least: Duration, most: Duration) -> Result<Duration, Wrong> {
    let help = || {
        format!(
            "write a length such as \"30s\", from \"{}\" to \"{}\"; units are ms, s, m, h and d",
            written(least),
            written(most)
        )
    };
    let length = match entry.get_ref() {
        DeValue::String(text) => length(text),
        DeValue::Integer(number) => {
            return wrong("a length needs a unit", format!("write \"{number}s\" if you mean seconds"));
        }
        other => return wrong(format!("expected a length of time, found {}", kind(other)), help()),
    };
    match length {
        None => wrong("this is not a length of time", help()),
        Some(length) if length < least => wrong("this is too short", help()),
        Some(length) if most < length => wrong("this is too long", help()),
        Some(length) => Ok(length),
    }
}

fn length(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut millis: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let unit_ends = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_ends);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        millis = millis.checked_add(number.parse::<u64>().ok()?.checked_mul(*factor)?)?;
        rest = after;
    }
    Some(Duration::from_millis(millis))
}

/// A length as the file would write it, in the largest unit that fits.
pub(super) fn written(length: Duration) -> String {
    let millis = length.as_millis();
    let fits = |(_, factor): &&(&str, u64)| millis.is_multiple_of(u128::from(*factor));
    match UNITS.iter().rev().find(fits) {
        Some((unit, factor)) if millis != 0 => format!("{}{unit}", millis / u128::from(*factor)),
        _ => "0s".to_owned(),
    }
}

/// An IANA zone, kept as its rules.
pub(super) fn zone(entry: &Entry<'_>) -> Result<TimeZone, Wrong> {
    let name = string(entry)?;
    if let Ok(zone) = TimeZone::get(name)
        && zone.iana_name().is_some()
    {
        return Ok(zone);
    }
    let names: Vec<String> = tz::db().available().map(|it| it.to_string()).collect();
    let help = match nearest(name, names.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => "write an IANA name such as \"Asia/Shanghai\", \"Europe/Berlin\" or \"UTC\"".to_owned(),
    };
    wrong(format!("there is no time zone {}", quoted(name)), help)
}

/// A cron expression of 5 or 6 fields that rings again after `now`.
pub(super) fn cron(entry: &Entry<'_>, zone: &TimeZone, now: Timestamp) -> Result<String, Wrong> {
    let help = "write 5 fields, minute hour day month weekday, as in \"*/5 8-20 * * MON-FRI\"; a sixth in front is seconds";
    let pattern = string(entry)?.trim();
    if CRON_LIMIT < pattern.len() || !pattern.is_ascii() {
        return wrong("this is not a cron expression", help);
    }
    let fields = pattern.split_whitespace().count();
    if !pattern.starts_with('@') && fields != 5 && fields != 6 {
        return wrong(format!("this has {fields} fields, a cron expression has 5 or 6"), help);
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let cron = match parser.parse(pattern) {
        Ok(cron) => cron,
        Err(error) => {
            let why = match error {
                CronError::InvalidPattern(why)
                | CronError::IllegalCharacters(why)
                | CronError::ComponentError(why) => why,
                other => other.to_string(),
            };
            return wrong(
                format!("this is not a cron expression: {}", why.trim_end_matches('.').to_lowercase()),
                help,
            );
        }
    };
    match cron.find_next_occurrence(&now.to_zoned(zone.clone()), false) {
        Ok(_) => Ok(pattern.to_owned()),
        Err(_) => wrong("this cron expression never comes round", "its day does not exist in its month"),
    }
}

/// The shortest time between two rings of a good cron expression, among its next ones.
pub(super) fn least_gap(pattern: &str, zone: &TimeZone, now: Timestamp) -> Option<Duration> {
    /// More than an hour's worth of a login every five minutes.
    const LOOKED_AT: usize = 20;
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let cron = parser.parse(pattern).ok()?;
    let rings = |from: &jiff::Zoned| cron.find_next_occurrence(from, false).ok();
    let next = std::iter::successors(rings(&now.to_zoned(zone.clone())), rings);
    let times: Vec<Timestamp> = next.take(LOOKED_AT).map(|it| it.timestamp()).collect();
    let gaps = times.windows(2).filter_map(|pair| match pair {
        [first, second] => Some(Duration::try_from(second.duration_since(*first)).unwrap_or_default()),
        _ => None,
    });
    gaps.min()
}

/// An instant; a time without an offset is read in `zone`. What falls into a
/// gap is its first valid instant, what occurs twice is the first.
pub(super) fn instant(entry: &Entry<'_>, zone: &TimeZone) -> Result<Timestamp, Wrong> {
    let help = "write \"2026-11-25 00:00\", read in the page's zone, or 2026-11-25T00:00:00+08:00";
    let at = match entry.get_ref() {
        DeValue::Datetime(written) => from_toml(written, zone),
        DeValue::String(text) => from_text(text.trim(), zone),
        other => return wrong(format!("expected a date and time, found {}", kind(other)), help),
    };
    match at {
        Some(at) => Ok(at),
        None => wrong("this is not a date and time", help),
    }
}

fn from_text(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    // A date alone would be read as midnight; 00:00 is a thing to say, not to guess.
    text.contains(':').then(|| text.parse().ok().and_then(|local| in_zone(local, zone))).flatten()
}

fn from_toml(written: &Datetime, zone: &TimeZone) -> Option<Timestamp> {
    let (date, time) = (written.date?, written.time?);
    let small = |number: u8| i8::try_from(number).ok();
    let date = Date::new(i16::try_from(date.year).ok()?, small(date.month)?, small(date.day)?).ok()?;
    let second = small(time.second.unwrap_or(0))?.min(59);
    let nanosecond = i32::try_from(time.nanosecond.unwrap_or(0)).ok()?;
    let time = Time::new(small(time.hour)?, small(time.minute)?, second, nanosecond).ok()?;
    let local = date.to_datetime(time);
    match written.offset {
        None => in_zone(local, zone),
        Some(WrittenOffset::Z) => Offset::UTC.to_timestamp(local).ok(),
        Some(WrittenOffset::Custom { minutes }) => {
            let offset = Offset::from_seconds(i32::from(minutes) * 60).ok()?;
            offset.to_timestamp(local).ok()
        }
    }
}

fn in_zone(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
        AmbiguousOffset::Gap { before, after } => {
            // Read with the later offset it lies before the change, by less than the gap.
            let early = after.to_timestamp(local).ok()?;
            let jump = SignedDuration::from_secs(i64::from(after.seconds() - before.seconds()));
            let change = zone.following(early).next().map(|it| it.timestamp());
            change
                .filter(|&change| change.duration_since(early) <= jump)
                .or_else(|| before.to_timestamp(local).ok())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_numbers_with_units() {
        for (text, millis) in [
            ("500ms", Some(500)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("1h30m", Some(5_400_000)),
            ("90d", Some(7_776_000_000)),
            ("0s", Some(0)),
            (" 1s ", Some(1_000)),
            ("", None),
            ("30", None),
            ("s", None),
            ("1.5s", None),
            ("-1s", None),
            ("1 s", None),
            ("30sec", None),
            ("5分", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(length(text), millis.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn a_length_is_written_in_the_largest_unit_that_fits() {
        for text in ["500ms", "30s", "5m", "1h", "90d", "0s", "90m"] {
            assert_eq!(length(text).map(written).as_deref(), Some(text));
        }
    }

    fn read(text: &str, zone: &str) -> Option<String> {
        let zone = TimeZone::get(zone).unwrap();
        let entry = DeValue::parse(text).unwrap();
        instant(&entry, &zone).ok().map(|at| at.to_string())
    }

    #[test]
    fn a_time_without_an_offset_is_read_in_the_zone() {
        for (text, at) in [
            ("\"2026-11-25 00:00\"", Some("2026-11-24T16:00:00Z")),
            ("\"2026-11-25T00:00:30\"", Some("2026-11-24T16:00:30Z")),
            ("2026-11-25T00:00:00", Some("2026-11-24T16:00:00Z")),
            ("2026-11-25 00:00", Some("2026-11-24T16:00:00Z")),
            ("2026-11-25T00:00:00Z", Some("2026-11-25T00:00:00Z")),
            ("2026-11-25T00:00:00-05:30", Some("2026-11-25T05:30:00Z")),
            ("\"2026-11-25T00:00:00+01:00\"", Some("2026-11-24T23:00:00Z")),
            ("2026-11-25", None),
            ("\"2026-11-25\"", None),
            ("07:00:00", None),
            ("\"tomorrow\"", None),
            ("9999-12-31T23:59:59-12:00", None),
            ("12", None),
        ] {
            assert_eq!(read(text, "Asia/Shanghai").as_deref(), at, "{text}");
        }
    }

    #[test]
    fn a_gap_starts_at_the_first_valid_instant_and_an_overlap_at_the_first() {
        let new_york = |text| read(text, "America/New_York").unwrap();
        assert_eq!(new_york("\"2026-03-08 01:59\""), "2026-03-08T06:59:00Z");
        assert_eq!(new_york("\"2026-03-08 02:00\""), "2026-03-08T07:00:00Z");
        assert_eq!(new_york("\"2026-03-08 02:30\""), "2026-03-08T07:00:00Z");
        assert_eq!(new_york("\"2026-03-08 03:00\""), "2026-03-08T07:00:00Z");
        assert_eq!(new_york("\"2026-11-01 01:30\""), "2026-11-01T05:30:00Z");
    }
}
