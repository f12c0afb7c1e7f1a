//! Reads what an endpoint is asked: address, method, headers and body.

use secrecy::ExposeSecret;
use toml::Spanned;
use toml::de::DeValue;
use url::Url;

use super::json::json;
use super::kinds;
use super::report::Report;
use super::secret::Secrets;
use super::section::{Entry, Section, Wrong, checked, quoted, wrong};
use super::template::{Texts, has_places, is_name};
use super::value::{method, string, url};
use crate::domain::request::{Body, Method, Request, Value};
use crate::domain::template::{Part, Template};

/// Most servers refuse more.
const HEADERS_LIMIT: usize = 50;
const HEADER_LENGTH: usize = 8 << 10;
/// Of a query or a form; a login form has a handful.
const FIELDS_LIMIT: usize = 100;
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

/// Where an address that is not whole starts.
#[derive(Clone, Copy)]
pub(super) enum Base<'a> {
    /// It has to be whole, and it has to be there.
    None,
    /// A step's is relative to its endpoint's, or is that.
    Of(&'a Url),
}

pub(super) fn read(section: &mut Section<'_, '_>, texts: &Texts<'_>, base: Base<'_>) -> Option<Request> {
    let report = section.report;
    let url = match base {
        Base::None => section.need("url", "\"https://wallet.example.com/login\""),
        Base::Of(_) => section.take("url"),
    };
    let written = url.is_some();
    let url = url.map(|entry| checked(report, &entry, |entry| address(report, entry, texts, base)));
    let url = match (url, base) {
        (Some(read), _) => read.map(Spanned::into_inner),
        (None, Base::Of(base)) => Some((base.clone(), None)),
        (None, Base::None) => None,
    };
    let guessed = !section.has("method");
    let bodied = ["body", "json", "form"].map(|key| section.has(key));
    // A form is posted unless it says otherwise.
    let default = if bodied == [false, false, true] { Method::Post } else { Method::Get };
    let method = section.optional("method", method).map(Spanned::into_inner).or(guessed.then_some(default));
    let query = section.take("query").map(|entry| pairs(report, entry, texts, "`query`"));
    let mut headers = match section.take("headers") {
        Some(entry) => headers(report, entry, texts),
        None => Vec::new(),
    };
    let json_span = section.take("json").map(|entry| (entry.span(), json(report, entry, texts)));
    let form = section.take("form").map(|entry| (entry.span(), form(report, entry, texts)));
    let body = section
        .take("body")
        .map(|entry| (entry.span(), value(report, entry, texts, &plain_body).map(Body::Raw)));
    if 1 < bodied.iter().filter(|there| **there).count()
        && let Some((span, _)) = form.as_ref().or(json_span.as_ref())
    {
        let which = match bodied {
            [true, true, false] => "`body` or `json`, not both",
            _ => "one of `body`, `json` and `form`",
        };
        report.wrong(span.clone(), format!("an endpoint sends {which}"), "leave one of them out");
    }
    if json_span.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("content-type".to_owned(), Value::Plain("application/json".to_owned())));
    }
    // A form is sent in the address then.
    let refused = json_span.as_ref().or(body.as_ref()).map(|(span, _)| span.clone());
    if let (Some(method @ (Method::Get | Method::Head)), Some(span)) = (method, refused) {
        report.wrong(span, format!("{} sends no body", method.as_str()), "write method = \"POST\"");
    }
    let body = form.or(json_span).or(body).and_then(|(_, body)| body);
    let (url, mut address) = url?;
    // A form goes where it leads, unless another address is written.
    if let (false, Base::Of(_), Some(Body::Form { of: Some(of), .. })) = (written, base, &body) {
        address = Some(Template(vec![Part::Capture(format!("{of}.action"))]));
    }
    let query = query.unwrap_or_default();
    Some(Request { method: method?, address, query, headers, body, ..Request::get(url) })
}

/// The `url` that the steps of an endpoint are relative to.
pub(super) fn base(section: &mut Section<'_, '_>) -> Option<Url> {
    let report = section.report;
    let entry = section.need("url", "\"https://wallet.example.com/\"")?;
    let read = |entry: &Entry<'_>| {
        if entry.get_ref().as_str().is_some_and(has_places) {
            return wrong(
                "the address that steps are relative to is written whole",
                "write `{{…}}` into the `url` of a step",
            );
        }
        sent_url(report, entry)
    };
    checked(report, &entry, read).map(Spanned::into_inner)
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

