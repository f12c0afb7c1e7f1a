//! By what pages are known that are no answer of the login: bot walls,
//! captchas, locked accounts, maintenance.
//!
//! What walls say is looked for in the page as it came; all else in what a person
//! reads of it. An operator's own pattern takes the place of a list.

pub(super) mod leads;
mod spoken;
mod words;

use self::leads::Place;
use self::words::{
    ACCOUNT, CHALLENGE, DEMAND, EXPIRED, IS_LOCKED, IS_WRONG, LOCKED, MAINTENANCE, REFUSING_WALL, REJECTED,
    SIGNED_OUT, SILENT_WALL, TYPED, WALL, WIDGET,
};
use super::seen::Seen;
use crate::domain::expect::{Sign, Signs};
use crate::expr::regex;

/// Of a page, in bytes: what such a page has to say stands at its head.
const LOOKED_AT: usize = 64 << 10;
/// Of what is read of a page that says it is maintenance, in bytes.
const HEADLINE: usize = 4096;
/// What is said to somebody without a session is short, in bytes.
const NOTICE: usize = 1024;
/// Between whose it is and what became of it, in characters.
const NEAR: usize = 8;
/// The longest of what comes after, in characters.
const LONGEST: usize = 4;

/// A page that is being looked at: its head.
pub(super) struct Page<'a> {
    seen: &'a Seen,
    signs: &'a Signs,
    /// As it came, for patterns.
    text: &'a str,
    lower: String,
    /// Without scripts and comments.
    markup: String,
    /// What a person reads of it.
    said: String,
    leads_right: bool,
}

impl<'a> Page<'a> {
    /// The place it leads to is one that the operator expects.
    pub(super) fn leading_right(self, leads_right: bool) -> Self {
        Self { leads_right, ..self }
    }

    pub(super) fn of(seen: &'a Seen, signs: &'a Signs) -> Self {
        let body = seen.body.as_deref().unwrap_or_default();
        let text = head(body, LOOKED_AT);
        let lower = text.to_lowercase();
        let markup = spoken::markup(&lower);
        let said = spoken::text(&markup);
        Self { seen, signs, text, lower, markup, said, leads_right: false }
    }

    /// It says so, and has no form to log in with: a banner over the form is a notice.
    pub(super) fn is_maintenance(&self) -> bool {
        self.shows(&self.signs.maintenance, || says_maintenance(&self.markup, &self.said))
    }

    /// Where the status is `right`, only what walls alone say makes it one.
    pub(super) fn is_wall(&self, right: bool) -> bool {
        self.shows(&self.signs.blocked, || {
            let header = |name: &str| self.seen.header(name);
            let refuses = !right && matches!(self.seen.status, 403 | 405 | 503);
            let cloudflare = header("server").is_some_and(|it| it.eq_ignore_ascii_case("cloudflare"));
            let sucuri = header("x-sucuri-block").is_some()
                || header("server").is_some_and(|it| it.to_ascii_lowercase().starts_with("sucuri"));
            header("cf-mitigated").is_some()
                || header("x-amzn-waf-action").is_some()
                || header("x-datadome").is_some() && refuses
                || (cloudflare && refuses && self.seen.status == 403)
                || (sucuri && refuses)
                || has(&self.lower, WALL)
                || self.says_nothing() && has(&self.lower, SILENT_WALL)
                || !right
                    && matches!(self.seen.status, 403 | 405 | 412 | 418 | 468)
                    && (has(&self.lower, REFUSING_WALL) || has(&self.said, REFUSING_WALL))
        })
    }

    /// A page that only speaks of a second factor has nothing to put it into.
    pub(super) fn is_challenge(&self) -> bool {
        let asks = || {
            !self.markup.contains("<html")
                || self.markup.contains("<input")
                || self.markup.contains("<iframe")
        };
        self.shows(&self.signs.challenge, || {
            has(&self.said, DEMAND)
                || self.said.len() <= NOTICE && has(&self.markup, WIDGET)
                || (has(&self.markup, CHALLENGE) || has(&self.said, CHALLENGE)) && asks()
                || self.leads().is_some_and(|it| it.is_challenge())
        })
    }

