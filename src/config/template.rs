//! Reads `{{…}}`: places in a text that are filled in at each knock.

use std::cell::RefCell;

use toml::Spanned;

use super::nearest::nearest;
use super::report::Span;
use super::secret::Secrets;
use super::section::{Wrong, listed, quoted, wrong};
use crate::domain::request::Value;
use crate::domain::template::{Part, Template};

/// Of `{{random}}` without a number, and the most it may ask for.
const RANDOM: u16 = 16;
const RANDOM_MOST: u16 = 200;
/// Of a text with places, in parts.
const PARTS_LIMIT: usize = 100;

/// The places that need no capture.
const KNOWN: &[(&str, Part)] = &[
    ("username", Part::Username),
    ("password", Part::Password),
    ("totp", Part::Totp),
    ("basic", Part::Basic),
    ("random", Part::Random(RANDOM)),
    ("uuid", Part::Uuid),
    ("now", Part::Now),
    ("unix", Part::Unix),
    ("unix_ms", Part::UnixMillis),
];

/// What reading a request takes besides its table, and gathers on the way.
pub(super) struct Texts<'a> {
    pub(super) secrets: &'a Secrets<'a>,
    /// Every place that was met since it was last asked, and where it stands.
    found: RefCell<Vec<Spanned<Part>>>,
    /// Names of captured forms that are sent on.
    forms: RefCell<Vec<Spanned<String>>>,
    /// Where secrets stand.
    hidden: RefCell<Vec<Span>>,
}

impl<'a> Texts<'a> {
    pub(super) fn new(secrets: &'a Secrets<'a>) -> Self {
        Self { secrets, found: RefCell::default(), forms: RefCell::default(), hidden: RefCell::default() }
    }

    /// Reads a text of the file, which stands at `span`.
    pub(super) fn value(&self, text: &str, span: Span) -> Result<Value, Wrong> {
        let parts = parts(text)?;
        if parts.iter().all(|it| matches!(it, Part::Text(_))) {
            // Without places it is one text at most.
            let whole = parts.into_iter().next();
            return Ok(match whole {
                Some(Part::Text(value)) => value,
                _ => Value::Plain(String::new()),
            });
        }
        let places = parts.iter().filter(|it| !matches!(it, Part::Text(_)));
        self.found.borrow_mut().extend(places.map(|it| Spanned::new(span.clone(), it.clone())));
        Ok(Value::Template(Template(parts)))
    }

    /// A secret stands there.
    pub(super) fn secret(&self, span: Span) {
        self.hidden.borrow_mut().push(span);
    }

    /// A form that an earlier step captured is sent on.
    pub(super) fn form(&self, of: Spanned<String>) {
        self.forms.borrow_mut().push(of);
    }

    /// The forms met since this was last asked.
    pub(super) fn take_forms(&self) -> Vec<Spanned<String>> {
        self.forms.take()
    }

    /// The places met since this was last asked.
    pub(super) fn take(&self) -> Vec<Spanned<Part>> {
        self.found.take()
    }

    /// The secrets met since this was last asked.
    pub(super) fn take_secrets(&self) -> Vec<Span> {
        self.hidden.take()
    }
}

/// Whether a text has places.
pub(super) fn has_places(text: &str) -> bool {
    text.contains("{{")
}

fn parts(text: &str) -> Result<Vec<Part>, Wrong> {
    let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        plain.push_str(before);
        // Written twice it stands for itself.
        if let Some(after) = after.strip_prefix("{{") {
            plain.push_str("{{");
            rest = after;
            continue;
        }
        let Some((name, after)) = after.split_once("}}") else {
            return wrong(
                "a `{{` is not closed",
                "close it with `}}`; to send two braces as they are, write `{{{{`",
            );
        };
        if !plain.is_empty() {
            parts.push(Part::Text(Value::Plain(std::mem::take(&mut plain))));
        }
        parts.push(place(name.trim())?);
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(Part::Text(Value::Plain(plain)));
    }
    if PARTS_LIMIT < parts.len() {
        return wrong("this text has too many places", format!("at most {PARTS_LIMIT} parts are allowed"));
    }
    Ok(parts)
}

fn place(name: &str) -> Result<Part, Wrong> {
    if let Some((_, part)) = KNOWN.iter().find(|(known, _)| *known == name) {
        return Ok(part.clone());
    }
    if let Some(length) = name.strip_prefix("random:") {
        return match length.parse() {
            Ok(length) if (1..=RANDOM_MOST).contains(&length) => Ok(Part::Random(length)),
            _ => wrong(
                format!("{} is not a length", quoted(length)),
                format!("write {{{{random:8}}}}, with a number from 1 to {RANDOM_MOST}"),
            ),
        };
    }
    let first = name.split('.').next().unwrap_or_default();
    let field = name.strip_prefix(first).unwrap_or_default();
    if !is_name(first) || field == "." {
        return wrong(
            format!("{} cannot stand between `{{{{` and `}}}}`", quoted(name)),
            format!("write the name of a capture, or {}", listed("or", known())),
        );
    }
    Ok(Part::Capture(name.to_owned()))
}

/// What may be captured under: lower-case letters, digits and `_`.
pub(super) fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.len() <= 40 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(fits)
}

/// Whether a capture of this name could never be asked for.
pub(super) fn is_taken(name: &str) -> bool {
    known().any(|it| it == name)
}

/// The place that was most likely meant.
pub(super) fn meant(name: &str, captures: &[&str]) -> Option<String> {
    let mut all: Vec<&str> = captures.to_vec();
    known().for_each(|it| all.push(it));
    nearest(name, all).map(str::to_owned)
}

fn known() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match parts(text) {
            Ok(parts) => format!("{parts:?}"),
            Err(Wrong { message, .. }) => message,
        }
    }

    #[test]
    fn places_are_told_from_text() {
        for (text, expected) in [
            ("", "[]"),
            ("plain } text", r#"[Text(Plain("plain } text"))]"#),
            ("{{username}}", "[Username]"),
            ("a{{ password }}b", r#"[Text(Plain("a")), Password, Text(Plain("b"))]"#),
            ("{{totp}}{{basic}}", "[Totp, Basic]"),
            ("{{random}}{{random:8}}", "[Random(16), Random(8)]"),
            ("{{uuid}}{{now}}{{unix}}{{unix_ms}}", "[Uuid, Now, Unix, UnixMillis]"),
            ("{{token}}", r#"[Capture("token")]"#),
            ("{{page.csrf-token}}", r#"[Capture("page.csrf-token")]"#),
            ("{{page.a.b}}", r#"[Capture("page.a.b")]"#),
            ("{{{{token}}", r#"[Text(Plain("{{token}}"))]"#),
            ("x{{{{y{{unix}}", r#"[Text(Plain("x{{y")), Unix]"#),
            ("{{token", "a `{{` is not closed"),
            ("{{}}", "`` cannot stand between `{{` and `}}`"),
            ("{{Token}}", "`Token` cannot stand between `{{` and `}}`"),
            ("{{a b}}", "`a b` cannot stand between `{{` and `}}`"),
            ("{{page.}}", "`page.` cannot stand between `{{` and `}}`"),
            ("{{random:0}}", "`0` is not a length"),
            ("{{random:201}}", "`201` is not a length"),
            ("{{random:-1}}", "`-1` is not a length"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        assert_eq!(read(&"{{unix}}".repeat(101)), "this text has too many places");
    }
}
