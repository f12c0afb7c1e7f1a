//! Readers of single values: text, numbers, words of a closed list, ids, addresses.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use toml::de::DeValue;
use url::Url;

use super::nearest::nearest;
use super::report::Report;
use super::section::{Entry, Wrong, kind, listed, quoted, wrong};
use crate::domain::endpoint::{ID_LIMIT, Id};
use crate::domain::expect::StatusRange;
use crate::domain::request::Method;

/// Longer than any address people use; browsers and servers stop near here.
const URL_LIMIT: usize = 2_000;

pub(super) fn string<'a>(entry: &'a Entry<'_>) -> Result<&'a str, Wrong> {
    match entry.get_ref() {
        DeValue::String(text) => Ok(text),
        other => wrong(format!("expected a text, found {}", kind(other)), "put it in double quotes"),
    }
}

/// A text that says something, of at most `limit` characters.
pub(super) fn phrase(entry: &Entry<'_>, limit: usize) -> Result<String, Wrong> {
    let text = string(entry)?;
    let length = text.chars().count();
    if text.trim().is_empty() {
        return wrong("this text is empty", "write something, or leave the key out");
    }
    if limit < length {
        return wrong(format!("this text has {length} characters"), format!("at most {limit} are allowed"));
    }
    Ok(text.to_owned())
}

pub(super) fn boolean(entry: &Entry<'_>) -> Result<bool, Wrong> {
    match entry.get_ref() {
        DeValue::Boolean(it) => Ok(*it),
        other => wrong(
            format!("expected true or false, found {}", kind(other)),
            "write true or false, without quotes",
        ),
    }
}

pub(super) fn integer(entry: &Entry<'_>, range: RangeInclusive<u32>) -> Result<u32, Wrong> {
    let help = || format!("write a whole number from {} to {}", range.start(), range.end());
    let DeValue::Integer(written) = entry.get_ref() else {
        return wrong(format!("expected an integer, found {}", kind(entry.get_ref())), help());
    };
    let number = u32::from_str_radix(written.as_str(), written.radix()).ok();
    match number.filter(|number| range.contains(number)) {
        Some(number) => Ok(number),
        None => wrong(format!("{written} is out of range"), help()),
    }
}

/// One word of a closed list.
pub(super) fn one_of<T: Copy>(entry: &Entry<'_>, words: &[(&str, T)]) -> Result<T, Wrong> {
    let names = || words.iter().map(|(word, _)| *word);
    let allowed = || format!("write {}", listed("or", names()));
    let Ok(written) = string(entry) else {
        return wrong(format!("expected a word in quotes, found {}", kind(entry.get_ref())), allowed());
    };
    if let Some((_, meant)) = words.iter().find(|(word, _)| *word == written) {
        return Ok(*meant);
    }
    let help = match nearest(written, names().collect::<Vec<_>>()) {
        Some(meant) => format!("did you mean `{meant}`? {}", allowed()),
        None => allowed(),
    };
    wrong(format!("{} is not a choice here", quoted(written)), help)
}

pub(super) fn method(entry: &Entry<'_>) -> Result<Method, Wrong> {
    let words: Vec<(&str, Method)> = Method::ALL.iter().map(|&it| (it.as_str(), it)).collect();
    one_of(entry, &words)
}

pub(super) fn id(entry: &Entry<'_>) -> Result<Id, Wrong> {
    let written = string(entry)?;
    let help = || {
        format!(
            "use lower-case letters, digits and single `-` or `_` between them, at most {ID_LIMIT}: `web-login`"
        )
    };
    match Id::parse(written) {
        Some(id) => Ok(id),
        None => wrong(format!("{} is not an id", quoted(written)), help()),
    }
}

pub(super) fn address(entry: &Entry<'_>) -> Result<SocketAddr, Wrong> {
    let help = "write an IP address and a port: \"127.0.0.1:8080\" for this machine, \"0.0.0.0:8080\" or \"[::]:8080\" for all";
    let written = string(entry).map_err(|it| Wrong { help: help.to_owned(), ..it })?;
    match written.parse() {
        Ok(address) => Ok(address),
        Err(_) => wrong(format!("{} is not an address to listen at", quoted(written)), help),
    }
}

/// An address of one of `schemes`, without a user or password in it.
pub(super) fn url(report: &Report<'_>, entry: &Entry<'_>, schemes: &[&str]) -> Result<Url, Wrong> {
    let written = string(entry)?;
    // What stands before an `@` may be a password, in a good address and in a bad one.
    if written.contains('@') {
        report.hide(entry.span());
    }
    let starts = || schemes.iter().map(|scheme| format!("{scheme}:")).collect::<Vec<_>>();
    let allowed = || format!("write a whole address that begins with {}", listed("or", &starts()));
    if URL_LIMIT < written.len() {
        return wrong("this address is too long", format!("at most {URL_LIMIT} bytes are allowed"));
    }
    let url = match Url::parse(written.trim()) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            return wrong("this address lacks its beginning", allowed());
        }
        Err(error) => return wrong(format!("this is not an address: {error}"), allowed()),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return wrong(
            "an address must not carry a user or password",
            "addresses are logged and shown: put the secret in `headers`, `json` or `body` as { env = \"…\" } or { file = \"…\" }",
        );
    }
    if !schemes.contains(&url.scheme()) {
        return wrong(format!("`{}:` is not allowed here", url.scheme()), allowed());
    }
    if url.path().is_empty() {
        return wrong("this address leads nowhere", allowed());
    }
    Ok(url)
}

/// `200`, `"2xx"` or `"200-299"`.
pub(super) fn status(entry: &Entry<'_>) -> Result<StatusRange, Wrong> {
    let help = "write 200, \"2xx\", \"200-299\", or a list of these; statuses are 100 to 599";
    let range = match entry.get_ref() {
        DeValue::Integer(written) => {
            let one = u16::from_str_radix(written.as_str(), written.radix()).ok();
            one.map(|status| (status, status))
        }
        DeValue::String(written) => range_of(written),
        _ => None,
    };
    match range {
        Some((from, to)) if 100 <= from && from <= to && to <= 599 => Ok(StatusRange { from, to }),
        _ => wrong("this is not an HTTP status or a range of them", help),
    }
}

fn range_of(written: &str) -> Option<(u16, u16)> {
    if let Some(hundreds) = written.strip_suffix("xx") {
        let from = hundreds.parse::<u16>().ok()?.checked_mul(100)?;
        return Some((from, from.checked_add(99)?));
    }
    let (from, to) = written.split_once('-').unwrap_or((written, written));
    Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
}
