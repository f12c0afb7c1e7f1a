//! Reads `[probe]`: how we knock at all endpoints; and `[[network]]`: how we see that it is us.

use std::net::SocketAddr;

use toml::Spanned;
use toml::de::DeValue;
use url::Url;

use super::proxy;
use super::report::Report;
use super::secret::Secrets;
use super::section::{Entry, Section, Wrong, checked, wrong};
use super::value::{id, integer, phrase, string, url};
use crate::domain::endpoint::Id;
use crate::domain::network::{CANARIES_WANTED, Canary, DEFAULT, Network, PerHost};
use crate::domain::request::Proxy;

/// For a target of one's own; more is a load test.
const PER_SECOND_MOST: u32 = 100_000;
const CONNECTIONS_MOST: u32 = 10_000;
const CANARIES_LIMIT: usize = 20;
const CONTAINS_LENGTH: usize = 1_000;
const CONTACT_LENGTH: usize = 254;

/// How all endpoints are knocked at.
#[derive(Debug, Clone, Default)]
pub struct Probe {
    pub per_host: PerHost,
    /// Whom a target's operator may write to: an e-mail address.
    pub contact: Option<String>,
}

pub(super) fn read(
    section: &mut Section<'_, '_>,
    secrets: &Secrets<'_>,
    ours: &[SocketAddr],
) -> (Probe, Option<Proxy>) {
    let report = section.report;
    let proxy = proxy::read(section, secrets, ours);
    let per_host = section.take("per_host");
    let per_host = per_host.and_then(|entry| Section::read(report, "`per_host`", entry, per_host_of));
    let contact = section.optional("contact", contact).map(Spanned::into_inner);
    (Probe { per_host: per_host.unwrap_or_default(), contact }, proxy)
}

fn per_host_of(section: &mut Section<'_, '_>) -> PerHost {
    let default = PerHost::default();
    let mut number = |key, most| section.optional(key, |it| integer(it, 1..=most)).map(Spanned::into_inner);
    PerHost {
        requests_per_second: number("requests_per_second", PER_SECOND_MOST)
            .unwrap_or(default.requests_per_second),
        connections: number("connections", CONNECTIONS_MOST).unwrap_or(default.connections),
    }
}

fn contact(entry: &Entry<'_>) -> Result<String, Wrong> {
    let text = phrase(entry, CONTACT_LENGTH)?;
    let address = text.strip_prefix("mailto:").unwrap_or(&text);
    let plain = address.bytes().all(|it| it.is_ascii_graphic() && !b"<>,;\"()".contains(&it));
    match address.split_once('@') {
        Some((name, host)) if plain && !name.is_empty() && host.contains('.') && !host.contains('@') => {
            Ok(address.to_owned())
        }
        _ => wrong("this is not an e-mail address", "write it plainly: \"ops@example.com\""),
    }
}

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
        Some(Canary::Http { url: url?.into_inner(), contains: contains.map(Spanned::into_inner) })
    };
    Section::read(report, "a canary", entry, read)?
}

fn place(report: &Report<'_>, entry: &Entry<'_>) -> Result<Canary, Wrong> {
    let help = "write \"tcp://192.0.2.1:443\", \"https://example.com/\" or { url = \"…\", contains = \"…\" }";
    let text = string(entry)?;
    if !text.starts_with("tcp://") {
        return http(report, entry)
            .map(|url| Canary::Http { url, contains: None })
            .map_err(|it| Wrong { help: help.to_owned(), ..it });
    }
    match Url::parse(text) {
        Ok(url) if matches!(url.path(), "" | "/") && url.username().is_empty() && url.query().is_none() => {
            match (url.host_str(), url.port()) {
                (Some(host), Some(port)) => {
                    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                    Ok(Canary::Tcp { host, port })
                }
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
