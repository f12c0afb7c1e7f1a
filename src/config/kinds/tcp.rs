//! Reads a TCP port and the words exchanged there.

use toml::Spanned;

use super::super::around::Around;
use super::super::request;
use super::super::section::{Section, listed};
use super::super::value::{boolean, phrase};
use super::{certificate_days, pattern, place};
use crate::domain::kind::{Kind, Line, Tcp};

/// A dialog is a greeting, not a session.
const LINES: usize = 20;
const EXPECT_LENGTH: usize = 1_000;
const WAYS: [&str; 4] = ["expect", "matches", "send", "starttls"];

pub(super) fn read(section: &mut Section<'_, '_>, around: &Around<'_>) -> Option<Kind> {
    let at = place(section, "\"tcp://db.example.com:5432\"", &[("tcp", None), ("tcp+tls", None)]);
    let entries = section.entries("dialog", LINES);
    let certificate_days = certificate_days(section);
    let report = section.report;
    let lines = entries.into_iter().filter_map(|entry| {
        let span = entry.span();
        Section::read(report, "a line of `dialog`", entry, |section| {
            let given = WAYS.iter().filter(|it| section.has(it)).count();
            if given != 1 {
                let ways = listed("or", &WAYS);
                report.wrong(
                    span,
                    format!("a line of `dialog` is one of {ways}"),
                    "write { expect = \"220 \" } or { send = \"QUIT\\r\\n\" }",
                );
            }
            let expect = section.optional("expect", |it| phrase(it, EXPECT_LENGTH));
            let matches = section.optional("matches", pattern);
            let starttls = section.optional("starttls", boolean).is_some_and(Spanned::into_inner);
            let send = section.take("send").and_then(|it| request::sent_text(report, it, around.secrets));
            expect
                .map(|it| Line::Expect(it.into_inner()))
                .or(matches.map(|it| Line::Matches(it.into_inner())))
                .or(send.map(Line::Send))
                .or(starttls.then_some(Line::StartTls))
        })?
    });
    let dialog: Vec<Line> = lines.collect();
    let (scheme, at) = at?;
    let tls = scheme == "tcp+tls";
    Some(Kind::Tcp(Tcp { at, tls, dialog, certificate_days }))
}
