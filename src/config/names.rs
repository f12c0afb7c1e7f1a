//! Who is called what: ids are known before anything refers to them.

use std::collections::{BTreeMap, HashMap};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::nearest::nearest;
use super::report::{Report, Span};
use super::section::{Entry, listed};
use crate::domain::endpoint::{ComponentId, EndpointId, Id};
use crate::domain::network::{self, NetworkId};

/// The ids the file gives away, and what the endpoints belong to.
pub(super) struct Names {
    components: BTreeMap<ComponentId, Span>,
    endpoints: BTreeMap<EndpointId, Option<ComponentId>>,
    networks: BTreeMap<NetworkId, Span>,
    accounts: BTreeMap<Id, Span>,
}

impl Names {
    /// Reads ids only, ahead of everything else; says which are given twice.
    pub(super) fn scan(file: &DeTable<'_>, report: &Report<'_>) -> Self {
        let components = Given::of(&[("component", "component")], file, report);
        let endpoints = Given::of(&[("endpoint", "endpoint")], file, report);
        let networks = Given::of(&[("network", "network")], file, report);
        let accounts = Given::of(&[("account", "account")], file, report).0;
        // A page shows both kinds together, and links to them by id.
        Given::of(&[("maintenance", "notice"), ("announcement", "notice")], file, report);
        let belongs =
            tables(file, "endpoint").filter_map(|table| Some((id(table, "id")?.into_inner(), table)));
        let mut of: HashMap<Id, Option<Id>> =
            belongs.map(|(id, table)| (id, self::id(table, "component").map(Spanned::into_inner))).collect();
        let endpoints = endpoints.0.into_keys().map(|id| {
            let component = of.remove(&id).flatten();
            (id, component)
        });
        Self { components: components.0, endpoints: endpoints.collect(), accounts, networks: networks.0 }
    }

    pub(super) fn account(&self, report: &Report<'_>, id: Spanned<Id>) -> Option<Id> {
        given(report, "account", id, &self.accounts)
    }

    pub(super) fn component(&self, report: &Report<'_>, id: Spanned<Id>) -> Option<ComponentId> {
        given(report, "component", id, &self.components)
    }

    pub(super) fn endpoint(&self, report: &Report<'_>, id: Spanned<Id>) -> Option<EndpointId> {
        given(report, "endpoint", id, &self.endpoints)
    }

    /// The default one needs no table.
    pub(super) fn network(&self, report: &Report<'_>, id: Spanned<Id>) -> Option<NetworkId> {
        if id.get_ref().as_str() == network::DEFAULT {
            return Some(id.into_inner());
        }
        given(report, "network", id, &self.networks)
    }

    /// The endpoints of a component.
    pub(super) fn endpoints_of(&self, component: &ComponentId) -> Vec<&EndpointId> {
        self.endpoints.iter().filter(|(_, of)| of.as_ref() == Some(component)).map(|(id, _)| id).collect()
    }
}

/// Ids that are taken, and where.
struct Given(BTreeMap<Id, Span>);

impl Given {
    /// `kinds`: the keys of the file that share one set of ids, and what to call them.
    fn of(kinds: &[(&str, &str)], file: &DeTable<'_>, report: &Report<'_>) -> Self {
        let mut given = Self(BTreeMap::new());
        for (key, what) in kinds {
            for id in tables(file, key).filter_map(|table| id(table, "id")) {
                given.take(report, what, id);
            }
        }
        let mut former = Self(given.0.clone());
        for (key, what) in kinds {
            for entry in tables(file, key).filter_map(|table| table.get("was")) {
                for id in ids(entry) {
                    former.take(report, what, id);
                }
            }
        }
        given
    }

    fn take(&mut self, report: &Report<'_>, what: &str, id: Spanned<Id>) {
        let span = id.span();
        let id = id.into_inner();
        match self.0.get(&id) {
            Some(first) => {
                let line = report.line(first);
                let help =
                    format!("line {line} has it already; ids and former ids (`was`) are each given once");
                report.wrong(span, format!("the {what} id `{id}` is taken"), help);
            }
            None => {
                self.0.insert(id, span);
            }
        }
    }
}

/// The id, if the file gives it to a `what`; says so if it does not.
fn given<V>(report: &Report<'_>, what: &str, id: Spanned<Id>, known: &BTreeMap<Id, V>) -> Option<Id> {
    /// More would be a wall of names.
    const NAMED: usize = 8;
    if known.contains_key(id.get_ref()) {
        return Some(id.into_inner());
    }
    let names: Vec<&str> = known.keys().map(Id::as_str).collect();
    let help = match nearest(id.get_ref().as_str(), names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if names.is_empty() => format!("the file has no [[{what}]] yet"),
        None => {
            let more = if NAMED < names.len() { " and more" } else { "" };
            format!("the file has {}{more}", listed("and", names.into_iter().take(NAMED)))
        }
    };
    report.absent(id.span(), format!("there is no {what} `{}`", id.get_ref()), help);
    None
}

fn tables<'d, 'i>(file: &'d DeTable<'i>, key: &str) -> impl Iterator<Item = &'d DeTable<'i>> {
    let value = file.get(key).map(Spanned::get_ref);
    // One table where there should be a list is a fault told elsewhere; its names hold.
    let single = value.and_then(DeValue::as_table);
    let array = value.and_then(DeValue::as_array);
    array
        .into_iter()
        .flat_map(|array| array.iter())
        .filter_map(|entry| entry.get_ref().as_table())
        .chain(single)
}

fn id(table: &DeTable<'_>, key: &str) -> Option<Spanned<Id>> {
    table.get(key).and_then(parsed)
}

fn ids(entry: &Entry<'_>) -> Vec<Spanned<Id>> {
    match entry.get_ref() {
        DeValue::Array(array) => array.iter().filter_map(parsed).collect(),
        _ => parsed(entry).into_iter().collect(),
    }
}

fn parsed(entry: &Entry<'_>) -> Option<Spanned<Id>> {
    Some(Spanned::new(entry.span(), Id::parse(entry.get_ref().as_str()?)?))
}
