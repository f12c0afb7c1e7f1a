//! `/push/{id}`: a device or job reports by itself, with its token.
//!
//! | what comes | answer |
//! | --- | --- |
//! | a report with the right token, and it is stored | 202 |
//! | a wrong token or none, an id that does not exist or is of another kind | 401, all the same |
//! | a body beyond the limit; one that does not come | 413; 408 |
//! | words that are not understood | 400 with a sentence |
//! | more often than allowed | 429 with Retry-After |
//! | results are not being stored | 503 with Retry-After |
//!
//! The token is looked at before a byte of the body is read.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;

use super::Publisher;
use crate::domain::endpoint::Id;
use crate::domain::kind::{Received, Report};

/// A report is a few words.
const BODY_LIMIT: usize = 4 << 10;
const BODY_PATIENCE: Duration = Duration::from_secs(5);
const MESSAGE_LIMIT: usize = 200;
/// A code that comes later than a day is no news.
const LATENCY_MOST: f64 = 86_400.0;
/// Seconds after which somebody may come again who came too often, and while
/// nothing is stored.
const AGAIN_OFTEN: &str = "1";
const AGAIN_NOT_STORED: &str = "30";

/// How a token came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Header,
    Query,
}

/// Where reports go: checks tokens, and has reports stored.
pub trait Reports: Send + Sync {
    /// Whether this token opens the mailbox of `id`; takes as long for a wrong
    /// one as for an id that does not exist.
    fn may(&self, id: &Id, token: &str, by: By) -> bool;

    fn report(&self, id: Id, report: Report) -> Pin<Box<dyn Future<Output = Received> + Send + '_>>;
}

pub(super) fn router(publisher: Arc<Publisher>) -> Router {
    let path = format!("{}push/{{id}}", publisher.base);
    Router::new().route(&path, get(take).post(take)).with_state(publisher)
}

type Words = HashMap<String, String>;

#[expect(clippy::too_many_arguments, reason = "the parts of one request, as axum takes it apart")]
async fn take(
    State(it): State<Arc<Publisher>>,
    method: Method,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<Words>, QueryRejection>,
    asked: HeaderMap,
    body: Body,
) -> Response {
    // What is asked for with HEAD must change nothing.
    if method == Method::HEAD {
        return answer(StatusCode::METHOD_NOT_ALLOWED, "POST reports here\n");
    }
    let mut words = query.map(|Query(words)| words).unwrap_or_default();
    let in_query = words.remove("token");
    let id = id.ok().and_then(|Path(id)| Id::parse(&id));
    let (token, by) = match (in_header(&asked), in_query) {
        (Some(token), _) => (token.to_owned(), By::Header),
        (None, Some(token)) => (token, By::Query),
        (None, None) => return unauthorised(),
    };
    let Some(reports) = it.reports.get() else { return unauthorised() };
    // An id that cannot be is looked up all the same, so that it takes as long.
    let may = reports.may(id.as_ref().unwrap_or(&it.nobody), &token, by);
    let Some(id) = id.filter(|_| may) else { return unauthorised() };
    let body = match tokio::time::timeout(BODY_PATIENCE, to_bytes(body, BODY_LIMIT)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return answer(StatusCode::PAYLOAD_TOO_LARGE, "a report has at most 4 KiB\n"),
        Err(_) => return answer(StatusCode::REQUEST_TIMEOUT, "the report did not come\n"),
    };
    let json = asked.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let json = json.is_some_and(|it| it.trim_start().to_ascii_lowercase().starts_with("application/json"));
    let said = if json { from_json(&body) } else { from_form(&body) };
    let report = said.and_then(|said| {
        words.extend(said);
        understood(&words)
    });
    let report = match report {
        Ok(report) => report,
        Err(sentence) => return answer(StatusCode::BAD_REQUEST, sentence),
    };
    match reports.report(id, report).await {
        Received::Stored => answer(StatusCode::ACCEPTED, "stored\n"),
        Received::TooOften => again(StatusCode::TOO_MANY_REQUESTS, AGAIN_OFTEN, "once a second is enough\n"),
        Received::NotStored => again(
            StatusCode::SERVICE_UNAVAILABLE,
            AGAIN_NOT_STORED,
            "results are not being stored; try again\n",
        ),
        Received::Unauthorised => unauthorised(),
    }
}

