//! Reads `[[network]]`: how we see that it is us.

use toml::Spanned;
use toml::de::DeValue;
use url::Url;

use super::report::Report;
use super::section::{Entry, Section, Wrong, checked, wrong};
use super::value::{id, phrase, string, url};
use crate::domain::endpoint::Id;
use crate::domain::network::{Canary, DEFAULT, Network};

/// Fewer canaries prove little: one of them may be down by itself.
const CANARIES_WANTED: usize = 3;
const CANARIES_LIMIT: usize = 20;
const CONTAINS_LENGTH: usize = 1_000;

pub(super) fn network(section: &mut Section<'_, '_>) -> Option<Network> {
    let report = section.report;
    let this = section.required("id", "\"default\"", id);
    let at = section.span.clone();
    let entries = match section.has("canaries") {
        true => section.entries("canaries", CANARIES_LIMIT),
        false => section.need("canaries", "[\"tcp://192.0.2.1:443\"]").into_iter().collect(),
    };
    let count = entries.len();
    let canaries: Vec<Canary> = entries.into_iter().filter_map(|entry| canary(report, entry)).collect();
    if (1..CANARIES_WANTED).contains(&count) {
        report.warn(
            at.clone(),
            format!("a network with fewer than {CANARIES_WANTED} canaries is easily taken for broken"),
            "name three places of three different owners",
        );
    }
    if count == 0 && section.has("canaries") {
        report.wrong(at, "a network without canaries says nothing", "name three, or leave the network out");
    }
    Some(Network { id: this?.into_inner(), canaries })
}

fn canary(report: &Report<'_>, entry: Entry<'_>) -> Option<Canary> {
    if !matches!(entry.get_ref(), DeValue::Table(_)) {
        return checked(report, &entry, |it| place(report, it)).map(Spanned::into_inner);
    }
    let read = |section: &mut Section<'_, '_>| {
        let url = section.required("url", "\"https://example.com/\"", |it| http(report, it));
        let contains = section.optional("contains", |it| phrase(it, CONTAINS_LENGTH));
        Some(Canary { url: url?.into_inner(), contains: contains.map(Spanned::into_inner), proxy: None })
    };
    Section::read(report, "a canary", entry, read)?
}

fn place(report: &Report<'_>, entry: &Entry<'_>) -> Result<Canary, Wrong> {
    let help = "write \"tcp://192.0.2.1:443\", \"https://example.com/\" or { url = \"…\", contains = \"…\" }";
    let text = string(entry)?;
    if !text.starts_with("tcp://") {
        return http(report, entry)
            .map(|url| Canary { url, contains: None, proxy: None })
            .map_err(|it| Wrong { help: help.to_owned(), ..it });
    }
    match Url::parse(text) {
        Ok(url) if matches!(url.path(), "" | "/") && url.username().is_empty() && url.query().is_none() => {
            match (url.host_str(), url.port()) {
                (Some(_), Some(_)) => Ok(Canary { url, contains: None, proxy: None }),
                _ => wrong("a tcp canary needs a host and a port", help),
            }
        }
        _ => wrong("this is not the address of a canary", help),
    }
}

fn http(report: &Report<'_>, entry: &Entry<'_>) -> Result<Url, Wrong> {
    url(report, entry, &["http", "https"])
}

/// A network that an endpoint may name.
pub(super) fn known(report: &Report<'_>, id: Spanned<Id>, networks: &[Network]) -> Option<Id> {
    // Whoever names none means this one, too.
    if id.get_ref().as_str() == DEFAULT || networks.iter().any(|it| it.id == *id.get_ref()) {
        return Some(id.into_inner());
    }
    let names: Vec<&str> = networks.iter().map(|it| it.id.as_str()).collect();
    let help = match names.as_slice() {
        [] => "add a [[network]] of that id".to_owned(),
        names => format!("the networks are: {}", names.join(", ")),
    };
    report.wrong(id.span(), format!("there is no network `{}`", id.get_ref()), help);
    None
}
