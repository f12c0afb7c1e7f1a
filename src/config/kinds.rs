//! Which kind of door an endpoint is, and the readers of those beside HTTP.
//!
//! A new kind is a row in [`KINDS`] and its reader in a file of its own.

mod dns;
mod push;
mod smtp;
mod tcp;
mod tls;

pub(super) use dns::RCODES;

use toml::Spanned;
use url::Url;

use super::around::Around;
use super::schema;
use super::section::{Entry, Section, Wrong, checked, listed, quoted, wrong};
use super::value::{integer, string};
use crate::domain::kind::{HostPort, Kind};
use crate::expr::regex;

/// Longer than any name of a machine.
const HOST_LIMIT: usize = 253;
/// No certificate that browsers take lives longer.
const DAYS_MOST: u32 = 398;

pub(super) type Read = fn(&mut Section<'_, '_>, &Around<'_>) -> Option<Kind>;

/// A kind beside HTTP.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// The beginnings of `url` that choose it.
    schemes: &'static [&'static str],
    /// The key that chooses it in place of `url`.
    key: Option<&'static str>,
    /// Whether we knock at it, so that an interval has a meaning.
    pub(super) knocks: bool,
    pub(super) read: Read,
}

const KINDS: &[Row] = &[
    Row { name: "tcp", schemes: &["tcp", "tcp+tls"], key: None, knocks: true, read: tcp::read },
    Row { name: "tls", schemes: &["tls"], key: None, knocks: true, read: tls::read },
    Row { name: "dns", schemes: &["dns", "dns+tcp", "dns+tls"], key: None, knocks: true, read: dns::read },
    Row { name: "smtp", schemes: &["smtp", "smtps"], key: None, knocks: true, read: smtp::read },
    Row { name: "push", schemes: &[], key: Some("push"), knocks: false, read: push::read },
];

/// How an address that may be knocked at begins, for a fault.
pub(super) fn begins() -> String {
    let beside = KINDS.iter().flat_map(|it| it.schemes);
    let schemes = ["http", "https"].into_iter().chain(beside.copied());
    let starts: Vec<String> = schemes.map(|it| format!("{it}:")).collect();
    format!("write a whole address that begins with {}", listed("or", &starts))
}

/// The kind an endpoint's table is of, where that is not HTTP.
pub(super) fn chosen(section: &Section<'_, '_>) -> Option<&'static Row> {
    let scheme = section.text("url").and_then(|it| it.split_once(':'));
    let scheme = scheme.map(|(scheme, _)| scheme.trim().to_ascii_lowercase());
    KINDS.iter().find(|it| match (&scheme, it.key) {
        (Some(scheme), _) => it.schemes.contains(&scheme.as_str()),
        (None, Some(key)) => section.has(key) && !section.has("url"),
        (None, None) => false,
    })
}

/// Refuses keys that are known, but not of this kind.
pub(super) fn refuse_rest(section: &mut Section<'_, '_>, kind: &'static str) {
    section.refuse_rest(
        |key| schema::has("endpoint", key),
        |key| match key {
            "url" => {
                ("an endpoint has `url` or `push`, not both".to_owned(), "leave one of them out".to_owned())
            }
            _ => (
                format!("`{key}` means nothing for {kind}"),
                format!("leave it out; `porchlight manual {key}` says what it is for"),
            ),
        },
    );
}

/// The machine and port of `url`, and the scheme it begins with.
fn place(
    section: &mut Section<'_, '_>,
    example: &'static str,
    ports: &[(&'static str, Option<u16>)],
) -> Option<(&'static str, HostPort)> {
    let report = section.report;
    let entry = section.need("url", example)?;
    let read = checked(report, &entry, |entry| {
        if string(entry)?.contains('@') {
            report.hide(entry.span());
        }
        host_port(entry, example, ports)
    });
    read.map(Spanned::into_inner)
}

fn host_port(
    entry: &Entry<'_>,
    example: &str,
    ports: &[(&'static str, Option<u16>)],
) -> Result<(&'static str, HostPort), Wrong> {
    let help = || format!("write {example}");
    let url = match Url::parse(string(entry)?.trim()) {
        Ok(url) => url,
        Err(error) => return wrong(format!("this is not an address: {error}"), help()),
    };
    let Some(&(scheme, default)) = ports.iter().find(|(scheme, _)| *scheme == url.scheme()) else {
        return wrong(format!("`{}:` is not allowed here", url.scheme()), help());
    };
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("an address must not carry a user or password", "addresses are logged and shown");
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return wrong(format!("an address of {scheme} ends after its port"), help());
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
    if host.is_empty() || HOST_LIMIT < host.len() || !host.chars().all(fits) {
        return wrong(format!("{} is not the name of a machine", quoted(&host)), help());
    }
    match url.port().or(default) {
        None | Some(0) => wrong("this address has no port", help()),
        Some(port) => Ok((scheme, HostPort { host, port })),
    }
}

/// Fewer days left on the chain are degraded.
fn certificate_days(section: &mut Section<'_, '_>) -> Option<u32> {
    section.optional("certificate_days", |it| integer(it, 1..=DAYS_MOST)).map(Spanned::into_inner)
}

/// A pattern that compiles.
fn pattern(entry: &Entry<'_>) -> Result<String, Wrong> {
    /// Far longer than any a person would read.
    const LIMIT: usize = 1_000;
    let text = super::value::phrase(entry, LIMIT)?;
    match regex::check(&text) {
        Ok(()) => Ok(text),
        Err(error) => wrong(
            format!("this is not a regular expression: {error}"),
            "write it in single quotes, as in '^220 '",
        ),
    }
}

/// What else may be written, for a fault.
fn or(words: &[&str]) -> String {
    format!("write {}", listed("or", words))
}
