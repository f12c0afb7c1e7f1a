//! A component's history: its status over time, and the days it is drawn as.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::component::Component;
use super::endpoint::EndpointId;
use super::moment::between;
use super::notice::Maintenance;
use super::span::{Health, Span};
use super::status::{self, Part, Status};
use super::uptime::Window;

/// Shorter troubles do not colour a day.
pub const COLOURS_A_DAY: Duration = Duration::from_secs(60);

/// The told history of one endpoint.
pub struct PartHistory<'a> {
    pub endpoint: &'a EndpointId,
    pub spans: Vec<Span>,
}

/// A stretch of one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub status: Status,
    pub window: Window,
}

/// One calendar day in the page's zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    pub date: Date,
    /// Time in each status, in the order of [`Status::ALL`].
    pub lasted: [Duration; 6],
}

impl Maintenance {
    /// Whether the whole component is covered by name.
    pub fn covers_component(&self, component: &Component) -> bool {
        self.covers.components.contains(&component.id)
    }

    pub fn covers_endpoint(&self, endpoint: &EndpointId) -> bool {
        self.covers.endpoints.contains(endpoint)
    }

    /// The time that counts as maintenance; none when it was cancelled.
    pub fn window(&self) -> Option<Window> {
        let window = Window { from: self.starts_at, to: self.end() };
        (window.from < window.to).then_some(window)
    }
}

