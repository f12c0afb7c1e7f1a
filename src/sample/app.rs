//! Signing in with the app: JSON in, a token or a reason out.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;

use super::book::Admission;
use super::breaker::Mode;
use super::codes::Channel;
use super::pages;
use super::wallet::{Doing, Wallet};

type Said<T> = Result<Json<T>, JsonRejection>;

#[derive(Deserialize)]
pub struct Credentials {
    username: String,
    password: String,
}

#[derive(Deserialize)]
pub struct SecondFactor {
    ticket: String,
    code: String,
}

#[derive(Deserialize)]
pub struct Address {
    #[serde(alias = "phone", alias = "email")]
    to: String,
}

#[derive(Deserialize)]
pub struct SentCode {
    #[serde(flatten)]
    address: Address,
    code: String,
}

fn nonsense() -> Response {
    pages::refusal(StatusCode::BAD_REQUEST, "bad_request")
}

/// What a program is told of its admission.
fn told(admission: Admission, wrong: &str) -> Response {
    match admission {
        Admission::In(token) => Json(json!({ "ok": true, "token": token })).into_response(),
        Admission::Wrong => pages::refusal(StatusCode::UNAUTHORIZED, wrong),
        Admission::Locked { until } => pages::locked(Some(until), true),
        Admission::Challenge => pages::challenge(true),
        Admission::Expired => pages::expired(true),
    }
}

pub async fn sign_in(
    State(wallet): State<Arc<Wallet>>,
    Extension(mode): Doing,
    said: Said<Credentials>,
) -> Response {
    let Ok(Json(it)) = said else { return nonsense() };
    told(wallet.book().by_password(wallet.now(), mode, &it.username, &it.password), "wrong_password")
}

/// The right password earns a ticket, to be sent with the code.
pub async fn first_factor(
    State(wallet): State<Arc<Wallet>>,
    Extension(mode): Doing,
    said: Said<Credentials>,
) -> Response {
    let Ok(Json(it)) = said else { return nonsense() };
    match wallet.book().halfway(wallet.now(), mode, &it.username, &it.password) {
        Admission::In(ticket) => {
            Json(json!({ "ok": true, "next": "totp", "ticket": ticket })).into_response()
        }
        other => told(other, "wrong_password"),
    }
}

pub async fn second_factor(
    State(wallet): State<Arc<Wallet>>,
    Extension(mode): Doing,
    said: Said<SecondFactor>,
) -> Response {
    let Ok(Json(it)) = said else { return nonsense() };
    match wallet.book().by_totp(wallet.now(), mode, &it.ticket, &it.code) {
        Some(admission) => told(admission, "wrong_code"),
        None => pages::refusal(StatusCode::FORBIDDEN, "out_of_date"),
    }
}

/// Says the same whoever is asked for, and sends only to ours.
pub async fn send_code(
    State(wallet): State<Arc<Wallet>>,
    Extension(channel): Extension<Channel>,
    Extension(mode): Doing,
    said: Said<Address>,
) -> Response {
    let Ok(Json(it)) = said else { return nonsense() };
    wallet.book().inbox.send(wallet.now(), channel, &it.to, mode != Mode::CodeLost);
    Json(json!({ "ok": true, "sent": true })).into_response()
}

pub async fn by_code(
    State(wallet): State<Arc<Wallet>>,
    Extension(channel): Extension<Channel>,
    Extension(mode): Doing,
    said: Said<SentCode>,
) -> Response {
    let Ok(Json(it)) = said else { return nonsense() };
    told(wallet.book().by_code(wallet.now(), mode, channel, (&it.address.to, &it.code)), "wrong_code")
}
