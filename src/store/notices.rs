//! Notices from the file become notices on record: the future may be edited, the past may not.
//!
//! | stored | in the file | what happens |
//! | --- | --- | --- |
//! | no | yes | published |
//! | yes | the same | nothing |
//! | yes | edited, and it may become so | changed; it stays published since the first load |
//! | yes | edited, but that would rewrite the past | stays, reported |
//! | yes | no | the future is cancelled, what runs ends now, the past stays |
//! | removed before it began | yes, beginning now or later | published again |
//! | removed | yes, and not yet over | stays removed, reported |
//! | removed, or over | yes, and over | stays |
//!
//! Announcements have no past to rewrite: any edit is taken, and a removed one
//! that comes back before its end is published again. One without a start of
//! its own keeps the time of its first load.

use jiff::{SignedDuration, Timestamp};

use super::changes::{What, log};
use super::error::StoreError;
use super::notice_rows::{self, Kept, Notice, read_all};
use super::tx::Tx;
use super::values::whole_ms;
use crate::domain::notice::{Announcement, Maintenance, Notices, RewritesHistory};

/// Notices that ended before this are no longer given back: the page tells of
/// 90 days, and the first of them began at midnight.
const TOLD: SignedDuration = SignedDuration::from_hours(91 * 24);

/// Stores what the file says, and gives back all notices that are in force or
/// ended lately, oldest first, with the edits that were refused.
pub fn sync_notices(
    tx: &Tx<'_>,
    file: &Notices,
    now: Timestamp,
) -> Result<(Notices, Vec<RewritesHistory>), StoreError> {
    let now = whole_ms(now);
    let stored = read_all(tx.connection())?;
    let maintenances: Vec<Maintenance> = file.maintenances.iter().map(in_ms).collect();
    let announcements: Vec<Announcement> = file.announcements.iter().map(announced_in_ms).collect();
    let mut refused = sync(tx, &stored.maintenances, &maintenances, maintenance_edit, now)?;
    refused.extend(sync(tx, &stored.announcements, &announcements, announcement_edit, now)?);

    let mut told = read_all(tx.connection())?.into_notices();
    let since = now.checked_sub(TOLD).unwrap_or(Timestamp::MIN);
    told.maintenances.retain(|it| since <= it.end());
    told.announcements
        .retain(|it| [it.ends_at, it.ended_at].into_iter().flatten().min().is_none_or(|end| since <= end));
    Ok((told, refused))
}

/// What the file means for one stored notice.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Edit<T> {
    Nothing,
    Save(What, T),
    Refuse,
}

type Decide<T> = fn(stored: Option<&T>, wanted: Option<&T>, now: Timestamp) -> Edit<T>;

fn sync<T: Notice>(
    tx: &Tx<'_>,
    stored: &[Kept<T>],
    wanted: &[T],
    decide: Decide<T>,
    now: Timestamp,
) -> Result<Vec<RewritesHistory>, StoreError> {
    let mut refused = Vec::new();
    for wanted in wanted {
        let kept = stored.iter().find(|it| it.notice.id() == wanted.id());
        let edit = decide(kept.map(|it| &it.notice), Some(wanted), now);
        if edit == Edit::Refuse {
            refused.push(RewritesHistory { id: wanted.id().clone() });
            log(tx, now, What::NoticeRefused, wanted.id().as_str(), &wanted.window())?;
        }
        save(tx, kept, edit, now)?;
    }
    for kept in stored.iter().filter(|it| wanted.iter().all(|wanted| wanted.id() != it.notice.id())) {
        save(tx, Some(kept), decide(Some(&kept.notice), None, now), now)?;
    }
    Ok(refused)
}

fn save<T: Notice>(
    tx: &Tx<'_>,
    kept: Option<&Kept<T>>,
    edit: Edit<T>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Edit::Save(what, notice) = edit else { return Ok(()) };
    notice_rows::save(tx.connection(), kept.map(|it| it.row), &notice)?;
    log(tx, now, what, notice.id().as_str(), &notice.window())
}

