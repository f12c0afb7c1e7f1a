//! Dates, times, durations and percentages as people write them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use crate::domain::component::Lang;

/// How times are written for a reader of one language in the page's zone.
#[derive(Debug, Clone, Copy)]
pub struct Calendar<'a> {
    pub lang: Lang,
    pub zone: &'a TimeZone,
    /// Dates of this day and years of this year are left out.
    pub now: Timestamp,
}

impl Calendar<'_> {
    /// `11月25日（周三）` or `Wed 25 Nov`, with the year when it is not this one.
    pub fn date(&self, date: Date) -> String {
        let (month, day) = (date.month(), date.day());
        let year = (date.year() != self.today().year()).then(|| date.year());
        match self.lang {
            Lang::Zh => {
                let year = year.map(|year| format!("{year}年")).unwrap_or_default();
                format!("{year}{month}月{day}日（{}）", self.weekday(date))
            }
            Lang::En => {
                let year = year.map(|year| format!(" {year}")).unwrap_or_default();
                format!("{} {day} {}{year}", self.weekday(date), self.month(date))
            }
        }
    }

    /// `11月` or `Nov`.
    pub fn month(&self, date: Date) -> String {
        const NAMES: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let index = usize::try_from(date.month() - 1).unwrap_or_default();
        match self.lang {
            Lang::Zh => format!("{}月", date.month()),
            Lang::En => NAMES.get(index).copied().unwrap_or_default().to_owned(),
        }
    }

    /// `周三` or `Wed`.
    pub fn weekday(&self, date: Date) -> &'static str {
        let (zh, en) = match date.weekday() {
            Weekday::Monday => ("周一", "Mon"),
            Weekday::Tuesday => ("周二", "Tue"),
            Weekday::Wednesday => ("周三", "Wed"),
            Weekday::Thursday => ("周四", "Thu"),
            Weekday::Friday => ("周五", "Fri"),
            Weekday::Saturday => ("周六", "Sat"),
            Weekday::Sunday => ("周日", "Sun"),
        };
        match self.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// The day of `at` in the page's zone.
    pub fn day_of(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.clone()).date()
    }

    /// `11:00` today, else with its date.
    pub fn minute(&self, at: Timestamp) -> String {
        self.unless_today(at, &self.clock(at, false))
    }

    /// `10:12:03` today, else with its date.
    pub fn second(&self, at: Timestamp) -> String {
        self.unless_today(at, &self.clock(at, true))
    }

    /// With its date even today: `11月25日（周三）00:00`.
    pub fn dated(&self, at: Timestamp) -> String {
        self.with_date(at, &self.clock(at, false))
    }

    /// `11月25日（周三）00:00–03:00`, with both dates across midnight, and
    /// `still` in place of an end that is not there yet.
    pub fn window(&self, from: Timestamp, to: Option<Timestamp>, still: &str) -> String {
        let start = self.dated(from);
        match to {
            None => format!("{start}–{still}"),
            Some(to) if self.day_of(from) == self.day_of(to) => format!("{start}–{}", self.clock(to, false)),
            Some(to) => match self.lang {
                Lang::Zh => format!("{start}–{}", self.dated(to)),
                Lang::En => format!("{start} – {}", self.dated(to)),
            },
        }
    }

    /// RFC 3339 with the zone's offset, to the second.
    pub fn rfc3339(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// `北京时间（UTC+8）`, or the zone's own name and offset.
    pub fn zone_label(&self) -> String {
        let offset = self.zone.to_offset(self.now).seconds();
        let (hours, minutes) = (offset.abs() / 3600, offset.abs() / 60 % 60);
        let sign = if offset < 0 { '-' } else { '+' };
        let utc = match (hours, minutes) {
            (0, 0) => "UTC".to_owned(),
            (hours, 0) => format!("UTC{sign}{hours}"),
            (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
        };
        let name = match (self.zone.iana_name(), self.lang) {
            (Some("Asia/Shanghai"), Lang::Zh) => "北京时间",
            (Some("Asia/Shanghai"), Lang::En) => "Beijing time",
            (None | Some("UTC" | "Etc/UTC"), _) => return utc,
            (Some(name), _) => name,
        };
        match self.lang {
            Lang::Zh => format!("{name}（{utc}）"),
            Lang::En => format!("{name} ({utc})"),
        }
    }

    fn today(&self) -> Date {
        self.day_of(self.now)
    }

    fn clock(&self, at: Timestamp, seconds: bool) -> String {
        let format = if seconds { "%H:%M:%S" } else { "%H:%M" };
        at.to_zoned(self.zone.clone()).strftime(format).to_string()
    }

    fn unless_today(&self, at: Timestamp, clock: &str) -> String {
        if self.day_of(at) == self.today() { clock.to_owned() } else { self.with_date(at, clock) }
    }

    fn with_date(&self, at: Timestamp, clock: &str) -> String {
        let date = self.date(self.day_of(at));
        match self.lang {
            Lang::Zh => format!("{date}{clock}"),
            Lang::En => format!("{date}, {clock}"),
        }
    }
}

/// The two largest units that matter, rounded down: `47 秒`, `34 分钟`,
/// `1 小时 5 分钟`, `1 天 13 小时`.
pub fn length(lang: Lang, length: Duration) -> String {
    let seconds = length.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let units = match lang {
        Lang::Zh => ["秒", "分钟", "小时", "天"],
        Lang::En => ["s", "min", "h", if days == 1 { "day" } else { "days" }],
    };
    let [second, minute, hour, day] = units;
    let two = |large: String, rest: u64, unit: &str| match rest {
        0 => large,
        rest => format!("{large} {rest} {unit}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} {second}"),
        (0, 0, _) => format!("{minutes} {minute}"),
        (0, _, _) => two(format!("{hours} {hour}"), minutes % 60, minute),
        _ => two(format!("{days} {day}"), hours % 24, hour),
    }
}

/// Thousandths of a percent, already floored: `99.982%`, and `100%` only for exactly that.
pub fn percent(thousandths: u32) -> String {
    match thousandths {
        100_000 => "100%".to_owned(),
        it => format!("{}.{:03}%", it / 1000, it % 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn written(lang: Lang, write: impl Fn(&Calendar<'_>) -> String) -> String {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        write(&Calendar { lang, zone: &zone, now: at("2026-11-23T10:12:03+08:00") })
    }

    fn window(lang: Lang, from: &str, to: &str) -> String {
        written(lang, |it| it.window(at(from), Some(at(to)), ""))
    }

    #[test]
    fn a_window_names_its_date_once_and_two_dates_across_midnight() {
        let (from, to) = ("2026-11-25T00:00:00+08:00", "2026-11-25T03:00:00+08:00");
        assert_eq!(window(Lang::Zh, from, to), "11月25日（周三）00:00–03:00");
        assert_eq!(window(Lang::En, from, to), "Wed 25 Nov, 00:00–03:00");
        let from = "2026-11-24T23:00:00+08:00";
        assert_eq!(window(Lang::Zh, from, to), "11月24日（周二）23:00–11月25日（周三）03:00");
        assert_eq!(window(Lang::En, from, to), "Tue 24 Nov, 23:00 – Wed 25 Nov, 03:00");
    }

    #[test]
    fn another_year_is_named() {
        let (from, to) = ("2027-01-03T00:00:00+08:00", "2027-01-03T01:00:00+08:00");
        assert_eq!(window(Lang::Zh, from, to), "2027年1月3日（周日）00:00–01:00");
        assert_eq!(window(Lang::En, from, to), "Sun 3 Jan 2027, 00:00–01:00");
    }

    #[test]
    fn today_needs_no_date_and_midnight_is_zero() {
        let minute = |text: &str| written(Lang::En, |it| it.minute(at(text)));
        assert_eq!(minute("2026-11-23T00:00:00+08:00"), "00:00");
        assert_eq!(minute("2026-11-24T00:00:00+08:00"), "Tue 24 Nov, 00:00");
        assert_eq!(written(Lang::Zh, |it| it.second(it.now)), "10:12:03");
    }

    #[test]
    fn machines_read_the_offset() {
        assert_eq!(written(Lang::Zh, |it| it.rfc3339(it.now)), "2026-11-23T10:12:03+08:00");
    }

    #[test]
    fn a_zone_says_its_offset() {
        let label = |lang, name: &str| {
            let zone = TimeZone::get(name).unwrap();
            Calendar { lang, zone: &zone, now: at("2026-11-23T10:12:03+08:00") }.zone_label()
        };
        assert_eq!(label(Lang::Zh, "Asia/Shanghai"), "北京时间（UTC+8）");
        assert_eq!(label(Lang::En, "Asia/Shanghai"), "Beijing time (UTC+8)");
        assert_eq!(label(Lang::En, "Asia/Kolkata"), "Asia/Kolkata (UTC+5:30)");
        assert_eq!(label(Lang::Zh, "America/New_York"), "America/New_York（UTC-5）");
        assert_eq!(label(Lang::En, "UTC"), "UTC");
    }

    #[test]
    fn a_length_has_at_most_two_units() {
        for (seconds, zh, en) in [
            (0, "0 秒", "0 s"),
            (47, "47 秒", "47 s"),
            (34 * 60 + 59, "34 分钟", "34 min"),
            (3600, "1 小时", "1 h"),
            (3900, "1 小时 5 分钟", "1 h 5 min"),
            (86_400 + 13 * 3600 + 1, "1 天 13 小时", "1 day 13 h"),
            (2 * 86_400, "2 天", "2 days"),
        ] {
            assert_eq!(length(Lang::Zh, Duration::from_secs(seconds)), zh);
            assert_eq!(length(Lang::En, Duration::from_secs(seconds)), en);
        }
    }

    #[test]
    fn a_percentage_is_never_flattered() {
        assert_eq!(percent(99_982), "99.982%");
        assert_eq!(percent(99_900), "99.900%");
        assert_eq!(percent(100_000), "100%");
        assert_eq!(percent(5), "0.005%");
    }
}