/// The status of a component over time, without the time before its first data.
pub fn timeline(
    component: &Component,
    parts: &[PartHistory<'_>],
    maintenances: &[Maintenance],
    now: Timestamp,
) -> Vec<Stretch> {
    let begins = parts.iter().filter_map(|part| part.spans.first()).map(|span| span.from).min();
    let Some(begins) = begins else { return Vec::new() };
    let mut edges: Vec<Timestamp> = parts.iter().flat_map(|part| &part.spans).map(|span| span.from).collect();
    let concerns = |it: &&Maintenance| {
        it.covers_component(component) || parts.iter().any(|part| it.covers_endpoint(part.endpoint))
    };
    let covering: Vec<(&Maintenance, Window)> =
        maintenances.iter().filter(concerns).filter_map(|it| Some((it, it.window()?))).collect();
    edges.extend(covering.iter().flat_map(|(_, window)| [window.from, window.to]));
    edges.push(now);
    edges.retain(|edge| (begins..=now).contains(edge));
    edges.sort_unstable();
    edges.dedup();

    let mut at_span = vec![0_usize; parts.len()];
    let mut stretches: Vec<Stretch> = Vec::new();
    for pair in edges.windows(2) {
        let &[from, to] = pair else { continue };
        let mut here = Vec::with_capacity(parts.len());
        for (part, index) in parts.iter().zip(&mut at_span) {
            while part.spans.get(*index + 1).is_some_and(|next| next.from <= from) {
                *index += 1;
            }
            let Some(span) = part.spans.get(*index).filter(|span| span.from <= from) else { continue };
            let covers = |(it, window): &(&Maintenance, Window)| {
                it.covers_endpoint(part.endpoint) && window.from <= from && from < window.to
            };
            here.push(Part {
                endpoint: part.endpoint,
                health: span.health,
                covered: covering.iter().any(covers),
            });
        }
        let covered = covering
            .iter()
            .any(|(it, window)| it.covers_component(component) && window.from <= from && from < window.to);
        let status = status::status(covered, &here, &component.roll_up);
        match stretches.last_mut() {
            Some(last) if last.status == status => last.window.to = to,
            _ => stretches.push(Stretch { status, window: Window { from, to } }),
        }
    }
    stretches
}

/// The times a component was down or partly down, in the shape of spans, so
/// that outages of components and of endpoints are told by the same rule.
pub fn as_spans(timeline: &[Stretch]) -> Vec<Span> {
    let health = |status| match status {
        Status::Partial | Status::Major => Health::Down,
        Status::Unknown => Health::Unknown,
        Status::Degraded => Health::Degraded,
        Status::Operational | Status::Maintenance => Health::Up,
    };
    let span =
        |it: &Stretch| Span { health: health(it.status), from: it.window.from, to: Some(it.window.to) };
    timeline.iter().map(span).collect()
}

/// The last `count` days, oldest first, cut in `zone`; today ends at `now`.
pub fn days(timeline: &[Stretch], zone: &TimeZone, now: Timestamp, count: u16) -> Vec<Day> {
    let today = now.to_zoned(zone.clone()).date();
    let mut days = Vec::with_capacity(usize::from(count));
    let mut first = 0;
    for back in (0..i64::from(count)).rev() {
        let date = today.saturating_sub(back.days());
        let Some(window) = day_window(date, zone) else { continue };
        while timeline.get(first).is_some_and(|it| it.window.to <= window.from) {
            first += 1;
        }
        let mut lasted = [Duration::ZERO; 6];
        for stretch in timeline.iter().skip(first).take_while(|it| it.window.from < window.to) {
            let index = Status::ALL.iter().position(|&it| it == stretch.status).unwrap_or_default();
            if let Some(part) = stretch.window.shared(window) {
                lasted[index] += between(part.from, part.to);
            }
        }
        days.push(Day { date, lasted });
    }
    days
}

/// From this midnight to the next in `zone`; 23 or 25 hours when the clocks change.
pub fn day_window(date: Date, zone: &TimeZone) -> Option<Window> {
    let midnight = |date: Date| date.to_zoned(zone.clone()).ok().map(|it| it.timestamp());
    Some(Window { from: midnight(date)?, to: midnight(date.tomorrow().ok()?)? })
}

impl Day {
    pub fn lasted(&self, status: Status) -> Duration {
        let index = Status::ALL.iter().position(|&it| it == status).unwrap_or_default();
        self.lasted[index]
    }

    /// The worst status that lasted a minute or more, else the one that lasted
    /// longest; none for a day without data.
    pub fn worst(&self) -> Option<Status> {
        const FROM_WORST: [Status; 6] = [
            Status::Major,
            Status::Partial,
            Status::Degraded,
            Status::Maintenance,
            Status::Unknown,
            Status::Operational,
        ];
        let coloured = FROM_WORST.into_iter().find(|&it| COLOURS_A_DAY <= self.lasted(it));
        let longest = || {
            FROM_WORST.into_iter().filter(|&it| !self.lasted(it).is_zero()).max_by_key(|&it| self.lasted(it))
        };
        coloured.or_else(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::component::{Lang, Role, RollUp, Text};
    use crate::domain::endpoint::Id;
    use crate::domain::notice::Covers;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(60 * minute).unwrap()
    }

    fn component() -> Component {
        Component {
            id: Id::parse("web").unwrap(),
            name: Text::One(Lang::En, "web".into()),
            group: None,
            role: Role::Login,
            public: true,
            alternative_to: vec![],
            roll_up: RollUp::All,
            was: vec![],
        }
    }

    /// One letter a minute; a space is before the first data.
    fn history(letters: &str) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for (minute, letter) in (0_i64..).zip(letters.chars()) {
            let health = match letter {
                'U' => Health::Up,
                'G' => Health::Degraded,
                'D' => Health::Down,
                '?' => Health::Unknown,
                _ => continue,
            };
            match spans.last_mut() {
                Some(last) if last.health == health => last.to = Some(at(minute + 1)),
                _ => spans.push(Span { health, from: at(minute), to: Some(at(minute + 1)) }),
            }
        }
        spans
    }

    /// Draws a timeline, one letter a minute: `O` operational, `G` degraded,
    /// `P` partial, `X` major, `M` maintenance, `?` unknown.
    fn drawn(histories: &[&str], maintenance: Option<(i64, i64)>) -> String {
        let ids: Vec<Id> =
            ('a'..).take(histories.len()).map(|c| Id::parse(&c.to_string()).unwrap()).collect();
        let parts: Vec<PartHistory<'_>> = histories
            .iter()
            .zip(&ids)
            .map(|(letters, endpoint)| PartHistory { endpoint, spans: history(letters) })
            .collect();
        let maintenances: Vec<Maintenance> = maintenance
            .map(|(from, to)| Maintenance {
                id: Id::parse("m").unwrap(),
                title: Text::One(Lang::En, "m".into()),
                body: None,
                covers: Covers { components: vec![Id::parse("web").unwrap()], endpoints: vec![] },
                starts_at: at(from),
                ends_at: at(to),
                published_at: at(0),
                ended_at: None,
            })
            .into_iter()
            .collect();
        let now = i64::try_from(histories.iter().map(|it| it.len()).max().unwrap()).unwrap();
        let mut drawn = String::new();
        for stretch in timeline(&component(), &parts, &maintenances, at(now)) {
            let letter = ["O", "G", "P", "X", "M", "?"]
                [Status::ALL.iter().position(|&it| it == stretch.status).unwrap()];
            let minutes = usize::try_from(stretch.window.length().as_secs() / 60).unwrap();
            drawn.push_str(&letter.repeat(minutes));
        }
        drawn
    }

    #[test]
    fn a_timeline_follows_its_endpoints() {
        assert_eq!(drawn(&["UUDDU", "UUUDD"], None), "OOPXP");
        assert_eq!(drawn(&["UUGG?"], None), "OOGG?");
        assert_eq!(drawn(&["UUDDU"], Some((1, 3))), "OMMXO");
    }

    #[test]
    fn nothing_is_told_of_the_time_before_the_first_data() {
        assert_eq!(drawn(&["  UUU", "   DU"], None), "OPO");
        assert_eq!(drawn(&["     "], None), "");
    }

    fn day(minutes: &[(Status, u64)]) -> Option<Status> {
        let mut day = Day { date: Date::constant(2026, 11, 23), lasted: [Duration::ZERO; 6] };
        for &(status, seconds) in minutes {
            let index = Status::ALL.iter().position(|&it| it == status).unwrap();
            day.lasted[index] = Duration::from_secs(seconds);
        }
        day.worst()
    }

    #[test]
    fn a_minute_of_trouble_colours_a_day_and_less_does_not() {
        assert_eq!(day(&[(Status::Operational, 80_000), (Status::Major, 60)]), Some(Status::Major));
        assert_eq!(day(&[(Status::Operational, 80_000), (Status::Major, 59)]), Some(Status::Operational));
        assert_eq!(day(&[(Status::Operational, 40_000), (Status::Unknown, 40_000)]), Some(Status::Unknown));
        assert_eq!(day(&[(Status::Major, 5), (Status::Operational, 20)]), Some(Status::Operational));
        assert_eq!(day(&[]), None);
    }

    #[test]
    fn days_are_cut_in_the_zone_of_the_page() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let stretch = |status, from: &str, to: &str| Stretch {
            status,
            window: Window { from: from.parse().unwrap(), to: to.parse().unwrap() },
        };
        // 23:30 to 00:30 in Shanghai is 15:30 to 16:30 in UTC.
        let timeline = [stretch(Status::Major, "2026-11-22T15:30:00Z", "2026-11-22T16:30:00Z")];
        let days = days(&timeline, &zone, "2026-11-23T04:00:00Z".parse().unwrap(), 3);
        let halves: Vec<u64> = days.iter().map(|day| day.lasted(Status::Major).as_secs()).collect();
        assert_eq!(halves, [0, 1800, 1800]);
        assert_eq!(days[2].date, Date::constant(2026, 11, 23));
    }

    #[test]
    fn a_day_may_have_twenty_five_hours() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let window = day_window(Date::constant(2026, 10, 25), &zone).unwrap();
        assert_eq!(window.length(), Duration::from_secs(25 * 3600));
    }
}