fn maintenance_edit(
    stored: Option<&Maintenance>,
    wanted: Option<&Maintenance>,
    now: Timestamp,
) -> Edit<Maintenance> {
    match (stored, wanted) {
        (None, None) => Edit::Nothing,
        (None, Some(wanted)) => Edit::Save(What::NoticePublished, wanted.clone()),
        (Some(stored), None) => match stored.removed(now) {
            Some(ended) => {
                Edit::Save(What::NoticeEnded, Maintenance { ended_at: Some(ended), ..stored.clone() })
            }
            None => Edit::Nothing,
        },
        (Some(stored), Some(wanted)) => match stored.ended_at {
            Some(ended) if ended <= stored.starts_at && now <= wanted.starts_at => {
                Edit::Save(What::NoticePublished, wanted.clone())
            }
            Some(_) if now < wanted.ends_at => Edit::Refuse,
            Some(_) => Edit::Nothing,
            None => {
                let next = stored.edited(wanted.clone(), now);
                if &next == stored {
                    Edit::Nothing
                } else if stored.may_become(&next, now).is_ok() {
                    Edit::Save(What::NoticeChanged, next)
                } else {
                    Edit::Refuse
                }
            }
        },
    }
}

fn announcement_edit(
    stored: Option<&Announcement>,
    wanted: Option<&Announcement>,
    now: Timestamp,
) -> Edit<Announcement> {
    let is_over = |it: &Announcement| it.ends_at.is_some_and(|ends| ends <= now);
    match (stored, wanted) {
        (None, None) => Edit::Nothing,
        (None, Some(wanted)) => Edit::Save(What::NoticePublished, wanted.clone()),
        (Some(stored), None) if stored.ended_at.is_some() || is_over(stored) => Edit::Nothing,
        (Some(stored), None) => {
            let ended_at = Some(now.max(stored.published_at));
            Edit::Save(What::NoticeEnded, Announcement { ended_at, ..stored.clone() })
        }
        (Some(stored), Some(wanted)) if stored.ended_at.is_some() => {
            if is_over(wanted) {
                Edit::Nothing
            } else {
                Edit::Save(What::NoticePublished, wanted.clone())
            }
        }
        (Some(stored), Some(wanted)) => {
            let mut next = Announcement { published_at: stored.published_at, ..wanted.clone() };
            if wanted.starts_when_loaded() {
                next.starts_at = stored.starts_at;
            }
            if &next == stored { Edit::Nothing } else { Edit::Save(What::NoticeChanged, next) }
        }
    }
}

/// As it reads back, so that only a real edit looks like one.
fn in_ms(it: &Maintenance) -> Maintenance {
    Maintenance {
        starts_at: whole_ms(it.starts_at),
        ends_at: whole_ms(it.ends_at),
        announced_end: whole_ms(it.announced_end),
        published_at: whole_ms(it.published_at),
        ended_at: it.ended_at.map(whole_ms),
        ..it.clone()
    }
}

