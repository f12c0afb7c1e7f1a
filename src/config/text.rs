//! Reads texts for people: one string for everybody, or one for each language.

use toml::de::DeValue;

use super::report::Report;
use super::section::{Entry, Section, Wrong, checked, wrong};
use super::value::phrase;
use crate::domain::component::{Lang, Text};

/// Titles and names stand on one line, also on a phone.
const TITLE_LIMIT: usize = 200;
/// A notice is read in a hurry; more belongs on a page of its own.
const BODY_LIMIT: usize = 5_000;

/// A text of one line.
pub(super) fn title(report: &Report<'_>, what: &'static str, entry: Entry<'_>) -> Option<Text> {
    read(report, what, entry, |entry| {
        let text = phrase(entry, TITLE_LIMIT)?;
        if text.chars().any(char::is_control) {
            return wrong(
                "this text does not stand on one line",
                "write it on one line, without control characters",
            );
        }
        Ok(text.trim().to_owned())
    })
}

/// A text of several lines.
pub(super) fn body(report: &Report<'_>, what: &'static str, entry: Entry<'_>) -> Option<Text> {
    read(report, what, entry, |entry| {
        let text = phrase(entry, BODY_LIMIT)?.replace("\r\n", "\n");
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return wrong("this text has control characters", "leave them out");
        }
        Ok(text.trim().to_owned())
    })
}

fn read(
    report: &Report<'_>,
    what: &'static str,
    entry: Entry<'_>,
    check: impl Fn(&Entry<'_>) -> Result<String, Wrong>,
) -> Option<Text> {
    if matches!(entry.get_ref(), DeValue::String(_)) {
        let same = checked(report, &entry, check)?.into_inner();
        return Text::new(Some(same.clone()), Some(same));
    }
    if !matches!(entry.get_ref(), DeValue::Table(_)) {
        let help = "write \"…\" for everybody, or { zh = \"…\", en = \"…\" }";
        report.wrong(entry.span(), format!("`{what}` is not a text"), help);
        return None;
    }
    let span = entry.span();
    Section::read(report, "this text", entry, |section| {
        let is_empty = section.is_empty();
        let [zh, en] = Lang::ALL.map(|lang| section.optional(key(lang), &check).map(|it| it.into_inner()));
        if is_empty {
            report.absent(
                span,
                format!("`{what}` is in no language"),
                "write { zh = \"…\", en = \"…\" }; one of them is enough",
            );
        }
        Text::new(zh, en)
    })?
}

fn key(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "zh",
        Lang::En => "en",
    }
}
