//! Reads an endpoint that reports by itself.

use std::time::Duration;

use secrecy::ExposeSecret;
use toml::Spanned;

use super::super::around::Around;
use super::super::section::Section;
use super::super::time::duration;
use super::super::value::{boolean, one_of};
use crate::domain::kind::{Kind, Push};
use crate::domain::request::Value;

const SILENCE_LEAST: Duration = Duration::from_secs(10);
/// Rarer says nothing about now.
const SILENCE_MOST: Duration = Duration::from_secs(7 * 86_400);
/// Fewer letters can be tried one by one over a network.
const TOKEN_LEAST: usize = 16;
const TOKEN_MOST: usize = 500;

pub(super) fn read(section: &mut Section<'_, '_>, around: &Around<'_>) -> Option<Kind> {
    let report = section.report;
    let entry = section.take("push")?;
    let push = Section::read(report, "`push`", entry, |section| {
        let silence = section.required("silence", "\"20m\"", |it| duration(it, SILENCE_LEAST, SILENCE_MOST));
        let words = [("unknown", false), ("down", true)];
        let down = section.optional("silence_is", |it| one_of(it, &words));
        let in_query = section.optional("token_in_query", boolean);
        let entry = section.need("token", "{ file = \"secrets/push\" }");
        let at = entry.as_ref().map(Spanned::span);
        let token = entry.and_then(|entry| around.secrets.read(report, entry));
        if let (Some(at), Some(token)) = (at, &token) {
            let text = token.expose_secret();
            let sent = text.chars().all(|c| c.is_ascii_graphic());
            if !sent || TOKEN_MOST < text.len() {
                let help =
                    format!("use at most {TOKEN_MOST} letters, digits and signs of ASCII, without spaces");
                report.wrong(at, "this token cannot be sent in a header", help);
            } else if text.len() < TOKEN_LEAST {
                let said = format!("this token has fewer than {TOKEN_LEAST} characters and can be guessed");
                around.secrets.mind(report, at, said, "make one: openssl rand -hex 24");
            }
        }
        Some(Push {
            token: Value::Secret(token?),
            token_in_query: in_query.is_some_and(Spanned::into_inner),
            silence: silence?.into_inner(),
            silence_is_down: down.is_some_and(Spanned::into_inner),
        })
    });
    push.flatten().map(Kind::Push)
}