/// The address, or the place it starts from and how it goes on.
fn address(
    report: &Report<'_>,
    entry: &Entry<'_>,
    texts: &Texts<'_>,
    base: Base<'_>,
) -> Result<(Url, Option<Template>), Wrong> {
    let written = string(entry)?;
    if !has_places(written) {
        let whole = match base {
            Base::Of(base) if !written.contains("://") => {
                let joined = base.join(written.trim());
                joined.map_err(|error| Wrong {
                    message: format!("this is not an address: {error}"),
                    help: "write \"/path\", relative to the endpoint's `url`, or a whole address".to_owned(),
                })?
            }
            _ => return sent_url(report, entry).map(|url| (url, None)),
        };
        if whole.fragment().is_some() {
            return wrong("the part after `#` is never sent", "leave it out");
        }
        return Ok((whole, None));
    }
    if written.contains('@') {
        report.hide(entry.span());
    }
    let Value::Template(template) = texts.value(written.trim(), entry.span())? else {
        return wrong("this is not an address", "write `{{` only where something is filled in");
    };
    let start = match template.0.first() {
        Some(Part::Text(Value::Plain(start))) => start.as_str(),
        _ => "",
    };
    if let Some((_, rest)) = start.split_once("://")
        && !rest.contains('/')
    {
        return wrong(
            "the host of an address cannot be filled in",
            "write scheme, host and a `/` before the first `{{`, or capture the whole address: \"{{next}}\"",
        );
    }
    let begun = match base {
        Base::Of(base) => base.join(start),
        Base::None => Url::parse(start),
    };
    let begun = match begun {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.username().is_empty() => url,
        _ => {
            return wrong(
                "this address lacks its beginning",
                "write it whole, with values filled in behind the host: \"https://wallet.example.com/{{uuid}}\"",
            );
        }
    };
    Ok((begun, Some(template)))
}

/// A table of names and texts, for the query and for forms.
fn pairs(
    report: &Report<'_>,
    entry: Entry<'_>,
    texts: &Texts<'_>,
    what: &'static str,
) -> Vec<(String, Value)> {
    let span = entry.span();
    let read = |section: &mut Section<'_, '_>| fields(section, texts);
    let pairs = Section::read(report, what, entry, read).unwrap_or_default();
    if FIELDS_LIMIT < pairs.len() {
        let message = format!("{what} has {} entries", pairs.len());
        report.wrong(span, message, format!("at most {FIELDS_LIMIT} are allowed"));
    }
    pairs
}

fn fields(section: &mut Section<'_, '_>, texts: &Texts<'_>) -> Vec<(String, Value)> {
    let report = section.report;
    let mut pairs = Vec::new();
    for (name, entry) in section.rest() {
        super::json::confidential(report, &name, &entry, texts.secrets);
        if let Some(value) = value(report, entry, texts, &plain_body) {
            pairs.push((name.into_inner(), value));
        }
    }
    pairs
}

/// `of` names a captured form; the rest are fields.
fn form(report: &Report<'_>, entry: Entry<'_>, texts: &Texts<'_>) -> Option<Body> {
    let span = entry.span();
    let read = |section: &mut Section<'_, '_>| {
        let of = section.optional("of", |entry| {
            let name = string(entry)?;
            if is_name(name) {
                return Ok(name.to_owned());
            }
            wrong(
                format!("{} is not the name of a capture", quoted(name)),
                "write the name that an earlier step gave it: capture.page = { form = \"form\" }, form = { of = \"page\", … }",
            )
        });
        of.iter().for_each(|it| texts.form(it.clone()));
        (of.map(Spanned::into_inner), fields(section, texts))
    };
    let (of, fields) = Section::read(report, "`form`", entry, read)?;
    if FIELDS_LIMIT < fields.len() {
        let message = format!("`form` has {} entries", fields.len());
        report.wrong(span, message, format!("at most {FIELDS_LIMIT} are allowed"));
    }
    Some(Body::Form { of, fields })
}

fn headers(report: &Report<'_>, entry: Entry<'_>, texts: &Texts<'_>) -> Vec<(String, Value)> {
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
                if CONFIDENTIAL.contains(&lower.as_str()) && !entry.get_ref().as_str().is_some_and(has_places)
                {
                    report.hide(entry.span());
                    return wrong(
                        format!("`{lower}` carries a secret, which does not belong in this file"),
                        "write { env = \"NAME\" } or { file = \"path\" }",
                    );
                }
                header_value(string(entry).map_err(|it| Wrong { help: IN_HEADERS.to_owned(), ..it })?)
            };
            let at = entry.span();
            let Some(value) = value(report, entry, texts, &plain) else { continue };
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
    if matches!(entry.get_ref(), DeValue::Table(_)) {
        return secrets.read(report, entry).map(Value::Secret);
    }
    checked(report, &entry, plain_body).map(|it| Value::Plain(it.into_inner()))
}

/// A text in the file, with places or without, or a reference to a secret.
pub(super) fn value(
    report: &Report<'_>,
    entry: Entry<'_>,
    texts: &Texts<'_>,
    plain: &dyn Fn(&Entry<'_>) -> Result<String, Wrong>,
) -> Option<Value> {
    if matches!(entry.get_ref(), DeValue::Table(_)) {
        texts.secret(entry.span());
        return texts.secrets.read(report, entry).map(Value::Secret);
    }
    let read = |entry: &Entry<'_>| texts.value(&plain(entry)?, entry.span());
    checked(report, &entry, read).map(Spanned::into_inner)
}
