//! Reads what an endpoint is asked: address, method, headers and body.

use secrecy::ExposeSecret;
use toml::Spanned;
use toml::de::DeValue;

use super::json::json;
use super::kinds;
use super::report::Report;
use super::secret::Secrets;
use super::section::{Entry, Section, Wrong, checked, quoted, wrong};
use super::value::{method, string, url};
use crate::domain::request::{Body, Method, Request, Value};

/// Most servers refuse more.
const HEADERS_LIMIT: usize = 50;
const HEADER_LENGTH: usize = 8 << 10;
/// A login form is far smaller.
pub(super) const BODY_LIMIT: usize = 64 << 10;

/// The client writes these itself; a second opinion breaks the request.
const OURS: &[&str] =
    &["connection", "content-length", "expect", "te", "trailer", "transfer-encoding", "upgrade"];
/// These carry secrets, which do not belong in the file.
const CONFIDENTIAL: &[&str] = &[
    "api-key",
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-api-key",
    "x-auth-token",
    "x-access-token",
    "x-csrf-token",
];

const IN_HEADERS: &str = "write \"…\", or { env = \"NAME\" } or { file = \"path\" } for a secret";

pub(super) fn read(section: &mut Section<'_, '_>, secrets: &Secrets<'_>) -> Option<Request> {
    let report = section.report;
    let url = section.need("url", "\"https://wallet.example.com/login\"");
    let url = url.and_then(|entry| checked(report, &entry, |entry| sent_url(report, entry)));
    let guessed = !section.has("method");
    let method =
        section.optional("method", method).map(Spanned::into_inner).or(guessed.then_some(Method::Get));
    let bodied = ["body", "json"].map(|key| section.has(key));
    let mut headers = match section.take("headers") {
        Some(entry) => headers(report, entry, secrets),
        None => Vec::new(),
    };
    let json_span = section.take("json").map(|entry| (entry.span(), json(report, entry, secrets)));
    let body = section.take("body").map(|entry| (entry.span(), value(report, entry, secrets, &plain_body)));
    if bodied == [true, true]
        && let Some((span, _)) = &json_span
    {
        report.wrong(span.clone(), "an endpoint sends `body` or `json`, not both", "leave one of them out");
    }
    if json_span.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("content-type".to_owned(), Value::Plain("application/json".to_owned())));
    }
    let sent = json_span.or(body);
    if let (Some(method @ (Method::Get | Method::Head)), Some((span, _))) = (method, &sent) {
        report.wrong(span.clone(), format!("{} sends no body", method.as_str()), "write method = \"POST\"");
    }
    Some(Request {
        method: method?,
        headers,
        body: sent.and_then(|(_, value)| value).map(Body::Raw),
        ..Request::get(url?.into_inner())
    })
}

fn sent_url(report: &Report<'_>, entry: &Entry<'_>) -> Result<url::Url, Wrong> {
    let url = url(report, entry, &["http", "https"]);
    let url = url.map_err(|it| match it.message.ends_with("is not allowed here") {
        true => Wrong { help: kinds::begins(), ..it },
        false => it,
    })?;
    if url.fragment().is_some() {
        return wrong("the part after `#` is never sent", "leave it out");
    }
    Ok(url)
}

fn headers(report: &Report<'_>, entry: Entry<'_>, secrets: &Secrets<'_>) -> Vec<(String, Value)> {
    let span = entry.span();
    let read = |section: &mut Section<'_, '_>| {
        let mut headers: Vec<(String, Value)> = Vec::new();
        for (name, entry) in section.rest() {
            let lower = name.get_ref().to_ascii_lowercase();
            if let Err(Wrong { message, help }) = header_name(&lower) {
                report.wrong(name.span(), message, help);
            }
            if headers.iter().any(|(taken, _)| taken.eq_ignore_ascii_case(&lower)) {
                report.wrong(
                    name.span(),
                    format!("the header `{lower}` is written twice"),
                    "capitals make no difference; leave one out",
                );
            }
            let plain = |entry: &Entry<'_>| {
                if CONFIDENTIAL.contains(&lower.as_str()) {
                    report.hide(entry.span());
                    return wrong(
                        format!("`{lower}` carries a secret, which does not belong in this file"),
                        "write { env = \"NAME\" } or { file = \"path\" }",
                    );
                }
                header_value(string(entry).map_err(|it| Wrong { help: IN_HEADERS.to_owned(), ..it })?)
            };
            let at = entry.span();
            let Some(value) = value(report, entry, secrets, &plain) else { continue };
            if let Value::Secret(secret) = &value
                && let Err(Wrong { message, help }) = header_value(secret.expose_secret())
            {
                report.wrong(at, message, help);
            }
            headers.push((name.into_inner(), value));
        }
        headers
    };
    let headers = Section::read(report, "`headers`", entry, read).unwrap_or_default();
    if HEADERS_LIMIT < headers.len() {
        report.wrong(
            span,
            format!("`headers` has {} entries", headers.len()),
            format!("at most {HEADERS_LIMIT} are allowed"),
        );
    }
    headers
}

fn header_name(lower: &str) -> Result<(), Wrong> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if lower.is_empty() || !lower.chars().all(fits) {
        return wrong(
            format!("{} is not the name of a header", quoted(lower)),
            "use letters, digits and `-`: \"x-request-from\"",
        );
    }
    if OURS.contains(&lower) {
        return wrong(
            format!("the header `{lower}` is ours to write"),
            "leave it out; it follows from the request",
        );
    }
    Ok(())
}

/// Never says the value: it may be a secret.
fn header_value(text: &str) -> Result<String, Wrong> {
    if HEADER_LENGTH < text.len() {
        return wrong("this header is too long", format!("at most {HEADER_LENGTH} bytes are allowed"));
    }
    if !text.chars().all(|c| c == '\t' || c == ' ' || c.is_ascii_graphic()) {
        return wrong(
            "this header has a character that no header may have",
            "use printable ASCII on one line; percent-encode the rest",
        );
    }
    Ok(text.to_owned())
}

fn plain_body(entry: &Entry<'_>) -> Result<String, Wrong> {
    let text = string(entry).map_err(|it| Wrong {
        help: "write \"…\", { env = \"NAME\" } or { file = \"path\" }; use `json` for a table".to_owned(),
        ..it
    })?;
    if BODY_LIMIT < text.len() {
        return wrong("this body is too long", format!("at most {BODY_LIMIT} bytes are allowed"));
    }
    Ok(text.to_owned())
}

/// What is sent as it stands, without a word of HTTP around it.
pub(super) fn sent_text(report: &Report<'_>, entry: Entry<'_>, secrets: &Secrets<'_>) -> Option<Value> {
    value(report, entry, secrets, &plain_body)
}

/// A text in the file, or a reference to a secret.
fn value(
    report: &Report<'_>,
    entry: Entry<'_>,
    secrets: &Secrets<'_>,
    plain: &dyn Fn(&Entry<'_>) -> Result<String, Wrong>,
) -> Option<Value> {
    if matches!(entry.get_ref(), DeValue::Table(_)) {
        return secrets.read(report, entry).map(Value::Secret);
    }
    checked(report, &entry, plain).map(|it| Value::Plain(it.into_inner()))
}
