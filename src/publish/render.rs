//! From facts and a moment to bytes: pure, blocking, and nobody's business but the renderer's.

use askama::Template;
use jiff::Timestamp;

use super::api::SummaryDto;
use super::body::{Body, HTML, JSON};
use super::view::Teller;
use super::view::component_page::ComponentPage;
use super::view::frame::home;
use super::view::front::{About, AboutIn, Front, Missing, StalePage};
use crate::domain::component::Lang;
use crate::domain::endpoint::ComponentId;
use crate::domain::facts::{Facts, Site};
use crate::domain::moment::Moment;
use crate::domain::summary::summarize;
use crate::domain::verdict::Verdict;
use crate::publish::policy;
use crate::words::Words;

#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error("placing words in a page")]
    Page(#[from] askama::Error),
    #[error("writing the summary as JSON")]
    Json(#[from] serde_json::Error),
    #[error("compressing a body")]
    Compress(#[from] std::io::Error),
}

/// Everything the front door serves, ready to send until `valid_until`.
#[derive(Debug, Clone)]
pub struct Rendered {
    pub zh: Body,
    pub en: Body,
    pub summary: Body,
    pub valid_until: Moment,
    /// When time alone will change what is said.
    pub next_change: Option<Timestamp>,
    pub verdict: Verdict,
}

/// What is served once that has passed, and before there is any.
#[derive(Debug, Clone)]
pub struct CannotTell {
    pub zh: Body,
    pub en: Body,
    pub summary: Body,
}

/// A page that is served until `valid_until`.
#[derive(Debug, Clone)]
pub struct Page {
    pub body: Body,
    pub valid_until: Moment,
}

pub fn render(facts: &Facts, now: Moment) -> Result<Rendered, RenderError> {
    let summary = summarize(facts, now);
    let front = |lang| -> Result<Body, RenderError> {
        page(lang, &Front::new(&Teller::new(&facts.site, &summary, lang)))
    };
    Ok(Rendered {
        zh: front(Lang::Zh)?,
        en: front(Lang::En)?,
        summary: json(&SummaryDto::new(facts, &summary))?,
        valid_until: summary.valid_until,
        next_change: summary.next_change,
        verdict: summary.verdict,
    })
}

/// The bodies that depend on nothing but the site.
pub fn cannot_tell(site: &Site) -> Result<CannotTell, RenderError> {
    Ok(CannotTell {
        zh: page(Lang::Zh, &StalePage::new(site, Lang::Zh))?,
        en: page(Lang::En, &StalePage::new(site, Lang::En))?,
        summary: json(&SummaryDto::cannot_tell(site))?,
    })
}

/// A component's own page; none when the public knows no such component.
pub fn component(
    facts: &Facts,
    now: Moment,
    lang: Lang,
    id: &ComponentId,
) -> Result<Option<Page>, RenderError> {
    let summary = summarize(facts, now);
    let Some(it) = summary.components.iter().find(|it| &it.component.id == id) else { return Ok(None) };
    let teller = Teller::new(&facts.site, &summary, lang);
    let body = page(lang, &ComponentPage::new(&teller, facts, it))?;
    Ok(Some(Page { body, valid_until: summary.valid_until }))
}

/// The page for addresses that lead nowhere.
pub fn missing(site: &Site) -> Result<Body, RenderError> {
    let template = Missing {
        zh: Words::get(Lang::Zh),
        en: Words::get(Lang::En),
        home_zh: home(site, Lang::Zh),
        home_en: home(site, Lang::En),
        style: policy::style(),
    };
    Ok(Body::new(HTML, &Lang::ALL, template.render()?)?)
}

/// The page that our User-Agent names: in `first`, and below that in the other
/// language, since who follows that name chose none.
pub fn about(site: &Site, first: Lang) -> Result<Body, RenderError> {
    let place = |lang| format!("{}about-probe", home(site, lang));
    let mut both = Lang::ALL;
    both.sort_by_key(|lang| *lang != first);
    let both = both.map(|lang| AboutIn {
        lang: lang.tag(),
        words: Words::get(lang),
        home: home(site, lang),
        place: place(lang),
    });
    let template = About {
        both,
        agent: concat!("porchlight/", env!("CARGO_PKG_VERSION")),
        contact: site.probe_contact.clone(),
        style: policy::style(),
    };
    Ok(Body::new(HTML, &Lang::ALL, template.render()?)?)
}

fn page(lang: Lang, template: &impl Template) -> Result<Body, RenderError> {
    Ok(Body::new(HTML, &[lang], template.render()?)?)
}

fn json(dto: &SummaryDto) -> Result<Body, RenderError> {
    Ok(Body::new(JSON, &Lang::ALL, serde_json::to_string(dto)?)?)
}
