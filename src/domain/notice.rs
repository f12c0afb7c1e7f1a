//! Notices people write: maintenance with a window, announcements with a start.

use jiff::Timestamp;

use super::component::Text;
use super::endpoint::{ComponentId, Endpoint, EndpointId, NoticeId};
use super::uptime::Window;

/// What a maintenance covers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Covers {
    pub components: Vec<ComponentId>,
    /// Single endpoints, when not a whole component.
    pub endpoints: Vec<EndpointId>,
}

impl Covers {
    pub fn holds(&self, endpoint: &Endpoint) -> bool {
        self.components.contains(&endpoint.component) || self.endpoints.contains(&endpoint.id)
    }
}

/// One dated window, half-open: `starts_at` is inside, `ends_at` is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    pub id: NoticeId,
    pub title: Text,
    pub body: Option<Text>,
    pub covers: Covers,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    /// The end as last told before it began; a later one was not announced.
    pub announced_end: Timestamp,
    /// When we first told of it; later than `starts_at` means unannounced.
    pub published_at: Timestamp,
    /// A person ended or cancelled it then.
    pub ended_at: Option<Timestamp>,
}

/// Never stored: it follows from the window, the events and the time.
///
/// | now | ended | covered is still not well | phase |
/// | --- | --- | --- | --- |
/// | any | at or before the start | | cancelled |
/// | before the start | no | | scheduled |
/// | inside | no | | in progress |
/// | at or after the end | no | yes, one outage since before the end, unknown inside it or not | overran |
/// | at or after the end | no | no | completed |
/// | at or after it ended | inside the window | | completed |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Scheduled,
    InProgress,
    Overran,
    Completed,
    Cancelled,
}

impl Phase {
    pub fn wire(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::InProgress => "in_progress",
            Self::Overran => "overran",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Maintenance {
    /// The end that counts: the written one, or an earlier one that a person made.
    pub fn end(&self) -> Timestamp {
        self.ended_at.map_or(self.ends_at, |ended| ended.min(self.ends_at)).max(self.starts_at)
    }

    /// Whether `now` is inside the window.
    pub fn is_running(&self, now: Timestamp) -> bool {
        self.starts_at <= now && now < self.end()
    }

    /// The time that is not counted in uptime: what was told before it began.
    ///
    /// | told | window | not counted |
    /// | --- | --- | --- |
    /// | before the start | as it was told | all of it |
    /// | before the start | ended or shortened since | up to its end |
    /// | before the start | extended once it ran | up to the end told before the start |
    /// | at the start or later | any | nothing |
    pub fn announced(&self) -> Option<Window> {
        let window = Window { from: self.starts_at, to: self.end().min(self.announced_end) };
        (self.published_at <= self.starts_at && window.from < window.to).then_some(window)
    }

    /// The edit as it is to be kept: told since the first time, with the end
    /// that was told before it began.
    pub fn edited(&self, next: Self, now: Timestamp) -> Self {
        let announced_end = if now < self.starts_at { next.ends_at } else { self.announced_end };
        Self { published_at: self.published_at, announced_end, ..next }
    }

    /// `unwell_since`: when the oldest outage that goes on in what is covered
    /// began, as told now; none when none does.
    pub fn phase(&self, unwell_since: Option<Timestamp>, now: Timestamp) -> Phase {
        if self.ended_at.is_some_and(|ended| ended <= self.starts_at) {
            return Phase::Cancelled;
        }
        if now < self.starts_at {
            Phase::Scheduled
        } else if now < self.end() {
            Phase::InProgress
        } else if self.ended_at.is_none() && unwell_since.is_some_and(|since| since < self.ends_at) {
            Phase::Overran
        } else {
            Phase::Completed
        }
    }

    /// Checks an edit: the future may move, the past may not. What counts is the
    /// window as stored, not as edited.
    ///
    /// | now | may change | may not |
    /// | --- | --- | --- |
    /// | before the start | anything, to a start that is still ahead | |
    /// | inside | an end that is still ahead, the words | the start, what it covers |
    /// | at or after the end | the words | the start, the end, what it covers |
    ///
    /// An end moved later while it runs is taken, but was not announced: see [`Self::announced`].
    pub fn may_become(&self, next: &Self, now: Timestamp) -> Result<(), RewritesHistory> {
        let keeps_the_past = if now < self.starts_at {
            now <= next.starts_at
        } else if now < self.end() {
            next.starts_at == self.starts_at && now <= next.ends_at && next.covers == self.covers
        } else {
            next.starts_at == self.starts_at && next.ends_at == self.ends_at && next.covers == self.covers
        };
        if keeps_the_past { Ok(()) } else { Err(RewritesHistory { id: self.id.clone() }) }
    }

    /// What removing the notice does: the future is cancelled, the past is kept.
    pub fn removed(&self, now: Timestamp) -> Option<Timestamp> {
        (self.ended_at.is_none() && now < self.ends_at).then(|| now.max(self.published_at))
    }
}

/// An edit that would change what already happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RewritesHistory {
    pub id: NoticeId,
}

/// A message with a start and an optional end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    pub id: NoticeId,
    pub title: Text,
    pub body: Option<Text>,
    pub starts_at: Timestamp,
    pub ends_at: Option<Timestamp>,
    pub published_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

impl Announcement {
    /// When people could first read it.
    pub fn posted_at(&self) -> Timestamp {
        self.published_at.max(self.starts_at)
    }

