//! What every page has around its content: head, header, footer and the ready "we cannot tell".

use jiff::Timestamp;

use super::lead::Lead;
use super::{Said, Stamp, said};
use crate::domain::component::Lang;
use crate::domain::facts::Site;
use crate::domain::status::Status;
use crate::domain::verdict::Verdict;
use crate::publish::policy;
use crate::words::Words;
use crate::words::time::Calendar;

pub struct Frame {
    pub w: &'static Words,
    pub lang: &'static str,
    pub title: String,
    pub description: String,
    pub icon: String,
    pub style: &'static str,
    pub script: &'static str,
    /// This page's paths in both languages.
    pub zh: String,
    pub en: String,
    /// The same for those who are elsewhere, such as search engines.
    pub zh_address: String,
    pub en_address: String,
    /// The front page's path in this language.
    pub home: String,
    pub json: String,
    pub site: Said,
    pub sample: Option<Sample>,
    pub contacts: Vec<Contact>,
    pub zone: String,
    /// None for a page that holds for ever.
    pub valid: Option<Valid>,
    pub stale: Stale,
}

pub struct Sample {
    pub url: String,
}

pub struct Contact {
    pub url: String,
    pub label: Said,
}

pub struct Valid {
    pub until: Stamp,
    pub line: String,
}

/// What takes the place of the content when it has outlived its truth.
pub struct Stale {
    pub title: String,
    pub icon: String,
    pub lead: Lead,
}

/// What tells one page from another.
pub struct Of<'a> {
    /// Below the language: empty for the front page, `c/…` for a component's.
    pub path: &'a str,
    pub title: String,
    pub description: String,
    pub status: Status,
    /// Now, and until when the page may be believed.
    pub valid: Option<(Timestamp, Timestamp)>,
}

impl Frame {
    pub fn new(site: &Site, lang: Lang, of: Of<'_>) -> Self {
        let w = Words::get(lang);
        let now = of.valid.map_or(Timestamp::UNIX_EPOCH, |(now, _)| now);
        let calendar = Calendar { lang, zone: &site.zone, now };
        let lead = Lead::cannot_tell(site, lang);
        let [zh, en] = [Lang::Zh, Lang::En].map(|it| format!("{}{}", home(site, it), of.path));
        Self {
            w,
            lang: lang.tag(),
            title: of.title,
            description: of.description,
            icon: favicon(of.status),
            style: policy::style(),
            script: policy::script(),
            zh_address: site.address(&zh),
            en_address: site.address(&en),
            zh,
            en,
            home: home(site, lang),
            json: format!("{}api/v1/summary.json", site.base()),
            site: said(w, &site.name),
            sample: site.sample.as_ref().map(|it| Sample { url: it.url.clone() }),
            contacts: site
                .support
                .iter()
                .map(|it| Contact { url: it.url.clone(), label: said(w, &it.label) })
                .collect(),
            zone: w.say_with("zone-line", &[("zone", calendar.zone_label().into())]),
            valid: of.valid.map(|(_, until)| Valid {
                line: w.say_with("valid-line", &[("at", calendar.second(until).into())]),
                until: Stamp { text: calendar.second(until), machine: calendar.rfc3339(until) },
            }),
            stale: Stale {
                title: title(w, Verdict::Unknown.status(), &lead.plain(), site),
                icon: favicon(Verdict::Unknown.status()),
                lead,
            },
        }
    }
}

/// The front page's path in one language.
pub fn home(site: &Site, lang: Lang) -> String {
    let below = match lang {
        Lang::Zh => "",
        Lang::En => "en/",
    };
    format!("{}{below}", site.base())
}

/// Begins with the state, so that a row of tabs tells it.
pub fn title(w: &Words, status: Status, verdict: &str, site: &Site) -> String {
    let name = site.name.read(w.lang()).1;
    let icon = super::icon(status);
    w.say_with("title", &[("icon", icon.into()), ("verdict", verdict.into()), ("site", name.into())])
}

/// The lamp's pane with the state's shape in it, as a data URI.
fn favicon(status: Status) -> String {
    let (pane, wick, shape) = match status {
        Status::Operational => ("ffd27d", "3a2606", "m8 17 6 6 10-13"),
        Status::Degraded => ("d9a44e", "2b1d06", "M7 11h18l-9 13z"),
        Status::Partial => ("7a4312", "ffc896", "M7 23h18L16 9z"),
        Status::Major => ("2a1218", "f4535b", "m9 9 14 14M23 9 9 23"),
        Status::Maintenance => ("1c3163", "a9cdff", "m16 7 9 9-9 9-9-9z"),
        Status::Unknown => ("2b313b", "a3acba", "M16 8a8 8 0 1 1 0 16 8 8 0 0 1 0-16z"),
    };
    format!(
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E\
         %3Crect width='32' height='32' rx='8' fill='%23{pane}'/%3E\
         %3Cpath fill='none' stroke='%23{wick}' stroke-width='3.5' stroke-linecap='round' stroke-linejoin='round' d='{shape}'/%3E%3C/svg%3E"
    )
}
