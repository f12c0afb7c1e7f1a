//! Health spans: the history of an endpoint, kept as `domain::span::apply` keeps it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::error::{Doing, StoreError};
use super::values::{health, ms, timestamp};
use crate::domain::span::{Health, Span, Transition};

/// Applies a transition exactly as the domain does, with its time in whole milliseconds.
pub(super) fn apply(
    connection: &Connection,
    endpoint: i64,
    transition: Transition,
) -> Result<(), StoreError> {
    write(connection, endpoint, transition).doing("applying a transition")
}

fn write(connection: &Connection, endpoint: i64, transition: Transition) -> rusqlite::Result<()> {
    let (from, code) = (ms(transition.from), transition.health.code());
    let unknown = Health::Unknown.code();
    let before: Option<u8> = if transition.health == Health::Unknown {
        connection
            .prepare_cached(
                "SELECT CASE health WHEN ?2 THEN before ELSE health END
                 FROM span WHERE endpoint = ?1 AND to_ms IS NULL",
            )?
            .query_row((endpoint, unknown), |row| row.get(0))
            .optional()?
            .flatten()
    } else {
        None
    };
    connection
        .prepare_cached("DELETE FROM span WHERE endpoint = ?1 AND from_ms >= ?2")?
        .execute((endpoint, from))?;
    let last: Option<(i64, u8)> = connection
        .prepare_cached("SELECT id, health FROM span WHERE endpoint = ?1 ORDER BY from_ms DESC LIMIT 1")?
        .query_row([endpoint], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((id, health)) = last {
        let reopens = health == code;
        connection
            .prepare_cached("UPDATE span SET to_ms = ?2, before = iif(?3, ?4, before) WHERE id = ?1")?
            .execute((id, (!reopens).then_some(from), reopens, before))?;
        if reopens {
            return Ok(());
        }
    }
    connection
        .prepare_cached("INSERT INTO span (endpoint, health, from_ms, before) VALUES (?1, ?2, ?3, ?4)")?
        .execute((endpoint, code, from, before))?;
    Ok(())
}

/// The spans that reach beyond `since`, oldest first.
pub(super) fn history(
    connection: &Connection,
    endpoint: i64,
    since: Timestamp,
) -> Result<Vec<Span>, StoreError> {
    let doing = "reading a history";
    let mut select = connection
        .prepare_cached(
            "SELECT health, from_ms, to_ms FROM span
             WHERE endpoint = ?1 AND (to_ms IS NULL OR to_ms > ?2) ORDER BY from_ms",
        )
        .doing(doing)?;
    let mut rows = select.query((endpoint, ms(since))).doing(doing)?;
    let mut history = Vec::new();
    while let Some(row) = rows.next().doing(doing)? {
        let to: Option<i64> = row.get(2).doing(doing)?;
        history.push(Span {
            health: health(row.get(0).doing(doing)?)?,
            from: timestamp("span", row.get(1).doing(doing)?)?,
            to: to.map(|to| timestamp("span", to)).transpose()?,
        });
    }
    Ok(history)
}

/// The open span as the transition that opened it, and the health before it
/// when it is a silence.
pub(super) fn open(
    connection: &Connection,
    endpoint: i64,
) -> Result<Option<(Transition, Option<Health>)>, StoreError> {
    let row: Option<(u8, i64, Option<u8>)> = connection
        .prepare_cached("SELECT health, from_ms, before FROM span WHERE endpoint = ?1 AND to_ms IS NULL")
        .and_then(|mut it| {
            it.query_row([endpoint], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
        })
        .doing("reading the open span")?;
    let Some((code, from, before)) = row else { return Ok(None) };
    let open = Transition { health: health(code)?, from: timestamp("span", from)? };
    Ok(Some((open, before.map(health).transpose()?)))
}

/// Deletes at most `chunk` spans that ended before `before`; says how many.
pub(super) fn prune(connection: &Connection, before: Timestamp, chunk: usize) -> Result<usize, StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM span WHERE id IN
             (SELECT id FROM span WHERE to_ms < ?1 ORDER BY id LIMIT ?2)",
        )
        .and_then(|mut it| it.execute((ms(before), i64::try_from(chunk).unwrap_or(i64::MAX))))
        .doing("pruning spans")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::span;
    use crate::store::migrations::migrate;

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection, 0).unwrap();
        connection.execute("INSERT INTO endpoint (id, name) VALUES (1, 'web')", []).unwrap();
        connection
    }

    /// Close together, so that equal, earlier and later times are all common.
    fn transition() -> impl Strategy<Value = Transition> {
        (0..Health::ALL.len(), 0..40_000_000_i64).prop_map(|(health, us)| Transition {
            health: Health::ALL[health],
            from: Timestamp::from_microsecond(us).unwrap(),
        })
    }

    proptest! {
        #[test]
        fn the_same_history_as_in_the_domain(transitions in prop::collection::vec(transition(), 0..40)) {
            let connection = database();
            let mut expected = Vec::new();
            for transition in transitions {
                let from = Timestamp::from_millisecond(ms(transition.from)).unwrap();
                span::apply(&mut expected, Transition { from, ..transition });
                apply(&connection, 1, transition).unwrap();
                prop_assert_eq!(&history(&connection, 1, Timestamp::MIN).unwrap(), &expected);
                let opened = open(&connection, 1).unwrap().map(|(open, _)| (open.health, open.from));
                prop_assert_eq!(opened, expected.last().map(|last| (last.health, last.from)));
            }
        }
    }

    #[test]
    fn the_database_refuses_a_second_open_span() {
        let connection = database();
        let insert = "INSERT INTO span (endpoint, health, from_ms) VALUES (1, 0, ?1)";
        connection.execute(insert, [1]).unwrap();
        assert!(connection.execute(insert, [2]).is_err());
    }

    #[test]
    fn only_spans_that_ended_long_ago_are_pruned() {
        let connection = database();
        for second in 1..=10 {
            let health = Health::ALL[usize::from(second % 2 == 0)];
            apply(&connection, 1, Transition { health, from: Timestamp::from_second(second).unwrap() })
                .unwrap();
        }
        let before = Timestamp::from_second(6).unwrap();
        assert_eq!(prune(&connection, before, 3).unwrap(), 3);
        assert_eq!(prune(&connection, before, 3).unwrap(), 1);
        let left = history(&connection, 1, Timestamp::MIN).unwrap();
        assert_eq!(left.first().map(|span| span.from.as_second()), Some(5));
        assert_eq!(left.len(), 6);
    }
}
