//! The pages of the sample wallet and the answers that carry them.

use askama::Template;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;

use super::breaker::Mode;
use super::codes::{Channel, Message};

/// A form that wants a name and a password, and what went wrong before it if something did.
#[derive(Template)]
#[template(path = "sample/login.html")]
struct Login<'a> {
    /// Where it leads.
    action: &'static str,
    form: bool,
    csrf_token: Option<&'a str>,
    problem: Option<Problem>,
}

/// What of a form is shown: all of it, unless its door is broken.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    form: bool,
    token: bool,
}

impl From<Mode> for Shown {
    fn from(mode: Mode) -> Self {
        Self { form: mode != Mode::NoForm, token: mode != Mode::NoToken }
    }
}

/// Why the form is shown again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    WrongPassword,
    WrongCode,
    OutOfDate,
}

impl Problem {
    fn status(self) -> StatusCode {
        match self {
            Self::WrongPassword | Self::WrongCode => StatusCode::UNAUTHORIZED,
            Self::OutOfDate => StatusCode::FORBIDDEN,
        }
    }

    fn zh(self) -> &'static str {
        match self {
            Self::WrongPassword => "用户名或密码不对。",
            Self::WrongCode => "验证码不对，或者已经用过。",
            Self::OutOfDate => "这个页面放得太久了，请再登录一次。",
        }
    }

    fn en(self) -> &'static str {
        match self {
            Self::WrongPassword => "The username or the password is wrong.",
            Self::WrongCode => "The code is wrong or was used before.",
            Self::OutOfDate => "This page was out of date. Please sign in again.",
        }
    }
}

/// The status of a page that shows a form, after this problem if there was one.
fn status(problem: Option<Problem>) -> StatusCode {
    problem.map_or(StatusCode::OK, Problem::status)
}

pub fn login(action: &'static str, shown: Shown, csrf_token: &str, problem: Option<Problem>) -> Response {
    let csrf_token = shown.token.then_some(csrf_token);
    page(status(problem), &Login { action, form: shown.form, csrf_token, problem })
}

/// Where the code is to be sent.
#[derive(Template)]
#[template(path = "sample/send.html")]
struct Send<'a> {
    channel: Channel,
    form: bool,
    csrf_token: Option<&'a str>,
    problem: Option<Problem>,
}

pub fn send(channel: Channel, shown: Shown, csrf_token: &str, problem: Option<Problem>) -> Response {
    let csrf_token = shown.token.then_some(csrf_token);
    page(status(problem), &Send { channel, form: shown.form, csrf_token, problem })
}

/// The code that was sent is to be entered; beside it, the place where it arrives.
#[derive(Template)]
#[template(path = "sample/code.html")]
struct Code<'a> {
    channel: Channel,
    to: &'a str,
    csrf_token: Option<&'a str>,
    arrived: Option<&'a Message>,
    problem: Option<Problem>,
}

pub fn code(
    (channel, to): (Channel, &str),
    shown: Shown,
    csrf_token: &str,
    arrived: Option<&Message>,
    problem: Option<Problem>,
) -> Response {
    let csrf_token = shown.token.then_some(csrf_token);
    page(status(problem), &Code { channel, to, csrf_token, arrived, problem })
}

/// The second factor is to be entered.
#[derive(Template)]
#[template(path = "sample/second.html")]
struct Second<'a> {
    ticket: &'a str,
    csrf_token: Option<&'a str>,
    problem: Option<Problem>,
}

pub fn second(ticket: &str, shown: Shown, csrf_token: &str, problem: Option<Problem>) -> Response {
    let csrf_token = shown.token.then_some(csrf_token);
    page(status(problem), &Second { ticket, csrf_token, problem })
}

/// What lies on the phone and in the mailbox of the account.
#[derive(Template)]
#[template(path = "sample/phone.html")]
struct Phone<'a> {
    arrived: Vec<(Channel, Option<&'a Message>)>,
}

pub fn phone(arrived: Vec<(Channel, Option<&Message>)>) -> Response {
    page(StatusCode::OK, &Phone { arrived })
}

#[derive(Template)]
#[template(path = "sample/challenge.html")]
struct Challenge;

/// 200 and no session: somebody wants to know whether we are a person.
pub fn challenge(wants_json: bool) -> Response {
    if wants_json {
        refusal(StatusCode::FORBIDDEN, "captcha_required")
    } else {
        page(StatusCode::OK, &Challenge)
    }
}

#[derive(Template)]
#[template(path = "sample/expired.html")]
struct Expired;

/// 200 and no session: the password is right and too old.
pub fn expired(wants_json: bool) -> Response {
    if wants_json {
        refusal(StatusCode::FORBIDDEN, "password_expired")
    } else {
        page(StatusCode::OK, &Expired)
    }
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
struct Notice<'a> {
    title_zh: &'a str,
    title_en: &'a str,
    text_zh: &'a str,
    text_en: &'a str,
}

/// 200, as so many maintenance pages are.
pub fn maintenance() -> Response {
    page(
        StatusCode::OK,
        &Notice {
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
        &Notice {
            title_zh: "服务暂时不可用",
            title_en: "Service unavailable",
            text_zh: "服务器出了问题，请稍后再试。",
            text_en: "Something is wrong on our side. Please try again later.",
        },
    )
}

/// 403 of something that stands before the wallet and takes us for a robot.
pub fn blocked() -> Response {
    let page = page(
        StatusCode::FORBIDDEN,
        &Notice {
            title_zh: "请求已被拦截",
            title_en: "Request blocked",
            text_zh: "安全防护认为这不是正常的访问，已将其拦截。",
            text_en: "The web application firewall took this visit for an automated one and blocked it.",
        },
    );
    ([("cf-mitigated", "challenge")], page).into_response()
}

/// 429, and when to come back.
pub fn throttled(wants_json: bool) -> Response {
    let answer = if wants_json {
        refusal(StatusCode::TOO_MANY_REQUESTS, "too_many_requests")
    } else {
        page(
            StatusCode::TOO_MANY_REQUESTS,
            &Notice {
                title_zh: "请求太频繁",
                title_en: "Too many requests",
                text_zh: "请一分钟后再试。",
                text_en: "Please try again in a minute.",
            },
        )
    };
    ([(header::RETRY_AFTER, "60")], answer).into_response()
}

/// Where a door leads that leads elsewhere.
pub fn sorry() -> Response {
    page(
        StatusCode::OK,
        &Notice {
            title_zh: "出了点问题",
            title_en: "Something went wrong",
            text_zh: "请回到首页，稍后再试。",
            text_en: "Please go back to the first page and try again later.",
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
        &Notice {
            title_zh: "账号已锁定", title_en: "Account locked", text_zh: &text_zh, text_en: &text_en
        },
    )
}

pub fn not_signed_in() -> Response {
    page(
        StatusCode::UNAUTHORIZED,
        &Notice {
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
        &Notice {
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
