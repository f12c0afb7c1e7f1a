//! The verdict: may I try to log in now? The one function that decides it.

use std::time::Duration;

use jiff::Timestamp;

use super::moment::between;
use super::status::Status;

/// A maintenance that begins within this is told before the verdict's "yes".
pub const SOON: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    No,
    Maintenance,
    Partial,
    Recovering,
    Unknown,
    Slow,
    MaintenanceSoon,
    Yes,
}

impl Verdict {
    pub const ALL: [Self; 8] = [
        Self::No,
        Self::Maintenance,
        Self::Partial,
        Self::Recovering,
        Self::Unknown,
        Self::Slow,
        Self::MaintenanceSoon,
        Self::Yes,
    ];

    pub fn wire(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Maintenance => "maintenance",
            Self::Partial => "partial",
            Self::Recovering => "recovering",
            Self::Unknown => "unknown",
            Self::Slow => "slow",
            Self::MaintenanceSoon => "maintenance_soon",
            Self::Yes => "yes",
        }
    }

    /// What a reader's app should do, as a word.
    pub fn action(self) -> &'static str {
        match self {
            Self::No => "wait",
            Self::Maintenance => "wait_until",
            Self::Partial => "use_other_method",
            Self::Recovering => "retry_spread",
            Self::Unknown => "check_elsewhere",
            Self::Slow => "retry_patient",
            Self::MaintenanceSoon | Self::Yes => "retry_now",
        }
    }

    /// The state colour that stands for it.
    pub fn status(self) -> Status {
        match self {
            Self::Yes | Self::MaintenanceSoon => Status::Operational,
            Self::Slow | Self::Recovering => Status::Degraded,
            Self::Partial => Status::Partial,
            Self::No => Status::Major,
            Self::Maintenance => Status::Maintenance,
            Self::Unknown => Status::Unknown,
        }
    }
}

/// One way to log in, as the verdict sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    pub status: Status,
    /// No endpoint is knocked at for it: it proves nothing.
    pub manual: bool,
    /// When its last outage ended, if it had one.
    pub came_back_at: Option<Timestamp>,
    /// When a running maintenance that covers it ends.
    pub covered_until: Option<Timestamp>,
    /// When the next maintenance that covers it starts.
    pub covered_from: Option<Timestamp>,
}

/// Until when the verdict is thought to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until {
    pub at: Option<Timestamp>,
    pub sure: Sure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sure {
    /// A person announced it.
    Scheduled,
    /// It follows from a rule of ours.
    Estimate,
    /// Nobody knows.
    Unknown,
}

impl Sure {
    pub fn wire(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Estimate => "estimate",
            Self::Unknown => "unknown",
        }
    }
}

