//! Reads `[probe]`: how we knock at all endpoints.

use std::net::SocketAddr;

use toml::Spanned;

use super::proxy;
use super::secret::Secrets;
use super::section::{Entry, Section, Wrong, wrong};
use super::value::{integer, phrase};
use crate::domain::per_host::PerHost;
use crate::domain::request::Proxy;

/// For a target of one's own; more is a load test.
const PER_SECOND_MOST: u32 = 100_000;
const CONNECTIONS_MOST: u32 = 10_000;
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
