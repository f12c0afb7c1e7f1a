//! Reads `capture`: what a step takes out of its answer, under which name.

use toml::Spanned;

use super::report::Span;
use super::section::{Section, Wrong, listed, quoted, wrong};
use super::template::{is_name, is_taken};
use super::value::{integer, phrase};
use crate::domain::flow::{Capture, Source};
use crate::expr::{css, json, regex};

/// What a step needs of an answer; a form is one.
const CAPTURES_LIMIT: usize = 30;
/// Of a selector, a path, a pattern or a name.
const TEXT_LIMIT: usize = 1_000;
const GROUP_MOST: u32 = 50;
const SOURCES: [&str; 6] = ["header", "cookie", "json", "css", "regex", "form"];

/// A capture by its name, which may be all that is right about it.
pub(super) struct Named {
    pub(super) name: String,
    /// Name and value.
    pub(super) span: Span,
    /// Whether it is a whole form; none when it cannot be told.
    pub(super) form: Option<bool>,
}

/// The good ones, and all that have a name.
pub(super) fn read(section: &mut Section<'_, '_>) -> (Vec<Capture>, Vec<Named>) {
    let (mut captures, mut all) = (Vec::new(), Vec::new());
    let Some(entry) = section.take("capture") else { return (captures, all) };
    let report = section.report;
    let span = entry.span();
    let read = |section: &mut Section<'_, '_>| {
        for (name, entry) in section.rest() {
            let named = name_of(&name);
            if let Err(Wrong { message, help }) = &named {
                report.wrong(name.span(), message, help);
            }
            let span = name.span().start..entry.span().end.max(name.span().end);
            let from = Section::read(report, "a capture", entry, source).flatten();
            let form = from.as_ref().map(|it| matches!(it, Source::Form(_)));
            all.push(Named { name: name.into_inner(), span, form });
            captures.extend(named.ok().zip(from).map(|(name, from)| Capture { name, from }));
        }
    };
    Section::read(report, "`capture`", entry, read);
    if CAPTURES_LIMIT < all.len() {
        report.wrong(
            span,
            format!("`capture` has {} entries", all.len()),
            format!("at most {CAPTURES_LIMIT} are allowed"),
        );
    }
    (captures, all)
}

fn name_of(name: &Spanned<String>) -> Result<String, Wrong> {
    let text = name.get_ref();
    if is_taken(text) {
        return wrong(
            format!("{{{{{text}}}}} stands for something else already"),
            "give the capture another name",
        );
    }
    if !is_name(text) {
        return wrong(
            format!("{} is not a name for a capture", quoted(text)),
            "use lower-case letters, digits and `_`, with a letter first: capture.csrf_token = { … }",
        );
    }
    Ok(text.clone())
}

fn source(section: &mut Section<'_, '_>) -> Option<Source> {
    let report = section.report;
    let given: Vec<&str> = SOURCES.into_iter().filter(|key| section.has(key)).collect();
    let help = "write { css = \"input[name=token]\", attribute = \"value\" }, { json = \"$.token\" }, { header = \"x-token\" }, { cookie = \"sid\" }, { regex = \"token=(\\\\w+)\" } or { form = \"form#login\" }";
    match given.as_slice() {
        [_] => (),
        [] => {
            report.wrong(section.span.clone(), "this capture says not where the value stands", help);
        }
        several => {
            let message = format!("a capture has one source, this has {}", listed("and", several));
            report.wrong(section.span.clone(), message, help);
        }
    }
    let mut text = |key, check: fn(&str) -> Result<(), String>| {
        section.optional(key, |entry| {
            let text = phrase(entry, TEXT_LIMIT)?;
            match check(&text) {
                Ok(()) => Ok(text),
                Err(why) => wrong(format!("{} does not parse: {why}", quoted(&text)), example(key)),
            }
        })
    };
    let fine = |_: &str| Ok(());
    let header = text("header", fine).map(|it| Source::Header(it.into_inner().to_ascii_lowercase()));
    let cookie = text("cookie", fine).map(|it| Source::Cookie(it.into_inner()));
    let path = text("json", json::check).map(|it| Source::Json(it.into_inner()));
    let form = text("form", css::check).map(|it| Source::Form(it.into_inner()));
    let selector = text("css", css::check);
    let pattern = text("regex", regex::check);
    let attribute = section.optional("attribute", |entry| phrase(entry, TEXT_LIMIT));
    let group = section.optional("group", |entry| integer(entry, 0..=GROUP_MOST));
    for (there, key, needs) in [
        (attribute.as_ref().map(Spanned::span), "attribute", "css"),
        (group.as_ref().map(Spanned::span), "group", "regex"),
    ] {
        if let Some(span) = there
            && !given.contains(&needs)
        {
            report.wrong(span, format!("`{key}` belongs to `{needs}`"), "leave it out");
        }
    }
    let css = selector
        .map(|it| Source::Css { selector: it.into_inner(), attribute: attribute.map(Spanned::into_inner) });
    let regex = pattern.and_then(|pattern| {
        let groups = regex::groups(pattern.get_ref()).unwrap_or_default();
        let span = group.as_ref().map(Spanned::span);
        let wanted = group.and_then(|it| usize::try_from(it.into_inner()).ok());
        let wanted = wanted.unwrap_or(1);
        if groups < wanted {
            let message = match groups {
                0 => "the pattern has no group that could be taken".to_owned(),
                1 => format!("the pattern has one group, and no group {wanted}"),
                _ => format!("the pattern has {groups} groups, and no group {wanted}"),
            };
            report.wrong(
                span.unwrap_or_else(|| pattern.span()),
                message,
                "put ( ) around what is wanted, as in 'token=(\\w+)'; group = 0 takes the whole match",
            );
            return None;
        }
        Some(Source::Regex { pattern: pattern.into_inner(), group: wanted })
    });
    let only = given.len() == 1;
    header.or(cookie).or(path).or(form).or(css).or(regex).filter(|_| only)
}

fn example(key: &str) -> &'static str {
    match key {
        "json" => "write a path of RFC 9535 that finds one value: \"$.data.token\"",
        "regex" => "write a pattern with one group: 'token=\"(\\w+)\"', in single quotes",
        _ => "write a CSS selector: \"form#login\", \"input[name=token]\"",
    }
}
