//! The doors: ready bytes out, the truth about their age with them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware;
use axum::response::{Redirect, Response};
use axum::routing::get;

use super::body::Body;
use super::render::{CannotTell, Rendered};
use super::{Publisher, Shared, health, meters, push};
use crate::domain::component::Lang;
use crate::domain::endpoint::Id;
use crate::domain::moment::Moment;

/// Seconds a copy may be kept; the pages are made anew about as often.
const LONGEST_CACHE: u64 = 15;
/// For what must be asked again every time.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

pub fn router(publisher: Arc<Publisher>) -> Router {
    let base = publisher.base.clone();
    let under = |path: &str| format!("{base}{path}");
    let english = under("en/");
    let doors = Router::new()
        .route(
            &base,
            get(async |State(it): Shared, asked: HeaderMap| it.front(&asked, |it| &it.zh, |it| &it.zh)),
        )
        .route(&under("en"), get(async move || Redirect::permanent(&english)))
        .route(
            &under("en/"),
            get(async |State(it): Shared, asked: HeaderMap| it.front(&asked, |it| &it.en, |it| &it.en)),
        )
        .route(
            &under("about-probe"),
            get(async |State(it): Shared, asked: HeaderMap| it.about(Lang::Zh, &asked)),
        )
        .route(
            &under("en/about-probe"),
            get(async |State(it): Shared, asked: HeaderMap| it.about(Lang::En, &asked)),
        )
        .route(&under("c/{id}"), get(zh_component))
        .route(&under("en/c/{id}"), get(en_component))
        .route(
            &under("api/v1/summary.json"),
            get(async |State(it): Shared, asked: HeaderMap| {
                it.front(&asked, |it| &it.summary, |it| &it.summary)
            }),
        )
        .fallback(async |State(it): Shared, asked: HeaderMap| it.nowhere(&asked));
    let bare = base.trim_end_matches('/');
    let doors = if bare.is_empty() {
        doors
    } else {
        // Who forgets the last slash, or the whole path on this machine, is shown the way.
        let (front, home) = (base.clone(), base.clone());
        doors
            .route(bare, get(async move || Redirect::permanent(&front)))
            .route("/", get(async move || Redirect::temporary(&home)))
    };
    doors
        .with_state(Arc::clone(&publisher))
        .merge(push::router(Arc::clone(&publisher)))
        .merge(health::router(Arc::clone(&publisher)))
        .layer(middleware::from_fn_with_state(publisher, meters::counted))
}

/// One value for each number of seconds that may be left.
pub fn caching() -> Vec<HeaderValue> {
    let value = |seconds| format!("public, max-age={seconds}, must-revalidate");
    (0..=LONGEST_CACHE).map(|seconds| HeaderValue::try_from(value(seconds)).unwrap_or(NO_STORE)).collect()
}

/// A path that is not even text leads nowhere, as any other wrong one.
type Asked = Result<Path<String>, PathRejection>;

async fn zh_component(State(it): Shared, id: Asked, asked: HeaderMap) -> Response {
    it.component(Lang::Zh, id, &asked).await
}

async fn en_component(State(it): Shared, id: Asked, asked: HeaderMap) -> Response {
    it.component(Lang::En, id, &asked).await
}

impl Publisher {
    fn front(
        &self,
        asked: &HeaderMap,
        fresh: fn(&Rendered) -> &Body,
        stale: fn(&CannotTell) -> &Body,
    ) -> Response {
        let now = (self.now)();
        let edition = self.edition.load();
        match &edition.rendered {
            Some(it) if now.mono < it.valid_until.mono => {
                fresh(it).reply(asked, self.cache(it.valid_until, now))
            }
            _ => stale(&edition.cannot_tell).reply_as(StatusCode::OK, asked, NO_STORE),
        }
    }

    async fn component(&self, lang: Lang, id: Asked, asked: &HeaderMap) -> Response {
        let Some(id) = id.ok().and_then(|Path(id)| Id::parse(&id)) else { return self.nowhere(asked) };
        // Before the facts, so that no page of older ones is kept for younger.
        let generation = self.pages.generation();
        let facts = Arc::clone(&self.edition.load().facts);
        let now = (self.now)();
        match self.pages.get((generation, facts), now, lang, id).await {
            // Making it may have taken longer than it is true.
            Ok(Some(page)) if (self.now)().mono < page.valid_until.mono => {
                page.body.reply(asked, self.cache(page.valid_until, (self.now)()))
            }
            Ok(Some(_)) => self.stale(lang, asked),
            Ok(None) => self.nowhere(asked),
            Err(error) => {
                tracing::error!("A component page could not be rendered: {error}");
                self.stale(lang, asked)
            }
        }
    }

    fn stale(&self, lang: Lang, asked: &HeaderMap) -> Response {
        let edition = self.edition.load();
        let stale = match lang {
            Lang::Zh => &edition.cannot_tell.zh,
            Lang::En => &edition.cannot_tell.en,
        };
        stale.reply_as(StatusCode::OK, asked, NO_STORE)
    }

    fn about(&self, lang: Lang, asked: &HeaderMap) -> Response {
        let [zh, en] = &self.about;
        let about = match lang {
            Lang::Zh => zh,
            Lang::En => en,
        };
        about.reply_as(StatusCode::OK, asked, NO_STORE)
    }

    fn nowhere(&self, asked: &HeaderMap) -> Response {
        self.missing.reply_as(StatusCode::NOT_FOUND, asked, NO_STORE)
    }

    /// Whole seconds until the body may not be believed, at most the longest.
    fn cache(&self, valid_until: Moment, now: Moment) -> HeaderValue {
        let left: Duration = valid_until.mono.saturating_sub(now.mono);
        let index = usize::try_from(left.as_secs().min(LONGEST_CACHE)).unwrap_or_default();
        self.caching.get(index).cloned().unwrap_or(NO_STORE)
    }
}
