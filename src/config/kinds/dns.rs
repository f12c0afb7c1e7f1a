//! Reads a question to a name server.

use toml::Spanned;

use super::super::around::Around;
use super::super::section::{Section, Wrong, quoted, wrong};
use super::super::value::{boolean, one_of, phrase, string};
use super::{HOST_LIMIT, or, pattern, place};
use crate::domain::kind::{Ask, Class, Dns, Kind, Resolver, Rules, Transport};

/// Types of records that a login depends on, and those that tell of their servers.
const RECORDS: &[(&str, &str)] = &[
    ("A", "A"),
    ("AAAA", "AAAA"),
    ("CAA", "CAA"),
    ("CNAME", "CNAME"),
    ("HTTPS", "HTTPS"),
    ("MX", "MX"),
    ("NS", "NS"),
    ("PTR", "PTR"),
    ("SOA", "SOA"),
    ("SRV", "SRV"),
    ("SVCB", "SVCB"),
    ("TLSA", "TLSA"),
    ("TXT", "TXT"),
];
pub(in crate::config) const RCODES: &[&str] = &[
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET",
    "NOTAUTH", "NOTZONE",
];
const CLASSES: &[(&str, Class)] = &[("IN", Class::In), ("CH", Class::Chaos), ("HS", Class::Hesiod)];
const RULES_LIMIT: usize = 20;
const TEXT_LENGTH: usize = 1_000;
/// The word that stands for the machine's own resolvers.
const SYSTEM: &str = "system";

pub(super) fn read(section: &mut Section<'_, '_>, _: &Around<'_>) -> Option<Kind> {
    let ports = [("dns", Some(53)), ("dns+tcp", Some(53)), ("dns+tls", Some(853))];
    let at = place(section, "\"dns://192.0.2.53\" or \"dns://system\"", &ports);
    let name = section.required("ask", "\"wallet.example.com\"", asked);
    let record = section.optional("record", |it| one_of(it, RECORDS));
    let class = section.optional("class", |it| one_of(it, CLASSES));
    let recursion = section.optional("recursion", boolean).is_none_or(Spanned::into_inner);
    let rcodes = section.list("rcode", RCODES.len(), |it| {
        let words: Vec<(&str, &str)> = RCODES.iter().map(|&it| (it, it)).collect();
        one_of(it, &words)
    });
    let mut texts = |key| -> Vec<String> {
        let texts = section.list(key, RULES_LIMIT, |it| phrase(it, TEXT_LENGTH));
        texts.into_iter().map(Spanned::into_inner).collect()
    };
    let (contains, not_contains) = (texts("contains"), texts("not_contains"));
    let [answer, authority, additional] =
        ["answer", "authority", "additional"].map(|key| rules(section, key));
    let (scheme, at) = at?;
    let ask = Ask {
        name: name?.into_inner(),
        record: record.map_or("A", Spanned::into_inner).to_owned(),
        class: class.map_or(Class::In, Spanned::into_inner),
        recursion,
    };
    let transport = match scheme {
        "dns+tcp" => Transport::Tcp,
        "dns+tls" => Transport::Tls,
        _ => Transport::Udp,
    };
    let server = if at.host == SYSTEM { Resolver::System } else { Resolver::At(at) };
    if server == Resolver::System && transport == Transport::Tls {
        let report = section.report;
        report.wrong(
            section.span.clone(),
            "the machine's own resolvers are not asked over TLS",
            "write \"dns://system\", or name a server",
        );
    }
    let rcodes = rcodes.into_iter().map(|it| it.into_inner().to_owned()).collect();
    Some(Kind::Dns(Box::new(Dns {
        server,
        transport,
        ask,
        rcodes,
        contains,
        not_contains,
        answer,
        authority,
        additional,
    })))
}

fn asked(entry: &super::super::section::Entry<'_>) -> Result<String, Wrong> {
    let name = string(entry)?.trim().to_ascii_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_*".contains(c);
    let labels = name.trim_end_matches('.').split('.');
    let good = name == "." || labels.into_iter().all(|label| !label.is_empty() && label.len() <= 63);
    if name.is_empty() || HOST_LIMIT < name.len() || !name.chars().all(fits) || !good {
        return wrong(
            format!("{} is not a name to ask for", quoted(&name)),
            "write it as it stands in the zone: \"wallet.example.com\", \"_imaps._tcp.example.com\"; a name in Chinese as xn--…",
        );
    }
    Ok(name)
}

fn rules(section: &mut Section<'_, '_>, key: &'static str) -> Rules {
    let Some(entry) = section.take(key) else { return Rules::default() };
    let (report, span) = (section.report, entry.span());
    let rules = Section::read(report, "rules on records", entry, |section| {
        let mut patterns = |key| -> Vec<String> {
            let patterns = section.list(key, RULES_LIMIT, pattern);
            patterns.into_iter().map(Spanned::into_inner).collect()
        };
        Rules {
            all: patterns("all"),
            any: patterns("any"),
            none: patterns("none"),
            not_all: patterns("not_all"),
        }
    });
    let rules = rules.unwrap_or_default();
    if rules.is_empty() && report.is_clean() {
        report.wrong(span, "these rules say nothing", or(&["all", "any", "none", "not_all"]));
    }
    rules
}
