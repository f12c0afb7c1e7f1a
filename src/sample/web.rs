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

/// The form for name and password, which stands at two addresses.
#[derive(Clone, Copy)]
struct Entry {
    at: &'static str,
    mode: Mode,
}

impl Entry {
    fn page(self, visit: &Visit, problem: Option<Problem>) -> Response {
        pages::login(self.at, self.mode.into(), &visit.csrf_token, problem)
    }

    fn shown(self, wallet: &Wallet, headers: &HeaderMap) -> Response {
        let visit = Visit::of(wallet, wallet.now(), headers);
        let page = self.page(&visit, None);
        visit.shows(page)
    }

    #[expect(clippy::result_large_err, reason = "an answer that is ready is handed on, not kept")]
    fn read(self, wallet: &Wallet, headers: &HeaderMap, filled: Filled) -> Result<Sent, Response> {
        let again = |visit: &Visit| self.page(visit, Some(Problem::OutOfDate));
        Sent::read(wallet, headers, filled, &["username", "password"], again)
    }
}

pub async fn login_page(
    State(wallet): State<Arc<Wallet>>,
    Extension(mode): Doing,
    headers: HeaderMap,
) -> Response {
    Entry { at: LOGIN, mode }.shown(&wallet, &headers)
}

pub async fn sign_in(
    State(wallet): State<Arc<Wallet>>,
    Extension(mode): Doing,
    headers: HeaderMap,
    filled: Filled,
) -> Result<Response, Response> {
    let entry = Entry { at: LOGIN, mode };
    let sent = entry.read(&wallet, &headers, filled)?;
    let (username, password) = (sent.field("username"), sent.field("password"));
    let admission = wallet.book().by_password(wallet.now(), mode, username, password);
    Ok(told(&wallet, &headers, admission, || entry.page(&sent.visit, Some(Problem::WrongPassword))))
}

pub async fn totp_page(
    State(wallet): State<Arc<Wallet>>,
    Extension(mode): Doing,
    headers: HeaderMap,
) -> Response {
    Entry { at: TOTP, mode }.shown(&wallet, &headers)
}

/// The right password leads to the form for the code.
pub async fn first_factor(
    State(wallet): State<Arc<Wallet>>,
    Extension(mode): Doing,
    headers: HeaderMap,
    filled: Filled,
) -> Result<Response, Response> {
    let entry = Entry { at: TOTP, mode };
    let sent = entry.read(&wallet, &headers, filled)?;
    let halfway = wallet.book().halfway(wallet.now(), mode, sent.field("username"), sent.field("password"));
    Ok(match halfway {
        Admission::In(ticket) => pages::second(&ticket, mode.into(), &sent.visit.csrf_token, None),
        other => told(&wallet, &headers, other, || entry.page(&sent.visit, Some(Problem::WrongPassword))),
    })
}

pub async fn second_factor(
    State(wallet): State<Arc<Wallet>>,
    Extension(mode): Doing,
    headers: HeaderMap,
    filled: Filled,
) -> Result<Response, Response> {
    let start = |visit: &Visit| Entry { at: TOTP, mode }.page(visit, Some(Problem::OutOfDate));
    let sent = Sent::read(&wallet, &headers, filled, &["ticket", "code"], start)?;
    let (ticket, code) = (sent.field("ticket"), sent.field("code"));
    let Some(admission) = wallet.book().by_totp(wallet.now(), mode, ticket, code) else {
        return Ok(start(&sent.visit));
    };
    Ok(told(&wallet, &headers, admission, || {
        pages::second(ticket, mode.into(), &sent.visit.csrf_token, Some(Problem::WrongCode))
    }))
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

fn send_again(channel: Channel, mode: Mode, visit: &Visit) -> Response {
    pages::send(channel, mode.into(), &visit.csrf_token, Some(Problem::OutOfDate))
}

/// Says the same whoever is asked for, and sends only to ours.
pub async fn send_code(
    State(wallet): State<Arc<Wallet>>,
    Extension(channel): Extension<Channel>,
    Extension(mode): Doing,
    headers: HeaderMap,
    filled: Filled,
) -> Result<Response, Response> {
    let start = |visit: &Visit| send_again(channel, mode, visit);
    let sent = Sent::read(&wallet, &headers, filled, &[channel.field()], start)?;
    let (now, to) = (wallet.now(), sent.field(channel.field()));
    let mut book = wallet.book();
    book.inbox.send(now, channel, to, mode != Mode::CodeLost);
    let arrived = book.inbox.last(now, channel);
    Ok(pages::code((channel, to), mode.into(), &sent.visit.csrf_token, arrived, None))
}

pub async fn by_code(
    State(wallet): State<Arc<Wallet>>,
    Extension(channel): Extension<Channel>,
    Extension(mode): Doing,
    headers: HeaderMap,
    filled: Filled,
) -> Result<Response, Response> {
    let start = |visit: &Visit| send_again(channel, mode, visit);
    let sent = Sent::read(&wallet, &headers, filled, &[channel.field(), "code"], start)?;
    let (now, to) = (wallet.now(), sent.field(channel.field()));
    let admission = wallet.book().by_code(now, mode, channel, (to, sent.field("code")));
    Ok(told(&wallet, &headers, admission, || {
        let book = wallet.book();
        let (arrived, problem) = (book.inbox.last(now, channel), Some(Problem::WrongCode));
        pages::code((channel, to), mode.into(), &sent.visit.csrf_token, arrived, problem)
    }))
}

/// The little phone, for people.
pub async fn phone(State(wallet): State<Arc<Wallet>>) -> Response {
    let (now, book) = (wallet.now(), wallet.book());
    pages::phone(Channel::ALL.into_iter().map(|it| (it, book.inbox.last(now, it))).collect())
}
