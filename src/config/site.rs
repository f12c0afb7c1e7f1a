//! Reads the settings there is one of each: `[site]`, `[store]`, `[sample]`.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use toml::Spanned;

use super::section::{Section, checked};
use super::text::title;
use super::time::{duration, zone};
use super::value::{address, phrase, url};
use super::{Metrics, Sample, Server, Store};
use crate::domain::component::Text;
use crate::domain::facts::{Contact, SamplePage, Site};

const ZONE: &str = "Asia/Shanghai";
const RECOVERING_FOR: Duration = Duration::from_secs(120);
/// By then everybody has tried again.
const RECOVERING_MOST: Duration = Duration::from_secs(3_600);
const MONTH: Duration = Duration::from_secs(30 * 86_400);
/// More ways to reach support are none.
const CONTACTS_LIMIT: usize = 20;
const KEEP_RESULTS: Duration = Duration::from_secs(90 * 86_400);
const DAY: Duration = Duration::from_secs(86_400);
const TEN_YEARS: Duration = Duration::from_secs(3_650 * 86_400);
/// The longest a file system takes.
pub(super) const PATH_LIMIT: usize = 4_096;

impl Default for Sample {
    fn default() -> Self {
        Self { listen: local(8081), control: local(8082) }
    }
}

/// Only this machine may connect, until the operator says otherwise.
pub(super) fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

pub(super) fn default_site() -> Site {
    Site {
        name: Text::Both { zh: "门灯".to_owned(), en: "Porchlight".to_owned() },
        zone: TimeZone::get(ZONE).unwrap_or(TimeZone::UTC),
        support: Vec::new(),
        lockout: None,
        recovering_for: RECOVERING_FOR,
        probe_contact: None,
        sample: None,
        public_url: None,
    }
}

pub(super) fn site(section: &mut Section<'_, '_>) -> Site {
    let report = section.report;
    let default = default_site();
    let name = section.take("name").and_then(|it| title(report, "name", it));
    let zone = section.optional("zone", zone);
    let lockout = section.optional("lockout", |it| duration(it, Duration::from_secs(1), MONTH));
    let recovering_for =
        section.optional("recovering_for", |it| duration(it, Duration::ZERO, RECOVERING_MOST));
    let contacts = section.entries("support", CONTACTS_LIMIT);
    let support =
        contacts.into_iter().filter_map(|it| Section::read(report, "`support`", it, contact)?).collect();
    Site {
        name: name.unwrap_or(default.name),
        zone: zone.map_or(default.zone, Spanned::into_inner),
        support,
        lockout: lockout.map(Spanned::into_inner),
        recovering_for: recovering_for.map_or(default.recovering_for, Spanned::into_inner),
        probe_contact: None,
        sample: None,
        public_url: None,
    }
}

fn contact(section: &mut Section<'_, '_>) -> Option<Contact> {
    let report = section.report;
    let label = section.need("label", "{ zh = \"…\", en = \"…\" }").and_then(|it| title(report, "label", it));
    let url = section.required("url", "\"https://…\"", |it| url(report, it, &["https", "tel", "mailto"]));
    Some(Contact { label: label?, url: String::from(url?.into_inner()) })
}

pub(super) fn store(section: &mut Section<'_, '_>, dir: &Path) -> Store {
    let data = section.optional("data", |it| phrase(it, PATH_LIMIT));
    let keep = section.optional("keep_results", |it| duration(it, DAY, TEN_YEARS));
    let default = default_store(dir);
    Store {
        data: data.map_or(default.data, |it| dir.join(it.into_inner())),
        keep_results: keep.map_or(default.keep_results, Spanned::into_inner),
    }
}

pub(super) fn default_store(dir: &Path) -> Store {
    Store { data: dir.join("data"), keep_results: KEEP_RESULTS }
}

pub(super) fn sample(section: &mut Section<'_, '_>, server: &Server) -> Sample {
    let default = Sample::default();
    let mut taken = vec![("[server] listen", server.listen)];
    let mut free = |key: &'static str, name: &'static str, default: SocketAddr| {
        let report = section.report;
        let entry = section.take(key);
        let span = entry.as_ref().map_or_else(|| section.span.clone(), |it| it.span());
        let address = entry.and_then(|it| checked(report, &it, address)).map_or(default, Spanned::into_inner);
        if let Some((other, _)) = taken.iter().find(|(_, it)| *it == address && address.port() != 0) {
            report.wrong(
                span.clone(),
                format!("`{key}` is {address}, as {other} is"),
                "give each its own port",
            );
        }
        if !address.ip().is_loopback() {
            let help =
                format!("everybody knows the sample's password: write \"{default}\", for this machine only");
            report.wrong(span.clone(), format!("`{key}` would open the sample wallet to others"), help);
        }
        taken.push((name, address));
        address
    };
    let listen = free("listen", "[sample] listen", default.listen);
    let control = free("control", "[sample] control", default.control);
    Sample { listen, control }
}

/// The listener for numbers: on when the section is there.
pub(super) fn metrics(section: &mut Section<'_, '_>, server: &Server, sample: Option<&Sample>) -> Metrics {
    let entry = section.take("listen");
    let span = entry.as_ref().map_or_else(|| section.span.clone(), |it| it.span());
    let given = entry.and_then(|it| checked(section.report, &it, address));
    let listen = given.map_or(local(8083), Spanned::into_inner);
    let sample = sample.map(|it| [("[sample] listen", it.listen), ("[sample] control", it.control)]);
    let taken = std::iter::once(("[server] listen", server.listen)).chain(sample.into_iter().flatten());
    for (other, _) in taken.filter(|(_, it)| *it == listen && listen.port() != 0) {
        let message = format!("`listen` is {listen}, as {other} is");
        section.report.wrong(span.clone(), message, "give each its own port");
    }
    Metrics { listen }
}

pub(super) fn sample_page(sample: &Sample) -> SamplePage {
    SamplePage { url: format!("http://{}/", sample.control) }
}
