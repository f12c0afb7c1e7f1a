//! `/livez` and `/readyz`: what a supervisor or a load balancer asks.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use super::{Publisher, Shared, Vitals};
use crate::domain::moment::Moment;
use crate::domain::readiness::{Doubt, Fault, Pulse, Soundness, doubts, faults};

/// One question, and what is wrong if something is.
type Check = (&'static str, Option<&'static str>);

/// Where both are whatever the base path: a supervisor asks this machine, not the public address.
pub const DOORS: [&str; 2] = ["/livez", "/readyz"];

pub(super) fn router(publisher: Arc<Publisher>) -> Router {
    let [live, ready] = DOORS;
    Router::new()
        .route(live, get(async |State(it): Shared, asked: HeaderMap| answer(&asked, &it.live())))
        .route(ready, get(async |State(it): Shared, asked: HeaderMap| answer(&asked, &it.ready())))
        .with_state(publisher)
}

impl Publisher {
    fn live(&self) -> Vec<Check> {
        let now = (self.now)();
        let Vitals { ticked_at, writer, .. } = self.vitals(now);
        let renderer_at = Duration::from_millis(self.meters.renderer_at.get().unsigned_abs());
        let dead = faults(&Pulse { ticked_at, renderer_at, writer }, now);
        Fault::ALL.map(|it| (it.check(), dead.contains(&it).then(|| it.sentence()))).to_vec()
    }

    /// Why this daemon should not be relied on now; nothing when it is ready.
    pub fn doubts(&self) -> Vec<Doubt> {
        let (facts, now) = (Arc::clone(&self.facts.borrow()), (self.now)());
        doubts(&facts, self.vitals(now).files, self.rendered_until(), now)
    }

    /// Without anybody to ask all is well.
    fn vitals(&self, now: Moment) -> Vitals {
        let well = Vitals { ticked_at: now.mono, writer: true, files: Soundness::default() };
        self.vitals.get().map_or(well, |ask| ask())
    }

    fn ready(&self) -> Vec<Check> {
        let found = self.doubts();
        Doubt::ALL.map(|it| (it.check(), found.contains(&it).then(|| it.sentence()))).to_vec()
    }
}

/// A line a check; JSON for who asks for it.
fn answer(asked: &HeaderMap, checks: &[Check]) -> Response {
    let well = checks.iter().all(|(_, wrong)| wrong.is_none());
    let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let accept = asked.get(header::ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let (kind, body) = if accept.contains("application/json") {
        let checks: serde_json::Map<String, serde_json::Value> = checks
            .iter()
            .map(|(name, wrong)| ((*name).to_owned(), json!({ "ok": wrong.is_none(), "why": wrong })))
            .collect();
        ("application/json", json!({ "ok": well, "checks": checks }).to_string())
    } else {
        let line = |(name, wrong): &Check| match wrong {
            None => format!("ok      {name}\n"),
            Some(why) => format!("FAILED  {name}: {why}\n"),
        };
        ("text/plain; charset=utf-8", checks.iter().map(line).collect())
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, body).into_response()
}
