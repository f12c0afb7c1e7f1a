//! Which endpoints are known: added, removed, renamed, returned.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::Connection;

use super::changes::{What, log};
use super::error::{Doing, StoreError};
use super::tx::Tx;
use super::values::{id, ms};
use crate::domain::endpoint::{Endpoint, EndpointId};

/// Writes down how the configuration differs from what is known, and gives
/// renamed endpoints their history; gives back which id became which. To be
/// called at start and at every reload, before a result of an endpoint is recorded.
pub fn sync_endpoints(
    tx: &Tx<'_>,
    endpoints: &[Endpoint],
    now: Timestamp,
) -> Result<Vec<(EndpointId, EndpointId)>, StoreError> {
    let mut known = read(tx.connection())?;
    let renamed = renames(&known, endpoints);
    for (old, new) in &renamed {
        change(tx, "UPDATE endpoint SET name = ?2 WHERE name = ?1", (old.as_str(), new.as_str()))?;
        tx.forget_rows();
        log(tx, now, What::EndpointRenamed, new.as_str(), old.as_str())?;
        for it in known.iter_mut().filter(|it| &it.id == old) {
            it.id = new.clone();
        }
    }
    let by_id: HashMap<&EndpointId, &Known> = known.iter().map(|it| (&it.id, it)).collect();
    for endpoint in endpoints {
        match by_id.get(&endpoint.id) {
            None => {
                tx.row_of(&endpoint.id)?;
                log(tx, now, What::EndpointAdded, endpoint.id.as_str(), "")?;
            }
            Some(it) if it.removed => {
                change(tx, "UPDATE endpoint SET removed_ms = NULL WHERE name = ?1", [it.id.as_str()])?;
                log(tx, now, What::EndpointReturned, it.id.as_str(), "")?;
            }
            Some(_) => (),
        }
    }
    let wanted: HashSet<&EndpointId> = endpoints.iter().map(|it| &it.id).collect();
    for it in known.iter().filter(|it| !it.removed && !wanted.contains(&it.id)) {
        change(tx, "UPDATE endpoint SET removed_ms = ?2 WHERE name = ?1", (it.id.as_str(), ms(now)))?;
        log(tx, now, What::EndpointRemoved, it.id.as_str(), "")?;
    }
    Ok(renamed)
}

/// Writes down that an endpoint is another one under its old id; `what` names
/// the parts that differ and never says a value.
pub fn log_redefined(tx: &Tx<'_>, id: &EndpointId, what: &str, now: Timestamp) -> Result<(), StoreError> {
    log(tx, now, What::EndpointChanged, id.as_str(), what)
}

/// An endpoint that has a row.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) row: i64,
    pub(super) id: EndpointId,
    removed: bool,
}

pub(super) fn read(connection: &Connection) -> Result<Vec<Known>, StoreError> {
    let doing = "reading the known endpoints";
    let mut select = connection
        .prepare_cached("SELECT id, name, removed_ms IS NOT NULL FROM endpoint ORDER BY id")
        .doing(doing)?;
    let mut rows = select.query([]).doing(doing)?;
    let mut known = Vec::new();
    while let Some(row) = rows.next().doing(doing)? {
        let name: String = row.get(1).doing(doing)?;
        known.push(Known {
            row: row.get(0).doing(doing)?,
            id: id("endpoint", &name)?,
            removed: row.get(2).doing(doing)?,
        });
    }
    Ok(known)
}

/// Which known id becomes which: an endpoint without a history takes that of
/// the first of its former ids that has one and is nobody's now.
pub(super) fn renames(known: &[Known], endpoints: &[Endpoint]) -> Vec<(EndpointId, EndpointId)> {
    let known: HashSet<&EndpointId> = known.iter().map(|it| &it.id).collect();
    let wanted: HashSet<&EndpointId> = endpoints.iter().map(|it| &it.id).collect();
    let mut renames: Vec<(EndpointId, EndpointId)> = Vec::new();
    for endpoint in endpoints.iter().filter(|it| !known.contains(&it.id)) {
        let free = |old: &&EndpointId| {
            known.contains(*old) && !wanted.contains(*old) && renames.iter().all(|(taken, _)| taken != *old)
        };
        if let Some(old) = endpoint.was.iter().find(free).cloned() {
            renames.push((old, endpoint.id.clone()));
        }
    }
    renames
}

fn change(tx: &Tx<'_>, sql: &str, values: impl rusqlite::Params) -> Result<(), StoreError> {
    tx.connection()
        .prepare_cached(sql)
        .and_then(|mut it| it.execute(values))
        .doing("changing an endpoint")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{Running, at, draw, endpoint, goes_up};

    async fn sync(running: &Running, endpoints: Vec<Endpoint>, second: i64) {
        running.store.transact(move |tx| sync_endpoints(tx, &endpoints, at(second))).await.unwrap();
    }

    async fn changes(running: &Running) -> Vec<String> {
        let read = |tx: &Tx<'_>| {
            let sql = "SELECT (at_ms / 1000) || ' ' || what || ' ' || subject || ' ' || detail FROM change ORDER BY id";
            let mut select = tx.connection().prepare(sql).unwrap();
            let rows = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
            Ok(rows.map(|row| row.unwrap().trim().to_owned()).collect())
        };
        running.store.transact(read).await.unwrap()
    }

    #[tokio::test]
    async fn what_comes_and_goes_is_written_down_once() {
        let running = Running::new();
        let (web, app) = (|| endpoint("web", &[]), || endpoint("app", &[]));
        sync(&running, vec![web(), app()], 1).await;
        sync(&running, vec![web(), app()], 2).await;
        sync(&running, vec![web()], 3).await;
        sync(&running, vec![web()], 4).await;
        sync(&running, vec![app(), web()], 5).await;
        let expected = [
            "1 endpoint_added web",
            "1 endpoint_added app",
            "3 endpoint_removed app",
            "5 endpoint_returned app",
        ];
        assert_eq!(changes(&running).await, expected);
    }

    #[tokio::test]
    async fn a_renamed_endpoint_keeps_its_history_before_and_after_the_renaming_is_stored() {
        let running = Running::new();
        sync(&running, vec![endpoint("web", &[])], 1).await;
        running.store.record(goes_up("web", 10)).await;
        let renamed = || vec![endpoint("wallet", &["site", "web"]), endpoint("copy", &["web"])];
        let histories = || {
            let loaded = running.store.load(&renamed(), at(0)).unwrap();
            loaded.iter().map(|it| draw(&it.history)).collect::<Vec<_>>()
        };
        assert_eq!(histories(), ["U10-", ""]);
        sync(&running, renamed(), 20).await;
        assert_eq!(histories(), ["U10-", ""]);
        // A worker of before the renaming: the writer must not take its id for the old row.
        running.store.record(goes_up("web", 30)).await;
        assert_eq!(histories(), ["U10-", ""]);
        let expected = ["1 endpoint_added web", "20 endpoint_renamed wallet web", "20 endpoint_added copy"];
        assert_eq!(changes(&running).await, expected);
    }

    #[tokio::test]
    async fn a_former_id_that_is_in_use_gives_nothing_away() {
        let running = Running::new();
        sync(&running, vec![endpoint("web", &[])], 1).await;
        sync(&running, vec![endpoint("web", &[]), endpoint("wallet", &["web"])], 2).await;
        assert_eq!(changes(&running).await, ["1 endpoint_added web", "2 endpoint_added wallet"]);
    }
}
