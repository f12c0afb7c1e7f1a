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
pub mod render;
mod view;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::Router;
use axum::extract::State;
use axum::http::HeaderValue;
use tokio::sync::watch;

use crate::domain::facts::{Facts, Site};
use crate::domain::moment::Moment;
use crate::domain::verdict::Verdict;
use meters::Meters;
use pages::Pages;
use render::CannotTell;

pub use body::Body;
pub use render::{RenderError, Rendered, render};

/// Every door of this room.
pub const ROUTES: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/en"),
    ("GET", "/en/"),
    ("GET", "/c/{id}"),
    ("GET", "/en/c/{id}"),
    ("GET", "/api/v1/summary.json"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
];

/// When our ticker was last heard (monotonic), and whether the store's thread is there.
pub type Vitals = Box<dyn Fn() -> (Duration, bool) + Send + Sync>;

pub type Now = Arc<dyn Fn() -> Moment + Send + Sync>;

/// Serves what was rendered, and says "we cannot tell" when that is too old.
pub struct Publisher {
    rendered: ArcSwapOption<Rendered>,
    cannot_tell: CannotTell,
    missing: Body,
    facts: watch::Receiver<Arc<Facts>>,
    pages: Pages,
    now: Now,
    caching: Vec<HeaderValue>,
    sabotaged: AtomicBool,
    pub meters: Meters,
    vitals: OnceLock<Vitals>,
}

type Shared = State<Arc<Publisher>>;

impl Publisher {
    /// Nothing is served as true before the first [`Publisher::publish`].
    pub fn new(site: &Site, facts: watch::Receiver<Arc<Facts>>, now: Now) -> Result<Self, RenderError> {
        let meters = Meters::default();
        meters.came_by(now());
        Ok(Self {
            rendered: ArcSwapOption::empty(),
            cannot_tell: render::cannot_tell(site)?,
            missing: render::missing()?,
            facts,
            pages: Pages::default(),
            now,
            caching: handlers::caching(),
            sabotaged: AtomicBool::new(false),
            meters,
            vitals: OnceLock::new(),
        })
    }

    /// Says whom `/livez` asks about the parts that are not of this room.
    pub fn ask(&self, vitals: Vitals) {
        let _ = self.vitals.set(vitals);
    }

    /// What the page says now.
    pub fn verdict(&self) -> Verdict {
        let now = (self.now)();
        let rendered = self.rendered.load();
        let fresh = rendered.as_ref().filter(|it| now.mono < it.valid_until.mono);
        fresh.map_or(Verdict::Unknown, |it| it.verdict)
    }

    /// `/livez` and `/readyz` alone, for a listener that shows no page.
    pub fn health(self: Arc<Self>) -> Router {
        health::router(self)
    }

    /// Puts new bytes before the readers; component pages follow.
    pub fn publish(&self, rendered: Rendered) {
        if self.sabotaged.load(Ordering::Acquire) {
            return;
        }
        self.rendered.store(Some(Arc::new(rendered)));
        self.pages.forget();
    }

    /// When what is served now runs out; none before anything was rendered.
    pub fn rendered_until(&self) -> Option<Moment> {
        self.rendered.load().as_ref().map(|it| it.valid_until)
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
