//! The ways of the sample wallet, and what tells its visitors apart: cookies and tokens.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde_json::json;

pub use super::book::Wallet;
use super::breaker::Mode;
use super::codes::Channel;
use super::site::ELSEWHERE;
use super::tickets::random_token;
use super::{app, pages, web};

/// Before signing in: ties the form to the browser it was given to.
const VISIT_COOKIE: &str = "sample_visit";
/// After signing in.
const SESSION_COOKIE: &str = "sample_session";

/// What the version door says.
const MIN_VERSION: &str = "3.1.0";
const LATEST_VERSION: &str = "3.2.1";
const BAD_VERSION: &str = "3.2.0";

pub fn router(wallet: Arc<Wallet>) -> Router {
    let mut router = Router::new()
        .route("/", get(|| async { Redirect::to("/login") }))
        .route("/login", get(web::login_page).post(web::sign_in))
        .route("/totp", get(web::totp_page).post(web::first_factor))
        .route("/totp/code", post(web::second_factor))
        .route("/me", get(me))
        .route("/logout", post(sign_out))
        .route("/phone", get(web::phone))
        .route(ELSEWHERE, get(|| async { pages::sorry() }))
        .route("/api/login", post(app::sign_in))
        .route("/api/app/login", post(app::sign_in))
        .route("/api/app/me", get(me))
        .route("/api/app/logout", post(sign_out))
        .route("/api/app/totp", post(app::first_factor))
        .route("/api/app/totp/code", post(app::second_factor))
        .route("/api/phone", get(phone))
        .route("/api/version", get(version));
    for channel in Channel::ALL {
        let name = channel.name();
        let its_own = Extension(channel);
        router = router
            .route(&format!("/{name}"), get(web::send_page).post(web::by_code).layer(its_own))
            .route(&format!("/{name}/code"), post(web::send_code).layer(its_own))
            .route(&format!("/api/app/{name}"), post(app::by_code).layer(its_own))
            .route(&format!("/api/app/{name}/code"), post(app::send_code).layer(its_own));
    }
    router.fallback(|| async { pages::not_found() }).with_state(wallet)
}

async fn me(State(wallet): State<Arc<Wallet>>, headers: HeaderMap) -> Response {
    let now = wallet.now();
    match session(&headers).and_then(|token| wallet.book().sessions.find(now, token).copied()) {
        Some(()) => pages::me(),
        None => pages::not_signed_in(),
    }
}

/// Ends the session if there is one. The cookie is `SameSite`, so no other
/// site can sign anybody out.
async fn sign_out(State(wallet): State<Arc<Wallet>>, headers: HeaderMap) -> Response {
    if let Some(token) = session(&headers) {
        wallet.book().sessions.withdraw(token);
    }
    let cookies = AppendHeaders([(header::SET_COOKIE, clear_cookie(SESSION_COOKIE))]);
    (cookies, Redirect::to("/login")).into_response()
}

async fn version() -> Response {
    Json(json!({ "min": MIN_VERSION, "latest": LATEST_VERSION, "bad": [BAD_VERSION] })).into_response()
}

/// The codes that arrived last, for programs.
pub async fn phone(State(wallet): State<Arc<Wallet>>) -> Response {
    let (now, book) = (wallet.now(), wallet.book());
    let code = |channel| book.inbox.last(now, channel).map(|it| it.code.clone());
    Json(json!({ "sms": code(Channel::Sms), "email": code(Channel::Email) })).into_response()
}

/// A browser that looks at a form: the token of its visit, and the cookie to
/// set if it is new.
pub struct Visit {
    pub csrf_token: String,
    cookie: Option<String>,
}

impl Visit {
    /// A second tab gets the same token, or the first one's form would fail.
    pub fn of(wallet: &Wallet, now: Timestamp, headers: &HeaderMap) -> Self {
        Self::known(wallet, now, headers).unwrap_or_else(|| Self::new(wallet, now))
    }

    pub fn new(wallet: &Wallet, now: Timestamp) -> Self {
        let csrf_token = random_token();
        let visit = wallet.book().visits.issue(now, csrf_token.clone());
        Self { csrf_token, cookie: Some(set_cookie(VISIT_COOKIE, &visit)) }
    }

    /// The visit that a form belongs to that sends this token.
    pub fn proven(wallet: &Wallet, now: Timestamp, headers: &HeaderMap, token: &str) -> Option<Self> {
        Self::known(wallet, now, headers).filter(|it| it.csrf_token == token)
    }

    fn known(wallet: &Wallet, now: Timestamp, headers: &HeaderMap) -> Option<Self> {
        let csrf_token = wallet.book().visits.find(now, cookie(headers, VISIT_COOKIE)?).cloned()?;
        Some(Self { csrf_token, cookie: None })
    }

    /// The page, with the cookie that the visit needs.
    pub fn shows(self, page: Response) -> Response {
        match self.cookie {
            Some(cookie) => (AppendHeaders([(header::SET_COOKIE, cookie)]), page).into_response(),
            None => page,
        }
    }
}

/// Lets a browser in; its visit and any session of before are over.
pub fn enter(wallet: &Wallet, headers: &HeaderMap, session: &str) -> Response {
    let mut book = wallet.book();
    book.visits.withdraw(cookie(headers, VISIT_COOKIE).unwrap_or_default());
    book.sessions.withdraw(cookie(headers, SESSION_COOKIE).unwrap_or_default());
    let cookies = AppendHeaders([
        (header::SET_COOKIE, set_cookie(SESSION_COOKIE, session)),
        (header::SET_COOKIE, clear_cookie(VISIT_COOKIE)),
    ]);
    (cookies, Redirect::to("/me")).into_response()
}

/// The mode of the door that was knocked at.
pub type Doing = Extension<Mode>;

/// From the browser's cookie, or from the token that the API gave out.
fn session(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    bearer.or_else(|| cookie(headers, SESSION_COOKIE))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// Not `Secure`: the wallet speaks plain HTTP on loopback.
fn set_cookie(name: &str, value: &str) -> String {
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax")
}

fn clear_cookie(name: &str) -> String {
    format!("{name}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0")
}
