//! A component's history: its status over time, and the days it is drawn as.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::component::Component;
use super::endpoint::Endpoint;
use super::moment::between;
use super::notice::Maintenance;
use super::span::{Health, Span};
use super::status::{self, Part, Status};
use super::uptime::Window;

/// Shorter troubles do not colour a day.
pub const COLOURS_A_DAY: Duration = Duration::from_secs(60);

/// The told history of one endpoint.
pub struct PartHistory<'a> {
    pub endpoint: &'a Endpoint,
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
    /// Whether the whole component is covered by name, its own or a former one.
    pub fn covers_component(&self, component: &Component) -> bool {
        let names = std::iter::once(&component.id).chain(&component.was);
        names.into_iter().any(|name| self.covers.components.contains(name))
    }

    /// Whether the endpoint is covered by name, its own or a former one.
    pub fn covers_endpoint(&self, endpoint: &Endpoint) -> bool {
        let names = std::iter::once(&endpoint.id).chain(&endpoint.was);
        names.into_iter().any(|name| self.covers.endpoints.contains(name))
    }

    /// Whether nothing of the component is left uncovered: it is named itself,
    /// or each of its endpoints is.
    pub fn covers_all<'a>(
        &self,
        component: &Component,
        endpoints: impl IntoIterator<Item = &'a Endpoint>,
    ) -> bool {
        let mut endpoints = endpoints.into_iter().peekable();
        self.covers_component(component)
            || (endpoints.peek().is_some() && endpoints.all(|it| self.covers_endpoint(it)))
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
                endpoint: &part.endpoint.id,
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
/// Maintenance tells neither way, so that a story runs through it:
///
/// | timeline | outage |
/// | --- | --- |
/// | down, maintenance (now) | goes on: nobody has seen it work |
/// | down, maintenance, down | one; the maintenance is not counted as down |
/// | down, maintenance, works | ended where the maintenance began; the rest was announced |
/// | works, maintenance, down | begins where the maintenance ends |
/// | works, maintenance, works | none, whatever was down inside it |
pub fn as_spans(timeline: &[Stretch]) -> Vec<Span> {
    let health = |status| match status {
        Status::Partial | Status::Major => Health::Down,
        Status::Unknown | Status::Maintenance => Health::Unknown,
        Status::Degraded => Health::Degraded,
        Status::Operational => Health::Up,
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

    /// The colour of the day; the first that holds:
    ///
    /// | the day | colour |
    /// | --- | --- |
    /// | trouble or maintenance lasted a minute or more | the worst that did |
    /// | no data, longer than everything known together | unknown |
    /// | anything known | what lasted longest |
    /// | nothing, not even "no data" | none |
    pub fn worst(&self) -> Option<Status> {
        const FROM_WORST: [Status; 5] =
            [Status::Major, Status::Partial, Status::Degraded, Status::Maintenance, Status::Operational];
        let lasted = |&it: &Status| self.lasted(it);
        let trouble = FROM_WORST.into_iter().filter(|&it| it != Status::Operational);
        let coloured = trouble.into_iter().find(|it| COLOURS_A_DAY <= lasted(it));
        let known: Duration = FROM_WORST.iter().map(lasted).sum();
        if coloured.is_none() && known < self.lasted(Status::Unknown) {
            return Some(Status::Unknown);
        }
        let longest = || FROM_WORST.into_iter().filter(|it| !lasted(it).is_zero()).max_by_key(lasted);
        coloured.or_else(longest)
    }

    /// How long there was no data, when that is worth a word beside the colour.
    pub fn gap(&self) -> Option<Duration> {
        let gap = self.lasted(Status::Unknown);
        (COLOURS_A_DAY <= gap && self.worst() != Some(Status::Unknown)).then_some(gap)
    }

    /// How long it did not work, wholly or in part.
    pub fn down(&self) -> Duration {
        self.lasted(Status::Partial) + self.lasted(Status::Major)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::component::{Lang, Text};
    use crate::domain::endpoint::Id;
    use crate::domain::notice::Covers;
    use crate::domain::outage::outages;
    use crate::domain::span::letters_a_minute;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(60 * minute).unwrap()
    }

    fn component() -> Component {
        Component::way(Id::parse("web").unwrap(), Text::One(Lang::En, "web".into()))
    }

    fn endpoint(name: &str) -> Endpoint {
        let url = url::Url::parse("https://wallet.example/").unwrap();
        Endpoint::get(Id::parse(name).unwrap(), Id::parse("web").unwrap(), url)
    }

    fn maintenance(from: i64, to: i64) -> Maintenance {
        Maintenance {
            id: Id::parse("m").unwrap(),
            title: Text::One(Lang::En, "m".into()),
            body: None,
            covers: Covers { components: vec![Id::parse("web").unwrap()], endpoints: vec![] },
            starts_at: at(from),
            ends_at: at(to),
            announced_end: at(to),
            published_at: at(0),
            ended_at: None,
        }
    }

    /// Draws a timeline, one letter a minute: `O` operational, `G` degraded,
    /// `P` partial, `X` major, `M` maintenance, `?` unknown.
    fn drawn(histories: &[&str], window: Option<(i64, i64)>) -> String {
        let endpoints: Vec<Endpoint> =
            ('a'..).take(histories.len()).map(|c| endpoint(&c.to_string())).collect();
        let parts: Vec<PartHistory<'_>> = histories
            .iter()
            .zip(&endpoints)
            .map(|(letters, endpoint)| PartHistory { endpoint, spans: letters_a_minute(letters) })
            .collect();
        let maintenances: Vec<Maintenance> =
            window.map(|(from, to)| maintenance(from, to)).into_iter().collect();
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
        assert_eq!(day(&[(Status::Major, 5), (Status::Operational, 20)]), Some(Status::Operational));
        assert_eq!(day(&[]), None);
    }

    #[test]
    fn no_data_colours_a_day_only_when_it_outlasts_all_that_is_known() {
        let (fine, none) = (Status::Operational, Status::Unknown);
        assert_eq!(day(&[(fine, 86_000), (none, 400)]), Some(fine));
        assert_eq!(day(&[(fine, 43_200), (none, 43_200)]), Some(fine));
        assert_eq!(day(&[(fine, 43_199), (none, 43_201)]), Some(none));
        assert_eq!(day(&[(none, 1)]), Some(none));
        assert_eq!(day(&[(Status::Major, 300), (none, 80_000)]), Some(Status::Major));
        assert_eq!(day(&[(Status::Major, 59), (fine, 30), (none, 80_000)]), Some(none));
    }

    /// `1-3/2` is an outage from minute 1 to 3 with 2 minutes known down. One
    /// letter a minute: `O` works, `X` is down, `M` maintenance, `?` unknown.
    fn outages_of(letters: &str) -> String {
        let status = |letter| match letter {
            'O' => Status::Operational,
            'X' => Status::Major,
            'M' => Status::Maintenance,
            _ => Status::Unknown,
        };
        let stretch = |(minute, letter)| Stretch {
            status: status(letter),
            window: Window { from: at(minute), to: at(minute + 1) },
        };
        let timeline: Vec<Stretch> = (0_i64..).zip(letters.chars()).map(stretch).collect();
        let now = timeline.last().unwrap().window.to;
        let mut drawn = Vec::new();
        for outage in outages(&as_spans(&timeline), now) {
            let minute = |at: Timestamp| at.as_second() / 60;
            let to = outage.to.map(|to| minute(to).to_string()).unwrap_or_default();
            drawn.push(format!("{}-{to}/{}", minute(outage.from), outage.down.as_secs() / 60));
        }
        drawn.join(" ")
    }

    #[test]
    fn an_outage_that_runs_into_a_maintenance_stays_one_story() {
        assert_eq!(outages_of("OXXM"), "1-/2");
        assert_eq!(outages_of("OXMMXO"), "1-5/2");
        assert_eq!(outages_of("OXXMMO"), "1-3/2");
        assert_eq!(outages_of("OMMXO"), "3-4/1");
        assert_eq!(outages_of("OMMO"), "");
    }

    #[test]
    fn what_was_renamed_keeps_its_covered_past() {
        let id = |name| Id::parse(name).unwrap();
        let covering = |components, endpoints| Maintenance {
            covers: Covers { components, endpoints },
            ..maintenance(1, 3)
        };
        let renamed = Component { id: id("site"), was: vec![id("web")], ..component() };
        assert!(covering(vec![id("web")], vec![]).covers_component(&renamed));
        assert!(covering(vec![id("site")], vec![]).covers_component(&renamed));
        assert!(!covering(vec![id("app")], vec![]).covers_component(&renamed));
        let (one, two) = (Endpoint { was: vec![id("old")], ..endpoint("one") }, endpoint("two"));
        let by_part = covering(vec![], vec![id("old"), id("two")]);
        assert!(by_part.covers_endpoint(&one) && !by_part.covers_component(&renamed));
        assert!(by_part.covers_all(&renamed, [&one, &two]));
        assert!(!by_part.covers_all(&renamed, [&one, &endpoint("three")]));
        assert!(!by_part.covers_all(&renamed, []));
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
