//! Telling all who ask: pages and JSON, rendered ahead.

mod accept;
mod api;
mod body;
mod handlers;
pub mod keep;
mod pages;
mod policy;
pub mod render;
mod view;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use axum::Router;
use axum::http::HeaderValue;
use tokio::sync::watch;

use crate::domain::facts::{Facts, Site};
use crate::domain::moment::Moment;
use pages::Pages;
use render::CannotTell;

pub use body::Body;
pub use render::{RenderError, Rendered, render};

/// Every door of this room, below the base path.
pub const ROUTES: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/en"),
    ("GET", "/en/"),
    ("GET", "/c/{id}"),
    ("GET", "/en/c/{id}"),
    ("GET", "/api/v1/summary.json"),
];

pub type Now = Arc<dyn Fn() -> Moment + Send + Sync>;

/// Serves what was rendered, and says "we cannot tell" when that is too old.
pub struct Publisher {
    rendered: ArcSwapOption<Rendered>,
    cannot_tell: CannotTell,
    missing: Body,
    /// Begins and ends with `/`.
    base: String,
    facts: watch::Receiver<Arc<Facts>>,
    pages: Pages,
    now: Now,
    caching: Vec<HeaderValue>,
    sabotaged: AtomicBool,
}

impl Publisher {
    /// Nothing is served as true before the first [`Publisher::publish`].
    pub fn new(site: &Site, facts: watch::Receiver<Arc<Facts>>, now: Now) -> Result<Self, RenderError> {
        Ok(Self {
            rendered: ArcSwapOption::empty(),
            cannot_tell: render::cannot_tell(site)?,
            missing: render::missing(site)?,
            base: site.base().to_owned(),
            facts,
            pages: Pages::default(),
            now,
            caching: handlers::caching(),
            sabotaged: AtomicBool::new(false),
        })
    }

    /// Puts new bytes before the readers; component pages follow.
    pub fn publish(&self, rendered: Rendered) {
        if self.sabotaged.load(Ordering::Acquire) {
            return;
        }
        self.rendered.store(Some(Arc::new(rendered)));
        self.pages.forget();
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