fn announced_in_ms(it: &Announcement) -> Announcement {
    Announcement {
        starts_at: whole_ms(it.starts_at),
        ends_at: it.ends_at.map(whole_ms),
        published_at: whole_ms(it.published_at),
        ended_at: it.ended_at.map(whole_ms),
        ..it.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::component::{Lang, Text};
    use crate::domain::notice::Covers;
    use crate::store::migrations::migrate;
    use crate::store::testing::id;
    use crate::store::tx::Rows;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(60 * minute).unwrap()
    }

    /// Loaded at that minute.
    fn window(starts: i64, ends: i64, loaded: i64) -> Maintenance {
        Maintenance {
            id: id("m1"),
            title: Text::Both { zh: "升级".into(), en: "upgrade".into() },
            body: Some(Text::One(Lang::En, "New servers.".into())),
            covers: Covers { components: vec![id("web")], endpoints: vec![id("app-v4"), id("app-v6")] },
            starts_at: at(starts),
            ends_at: at(ends),
            announced_end: at(ends),
            published_at: at(loaded),
            ended_at: None,
        }
    }

    fn news(ends: Option<i64>, loaded: i64) -> Announcement {
        Announcement {
            id: id("a1"),
            title: Text::One(Lang::Zh, "通知".into()),
            body: None,
            starts_at: at(10),
            ends_at: ends.map(at),
            published_at: at(loaded),
            ended_at: None,
        }
    }

    /// A database that meets one file after another.
    struct Loads(rusqlite::Connection);

    impl Loads {
        fn new() -> Self {
            let connection = rusqlite::Connection::open_in_memory().unwrap();
            connection.pragma_update(None, "foreign_keys", true).unwrap();
            migrate(&connection, 0).unwrap();
            Self(connection)
        }

        fn load(&self, file: &Notices, minute: i64) -> (Notices, Vec<RewritesHistory>) {
            let rows = Rows::default();
            sync_notices(&Tx::new(&self.0, &rows), file, at(minute)).unwrap()
        }

        /// Loads a file with that window or none: `starts-ends published [ended] [refused]`.
        fn maintenance(&self, in_file: Option<(i64, i64)>, minute: i64) -> String {
            let maintenances =
                in_file.map(|(starts, ends)| window(starts, ends, minute)).into_iter().collect();
            let (told, refused) = self.load(&Notices { maintenances, announcements: vec![] }, minute);
            let [it] = &told.maintenances[..] else { panic!("{told:?}") };
            let minute = |at: Timestamp| at.as_second() / 60;
            let mut said =
                format!("{}-{} p{}", minute(it.starts_at), minute(it.ends_at), minute(it.published_at));
            if let Some(ended) = it.ended_at {
                said.push_str(&format!(" e{}", minute(ended)));
            }
            if !refused.is_empty() {
                said.push_str(" refused");
            }
            said
        }

        fn announcement(&self, in_file: Option<Option<i64>>, minute: i64) -> String {
            let announcements = in_file.map(|ends| news(ends, minute)).into_iter().collect();
            let (told, refused) = self.load(&Notices { maintenances: vec![], announcements }, minute);
            let [it] = &told.announcements[..] else { panic!("{told:?}") };
            assert!(refused.is_empty());
            let minute = |at: Timestamp| at.as_second() / 60;
            format!("p{} {:?} {:?}", minute(it.published_at), it.ends_at.map(minute), it.ended_at.map(minute))
        }

        fn changes(&self) -> Vec<String> {
            let mut select = self.0.prepare("SELECT what FROM change ORDER BY id").unwrap();
            let rows = select.query_map([], |row| row.get(0)).unwrap();
            rows.collect::<Result<_, _>>().unwrap()
        }
    }

    #[test]
    fn a_notice_reads_back_as_it_was_written() {
        let loads = Loads::new();
        let file = Notices { maintenances: vec![window(10, 20, 0)], announcements: vec![news(None, 0)] };
        assert_eq!(loads.load(&file, 0), (file.clone(), vec![]));
        assert_eq!(loads.load(&file, 1), (file, vec![]));
        assert_eq!(loads.changes(), ["notice_published", "notice_published"]);
    }

    #[test]
    fn it_stays_published_since_its_first_load_and_the_future_may_move() {
        let loads = Loads::new();
        assert_eq!(loads.maintenance(Some((10, 20)), 0), "10-20 p0");
        assert_eq!(loads.maintenance(Some((10, 20)), 5), "10-20 p0");
        assert_eq!(loads.maintenance(Some((30, 40)), 6), "30-40 p0");
        assert_eq!(loads.maintenance(Some((30, 50)), 35), "30-50 p0");
        assert_eq!(loads.changes(), ["notice_published", "notice_changed", "notice_changed"]);
    }

    #[test]
    fn the_end_that_was_announced_outlives_an_extension_and_a_restart() {
        let loads = Loads::new();
        let announced = |ends, minute| {
            let file = Notices { maintenances: vec![window(10, ends, minute)], announcements: vec![] };
            loads.load(&file, minute).0.maintenances[0].announced_end
        };
        assert_eq!([0, 5].map(|minute| announced(20, minute)), [at(20); 2]);
        assert_eq!(announced(30, 6), at(30), "moved before it began");
        assert_eq!([15, 16, 60].map(|minute| announced(50, minute)), [at(30); 3]);
        assert_eq!(loads.changes(), ["notice_published", "notice_changed", "notice_changed"]);
    }

    #[test]
    fn an_edit_of_the_past_is_refused_and_logged_once() {
        let loads = Loads::new();
        loads.maintenance(Some((10, 20)), 0);
        assert_eq!(loads.maintenance(Some((12, 20)), 15), "10-20 p0 refused");
        assert_eq!(loads.maintenance(Some((12, 20)), 16), "10-20 p0 refused");
        assert_eq!(loads.maintenance(Some((10, 40)), 25), "10-20 p0 refused");
        assert_eq!(loads.maintenance(Some((10, 20)), 26), "10-20 p0");
        assert_eq!(loads.changes(), ["notice_published", "notice_refused", "notice_refused"]);
    }

    #[test]
    fn removing_cancels_the_future_ends_what_runs_and_keeps_the_past() {
        for (removed, told) in [(5, "10-20 p0 e5"), (15, "10-20 p0 e15"), (25, "10-20 p0")] {
            let loads = Loads::new();
            loads.maintenance(Some((10, 20)), 0);
            assert_eq!(loads.maintenance(None, removed), told);
            assert_eq!(loads.maintenance(None, removed + 1), told);
        }
    }

    #[test]
    fn what_comes_back_is_published_again_only_if_it_lies_ahead() {
        let removed = |minute| {
            let loads = Loads::new();
            loads.maintenance(Some((10, 20)), 0);
            loads.maintenance(None, minute);
            loads
        };
        assert_eq!(removed(5).maintenance(Some((10, 20)), 7), "10-20 p7");
        assert_eq!(removed(5).maintenance(Some((30, 40)), 12), "30-40 p12");
        assert_eq!(removed(5).maintenance(Some((10, 20)), 12), "10-20 p0 e5 refused");
        assert_eq!(removed(5).maintenance(Some((10, 20)), 25), "10-20 p0 e5");
        assert_eq!(removed(15).maintenance(Some((10, 20)), 16), "10-20 p0 e15 refused");
        assert_eq!(removed(15).maintenance(Some((30, 40)), 16), "10-20 p0 e15 refused");
        assert_eq!(removed(15).maintenance(Some((10, 20)), 25), "10-20 p0 e15");
    }

    #[test]
    fn announcements_change_end_and_come_back() {
        let loads = Loads::new();
        assert_eq!(loads.announcement(Some(None), 0), "p0 None None");
        assert_eq!(loads.announcement(Some(Some(90)), 1), "p0 Some(90) None");
        assert_eq!(loads.announcement(None, 2), "p0 Some(90) Some(2)");
        assert_eq!(loads.announcement(None, 3), "p0 Some(90) Some(2)");
        assert_eq!(loads.announcement(Some(Some(90)), 4), "p4 Some(90) None");
        assert_eq!(loads.announcement(None, 95), "p4 Some(90) None");
        assert_eq!(loads.announcement(Some(Some(90)), 96), "p4 Some(90) None");
    }

    #[test]
    fn an_announcement_without_a_start_starts_when_it_is_first_loaded() {
        let loads = Loads::new();
        let load = |minute| {
            let news = Announcement { starts_at: at(minute), ..news(Some(90), minute) };
            let file = Notices { maintenances: vec![], announcements: vec![news] };
            loads.load(&file, minute).0.announcements[0].starts_at
        };
        assert_eq!([5, 6, 7].map(load), [at(5); 3]);
        assert_eq!(loads.changes(), ["notice_published"]);
        loads.announcement(Some(Some(90)), 8);
        assert_eq!(load(9), at(10), "the start it was given later");
        assert_eq!(loads.changes(), ["notice_published", "notice_changed"]);
        loads.announcement(None, 11);
        assert_eq!(load(12), at(12), "it begins anew when it comes back");
    }

    #[test]
    fn what_ended_long_ago_is_kept_but_no_longer_told() {
        let loads = Loads::new();
        let file = Notices { maintenances: vec![window(10, 20, 0)], announcements: vec![news(Some(20), 0)] };
        loads.load(&file, 0);
        let day = 24 * 60;
        assert_eq!(loads.load(&file, 90 * day).0, file);
        assert_eq!(loads.load(&file, 92 * day).0, Notices::default());
        let stored: i64 = loads.0.query_row("SELECT count(*) FROM notice", [], |row| row.get(0)).unwrap();
        assert_eq!(stored, 2);
    }
}
