//! Which endpoints are known: added, removed, renamed, returned.

use jiff::Timestamp;
use rusqlite::Connection;

use super::changes::{What, log};
use super::error::{Doing, StoreError};
use super::tx::Tx;
use super::values::{id, ms};
use crate::domain::endpoint::{Endpoint, EndpointId};

/// Writes down how the configuration differs from what is known, and gives
/// renamed endpoints their history. To be called at start and at every reload,
/// before a result of an endpoint is recorded.
pub fn sync_endpoints(tx: &Tx<'_>, endpoints: &[Endpoint], now: Timestamp) -> Result<(), StoreError> {
    let mut known = read(tx.connection())?;
    for (old, new) in renames(&known, endpoints) {
        change(tx, "UPDATE endpoint SET name = ?2 WHERE name = ?1", (old.as_str(), new.as_str()))?;
        tx.forget_rows();
        log(tx, now, What::EndpointRenamed, new.as_str(), old.as_str())?;
        for it in known.iter_mut().filter(|it| it.id == old) {
            it.id = new.clone();
        }
    }
    for endpoint in endpoints {
        match known.iter().find(|it| it.id == endpoint.id) {
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
    for it in known.iter().filter(|it| !it.removed && endpoints.iter().all(|endpoint| endpoint.id != it.id)) {
        change(tx, "UPDATE endpoint SET removed_ms = ?2 WHERE name = ?1", (it.id.as_str(), ms(now)))?;
        log(tx, now, What::EndpointRemoved, it.id.as_str(), "")?;
    }
    Ok(())
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
    let mut renames: Vec<(EndpointId, EndpointId)> = Vec::new();
    for endpoint in endpoints.iter().filter(|it| known.iter().all(|known| known.id != it.id)) {
        let free = |old: &&EndpointId| {
            known.iter().any(|known| &known.id == *old)
                && endpoints.iter().all(|other| &other.id != *old)
                && renames.iter().all(|(taken, _)| taken != *old)
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