/// `Authorization: Bearer …` or `X-Token: …`.
fn in_header(asked: &HeaderMap) -> Option<&str> {
    let bearer = asked.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok()).and_then(|it| {
        let (scheme, token) = it.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    bearer.or_else(|| asked.get("x-token")?.to_str().ok())
}

fn from_form(body: &[u8]) -> Result<Words, &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| "a report is text in UTF-8\n")?;
    Ok(url::form_urlencoded::parse(text.trim().as_bytes()).into_owned().collect())
}

fn from_json(body: &[u8]) -> Result<Words, &'static str> {
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
        return Err("a report in JSON is an object such as {\"ok\": true, \"latency\": 4.2}\n");
    };
    let word = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    Ok(fields.into_iter().filter_map(|(key, value)| Some((key, word(value)?))).collect())
}

/// Words that are not known are passed over: other tools send their own.
fn understood(words: &Words) -> Result<Report, &'static str> {
    let said = |key: &str| words.get(key).map(|it| it.trim()).filter(|it| !it.is_empty());
    let ok = match said("ok") {
        None | Some("true" | "1") => true,
        Some("false" | "0") => false,
        Some(_) => return Err("`ok` is true or false\n"),
    };
    let latency = match said("latency").map(str::parse::<f64>) {
        None => None,
        Some(Ok(seconds)) if (0.0..=LATENCY_MOST).contains(&seconds) => {
            Some(Duration::from_secs_f64(seconds))
        }
        Some(_) => return Err("`latency` is a number of seconds such as 4.2, at most a day\n"),
    };
    let printable = |it: &str| it.chars().filter(|c| !c.is_control()).take(MESSAGE_LIMIT).collect();
    Ok(Report { ok, latency, message: said("message").map(printable) })
}

/// The same words whatever was wrong: nobody learns here which ids there are.
fn unauthorised() -> Response {
    let mut response = answer(StatusCode::UNAUTHORIZED, "not with this token\n");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    response
}

fn again(status: StatusCode, seconds: &'static str, words: &'static str) -> Response {
    let mut response = answer(status, words);
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static(seconds));
    response
}

fn answer(status: StatusCode, words: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, words).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str) -> Result<Report, &'static str> {
        understood(&from_form(form.as_bytes()).unwrap())
    }

    #[test]
    fn a_report_is_read_from_few_words() {
        let report = |ok, millis: Option<u64>, message: Option<&str>| Report {
            ok,
            latency: millis.map(Duration::from_millis),
            message: message.map(str::to_owned),
        };
        for (form, wanted) in [
            ("", report(true, None, None)),
            ("ok=false&message=no+code", report(false, None, Some("no code"))),
            ("ok=0&latency=4.25", report(false, Some(4250), None)),
            ("ok=1&latency=&message=%1b%5b31m", report(true, None, Some("[31m"))),
            ("status=up&ping=3", report(true, None, None)),
        ] {
            assert_eq!(read(form), Ok(wanted), "{form}");
        }
        for bad in ["ok=yes", "latency=-1", "latency=NaN", "latency=inf", "latency=1e300", "latency=86401"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let json = from_json(br#"{"ok": false, "latency": 0.5, "message": "m", "more": [1]}"#).unwrap();
        assert_eq!(understood(&json), Ok(report(false, Some(500), Some("m"))));
        for bad in ["", "[]", "1", "{", "\"ok\""] {
            assert!(from_json(bad.as_bytes()).is_err(), "{bad}");
        }
        let long = format!("message={}", "好".repeat(1_000));
        assert_eq!(read(&long).unwrap().message.unwrap().chars().count(), MESSAGE_LIMIT);
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_device_sends_is_read_within_bounds_or_refused(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..4096),
            words in "(ok|latency|message)=[0-9a-zA-Z.%+\\-]{0,60}(&(ok|latency|message)=[^&]{0,600}){0,3}",
            json in "\\{\"(ok|latency|message)\":[0-9a-z\"\\-.e\\[\\]{}]{0,40}\\}",
        ) {
            for body in [&bytes[..], words.as_bytes(), json.as_bytes()] {
                for read in [from_form(body), from_json(body)] {
                    let Ok(report) = read.and_then(|it| understood(&it)) else { continue };
                    assert!(report.latency.is_none_or(|it| it.as_secs_f64() <= LATENCY_MOST));
                    let message = report.message.unwrap_or_default();
                    assert!(message.chars().count() <= MESSAGE_LIMIT && !message.chars().any(char::is_control));
                }
            }
        }
    }
}
