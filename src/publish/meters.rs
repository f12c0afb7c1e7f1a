//! What this room counts: renderings, and requests by door and class of answer.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use super::{ROUTES, Shared, health};
use crate::domain::moment::Moment;
use crate::meter::{Counter, Gauge, Histogram, Slots};

/// Microseconds. A small page takes 5 ms, one of a thousand components a second.
const RENDER_BOUNDS: &[u64] = &[5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];
/// 1xx to 5xx.
const CLASSES: usize = 5;
/// The doors, and everything that leads nowhere.
const DOORS: usize = ROUTES.len() + 1;

#[derive(Debug)]
pub struct Meters {
    pub render: Histogram,
    pub render_failed: Counter,
    /// Seconds since 1970, of the facts that are shown now.
    pub rendered_at: Gauge,
    /// Milliseconds on the monotonic clock: when the renderer last came by.
    pub(super) renderer_at: Gauge,
    requests: Slots<{ DOORS * CLASSES }>,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            render: Histogram::new(RENDER_BOUNDS),
            render_failed: Counter::default(),
            rendered_at: Gauge::default(),
            renderer_at: Gauge::default(),
            requests: Slots::default(),
        }
    }
}

impl Meters {
    /// Each door and class that was ever asked for, as `("/c/{id}", "2xx", 17)`.
    pub fn requests(&self) -> Vec<(&'static str, &'static str, u32)> {
        let mut found = Vec::new();
        let doors = ROUTES.iter().map(|(_, path)| *path).chain(["other"]);
        for (door, path) in doors.enumerate() {
            for (class, name) in ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().enumerate() {
                let count = self.requests.get(door * CLASSES + class);
                if count > 0 {
                    found.push((path, name, count));
                }
            }
        }
        found
    }

    /// The same with requests that were refused before any door: they lead nowhere, too.
    pub fn requests_and(&self, refused: u64) -> Vec<(&'static str, &'static str, u32)> {
        let refused = u32::try_from(refused).unwrap_or(u32::MAX);
        let mut found = self.requests();
        match found.iter_mut().find(|(path, class, _)| (*path, *class) == ("other", "4xx")) {
            Some((_, _, count)) => *count = count.saturating_add(refused),
            None if 0 < refused => found.push(("other", "4xx", refused)),
            None => (),
        }
        found
    }

    /// The renderer is alive.
    pub(super) fn came_by(&self, now: Moment) {
        self.renderer_at.set(i64::try_from(now.mono.as_millis()).unwrap_or(i64::MAX));
    }

    fn count(&self, door: usize, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        self.requests.inc(door * CLASSES + class.min(CLASSES - 1));
    }
}

/// Around every door; one atomic addition a request.
pub(super) async fn counted(State(it): Shared, request: Request, next: Next) -> Response {
    let door = door(&it.base, request.uri().path());
    let response = next.run(request).await;
    it.meters.count(door, response.status());
    response
}

/// The place in [`ROUTES`] of a path below `base`; beyond their end when there is none.
fn door(base: &str, path: &str) -> usize {
    let below = path.strip_prefix(base);
    let is = |route: &str| {
        if health::DOORS.contains(&route) {
            return path == route;
        }
        let (Some(path), Some(route)) = (below, route.strip_prefix('/')) else { return false };
        match route.strip_suffix("{id}") {
            Some(before) => path.strip_prefix(before).is_some_and(|id| !id.is_empty() && !id.contains('/')),
            None => path == route,
        }
    };
    // A path that takes two methods is one door, that of its first row.
    ROUTES.iter().position(|(_, route)| is(route)).unwrap_or(ROUTES.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_a_door_of_its_own_and_the_rest_is_one() {
        for (index, (_, route)) in ROUTES.iter().enumerate() {
            let path = route.replace("{id}", "sms");
            let index = ROUTES.iter().position(|(_, it)| it == route).unwrap_or(index);
            assert_eq!(door("/", &path), index, "{route}");
            let (below, beside) = (door("/login/", &format!("/login{path}")), door("/login/", &path));
            let other = ROUTES.len();
            let wanted = if health::DOORS.contains(route) { (other, index) } else { (index, other) };
            assert_eq!((below, beside), wanted, "{route}");
        }
        for path in ["", "/x", "/c/", "/c/a/b", "/en/c/", "/livez/", "//"] {
            assert_eq!(door("/", path), ROUTES.len(), "{path}");
        }
        let meters = Meters::default();
        meters.count(0, StatusCode::OK);
        meters.count(ROUTES.len(), StatusCode::NOT_FOUND);
        assert_eq!(meters.requests(), [("/", "2xx", 1), ("other", "4xx", 1)]);
        assert_eq!(meters.requests_and(2), [("/", "2xx", 1), ("other", "4xx", 3)]);
        assert_eq!(Meters::default().requests_and(2), [("other", "4xx", 2)]);
    }
}