    /// Whether the file gives no start: it is then made that of the load, which
    /// a person's own start never is to the millisecond.
    pub fn starts_when_loaded(&self) -> bool {
        self.starts_at == self.published_at
    }

    pub fn is_shown(&self, now: Timestamp) -> bool {
        let ends = [self.ends_at, self.ended_at].into_iter().flatten().min();
        self.starts_at <= now && ends.is_none_or(|end| now < end)
    }
}

/// Everything people have written, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notices {
    pub maintenances: Vec<Maintenance>,
    pub announcements: Vec<Announcement>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::component::Lang;
    use crate::domain::endpoint::Id;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(60 * minute).unwrap()
    }

    /// From minute 10 to 20, published at 0.
    fn window() -> Maintenance {
        Maintenance {
            id: Id::parse("m1").unwrap(),
            title: Text::One(Lang::En, "upgrade".into()),
            body: None,
            covers: Covers::default(),
            starts_at: at(10),
            ends_at: at(20),
            announced_end: at(20),
            published_at: at(0),
            ended_at: None,
        }
    }

    #[test]
    fn the_start_is_inside_and_the_end_is_not() {
        let phase = |minute| window().phase(None, at(minute));
        assert_eq!(phase(9), Phase::Scheduled);
        assert_eq!(phase(10), Phase::InProgress);
        assert_eq!(phase(19), Phase::InProgress);
        assert_eq!(phase(20), Phase::Completed);
    }

    #[test]
    fn it_overran_only_if_the_trouble_began_before_its_end() {
        assert_eq!(window().phase(Some(at(15)), at(25)), Phase::Overran);
        assert_eq!(window().phase(Some(at(20)), at(25)), Phase::Completed);
    }

    #[test]
    fn ending_early_completes_and_ending_before_the_start_cancels() {
        let ended = |minute| Maintenance { ended_at: Some(at(minute)), ..window() };
        assert_eq!(ended(15).phase(None, at(14)), Phase::InProgress);
        assert_eq!(ended(15).phase(Some(at(12)), at(15)), Phase::Completed);
        assert_eq!(ended(5).phase(None, at(6)), Phase::Cancelled);
        assert_eq!(ended(5).phase(None, at(15)), Phase::Cancelled);
    }

    #[test]
    fn edits_may_move_the_future_only() {
        let moved = |starts, ends| Maintenance { starts_at: at(starts), ends_at: at(ends), ..window() };
        let ok = |next: Maintenance, now| window().may_become(&next, at(now)).is_ok();
        assert!(ok(moved(30, 40), 5));
        assert!(!ok(moved(3, 40), 5));
        assert!(ok(moved(10, 40), 15));
        assert!(!ok(moved(12, 40), 15));
        assert!(!ok(moved(10, 12), 15));
        assert!(!ok(moved(10, 40), 25));
        assert!(ok(window(), 25));
    }

    #[test]
    fn only_what_was_told_before_it_began_is_announced() {
        let minutes =
            |it: &Maintenance| it.announced().map(|it| (it.from.as_second() / 60, it.to.as_second() / 60));
        let moved = |ends| Maintenance { ends_at: at(ends), announced_end: at(ends), ..window() };
        assert_eq!(minutes(&window()), Some((10, 20)));
        assert_eq!(minutes(&window().edited(moved(40), at(5))), Some((10, 40)));
        assert_eq!(minutes(&window().edited(moved(40), at(15))), Some((10, 20)));
        assert_eq!(minutes(&window().edited(moved(15), at(12))), Some((10, 15)));
        assert_eq!(minutes(&window().edited(moved(15), at(12)).edited(moved(18), at(13))), Some((10, 18)));
        assert_eq!(minutes(&Maintenance { ended_at: Some(at(13)), ..window() }), Some((10, 13)));
        assert_eq!(minutes(&Maintenance { ended_at: Some(at(5)), ..window() }), None);
        assert_eq!(minutes(&Maintenance { published_at: at(11), ..window() }), None);
    }

    #[test]
    fn what_is_covered_is_settled_when_it_begins() {
        let covers = Covers { components: vec![Id::parse("web").unwrap()], endpoints: vec![] };
        let wider = Maintenance { covers, ..window() };
        let ok = |next: &Maintenance, now| window().may_become(next, at(now)).is_ok();
        assert!(ok(&wider, 9));
        assert!(!ok(&wider, 10));
        assert!(!ok(&wider, 25));
        let reworded = Maintenance { title: Text::One(Lang::En, "move".into()), ..window() };
        assert!(ok(&reworded, 15) && ok(&reworded, 25));
    }

    #[test]
    fn removing_cancels_the_future_and_keeps_the_past() {
        assert_eq!(window().removed(at(5)), Some(at(5)));
        assert_eq!(window().removed(at(15)), Some(at(15)));
        assert_eq!(window().removed(at(25)), None);
    }
}
