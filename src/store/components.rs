//! Which components are known, as far as the log of changes tells: it needs no table of its own.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::changes::{What, log};
use super::error::{Doing, StoreError};
use super::tx::Tx;
use crate::domain::component::{Component, Lang, Role, RollUp, Text};

/// Writes down how the components differ from what the log says last of them.
/// To be called at start and at every reload.
pub fn sync_components(tx: &Tx<'_>, components: &[Component], now: Timestamp) -> Result<(), StoreError> {
    let mut known = read(tx)?;
    for it in components {
        let (id, words) = (it.id.as_str(), words(it));
        match known.remove(id) {
            Some(before) if before == words => (),
            Some(_) => log(tx, now, What::ComponentChanged, id, &words)?,
            None => {
                let free = |old: &&str| {
                    known.contains_key(*old) && components.iter().all(|other| other.id.as_str() != *old)
                };
                let former = it.was.iter().map(|old| old.as_str()).find(free).map(str::to_owned);
                match former {
                    Some(old) => {
                        known.remove(&old);
                        // The old id's last word, so that it is not known under that any more.
                        log(tx, now, What::ComponentRemoved, &old, &format!("renamed to {id}"))?;
                        log(tx, now, What::ComponentRenamed, id, &words)?;
                    }
                    None => log(tx, now, What::ComponentAdded, id, &words)?,
                }
            }
        }
    }
    for gone in known.keys() {
        log(tx, now, What::ComponentRemoved, gone, "")?;
    }
    Ok(())
}

/// The components that are there, each with its last words.
fn read(tx: &Tx<'_>) -> Result<BTreeMap<String, String>, StoreError> {
    let doing = "reading the known components";
    let mut select = tx
        .connection()
        .prepare_cached(
            "SELECT subject, detail, what = ?1 FROM change WHERE what LIKE 'component%' ORDER BY id",
        )
        .doing(doing)?;
    let mut rows = select.query([What::ComponentRemoved.wire()]).doing(doing)?;
    let mut known = BTreeMap::new();
    while let Some(row) = rows.next().doing(doing)? {
        let subject: String = row.get(0).doing(doing)?;
        if row.get(2).doing(doing)? {
            known.remove(&subject);
        } else {
            known.insert(subject, row.get(1).doing(doing)?);
        }
    }
    Ok(known)
}

/// All of a component in one line.
fn words(it: &Component) -> String {
    let role = match it.role {
        Role::Login => "login",
        Role::Support => "support",
    };
    let roll_up = match &it.roll_up {
        RollUp::All => "all".to_owned(),
        RollUp::Any { critical } => format!("any, critical: {}", joined(critical)),
    };
    let group = it.group.as_ref().map_or_else(|| "none".to_owned(), in_both);
    format!(
        "name: {}; group: {group}; role: {role}; public: {}; alternative to: {}; roll-up: {roll_up}",
        in_both(&it.name),
        it.public,
        joined(&it.alternative_to),
    )
}

fn in_both(text: &Text) -> String {
    Lang::ALL.iter().filter_map(|lang| text.written(*lang)).collect::<Vec<_>>().join(" / ")
}

fn joined(ids: &[crate::domain::endpoint::Id]) -> String {
    if ids.is_empty() {
        return "none".to_owned();
    }
    ids.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{Running, at, id};

    fn component(name: &str, was: &[&str]) -> Component {
        let way = Component::way(id(name), Text::One(Lang::Zh, "网页".into()));
        Component { was: was.iter().map(|old| id(old)).collect(), ..way }
    }

    async fn sync(running: &Running, components: Vec<Component>, second: i64) {
        running.store.transact(move |tx| sync_components(tx, &components, at(second))).await.unwrap();
    }

    async fn changes(running: &Running) -> Vec<String> {
        let read = |tx: &Tx<'_>| {
            let sql = "SELECT (at_ms / 1000) || ' ' || what || ' ' || subject FROM change ORDER BY id";
            let mut select = tx.connection().prepare(sql).unwrap();
            let rows = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
            Ok(rows.map(Result::unwrap).collect())
        };
        running.store.transact(read).await.unwrap()
    }

    #[tokio::test]
    async fn what_comes_changes_moves_and_goes_is_written_down_once() {
        let running = Running::new();
        sync(&running, vec![component("web", &[]), component("app", &[])], 1).await;
        sync(&running, vec![component("web", &[]), component("app", &[])], 2).await;
        let hidden = || Component { public: false, ..component("app", &[]) };
        sync(&running, vec![component("web", &[]), hidden()], 3).await;
        sync(&running, vec![component("site", &["web"]), hidden()], 4).await;
        sync(&running, vec![component("site", &["web"])], 5).await;
        sync(&running, vec![component("site", &["web"])], 6).await;
        sync(&running, vec![component("site", &["web"]), component("app", &[])], 7).await;
        let expected = [
            "1 component_added web",
            "1 component_added app",
            "3 component_changed app",
            "4 component_removed web",
            "4 component_renamed site",
            "5 component_removed app",
            "7 component_added app",
        ];
        assert_eq!(changes(&running).await, expected);
    }
}
