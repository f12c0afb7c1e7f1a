//! `/metrics`: written when asked for, off the async threads, at most once a second.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::Semaphore;

use super::encode::Format;
use super::write::{Seen, write};
use crate::meter::Stopwatch;

/// Connections of scrapers at once; a pair of Prometheus servers needs two.
pub const CONNECTIONS: usize = 16;
/// Scrapers within this of each other read the same bytes, so that a crowd of
/// them costs no more than one.
const SHARED: Duration = Duration::from_secs(1);
/// The first level: numbers shrink to a tenth at any.
const GZIP_LEVEL: u32 = 1;

/// What the rooms counted, gathered now.
pub type Scrape = Arc<dyn Fn() -> Seen + Send + Sync>;

struct Shop {
    scrape: Scrape,
    /// One is written at a time.
    turn: Semaphore,
    last: Mutex<Vec<Written>>,
}

#[derive(Clone)]
struct Written {
    at: Stopwatch,
    format: Format,
    gzip: bool,
    bytes: Bytes,
}

pub fn router(scrape: Scrape) -> Router {
    let shop = Shop { scrape, turn: Semaphore::new(1), last: Mutex::default() };
    Router::new()
        .route("/metrics", get(metrics))
        .fallback(async || (StatusCode::NOT_FOUND, "here are /metrics, /livez and /readyz\n"))
        .with_state(Arc::new(shop))
}

async fn metrics(State(shop): State<Arc<Shop>>, asked: HeaderMap) -> Response {
    let said = |name| asked.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let format = Format::accepted(said(header::ACCEPT));
    let gzip = takes_gzip(said(header::ACCEPT_ENCODING));
    let Ok(bytes) = shop.bytes(format, gzip).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(format.content_type()));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, header::HeaderValue::from_static("accept, accept-encoding"));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, header::HeaderValue::from_static("gzip"));
    }
    (headers, bytes).into_response()
}

/// Named, and not with the weight zero, which means "anything but this".
fn takes_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|it| it.eq_ignore_ascii_case("gzip"));
        let weight = |it: &str| it.strip_prefix("q=").or(it.strip_prefix("Q="))?.parse::<f32>().ok();
        named && parts.find_map(weight).is_none_or(|weight| 0.0 < weight)
    })
}

impl Shop {
    async fn bytes(self: &Arc<Self>, format: Format, gzip: bool) -> std::io::Result<Bytes> {
        let _turn = self.turn.acquire().await.map_err(std::io::Error::other)?;
        if let Some(kept) = self.kept(format, gzip) {
            return Ok(kept);
        }
        let shop = Arc::clone(self);
        let made = tokio::task::spawn_blocking(move || {
            let text = write(&(shop.scrape)(), format);
            if !gzip {
                return Ok::<_, std::io::Error>(Bytes::from(text));
            }
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL));
            encoder.write_all(text.as_bytes())?;
            Ok(Bytes::from(encoder.finish()?))
        });
        let bytes = made.await.map_err(std::io::Error::other)??;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|it| it.at.read() < SHARED && (it.format, it.gzip) != (format, gzip));
        last.push(Written { at: Stopwatch::start(), format, gzip, bytes: bytes.clone() });
        Ok(bytes)
    }

    fn kept(&self, format: Format, gzip: bool) -> Option<Bytes> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = last.iter().find(|it| it.at.read() < SHARED && (it.format, it.gzip) == (format, gzip));
        fresh.map(|it| it.bytes.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        for (accepted, takes) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000, identity", false),
            ("gzipped", false),
            ("", false),
        ] {
            assert_eq!(takes_gzip(accepted), takes, "{accepted:?}");
        }
    }
}
