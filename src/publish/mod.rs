//! Telling all who ask: pages and JSON, rendered ahead.

mod accept;
mod api;
mod body;
mod handlers;
mod health;
pub mod keep;
mod meters;
mod pages;
mod policy;
pub mod push;
pub mod render;
mod view;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::State;
use axum::http::HeaderValue;
use tokio::sync::{Notify, watch};

use crate::domain::component::Lang;
use crate::domain::endpoint::Id;
use crate::domain::facts::{Facts, Site};
use crate::domain::moment::Moment;
use crate::domain::readiness::Soundness;
use crate::domain::verdict::Verdict;
use meters::Meters;
use pages::Pages;
use render::CannotTell;

pub use body::Body;
pub use health::DOORS as HEALTH;
pub use render::{RenderError, Rendered, render};

/// Every door of this room, below the base path; but [`HEALTH`] is always at the root.
pub const ROUTES: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/en"),
    ("GET", "/en/"),
    ("GET", "/c/{id}"),
    ("GET", "/en/c/{id}"),
    ("GET", "/about-probe"),
    ("GET", "/en/about-probe"),
    ("GET", "/api/v1/summary.json"),
    ("GET", "/push/{id}"),
    ("POST", "/push/{id}"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
];

/// What health needs to know of other rooms.
#[derive(Debug, Clone, Copy)]
pub struct Vitals {
    /// When our ticker was last heard, monotonic.
    pub ticked_at: Duration,
    /// Whether the store's thread is there.
    pub writer: bool,
    pub files: Soundness,
}

pub type AskVitals = Box<dyn Fn() -> Vitals + Send + Sync>;

pub type Now = Arc<dyn Fn() -> Moment + Send + Sync>;

/// Serves what was rendered, and says "we cannot tell" when that is too old.
pub struct Publisher {
    edition: ArcSwap<Edition>,
    published: Notify,
    missing: Body,
    /// In Chinese first, and in English first.
    about: [Body; 2],
    /// Begins and ends with `/`.
    base: String,
    pages: Pages,
    now: Now,
    caching: Vec<HeaderValue>,
    sabotaged: AtomicBool,
    pub meters: Meters,
    vitals: OnceLock<AskVitals>,
    /// Where reports go.
    reports: OnceLock<Box<dyn push::Reports>>,
    /// Whom no report is for.
    nobody: Id,
    /// The newest, which may be ahead of what is served.
    facts: watch::Receiver<Arc<Facts>>,
}

type Shared = State<Arc<Publisher>>;

/// Everything that is served at one time says the same: the ready bodies, the
/// component pages made on demand, and what is said when they have run out.
struct Edition {
    facts: Arc<Facts>,
    /// None before the first rendering.
    rendered: Option<Rendered>,
    cannot_tell: Arc<CannotTell>,
    published_at: Option<Moment>,
}

impl Publisher {
    /// Nothing is served as true before the first [`Publisher::publish`].
    pub fn new(site: &Site, facts: watch::Receiver<Arc<Facts>>, now: Now) -> Result<Self, RenderError> {
        let meters = Meters::default();
        meters.came_by(now());
        let edition = Edition {
            facts: Arc::clone(&facts.borrow()),
            rendered: None,
            cannot_tell: Arc::new(render::cannot_tell(site)?),
            published_at: None,
        };
        Ok(Self {
            edition: ArcSwap::from_pointee(edition),
            published: Notify::new(),
            missing: render::missing(site)?,
            about: [render::about(site, Lang::Zh)?, render::about(site, Lang::En)?],
            base: site.base().to_owned(),
            pages: Pages::default(),
            now,
            caching: handlers::caching(),
            sabotaged: AtomicBool::new(false),
            meters,
            vitals: OnceLock::new(),
            reports: OnceLock::new(),
            nobody: Id::nobody(),
            facts,
        })
    }

    /// Says whom `/livez` and `/readyz` ask about the parts that are not of this room.
    pub fn ask(&self, vitals: AskVitals) {
        let _ = self.vitals.set(vitals);
    }

    /// Says where reports go.
    pub fn take_reports(&self, reports: Box<dyn push::Reports>) {
        let _ = self.reports.set(reports);
    }

    /// What the page says now.
    pub fn verdict(&self) -> Verdict {
        let now = (self.now)();
        let edition = self.edition.load();
        let fresh = edition.rendered.as_ref().filter(|it| now.mono < it.valid_until.mono);
        fresh.map_or(Verdict::Unknown, |it| it.verdict)
    }

    /// `/livez` and `/readyz` alone, for a listener that shows no page.
    pub fn health(self: Arc<Self>) -> Router {
        health::router(self)
    }

    /// Puts what was rendered of `facts` before the readers; component pages
    /// follow, and so does the site's name where nothing can be told. Blocks.
    pub fn publish(&self, facts: Arc<Facts>, rendered: Rendered) -> Result<(), RenderError> {
        if self.sabotaged.load(Ordering::Acquire) {
            return Ok(());
        }
        let before = self.edition.load();
        let cannot_tell = if Arc::ptr_eq(&before.facts.site, &facts.site) {
            Arc::clone(&before.cannot_tell)
        } else {
            Arc::new(render::cannot_tell(&facts.site)?)
        };
        self.edition.store(Arc::new(Edition {
            facts,
            rendered: Some(rendered),
            cannot_tell,
            published_at: Some((self.now)()),
        }));
        self.pages.forget();
        self.published.notify_waiters();
        Ok(())
    }

    /// Waits until everything that is served speaks of `site`.
    pub async fn shows(&self, site: &Arc<Site>) {
        loop {
            let published = self.published.notified();
            if Arc::ptr_eq(&self.edition.load().facts.site, site) {
                return;
            }
            published.await;
        }
    }

    /// When what is served now was put there; none before anything was rendered.
    pub fn published_at(&self) -> Option<Moment> {
        self.edition.load().published_at
    }

    /// When what is served now runs out; none before anything was rendered.
    pub fn rendered_until(&self) -> Option<Moment> {
        self.edition.load().rendered.as_ref().map(|it| it.valid_until)
    }

    /// For tests: from now on nothing that is rendered arrives.
    #[doc(hidden)]
    pub fn sabotage(&self) {
        self.sabotaged.store(true, Ordering::Release);
    }

    pub fn router(self: Arc<Self>) -> Router {
        handlers::router(self)
    }
}