/// The first that holds, over the ways that are knocked at (manual ways only
/// take part by being covered):
///
/// | verdict | when |
/// | --- | --- |
/// | no | no way works: each is down or covered, and one is down |
/// | maintenance | every way is covered |
/// | partial | a way is down, partly down or covered, and a way works at least partly |
/// | recovering | a way came back less than `recovering_for` ago |
/// | unknown | no way is known to work, and not all are known not to |
/// | slow | a way is degraded and none is better |
/// | maintenance_soon | a maintenance covers a way within an hour |
/// | yes | a way works |
///
/// A way that is unknown beside one that works is named, and changes nothing.
pub fn verdict(ways: &[Way], recovering_for: Duration, now: Timestamp) -> (Verdict, Until) {
    let known = || ways.iter().filter(|way| !way.manual || way.status == Status::Maintenance);
    let is = |status: Status| known().any(|way| way.status == status);
    let works =
        known().any(|way| matches!(way.status, Status::Operational | Status::Degraded | Status::Partial));
    let covered_until = || known().filter_map(|way| way.covered_until);
    let nobody_knows = Until { at: None, sure: Sure::Unknown };
    let until = |at: Option<Timestamp>, sure| at.map_or(nobody_knows, |at| Until { at: Some(at), sure });

    if !works && !is(Status::Unknown) && is(Status::Major) {
        return (Verdict::No, nobody_knows);
    }
    let all_covered = known().all(|way| way.status == Status::Maintenance);
    if all_covered && is(Status::Maintenance) {
        return (Verdict::Maintenance, until(covered_until().min(), Sure::Scheduled));
    }
    if works && (is(Status::Major) || is(Status::Partial) || is(Status::Maintenance)) {
        let only_covered = !is(Status::Major) && !is(Status::Partial);
        let ends = covered_until().max().filter(|_| only_covered);
        return (Verdict::Partial, until(ends, Sure::Scheduled));
    }
    if !works {
        return (Verdict::Unknown, nobody_knows);
    }
    let came_back = known().filter_map(|way| way.came_back_at).max();
    if let Some(back) = came_back
        && between(back, now) < recovering_for
    {
        return (
            Verdict::Recovering,
            until(super::moment::plus(back, recovering_for).into(), Sure::Estimate),
        );
    }
    let starts = known().filter_map(|way| way.covered_from).filter(|&from| now < from).min();
    let soon = starts.filter(|&from| between(now, from) <= SOON);
    if !is(Status::Operational) {
        return (Verdict::Slow, nobody_knows);
    }
    match soon {
        Some(from) => (Verdict::MaintenanceSoon, until(Some(from), Sure::Scheduled)),
        None => (Verdict::Yes, until(starts, Sure::Scheduled)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(60 * minute).unwrap()
    }

    /// One letter a way: `U` works, `G` degraded, `P` partly down, `D` down,
    /// `M` covered until minute 130, `?` unknown, `m` manual.
    fn ways(letters: &str) -> Vec<Way> {
        let way = |letter| {
            let status = match letter {
                'U' | 'm' => Status::Operational,
                'G' => Status::Degraded,
                'P' => Status::Partial,
                'D' => Status::Major,
                'M' => Status::Maintenance,
                _ => Status::Unknown,
            };
            let covered_until = (letter == 'M').then(|| at(130));
            Way { status, manual: letter == 'm', came_back_at: None, covered_until, covered_from: None }
        };
        letters.chars().map(way).collect()
    }

    fn of(letters: &str) -> &'static str {
        judged(&ways(letters)).0.wire()
    }

    /// At minute 100, recovering for 5 minutes.
    fn judged(ways: &[Way]) -> (Verdict, Until) {
        verdict(ways, Duration::from_secs(300), at(100))
    }

    #[test]
    fn the_table() {
        for (letters, verdict) in [
            ("D", "no"),
            ("DD", "no"),
            ("DM", "no"),
            ("Dm", "no"),
            ("M", "maintenance"),
            ("MM", "maintenance"),
            ("Mm", "maintenance"),
            ("UD", "partial"),
            ("UM", "partial"),
            ("P", "partial"),
            ("UP", "partial"),
            ("GD", "partial"),
            ("", "unknown"),
            ("?", "unknown"),
            ("m", "unknown"),
            ("?D", "unknown"),
            ("?M", "unknown"),
            ("?m", "unknown"),
            ("G", "slow"),
            ("GG", "slow"),
            ("U", "yes"),
            ("UG", "yes"),
            ("U?", "yes"),
            ("Um", "yes"),
        ] {
            assert_eq!(of(letters), verdict, "{letters:?}");
        }
    }

    #[test]
    fn recovering_lasts_as_long_as_the_site_says() {
        let back = |minute| {
            let mut ways = ways("U");
            ways[0].came_back_at = Some(at(minute));
            judged(&ways)
        };
        assert_eq!(back(96), (Verdict::Recovering, Until { at: Some(at(101)), sure: Sure::Estimate }));
        assert_eq!(back(95).0, Verdict::Yes);
    }

    #[test]
    fn soon_is_within_the_hour() {
        let from = |minute| {
            let mut ways = ways("U");
            ways[0].covered_from = Some(at(minute));
            judged(&ways)
        };
        assert_eq!(from(160), (Verdict::MaintenanceSoon, Until { at: Some(at(160)), sure: Sure::Scheduled }));
        assert_eq!(from(161), (Verdict::Yes, Until { at: Some(at(161)), sure: Sure::Scheduled }));
    }

    #[test]
    fn only_an_announced_end_is_an_end() {
        assert_eq!(judged(&ways("M")).1, Until { at: Some(at(130)), sure: Sure::Scheduled });
        assert_eq!(judged(&ways("UM")).1.at, Some(at(130)));
        assert_eq!(judged(&ways("D")).1.sure, Sure::Unknown);
        assert_eq!(judged(&ways("UMD")).1.sure, Sure::Unknown);
    }
}
