//! Signing in with a browser: forms, each with the token of its visit.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::{Extension, Form};

use super::book::Admission;
use super::breaker::Mode;
use super::codes::Channel;
use super::pages::{self, Problem};
use super::wallet::{Doing, Visit, Wallet, enter};

const LOGIN: &str = "/login";
const TOTP: &str = "/totp";

/// The fields of a form by name.
type Fields = HashMap<String, String>;
type Filled = Result<Form<Fields>, FormRejection>;

/// A form as it came in: what it says, and the visit it belongs to.
struct Sent {
    fields: Fields,
    visit: Visit,
}

impl Sent {
    /// The form if it has these fields and the token of its visit; else a new
    /// form, as `again` makes it, or one sentence.
    #[expect(clippy::result_large_err, reason = "an answer that is ready is handed on, not kept")]
    fn read(
        wallet: &Wallet,
        headers: &HeaderMap,
        form: Filled,
        wanted: &[&str],
        again: impl FnOnce(&Visit) -> Response,
    ) -> Result<Self, Response> {
        let fields = form.map(|Form(fields)| fields).unwrap_or_default();
        if !wanted.iter().all(|name| fields.contains_key(*name)) {
            return Err(pages::bad_request(&format!("the form needs csrf_token, {}", wanted.join(" and "))));
        }
        let token = fields.get("csrf_token").map(String::as_str).unwrap_or_default();
        match Visit::proven(wallet, wallet.now(), headers, token) {
            Some(visit) => Ok(Self { fields, visit }),
            None => {
                let visit = Visit::new(wallet, wallet.now());
                let page = again(&visit);
                Err(visit.shows(page))
            }
        }
    }

    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// What a browser sees of its admission; `again` shows the form once more.
fn told(
    wallet: &Wallet,
    headers: &HeaderMap,
    admission: Admission,
    again: impl FnOnce() -> Response,
) -> Response {
    match admission {
        Admission::In(session) => enter(wallet, headers, &session),
        Admission::Wrong => again(),
        Admission::Locked { until } => pages::locked(Some(until), false),
        Admission::Challenge => pages::challenge(false),
        Admission::Expired => pages::expired(false),
    }
}

pub async fn login_page(
    State(wallet): State<Arc<Wallet>>,
    Extension(mode): Doing,
    headers: HeaderMap,
) -> Response {
    let visit = Visit::of(&wallet, wallet.now(), &headers);
    let page = pages::login(LOGIN, mode.into(), &visit.csrf_token, None);
    visit.shows(page)
}

pub async fn sign_in(
    State(wallet): State<Arc<Wallet>>,
    Extension(mode): Doing,
    headers: HeaderMap,
    filled: Filled,
) -> Response {
    let page = |visit: &Visit, problem| pages::login(LOGIN, mode.into(), &visit.csrf_token, Some(problem));
    let again = |visit: &Visit| page(visit, Problem::OutOfDate);
    let sent = match Sent::read(&wallet, &headers, filled, &["username", "password"], again) {
        Ok(sent) => sent,
        Err(refusal) => return refusal,
    };
    let (username, password) = (sent.field("username"), sent.field("password"));
    let admission = wallet.book().by_password(wallet.now(), mode, username, password);
    told(&wallet, &headers, admission, || page(&sent.visit, Problem::WrongPassword))
}

pub async fn totp_page(
    State(wallet): State<Arc<Wallet>>,
    Extension(mode): Doing,
    headers: HeaderMap,
) -> Response {
    let visit = Visit::of(&wallet, wallet.now(), &headers);
    let page = pages::login(TOTP, mode.into(), &visit.csrf_token, None);
    visit.shows(page)
}

/// The right password leads to the form for the code.
pub async fn first_factor(
    State(wallet): State<Arc<Wallet>>,
    Extension(mode): Doing,
    headers: HeaderMap,
    filled: Filled,
) -> Response {
    let page = |visit: &Visit, problem| pages::login(TOTP, mode.into(), &visit.csrf_token, Some(problem));
    let again = |visit: &Visit| page(visit, Problem::OutOfDate);
    let sent = match Sent::read(&wallet, &headers, filled, &["username", "password"], again) {
        Ok(sent) => sent,
        Err(refusal) => return refusal,
    };
    let (username, password) = (sent.field("username"), sent.field("password"));
    let halfway = wallet.book().halfway(wallet.now(), mode, username, password);
    match halfway {
        Admission::In(ticket) => pages::second(&ticket, mode.into(), &sent.visit.csrf_token, None),
        other => told(&wallet, &headers, other, || page(&sent.visit, Problem::WrongPassword)),
    }
}

pub async fn second_factor(
    State(wallet): State<Arc<Wallet>>,
    Extension(mode): Doing,
    headers: HeaderMap,
    filled: Filled,
) -> Response {
    let start = |visit: &Visit| pages::login(TOTP, mode.into(), &visit.csrf_token, Some(Problem::OutOfDate));
    let sent = match Sent::read(&wallet, &headers, filled, &["ticket", "code"], start) {
        Ok(sent) => sent,
        Err(refusal) => return refusal,
    };
    let Some(admission) = wallet.book().by_totp(wallet.now(), mode, sent.field("ticket"), sent.field("code"))
    else {
        return start(&sent.visit);
    };
    told(&wallet, &headers, admission, || {
        let problem = Some(Problem::WrongCode);
        pages::second(sent.field("ticket"), mode.into(), &sent.visit.csrf_token, problem)
    })
}

pub async fn send_page(
    State(wallet): State<Arc<Wallet>>,
    Extension(channel): Extension<Channel>,
    Extension(mode): Doing,
    headers: HeaderMap,
) -> Response {
    let visit = Visit::of(&wallet, wallet.now(), &headers);
    let page = pages::send(channel, mode.into(), &visit.csrf_token, None);
    visit.shows(page)
}

/// Says the same whoever is asked for, and sends only to ours.
pub async fn send_code(
    State(wallet): State<Arc<Wallet>>,
    Extension(channel): Extension<Channel>,
    Extension(mode): Doing,
    headers: HeaderMap,
    filled: Filled,
) -> Response {
    let start =
        |visit: &Visit| pages::send(channel, mode.into(), &visit.csrf_token, Some(Problem::OutOfDate));
    let sent = match Sent::read(&wallet, &headers, filled, &[channel.field()], start) {
        Ok(sent) => sent,
        Err(refusal) => return refusal,
    };
    let (now, to) = (wallet.now(), sent.field(channel.field()));
    let mut book = wallet.book();
    book.inbox.send(now, channel, to, mode != Mode::CodeLost);
    let arrived = book.inbox.last(now, channel);
    pages::code((channel, to), mode.into(), &sent.visit.csrf_token, arrived, None)
}

pub async fn by_code(
    State(wallet): State<Arc<Wallet>>,
    Extension(channel): Extension<Channel>,
    Extension(mode): Doing,
    headers: HeaderMap,
    filled: Filled,
) -> Response {
    let start =
        |visit: &Visit| pages::send(channel, mode.into(), &visit.csrf_token, Some(Problem::OutOfDate));
    let sent = match Sent::read(&wallet, &headers, filled, &[channel.field(), "code"], start) {
        Ok(sent) => sent,
        Err(refusal) => return refusal,
    };
    let (now, to) = (wallet.now(), sent.field(channel.field()));
    let admission = wallet.book().by_code(now, mode, channel, (to, sent.field("code")));
    told(&wallet, &headers, admission, || {
        let book = wallet.book();
        let (arrived, problem) = (book.inbox.last(now, channel), Some(Problem::WrongCode));
        pages::code((channel, to), mode.into(), &sent.visit.csrf_token, arrived, problem)
    })
}

/// The little phone, for people.
pub async fn phone(State(wallet): State<Arc<Wallet>>) -> Response {
    let (now, book) = (wallet.now(), wallet.book());
    pages::phone(Channel::ALL.into_iter().map(|it| (it, book.inbox.last(now, it))).collect())
}
