//! Uptime and coverage: the one function that counts them, and how they are printed.

use std::time::Duration;

use jiff::Timestamp;

use super::moment::between;
use super::span::{Health, Span};

/// Time counted over spans. Degraded is up; time inside announced maintenance
/// that covers the endpoint is left out of both up and down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Uptime {
    pub up: Duration,
    pub down: Duration,
    pub unknown: Duration,
    pub maintenance: Duration,
}

/// A half-open stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Window {
    /// The part both share; none when they share nothing.
    pub fn shared(self, other: Self) -> Option<Self> {
        let window = Self { from: self.from.max(other.from), to: self.to.min(other.to) };
        (window.from < window.to).then_some(window)
    }

    pub fn length(self) -> Duration {
        between(self.from, self.to)
    }
}

/// Counts a told history inside `window`; `excluded` are announced maintenance
/// windows, sorted and not overlapping.
pub fn uptime(told: &[Span], excluded: &[Window], window: Window) -> Uptime {
    let mut sum = Uptime::default();
    for span in told {
        let whole = Window { from: span.from, to: span.to.unwrap_or(window.to) };
        let Some(part) = whole.shared(window) else { continue };
        let left_out: Duration = excluded.iter().filter_map(|it| it.shared(part)).map(Window::length).sum();
        let counted = part.length().saturating_sub(left_out);
        sum.maintenance += left_out;
        match span.health {
            Health::Up | Health::Degraded => sum.up += counted,
            Health::Down => sum.down += counted,
            Health::Unknown => sum.unknown += counted,
        }
    }
    sum
}

/// Melts overlapping windows together, sorted by start.
pub fn merged(mut windows: Vec<Window>) -> Vec<Window> {
    windows.sort_by_key(|window| window.from);
    let mut merged: Vec<Window> = Vec::new();
    for window in windows {
        match merged.last_mut() {
            Some(last) if window.from <= last.to => last.to = last.to.max(window.to),
            _ => merged.push(window),
        }
    }
    merged
}

impl Uptime {
    pub fn plus(self, other: Self) -> Self {
        Self {
            up: self.up + other.up,
            down: self.down + other.down,
            unknown: self.unknown + other.unknown,
            maintenance: self.maintenance + other.maintenance,
        }
    }

    /// Thousandths of a percent, floored; 100,000 only without any down time.
    /// None when nothing is known.
    pub fn ratio(self) -> Option<u32> {
        floored(self.up, self.up + self.down)
    }

    /// The share of time we know about, in thousandths of a percent, floored.
    /// None before the first data.
    pub fn coverage(self) -> Option<u32> {
        let known = self.up + self.down + self.maintenance;
        floored(known, known + self.unknown)
    }
}

fn floored(part: Duration, whole: Duration) -> Option<u32> {
    if whole.is_zero() {
        return None;
    }
    let floor = part.as_nanos() * 100_000 / whole.as_nanos();
    u32::try_from(floor).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn window(from: i64, to: i64) -> Window {
        Window { from: at(from), to: at(to) }
    }

    fn span(health: Health, from: i64, to: i64) -> Span {
        Span { health, from: at(from), to: Some(at(to)) }
    }

    fn seconds(uptime: Uptime) -> [u64; 4] {
        [uptime.up, uptime.down, uptime.unknown, uptime.maintenance].map(|it| it.as_secs())
    }

    #[test]
    fn degraded_is_up_and_unknown_is_neither() {
        let told = [
            span(Health::Up, 0, 50),
            span(Health::Degraded, 50, 60),
            span(Health::Down, 60, 90),
            span(Health::Unknown, 90, 100),
        ];
        let sum = uptime(&told, &[], window(0, 100));
        assert_eq!(seconds(sum), [60, 30, 10, 0]);
        assert_eq!(sum.ratio(), Some(66_666));
        assert_eq!(sum.coverage(), Some(90_000));
    }

    #[test]
    fn only_what_lies_inside_the_window_counts() {
        let told = [span(Health::Down, 0, 50), span(Health::Up, 50, 100)];
        assert_eq!(seconds(uptime(&told, &[], window(40, 70))), [20, 10, 0, 0]);
    }

    #[test]
    fn announced_maintenance_is_left_out_of_both() {
        let told = [span(Health::Up, 0, 50), span(Health::Down, 50, 100)];
        let excluded = merged(vec![window(70, 90), window(40, 60), window(85, 95)]);
        assert_eq!(seconds(uptime(&told, &excluded, window(0, 100))), [40, 15, 0, 45]);
    }

    #[test]
    fn one_hundred_percent_means_not_one_second_down() {
        let told = [span(Health::Up, 0, 10_000_000), span(Health::Down, 10_000_000, 10_000_001)];
        assert_eq!(uptime(&told, &[], window(0, 10_000_001)).ratio(), Some(99_999));
        assert_eq!(uptime(&told, &[], window(0, 10_000_000)).ratio(), Some(100_000));
        assert_eq!(uptime(&[], &[], window(0, 100)).ratio(), None);
    }
}
