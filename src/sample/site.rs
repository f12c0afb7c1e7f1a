//! Answers a request as the mode of its door says.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, Incoming};
use thiserror::Error;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, timeout};
use tower::ServiceExt;

use super::breaker::{Breaker, Door, Mode};
use super::{MAX_BODY_BYTES, pages};

/// How long a slow door takes.
pub const SLOW: Duration = Duration::from_secs(4);
/// Between two bytes of a dripping body.
const DRIP: Duration = Duration::from_millis(200);
/// What a dripping body consists of, over and over.
const DROPS: &[u8] = b"<!-- sample -->\n";
/// Where a door leads that leads elsewhere; a page that looks well.
pub const ELSEWHERE: &str = "/sorry";
/// For a client to send a body; probes send theirs at once.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The connection is to be reset without an answer.
#[derive(Debug, Error)]
#[error("the door refuses")]
pub struct Refused;

/// Pages, and the doors in front of them if these can be broken.
#[derive(Clone)]
pub struct Site {
    pub router: Router,
    pub breaker: Option<Breaker>,
}

impl Site {
    pub async fn answer(self, request: Request<Incoming>) -> Result<Response, Refused> {
        let door = Knock::of(&request);
        let mode = match (&self.breaker, door.door) {
            (Some(breaker), Some(door)) => breaker.modes().of(door),
            _ => Mode::Works,
        };
        if mode == Mode::Refuse {
            return Err(Refused);
        }
        // Read even where the answer does not depend on it: closing with
        // unread bytes would reset the connection and could eat the answer.
        let response = match whole(request).await {
            Ok(mut request) => {
                // What has to do with who one is, is broken where that is looked at.
                request.extensions_mut().insert(mode);
                self.answer_as(mode, door.wants_json, request).await
            }
            Err(refusal) => refusal,
        };
        Ok(stamped(response))
    }

    async fn answer_as(self, mode: Mode, wants_json: bool, request: Request<Body>) -> Response {
        match mode {
            // Refusing was dealt with above; an answer would be a lie.
            Mode::Works
            | Mode::Refuse
            | Mode::NoForm
            | Mode::NoToken
            | Mode::Rejected
            | Mode::Challenge
            | Mode::Expired
            | Mode::BrokenSession
            | Mode::WrongPasswordAccepted
            | Mode::CodeLost => self.truth(request).await,
            Mode::Slow => {
                sleep(SLOW).await;
                self.truth(request).await
            }
            Mode::ServerError => pages::unavailable(wants_json),
            Mode::Drip => dripping(wants_json),
            Mode::WrongPage => pages::welcome(),
            Mode::Maintenance => pages::maintenance(),
            Mode::Locked => pages::locked(None, wants_json),
            Mode::Redirect => (StatusCode::FOUND, [(header::LOCATION, ELSEWHERE)]).into_response(),
            Mode::Blocked => pages::blocked(),
            Mode::Throttled => pages::throttled(wants_json),
        }
    }

    async fn truth(self, request: Request<Body>) -> Response {
        match self.router.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// What a request head says about whom it is for.
#[derive(Debug, PartialEq, Eq)]
struct Knock {
    door: Option<Door>,
    wants_json: bool,
}

impl Knock {
    fn of<B>(request: &Request<B>) -> Self {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let path = request.uri().path();
        let door = match path {
            "/" | "/login" if reads => Some(Door::Page),
            "/login" | "/api/login" | "/me" | "/logout" => Some(Door::SignIn),
            "/api/app/login" | "/api/app/me" | "/api/app/logout" => Some(Door::App),
            "/api/version" => Some(Door::Version),
            "/sms" | "/sms/code" | "/api/app/sms" | "/api/app/sms/code" => Some(Door::Sms),
            "/email" | "/email/code" | "/api/app/email" | "/api/app/email/code" => Some(Door::Email),
            "/totp" | "/totp/code" | "/api/app/totp" | "/api/app/totp/code" => Some(Door::Totp),
            _ => None,
        };
        Self { door, wants_json: path.starts_with("/api/") }
    }
}

/// The request with all of its body, or the answer to one that has too much.
async fn whole(request: Request<Incoming>) -> Result<Request<Body>, Response> {
    let (head, body) = request.into_parts();
    match timeout(BODY_TIME, to_bytes(Body::new(body), MAX_BODY_BYTES)).await {
        Ok(Ok(bytes)) => Ok(Request::from_parts(head, Body::from(bytes))),
        Ok(Err(_)) => Err((StatusCode::PAYLOAD_TOO_LARGE, "sample: the body is too large\n").into_response()),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "sample: the body took too long\n").into_response()),
    }
}

/// What all answers have in common. `same-origin` and not `no-referrer`:
/// with the latter browsers send `Origin: null` with our own forms.
fn stamped(mut response: Response) -> Response {
    let stamps = [
        (header::SERVER, "sample-wallet"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; \
             base-uri 'none'; frame-ancestors 'none'",
        ),
    ];
    for (name, value) in stamps {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn dripping(wants_json: bool) -> Response {
    let kind = if wants_json { "application/json" } else { "text/html; charset=utf-8" };
    let mut clock = interval(DRIP);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ([(header::CONTENT_TYPE, kind)], Body::new(Drip { clock, fallen: 0 })).into_response()
}

/// A body without end, a byte at a time.
struct Drip {
    clock: Interval,
    fallen: usize,
}

impl HttpBody for Drip {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.clock.poll_tick(context).map(|_| {
            let drop = &DROPS[self.fallen..=self.fallen];
            self.fallen = (self.fallen + 1) % DROPS.len();
            Some(Ok(Frame::data(Bytes::from_static(drop))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(method: &str, path: &str) -> Option<Door> {
        Knock::of(&Request::builder().method(method).uri(path).body(()).unwrap()).door
    }

    #[test]
    fn every_path_belongs_to_its_door() {
        assert_eq!(door("GET", "/login?next=/me"), Some(Door::Page));
        assert_eq!(door("HEAD", "/login"), Some(Door::Page));
        assert_eq!(door("POST", "/login"), Some(Door::SignIn));
        assert_eq!(door("POST", "/api/login"), Some(Door::SignIn));
        assert_eq!(door("GET", "/me"), Some(Door::SignIn));
        assert_eq!(door("POST", "/logout"), Some(Door::SignIn));
        assert_eq!(door("POST", "/api/app/login"), Some(Door::App));
        assert_eq!(door("GET", "/api/version"), Some(Door::Version));
        for path in ["", "/code"] {
            assert_eq!(door("POST", &format!("/sms{path}")), Some(Door::Sms));
            assert_eq!(door("POST", &format!("/api/app/email{path}")), Some(Door::Email));
            assert_eq!(door("POST", &format!("/totp{path}")), Some(Door::Totp));
        }
        assert_eq!(door("GET", "/phone"), None, "codes arrive whatever is broken");
        assert_eq!(door("GET", "/nowhere"), None);
    }
}
