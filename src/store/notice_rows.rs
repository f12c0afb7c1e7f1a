//! The rows of notices: maintenances and announcements share their table.

use jiff::Timestamp;
use rusqlite::{Connection, Row};

use super::error::{Doing, StoreError};
use super::values::{id, ms, timestamp};
use crate::domain::component::{Lang, Text};
use crate::domain::endpoint::{Id, NoticeId};
use crate::domain::notice::{Announcement, Covers, Maintenance, Notices};

const MAINTENANCE: u8 = 0;
const ANNOUNCEMENT: u8 = 1;
const COMPONENT: u8 = 0;
const ENDPOINT: u8 = 1;

/// A stored notice and its row.
pub(super) struct Kept<T> {
    pub(super) row: i64,
    pub(super) notice: T,
}

#[derive(Default)]
pub(super) struct All {
    pub(super) maintenances: Vec<Kept<Maintenance>>,
    pub(super) announcements: Vec<Kept<Announcement>>,
}

impl All {
    pub(super) fn into_notices(self) -> Notices {
        Notices {
            maintenances: self.maintenances.into_iter().map(|it| it.notice).collect(),
            announcements: self.announcements.into_iter().map(|it| it.notice).collect(),
        }
    }
}

/// What both kinds have in common, as they are stored.
pub(super) trait Notice: Clone + PartialEq {
    fn id(&self) -> &NoticeId;
    fn columns(&self) -> Columns<'_>;

    /// For the log of changes.
    fn window(&self) -> String {
        let columns = self.columns();
        let to = [columns.ends, columns.ended].into_iter().flatten().min();
        match to {
            Some(to) => format!("{} to {}", columns.starts, to.max(columns.starts)),
            None => format!("from {}", columns.starts),
        }
    }
}

pub(super) struct Columns<'a> {
    kind: u8,
    title: &'a Text,
    body: Option<&'a Text>,
    starts: Timestamp,
    ends: Option<Timestamp>,
    announced_end: Option<Timestamp>,
    published: Timestamp,
    ended: Option<Timestamp>,
    covers: Option<&'a Covers>,
}

impl Notice for Maintenance {
    fn id(&self) -> &NoticeId {
        &self.id
    }

    fn columns(&self) -> Columns<'_> {
        Columns {
            kind: MAINTENANCE,
            title: &self.title,
            body: self.body.as_ref(),
            starts: self.starts_at,
            ends: Some(self.ends_at),
            announced_end: Some(self.announced_end),
            published: self.published_at,
            ended: self.ended_at,
            covers: Some(&self.covers),
        }
    }
}

impl Notice for Announcement {
    fn id(&self) -> &NoticeId {
        &self.id
    }

    fn columns(&self) -> Columns<'_> {
        Columns {
            kind: ANNOUNCEMENT,
            title: &self.title,
            body: self.body.as_ref(),
            starts: self.starts_at,
            ends: self.ends_at,
            announced_end: None,
            published: self.published_at,
            ended: self.ended_at,
            covers: None,
        }
    }
}

/// Stores a notice in `row`, or in a new one.
pub(super) fn save(
    connection: &Connection,
    row: Option<i64>,
    notice: &impl Notice,
) -> Result<(), StoreError> {
    write(connection, row, notice).doing("storing a notice")
}

fn write(connection: &Connection, row: Option<i64>, notice: &impl Notice) -> rusqlite::Result<()> {
    let it = notice.columns();
    let body = |lang| it.body.and_then(|body| body.written(lang));
    let row: i64 = connection
        .prepare_cached(
            "INSERT INTO notice (id, kind, name, title_zh, title_en, body_zh, body_en,
                                 starts_ms, ends_ms, published_ms, ended_ms, announced_end_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (id) DO UPDATE SET
                 title_zh = excluded.title_zh, title_en = excluded.title_en,
                 body_zh = excluded.body_zh, body_en = excluded.body_en,
                 starts_ms = excluded.starts_ms, ends_ms = excluded.ends_ms,
                 published_ms = excluded.published_ms, ended_ms = excluded.ended_ms,
                 announced_end_ms = excluded.announced_end_ms
             RETURNING id",
        )?
        .query_row(
            (
                row,
                it.kind,
                notice.id().as_str(),
                it.title.written(Lang::Zh),
                it.title.written(Lang::En),
                body(Lang::Zh),
                body(Lang::En),
                ms(it.starts),
                it.ends.map(ms),
                ms(it.published),
                it.ended.map(ms),
                it.announced_end.map(ms),
            ),
            |row| row.get(0),
        )?;
    connection.prepare_cached("DELETE FROM notice_covers WHERE notice = ?1")?.execute([row])?;
    let Some(covers) = it.covers else { return Ok(()) };
    let components = covers.components.iter().map(|id| (COMPONENT, id));
    let covered = components.chain(covers.endpoints.iter().map(|id| (ENDPOINT, id)));
    let mut insert = connection
        .prepare_cached("INSERT INTO notice_covers (notice, position, kind, name) VALUES (?1, ?2, ?3, ?4)")?;
    for (position, (kind, id)) in (0_i64..).zip(covered) {
        insert.execute((row, position, kind, id.as_str()))?;
    }
    Ok(())
}