    /// Nothing but a captcha, in the place of what should be there.
    pub(super) fn demands(&self) -> bool {
        !matches!(self.signs.challenge, Sign::Never)
            && has(&self.said, DEMAND)
            && !has_password_field(&self.markup)
    }

    /// Of the name or the password, at a login.
    pub(super) fn is_rejected(&self) -> bool {
        self.shows(&self.signs.rejected, || {
            self.seen.status == 401
                || has(&self.said, REJECTED)
                || near(&self.said, TYPED, IS_WRONG)
                || self.leads().is_some_and(|it| it.is_rejected())
        })
    }

    pub(super) fn is_locked(&self) -> bool {
        self.shows(&self.signs.locked, || {
            self.seen.status == 423
                || has(&self.said, LOCKED)
                || near(&self.said, ACCOUNT, IS_LOCKED)
                || self.leads().is_some_and(|it| it.is_locked())
        })
    }

    pub(super) fn is_expired(&self) -> bool {
        self.shows(&self.signs.expired, || {
            has(&self.said, EXPIRED) || self.leads().is_some_and(|it| it.is_expired())
        })
    }

    /// To somebody who should be logged in.
    pub(super) fn says_signed_out(&self) -> bool {
        self.said.len() <= NOTICE && has(&self.said, SIGNED_OUT)
    }

    /// Where it sends us, unless that is what was expected.
    fn leads(&self) -> Option<Place> {
        self.seen.redirect.as_deref().filter(|_| !self.leads_right && self.redirects()).map(Place::of)
    }

    fn redirects(&self) -> bool {
        (300..400).contains(&self.seen.status)
    }

    /// Not even a title.
    fn says_nothing(&self) -> bool {
        self.said.trim().is_empty()
    }

    /// An answer in JSON that tells of an error under a good status.
    pub(super) fn tells_an_error(&self) -> bool {
        use serde_json::Value;
        let body = self.seen.body.as_deref().unwrap_or_default().trim_start();
        if !body.starts_with('{') {
            return false;
        }
        let Ok(document) = crate::expr::json::parse(body) else { return false };
        let tells = |key: &str| match document.get(key) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(list)) => !list.is_empty(),
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(_) => true,
        };
        let denies = |key: &str| document.get(key) == Some(&Value::Bool(false));
        tells("error") || tells("errors") || denies("success") || denies("ok")
    }

    fn shows(&self, sign: &Sign, usual: impl FnOnce() -> bool) -> bool {
        match sign {
            Sign::Usual => usual(),
            Sign::Never => false,
            // It was checked with the config.
            Sign::Matches(pattern) => regex::matches(self.text, pattern).unwrap_or_default(),
        }
    }
}

fn says_maintenance(markup: &str, said: &str) -> bool {
    has(head(said, HEADLINE), MAINTENANCE) && !has_password_field(markup)
}

fn has_password_field(markup: &str) -> bool {
    has(markup, &["type=\"password\"", "type=password", "type='password'"])
}

fn has(text: &str, words: &[&str]) -> bool {
    words.iter().any(|it| text.contains(it))
}

/// Whether one of these comes shortly after one of those.
fn near(text: &str, first: &[&str], then: &[&str]) -> bool {
    let after = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        let ends = |it: &char| matches!(it, '。' | '！' | '!' | '；' | ';' | '\n');
        let close: String = rest.chars().take_while(|it| !ends(it)).take(NEAR + LONGEST).collect();
        then.iter().any(|it| close.find(it).is_some_and(|at| at <= NEAR * '码'.len_utf8()))
    };
    first.iter().any(|word| text.match_indices(word).any(|(at, _)| after(at + word.len())))
}

/// So many bytes of a text, cut between characters.
fn head(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
    &text[..end.unwrap_or_default()]
}
