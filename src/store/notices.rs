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
//! that comes back before its end is published again.

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
    let mut refused = Vec::new();
    let maintenances: Vec<Maintenance> = file.maintenances.iter().map(in_ms).collect();
    let announcements: Vec<Announcement> = file.announcements.iter().map(announced_in_ms).collect();
    sync(tx, &stored.maintenances, &maintenances, maintenance_edit, now, &mut refused)?;
    sync(tx, &stored.announcements, &announcements, announcement_edit, now, &mut refused)?;

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
    refused: &mut Vec<RewritesHistory>,
) -> Result<(), StoreError> {
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
    Ok(())
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
                let next = Maintenance { published_at: stored.published_at, ..wanted.clone() };
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
            let next = Announcement { published_at: stored.published_at, ..wanted.clone() };
            if &next == stored { Edit::Nothing } else { Edit::Save(What::NoticeChanged, next) }
        }
    }
}

/// As it reads back, so that only a real edit looks like one.
fn in_ms(it: &Maintenance) -> Maintenance {
    Maintenance {
        starts_at: whole_ms(it.starts_at),
        ends_at: whole_ms(it.ends_at),
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
