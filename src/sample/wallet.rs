//! What the sample wallet does when nothing is broken: sign in, look, sign out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::lockout::{Attempt, Lockout};
use super::pages::{self, Problem};
use super::tickets::{Tickets, random_token};
use super::{Now, PASSWORD, USERNAME};

/// A login page left open for longer has to be loaded again.
const VISIT_LASTS: SignedDuration = SignedDuration::from_hours(1);
const SESSION_LASTS: SignedDuration = SignedDuration::from_mins(30);

/// Before signing in: ties the form to the browser it was given to.
const VISIT_COOKIE: &str = "sample_visit";
/// After signing in.
const SESSION_COOKIE: &str = "sample_session";

/// What the version door says.
const MIN_VERSION: &str = "3.1.0";
const LATEST_VERSION: &str = "3.2.1";
const BAD_VERSION: &str = "3.2.0";

pub struct Wallet {
    now: Now,
    book: Mutex<Book>,
}

/// All that the wallet remembers.
struct Book {
    lockout: Lockout,
    /// Visits stand for the CSRF token of their form.
    visits: Tickets<String>,
    /// The one account is all that a session can stand for.
    sessions: Tickets<()>,
}

impl Wallet {
    pub fn new(now: Now) -> Arc<Self> {
        let book = Book {
            lockout: Lockout::default(),
            visits: Tickets::new(VISIT_LASTS),
            sessions: Tickets::new(SESSION_LASTS),
        };
        Arc::new(Self { now, book: Mutex::new(book) })
    }

    /// A handler that panicked while holding the lock leaves nothing half done.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// An unknown name is as wrong as a wrong password, but locks nothing.
    fn attempt(&mut self, now: Timestamp, credentials: &Credentials) -> Attempt {
        if credentials.username != USERNAME {
            return Attempt::Wrong;
        }
        self.lockout.attempt(now, credentials.password == PASSWORD)
    }
}

pub fn router(wallet: Arc<Wallet>) -> Router {
    Router::new()
        .route("/", get(|| async { Redirect::to("/login") }))
        .route("/login", get(login_page).post(sign_in))
        .route("/me", get(me))
        .route("/logout", post(sign_out))
        .route("/api/login", post(api_sign_in))
        .route("/api/app/login", post(api_sign_in))
        .route("/api/version", get(version))
        .fallback(|| async { pages::not_found() })
        .with_state(wallet)
}

#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

#[derive(Deserialize)]
struct LoginForm {
    #[serde(default)]
    csrf_token: String,
    #[serde(flatten)]
    credentials: Credentials,
}

async fn login_page(State(wallet): State<Arc<Wallet>>, headers: HeaderMap) -> Response {
    let now = (wallet.now)();
    // A second tab gets the same token, or the first one's form would fail.
    let known =
        cookie(&headers, VISIT_COOKIE).and_then(|visit| wallet.book().visits.find(now, visit).cloned());
    match known {
        Some(csrf_token) => pages::login(&csrf_token, None),
        None => new_visit(&wallet, now, None),
    }
}

async fn sign_in(
    State(wallet): State<Arc<Wallet>>,
    headers: HeaderMap,
    form: Result<Form<LoginForm>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else {
        return pages::bad_request("the form needs csrf_token, username and password");
    };
    let now = (wallet.now)();
    let visit = cookie(&headers, VISIT_COOKIE).unwrap_or_default();
    let expected = wallet.book().visits.find(now, visit).cloned();
    let Some(csrf_token) = expected.filter(|expected| *expected == form.csrf_token) else {
        return new_visit(&wallet, now, Some(Problem::OutOfDate));
    };
    let mut book = wallet.book();
    match book.attempt(now, &form.credentials) {
        Attempt::Wrong => pages::login(&csrf_token, Some(Problem::WrongPassword)),
        Attempt::Locked { until } => pages::locked(Some(until), false),
        Attempt::Right => {
            book.visits.withdraw(visit);
            book.sessions.withdraw(cookie(&headers, SESSION_COOKIE).unwrap_or_default());
            let session = book.sessions.issue(now, ());
            let cookies = AppendHeaders([
                (header::SET_COOKIE, set_cookie(SESSION_COOKIE, &session)),
                (header::SET_COOKIE, clear_cookie(VISIT_COOKIE)),
            ]);
            (cookies, Redirect::to("/me")).into_response()
        }
    }
}

async fn api_sign_in(
    State(wallet): State<Arc<Wallet>>,
    credentials: Result<Json<Credentials>, JsonRejection>,
) -> Response {
    let Ok(Json(credentials)) = credentials else {
        return pages::refusal(StatusCode::BAD_REQUEST, "bad_request");
    };
    let now = (wallet.now)();
    let mut book = wallet.book();
    match book.attempt(now, &credentials) {
        Attempt::Wrong => pages::refusal(StatusCode::UNAUTHORIZED, "wrong_password"),
        Attempt::Locked { until } => pages::locked(Some(until), true),
        Attempt::Right => Json(json!({ "ok": true, "token": book.sessions.issue(now, ()) })).into_response(),
    }
}

async fn me(State(wallet): State<Arc<Wallet>>, headers: HeaderMap) -> Response {
    let now = (wallet.now)();
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

fn new_visit(wallet: &Wallet, now: Timestamp, problem: Option<Problem>) -> Response {
    let csrf_token = random_token();
    let visit = wallet.book().visits.issue(now, csrf_token.clone());
    let cookies = AppendHeaders([(header::SET_COOKIE, set_cookie(VISIT_COOKIE, &visit))]);
    (cookies, pages::login(&csrf_token, problem)).into_response()
}

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
