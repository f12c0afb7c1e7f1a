//! The front page, and the page that stands in for it when it has outlived its truth.

use askama::Template;

use super::frame::{Frame, Of, title};
use super::lead::Lead;
use super::method::{self, Group};
use super::notices::{self, Card, PastList};
use super::{State, Teller};
use crate::domain::component::Lang;
use crate::domain::facts::Site;
use crate::domain::status::Status;
use crate::domain::verdict::Verdict;
use crate::words::Words;

#[derive(Template)]
#[template(path = "front.html", whitespace = "minimize")]
pub struct Front {
    pub f: Frame,
    pub lead: Lead,
    pub blind: Option<String>,
    pub storing: Option<String>,
    pub open: Vec<Card>,
    pub groups: Vec<Group>,
    pub legend: Vec<State>,
    pub coming: Vec<Card>,
    pub past: PastList,
}

impl Front {
    pub fn new(teller: &Teller<'_>) -> Self {
        let lead = Lead::new(teller);
        let verdict = lead.plain();
        let status = teller.summary.verdict.status();
        let of = Of {
            path: "",
            title: title(teller.words, status, &verdict, teller.site),
            description: method::description(teller, &verdict),
            status,
            valid: Some((teller.summary.now.wall, teller.summary.valid_until.wall)),
        };
        Self {
            f: Frame::new(teller.site, teller.lang, of),
            lead,
            blind: notices::blind(teller),
            storing: notices::storing(teller),
            open: notices::open(teller),
            groups: method::groups(teller),
            legend: Status::ALL.into_iter().map(|it| teller.state(it)).collect(),
            coming: notices::coming(teller),
            past: notices::past(teller),
        }
    }
}

/// The whole page that says "we cannot tell"; it needs nothing but the site.
#[derive(Template)]
#[template(path = "stale.html", whitespace = "minimize")]
pub struct StalePage {
    pub f: Frame,
}

impl StalePage {
    pub fn new(site: &Site, lang: Lang) -> Self {
        let words = Words::get(lang);
        let status = Verdict::Unknown.status();
        let verdict = Lead::cannot_tell(site, lang).plain();
        let of = Of {
            path: "",
            title: title(words, status, &verdict, site),
            description: words.say_with(
                "description",
                &[("verdict", verdict.into()), ("advice", words.say("advice-unknown").into())],
            ),
            status,
            valid: None,
        };
        Self { f: Frame::new(site, lang, of) }
    }
}

/// The page for addresses that lead nowhere, in both languages at once.
#[derive(Template)]
#[template(path = "missing.html", whitespace = "minimize")]
pub struct Missing {
    pub zh: &'static Words,
    pub en: &'static Words,
    pub home_zh: String,
    pub home_en: String,
    pub style: &'static str,
}

/// What our User-Agent leads to: who knocks, and how to make us stop.
#[derive(Template)]
#[template(path = "about.html", whitespace = "minimize")]
pub struct About {
    /// First the page's own language.
    pub both: [AboutIn; 2],
    pub agent: &'static str,
    pub contact: Option<String>,
    pub style: &'static str,
}

/// The same in one language.
pub struct AboutIn {
    pub lang: &'static str,
    pub words: &'static Words,
    pub home: String,
    /// This page, with this language first.
    pub place: String,
}