/// Every notice ever stored, oldest first.
pub(super) fn read_all(connection: &Connection) -> Result<All, StoreError> {
    let doing = "reading the notices";
    let mut select = connection
        .prepare_cached(
            "SELECT id, kind, name, title_zh, title_en, body_zh, body_en, starts_ms, ends_ms, published_ms, ended_ms,
                    announced_end_ms
             FROM notice ORDER BY starts_ms, id",
        )
        .doing(doing)?;
    let mut rows = select.query([]).doing(doing)?;
    let mut all = All::default();
    while let Some(row) = rows.next().doing(doing)? {
        let stored = Stored::read(row).doing(doing)?;
        if stored.kind == MAINTENANCE {
            let covers = covers(connection, stored.row)?;
            all.maintenances.push(Kept { row: stored.row, notice: stored.maintenance(covers)? });
        } else {
            all.announcements.push(Kept { row: stored.row, notice: stored.announcement()? });
        }
    }
    Ok(all)
}

struct Stored {
    row: i64,
    kind: u8,
    name: String,
    title: Option<Text>,
    body: Option<Text>,
    starts: i64,
    ends: Option<i64>,
    published: i64,
    ended: Option<i64>,
    announced_end: Option<i64>,
}

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            row: row.get(0)?,
            kind: row.get(1)?,
            name: row.get(2)?,
            title: Text::new(row.get(3)?, row.get(4)?),
            body: Text::new(row.get(5)?, row.get(6)?),
            starts: row.get(7)?,
            ends: row.get(8)?,
            published: row.get(9)?,
            ended: row.get(10)?,
            announced_end: row.get(11)?,
        })
    }

    fn maintenance(self, covers: Covers) -> Result<Maintenance, StoreError> {
        let ends = self.ends.ok_or_else(|| inconsistent("a maintenance without an end"))?;
        Ok(Maintenance {
            id: id("notice", &self.name)?,
            title: self.title.ok_or_else(|| inconsistent("a notice without a title"))?,
            body: self.body,
            covers,
            starts_at: at(self.starts)?,
            ends_at: at(ends)?,
            announced_end: at(self.announced_end.unwrap_or(ends))?,
            published_at: at(self.published)?,
            ended_at: self.ended.map(at).transpose()?,
        })
    }

    fn announcement(self) -> Result<Announcement, StoreError> {
        Ok(Announcement {
            id: id("notice", &self.name)?,
            title: self.title.ok_or_else(|| inconsistent("a notice without a title"))?,
            body: self.body,
            starts_at: at(self.starts)?,
            ends_at: self.ends.map(at).transpose()?,
            published_at: at(self.published)?,
            ended_at: self.ended.map(at).transpose()?,
        })
    }
}

fn at(ms: i64) -> Result<Timestamp, StoreError> {
    timestamp("notice", ms)
}

fn inconsistent(what: &str) -> StoreError {
    StoreError::Inconsistent { table: "notice", what: what.into() }
}

fn covers(connection: &Connection, notice: i64) -> Result<Covers, StoreError> {
    let doing = "reading what a notice covers";
    let mut select = connection
        .prepare_cached("SELECT kind, name FROM notice_covers WHERE notice = ?1 ORDER BY position")
        .doing(doing)?;
    let mut rows = select.query([notice]).doing(doing)?;
    let mut covers = Covers::default();
    while let Some(row) = rows.next().doing(doing)? {
        let (kind, name): (u8, String) = (row.get(0).doing(doing)?, row.get(1).doing(doing)?);
        let covered: Id = id("notice_covers", &name)?;
        if kind == COMPONENT {
            covers.components.push(covered);
        } else {
            covers.endpoints.push(covered);
        }
    }
    Ok(covers)
}
