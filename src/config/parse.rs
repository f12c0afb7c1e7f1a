//! Walks a whole file once, in the order the parts need each other.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;
use toml::Spanned;
use toml::de::DeTable;
use url::Host;

use super::around::Around;
use super::endpoint;
use super::fault::{Fault, Faults};
use super::names::Names;
use super::report::Report;
use super::secret::Secrets;
use super::section::{Entry, Section, quoted, wrong};
use super::surroundings::Surroundings;
use super::value::{boolean, string};
use super::{Config, account, component, network, notice, probe, server, site};
use crate::domain::component::{Component, Role};
use crate::domain::endpoint::Endpoint;
use crate::domain::request::Fence;

/// A page with more is not read by people.
const COMPONENTS_LIMIT: usize = 1_000;
/// What one machine can knock at in time.
const ENDPOINTS_LIMIT: usize = 10_000;
/// One for each endpoint that logs in would be a lot.
const ACCOUNTS_LIMIT: usize = 1_000;
/// Nets and hosts that targets may send us to.
const PRIVATE_LIMIT: usize = 100;
/// Ways out of one machine.
const NETWORKS_LIMIT: usize = 20;
/// Old ones may be taken out of the file; the store keeps them.
const NOTICES_LIMIT: usize = 1_000;

impl Config {
    /// Reads a configuration; `name` is what faults call the file. Gives the
    /// configuration and its warnings, or every fault at once.
    pub fn parse(
        text: &str,
        name: &str,
        around: &Surroundings<'_>,
        now: Timestamp,
    ) -> Result<(Self, Vec<Fault>), Faults> {
        // Some editors begin a file with a byte-order mark; it is no part of the first line.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let report = Report::new(name, text);
        let (file, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let span = error.span().unwrap_or(0..0);
            let help = match error.message() {
                "duplicate key" => "write each key once in its table, and each table once",
                _ => "this is not TOML; see https://toml.io",
            };
            report.syntax(span, error.message(), help);
        }
        if errors.is_empty() && file.get_ref().is_empty() {
            // An editor that was interrupted, or a full disk, leaves such a file
            // behind; a reload must not take it for "watch nothing any more".
            report.wrong(
                0..0,
                "the file says nothing",
                "write what to watch, or let `porchlight init` write it",
            );
        }
        let names = Names::scan(file.get_ref(), &report);
        let config =
            Section::read_table(&report, "the file", file, |section| whole(section, &names, around, now));
        let warnings = report.finish()?;
        Ok((config, warnings))
    }
}

fn whole(section: &mut Section<'_, '_>, names: &Names, around: &Surroundings<'_>, now: Timestamp) -> Config {
    let strict = section.optional("strict", boolean).is_some_and(Spanned::into_inner);
    let secrets = Secrets { around, strict, sample: section.has("sample") };
    let mut site = one(section, "site", "[site]", site::site).unwrap_or_else(site::default_site);
    let server = one(section, "server", "[server]", |it| server::read(it, &secrets, now)).unwrap_or_default();
    let store = one(section, "store", "[store]", |it| site::store(it, around.dir));
    let store = store.unwrap_or_else(|| site::default_store(around.dir));
    let sample = one(section, "sample", "[sample]", |it| site::sample(it, &server));
    let metrics = one(section, "metrics", "[metrics]", |it| site::metrics(it, &server, sample.as_ref()));
    site.sample = sample.as_ref().map(site::sample_page);
    site.public_url = server.public_url.clone();
    let wallet = sample.iter().flat_map(|it| [it.listen, it.control]);
    let ours: Vec<_> =
        [server.listen].into_iter().chain(wallet).chain(metrics.iter().map(|it| it.listen)).collect();
    let probe = one(section, "probe", "[probe]", |it| (probe::read(it, &secrets, &ours), private(it)));
    let ((probe, proxy), allowed) = probe.unwrap_or_default();
    site.probe_contact = probe.contact.clone();
    let never = ours.iter().map(ToString::to_string).collect();
    let fence = Arc::new(Fence { allowed, never });
    let accounts = many(section, "account", "[[account]]", ACCOUNTS_LIMIT, |it| account::read(it, &secrets));

    let components =
        many(section, "component", "[[component]]", COMPONENTS_LIMIT, |it| component::read(it, names));
    let zone = &site.zone;
    let around = Around {
        names,
        secrets: &secrets,
        zone,
        now,
        proxy: &proxy,
        ours: &ours,
        accounts: &accounts,
        fence: &fence,
    };
    let endpoints =
        many(section, "endpoint", "[[endpoint]]", ENDPOINTS_LIMIT, |it| endpoint::read(it, &around));
    account::share_no_door(section.report, &accounts, &endpoints);
    let networks =
        many(section, "network", "[[network]]", NETWORKS_LIMIT, |it| network::read(it, &proxy, &endpoints));
    let maintenances = many(section, "maintenance", "[[maintenance]]", NOTICES_LIMIT, |it| {
        notice::maintenance(it, names, zone, now)
    });
    let announcements = many(section, "announcement", "[[announcement]]", NOTICES_LIMIT, |it| {
        notice::announcement(it, zone, now)
    });
    if section.report.is_clean() {
        blind(section.report, &components, &endpoints);
    }
    Config {
        site,
        server,
        store,
        probe,
        networks,
        components,
        endpoints,
        maintenances,
        announcements,
        sample,
        metrics,
    }
}

