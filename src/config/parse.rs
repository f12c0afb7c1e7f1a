//! Walks a whole file once, in the order the parts need each other.

use jiff::Timestamp;
use toml::Spanned;
use toml::de::DeTable;

use super::endpoint::{self, Around};
use super::fault::{Fault, Faults};
use super::names::Names;
use super::report::Report;
use super::secret::{Secrets, Surroundings};
use super::section::{Entry, Section};
use super::value::boolean;
use super::{Config, component, network, notice, proxy, server, site};
use crate::domain::component::{Component, Role};
use crate::domain::endpoint::Endpoint;

/// A page with more is not read by people.
const COMPONENTS_LIMIT: usize = 1_000;
/// What one machine can knock at in time.
const ENDPOINTS_LIMIT: usize = 10_000;
/// Uplinks of one machine, and then some.
const NETWORKS_LIMIT: usize = 100;
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
    let proxy = one(section, "probe", "[probe]", |it| proxy::read(it, &secrets, &ours)).flatten();

    let components =
        many(section, "component", "[[component]]", COMPONENTS_LIMIT, |it| component::read(it, names));
    let zone = &site.zone;
    let around = Around { names, secrets: &secrets, zone, now, proxy: &proxy, ours: &ours };
    let endpoints =
        many(section, "endpoint", "[[endpoint]]", ENDPOINTS_LIMIT, |it| endpoint::read(it, &around));
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
        components,
        endpoints,
        networks,
        maintenances,
        announcements,
        sample,
        metrics,
    }
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
