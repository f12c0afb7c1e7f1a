//! The pages of the sample wallet and the answers that carry them.

use askama::Template;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;

/// The login form, with what went wrong before it if something did.
#[derive(Template)]
#[template(path = "sample/login.html")]
struct Login<'a> {
    csrf_token: &'a str,
    problem: Option<Problem>,
}

/// Why the form is shown again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    WrongPassword,
    OutOfDate,
}

impl Problem {
    fn status(self) -> StatusCode {
        match self {
            Self::WrongPassword => StatusCode::UNAUTHORIZED,
            Self::OutOfDate => StatusCode::FORBIDDEN,
        }
    }

    fn zh(self) -> &'static str {
        match self {
            Self::WrongPassword => "用户名或密码不对。",
            Self::OutOfDate => "这个页面放得太久了，请再登录一次。",
        }
    }

    fn en(self) -> &'static str {
        match self {
            Self::WrongPassword => "The username or the password is wrong.",
            Self::OutOfDate => "This page was out of date. Please sign in again.",
        }
    }
}

pub fn login(csrf_token: &str, problem: Option<Problem>) -> Response {
    page(problem.map_or(StatusCode::OK, Problem::status), &Login { csrf_token, problem })
}

#[derive(Template)]
#[template(path = "sample/me.html")]
struct Me {
    username: &'static str,
}

pub fn me() -> Response {
    page(StatusCode::OK, &Me { username: super::USERNAME })
}

#[derive(Template)]
#[template(path = "sample/welcome.html")]
struct Welcome;

/// A page that is nice to read and not the one that was asked for.
pub fn welcome() -> Response {
    page(StatusCode::OK, &Welcome)
}

#[derive(Template)]
#[template(path = "sample/message.html")]
struct Message<'a> {
    title_zh: &'a str,
    title_en: &'a str,
    text_zh: &'a str,
    text_en: &'a str,
}

/// 200, as so many maintenance pages are.
pub fn maintenance() -> Response {
    page(
        StatusCode::OK,
        &Message {
            title_zh: "系统维护中",
            title_en: "Under maintenance",
            text_zh: "我们正在维护系统，暂时无法登录，请稍后再来。",
            text_en: "We are maintaining the system. Signing in is not possible now; please come back later.",
        },
    )
}

pub fn unavailable(wants_json: bool) -> Response {
    if wants_json {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    }
    page(
        StatusCode::SERVICE_UNAVAILABLE,
        &Message {
            title_zh: "服务暂时不可用",
            title_en: "Service unavailable",
            text_zh: "服务器出了问题，请稍后再试。",
            text_en: "Something is wrong on our side. Please try again later.",
        },
    )
}

/// 423, with the end of the lock where it is known.
pub fn locked(until: Option<Timestamp>, wants_json: bool) -> Response {
    if wants_json {
        let body = json!({ "ok": false, "error": "account_locked", "until": until.map(|at| at.to_string()) });
        return (StatusCode::LOCKED, Json(body)).into_response();
    }
    let (text_zh, text_en) = match until.map(|at| at.strftime("%Y-%m-%d %H:%M UTC")) {
        Some(at) => (
            format!("密码错得太多，账号已锁定，到 {at} 自动解锁。"),
            format!("There were too many wrong passwords. The account is locked until {at}."),
        ),
        None => (
            "账号已锁定，请稍后再试。".to_owned(),
            "The account is locked. Please try again later.".to_owned(),
        ),
    };
    page(
        StatusCode::LOCKED,
        &Message {
            title_zh: "账号已锁定", title_en: "Account locked", text_zh: &text_zh, text_en: &text_en
        },
    )
}

pub fn not_signed_in() -> Response {
    page(
        StatusCode::UNAUTHORIZED,
        &Message {
            title_zh: "还没有登录",
            title_en: "Not signed in",
            text_zh: "请先登录。",
            text_en: "Please sign in first.",
        },
    )
}

pub fn not_found() -> Response {
    page(
        StatusCode::NOT_FOUND,
        &Message {
            title_zh: "没有这个页面",
            title_en: "No such page",
            text_zh: "请检查网址。",
            text_en: "Please check the address.",
        },
    )
}

/// 400 and 403 are for programs and for whoever tries things: one sentence.
pub fn bad_request(reason: &str) -> Response {
    (StatusCode::BAD_REQUEST, format!("示例 / sample: {reason}\n")).into_response()
}

pub fn forbidden(reason: &str) -> Response {
    (StatusCode::FORBIDDEN, format!("示例 / sample: {reason}\n")).into_response()
}

/// The answer of an API that says no.
pub fn refusal(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "ok": false, "error": error }))).into_response()
}

pub fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, [(header::CONTENT_LANGUAGE, "zh-CN, en")], Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "could not render a page of the sample wallet");
            (StatusCode::INTERNAL_SERVER_ERROR, "sample: the page could not be made\n").into_response()
        }
    }
}