/// Addresses, nets or names that are not public, and that targets may send us to all the same.
fn private(section: &mut Section<'_, '_>) -> Vec<String> {
    let read = |entry: &Entry<'_>| {
        let text = string(entry)?.trim().to_lowercase();
        let is_net = text.parse::<IpNet>().is_ok() || text.parse::<IpAddr>().is_ok();
        // Digits, dots and a slash are meant for an address, and are not one.
        let is_name = Host::parse(&text).is_ok_and(|it| matches!(it, Host::Domain(_))) && !text.contains('/');
        if is_net || is_name {
            return Ok(text);
        }
        wrong(
            format!("{} is neither an address, a net nor a host", quoted(&text)),
            "write \"10.1.2.3\", \"10.0.0.0/8\" or \"sso.internal\"",
        )
    };
    section.list("allow_private", PRIVATE_LIMIT, read).into_iter().map(Spanned::into_inner).collect()
}

/// A table there is at most one of.
fn one<'r, 'i, T>(
    section: &mut Section<'r, 'i>,
    key: &'static str,
    what: &'static str,
    read: impl FnOnce(&mut Section<'r, 'i>) -> T,
) -> Option<T> {
    let entry = section.take(key)?;
    Section::read(section.report, what, entry, read)
}

/// The good ones of the tables there may be many of.
fn many<'r, 'i, T>(
    section: &mut Section<'r, 'i>,
    key: &'static str,
    what: &'static str,
    limit: usize,
    read: impl Fn(&mut Section<'r, 'i>) -> Option<T>,
) -> Vec<T> {
    let report = section.report;
    if let Some(span) = section.table_at(key) {
        report.wrong(
            span,
            format!("there may be many of `{key}`"),
            format!("write {what}, with two brackets"),
        );
    }
    let entries = section.entries(key, limit);
    let read = |entry: Entry<'i>| Section::read(report, what, entry, &read)?;
    entries.into_iter().filter_map(read).collect()
}

/// Warns of a page that could never say "yes".
fn blind(report: &Report<'_>, components: &[Component], endpoints: &[Endpoint]) {
    let watched = |it: &&Component| endpoints.iter().any(|endpoint| endpoint.component == it.id);
    let mut ways = components.iter().filter(|it| it.public && it.role == Role::Login);
    if !ways.any(|it| watched(&it)) {
        let help = "add a [[component]] with role = \"login\" and an [[endpoint]] of it";
        report.warn(
            0..0,
            "nothing tells whether people can log in: the page will always say \"unknown\"",
            help,
        );
    }
}
