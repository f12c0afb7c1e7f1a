//! Reads `[[network]]`: canaries that tell whether it is us.

use toml::Spanned;
use toml::de::DeValue;
use url::Url;

use super::report::Report;
use super::section::{Entry, Section, Wrong, checked, wrong};
use super::value::{id, phrase, url};
use crate::domain::endpoint::Endpoint;
use crate::domain::network::{Canary, DEFAULT, Network};
use crate::domain::request::Proxy;

const SCHEMES: [&str; 3] = ["http", "https", "tcp"];
const EXAMPLE: &str =
    "[\"https://www.example.com/\", \"tcp://192.0.2.53:53\", { url = \"http://…\", contains = \"…\" }]";
/// One that is in trouble of its own is outvoted from here on.
const ENOUGH: usize = 3;
/// Each is knocked at every 15 seconds.
const CANARIES_LIMIT: usize = 10;
const CONTAINS_LENGTH: usize = 1_000;

pub(super) fn read(
    section: &mut Section<'_, '_>,
    proxy: &Option<Proxy>,
    endpoints: &[Endpoint],
) -> Option<Network> {
    let report = section.report;
    let id = section.required("id", &format!("\"{DEFAULT}\""), id);
    if section.lacks("canaries") && section.has("canaries") {
        let span = section.take("canaries").map(|it| it.span()).unwrap_or_default();
        report.wrong(span, "a network without canaries tells nothing", format!("write canaries = {EXAMPLE}"));
        return None;
    }
    if !section.has("canaries") {
        section.need("canaries", EXAMPLE);
        return None;
    }
    let entries = section.entries("canaries", CANARIES_LIMIT);
    let (span, count) = (entries.first().map(|it| it.span()).unwrap_or_default(), entries.len());
    let canaries: Vec<Canary> = entries.into_iter().filter_map(|it| canary(report, it, proxy)).collect();
    twice(report, &span, &canaries);
    let network = Network { id: id?.into_inner(), canaries };
    if count == network.canaries.len() && count < ENOUGH {
        let message =
            format!("{count} of three canaries: one that is in trouble of its own is taken for ours");
        report.warn(span.clone(), message, "name three, of three providers");
    }
    if !endpoints.iter().any(|it| network.stands_for(it)) {
        let message = format!("no endpoint is knocked at through the network `{}`", network.id);
        let help = format!(
            "write network = \"{}\" in an [[endpoint]], or call it \"{DEFAULT}\": it stands for all that name none",
            network.id
        );
        report.warn(span, message, help);
    }
    Some(network)
}

fn canary(report: &Report<'_>, entry: Entry<'_>, proxy: &Option<Proxy>) -> Option<Canary> {
    let (url, contains) = if matches!(entry.get_ref(), DeValue::Table(_)) {
        Section::read(report, "`canaries`", entry, |section| {
            let url = section.need("url", "\"http://www.example.com/nonce.txt\"");
            let url = url.and_then(|it| checked(report, &it, |it| place(report, it)))?;
            let contains = section.optional("contains", |it| phrase(it, CONTAINS_LENGTH));
            if let Some(contains) = &contains
                && url.get_ref().scheme() == "tcp"
            {
                report.wrong(
                    contains.span(),
                    "a canary over tcp says nothing that could contain this",
                    "use http or https, or leave `contains` out",
                );
            }
            Some((url, contains.map(Spanned::into_inner)))
        })??
    } else {
        (checked(report, &entry, |it| place(report, it))?, None)
    };
    let url = url.into_inner();
    let proxy = proxy.clone().filter(|_| url.scheme() != "tcp");
    Some(Canary { url, contains, proxy })
}

fn place(report: &Report<'_>, entry: &Entry<'_>) -> Result<Url, Wrong> {
    let help = "write \"https://www.example.com/\", \"http://…\", or \"tcp://192.0.2.53:53\" with its port";
    let written = entry.get_ref().as_str().unwrap_or_default();
    // To the parser of addresses this scheme is a stranger; a path would say nothing.
    if let Some(rest) = written.trim().strip_prefix("tcp://") {
        if written.contains('@') {
            report.hide(entry.span());
            return wrong("an address must not carry a user or password", help);
        }
        let good = Url::parse(written.trim())
            .ok()
            .filter(|it| it.host_str().is_some_and(|host| !host.is_empty()) && !rest.starts_with(':'));
        let Some(good) = good else { return wrong("this canary has no host", help) };
        if !matches!(good.path(), "" | "/") || good.query().is_some() || good.fragment().is_some() {
            return wrong("a canary over tcp has no path", help);
        }
        if good.port().is_none_or(|port| port == 0) {
            return wrong("the canary's port is missing", help);
        }
        return Ok(good);
    }
    if entry.get_ref().is_str() && !written.contains("://") {
        return wrong("this is not the address of a canary", help);
    }
    url(report, entry, &SCHEMES).map_err(|it| Wrong { help: help.to_owned(), ..it })
}

/// Two words of one mouth are one word.
fn twice(report: &Report<'_>, span: &super::report::Span, canaries: &[Canary]) {
    let again =
        |(index, it): &(usize, &Canary)| canaries.iter().take(*index).any(|other| other.url == it.url);
    if let Some((_, it)) = canaries.iter().enumerate().find(again) {
        let message = format!("the canary {} stands here twice", it.url);
        report.warn(span.clone(), message, "name another: it would fail together with itself");
    }
}
