//! Reads `json`: a table of the file, written as the JSON body of a request.

use secrecy::ExposeSecret;
use serde_json::Value as Json;
use toml::Spanned;
use toml::de::DeValue;

use super::nearest::nearest;
use super::report::Report;
use super::request::BODY_LIMIT;
use super::secret::{PLACES, Secrets, is_reference};
use super::section::{Entry, Wrong, in_order, kind, quoted};
use super::template::{Texts, has_places};
use crate::domain::request::{Body, Json as Tree, Value};

/// A table written as JSON; a secret if one of its leaves is. With places to be
/// filled in it is kept as a table.
pub(super) fn json(report: &Report<'_>, entry: Entry<'_>, texts: &Texts<'_>) -> Option<Body> {
    if !matches!(entry.get_ref(), DeValue::Table(_) | DeValue::Array(_)) {
        let message = format!("expected a table, found {}", kind(entry.get_ref()));
        report.wrong(entry.span(), message, "write { key = \"…\", other = { env = \"NAME\" } }");
        return None;
    }
    let span = entry.span();
    let mut written = Written { secret: false, places: false, text: String::new() };
    let tree = written.value(report, entry, texts);
    if BODY_LIMIT < written.text.len() {
        report.wrong(span, "this body is too long", format!("at most {BODY_LIMIT} bytes are allowed"));
    }
    let tree = tree?;
    Some(match written {
        Written { places: true, .. } => Body::Json(tree),
        Written { secret: true, text, .. } => Body::Raw(Value::Secret(text.into())),
        Written { text, .. } => Body::Raw(Value::Plain(text)),
    })
}

fn is_confidential(key: &str) -> bool {
    let key = key.to_lowercase();
    ["password", "passwd", "passphrase", "secret", "密码"].iter().any(|word| key.contains(word))
}

/// JSON as far as it is written, keys in the order of the file.
struct Written {
    /// A secret went into it.
    secret: bool,
    /// Something in it is filled in later.
    places: bool,
    text: String,
}

impl Written {
    /// The same as a table; none when something in it is wrong.
    fn value(&mut self, report: &Report<'_>, entry: Entry<'_>, texts: &Texts<'_>) -> Option<Tree> {
        let span = entry.span();
        match entry.into_inner() {
            DeValue::Table(table) if is_reference(&table) => {
                texts.secret(span.clone());
                let secret = texts.secrets.read(report, Spanned::new(span, DeValue::Table(table)))?;
                self.secret = true;
                self.text.push_str(&Json::from(secret.expose_secret()).to_string());
                Some(Tree::Text(Value::Secret(secret)))
            }
            DeValue::Table(table) => self.table(report, in_order(table), texts),
            DeValue::Array(array) => {
                self.text.push('[');
                let mut list = Some(Vec::new());
                for (index, entry) in array.into_iter().enumerate() {
                    self.comma(index);
                    let value = self.value(report, entry, texts);
                    list = list.zip(value).map(|(list, value)| with(list, value));
                }
                self.text.push(']');
                list.map(Tree::List)
            }
            DeValue::String(text) => match texts.value(&text, span.clone()) {
                Ok(value) => {
                    self.places |= value.template().is_some();
                    if let Value::Plain(text) = &value {
                        self.text.push_str(&Json::from(text.as_str()).to_string());
                    }
                    Some(Tree::Text(value))
                }
                Err(Wrong { message, help }) => {
                    report.wrong(span, message, help);
                    None
                }
            },
            other => match bare(&other) {
                Ok(text) => {
                    self.text.push_str(&text);
                    Some(Tree::Bare(text))
                }
                Err((message, help)) => {
                    report.wrong(span, message, help);
                    None
                }
            },
        }
    }

    fn table(
        &mut self,
        report: &Report<'_>,
        table: Vec<(Spanned<String>, Entry<'_>)>,
        texts: &Texts<'_>,
    ) -> Option<Tree> {
        if let [(key, _)] = table.as_slice()
            && let Some(meant) = nearest(key.get_ref(), PLACES)
        {
            let help = format!("if this is a secret, write `{meant}`");
            report.warn(key.span(), format!("{} is sent as it stands", quoted(key.get_ref())), help);
        }
        self.text.push('{');
        let mut read = Some(Vec::new());
        for (index, (key, entry)) in table.into_iter().enumerate() {
            confidential(report, &key, &entry, texts.secrets);
            self.comma(index);
            self.text.push_str(&Json::from(key.get_ref().as_str()).to_string());
            self.text.push(':');
            let value = self.value(report, entry, texts);
            read = read.zip(value).map(|(read, value)| with(read, (key.into_inner(), value)));
        }
        self.text.push('}');
        read.map(Tree::Table)
    }

    fn comma(&mut self, index: usize) {
        if 0 < index {
            self.text.push(',');
        }
    }
}

fn with<T>(mut list: Vec<T>, value: T) -> Vec<T> {
    list.push(value);
    list
}

/// Minds a secret that stands in the file itself.
pub(super) fn confidential(
    report: &Report<'_>,
    key: &Spanned<String>,
    entry: &Entry<'_>,
    secrets: &Secrets<'_>,
) {
    if is_confidential(key.get_ref()) && entry.get_ref().as_str().is_some_and(|it| !has_places(it)) {
        report.hide(entry.span());
        let message =
            format!("{} looks like a secret, which does not belong in this file", quoted(key.get_ref()));
        secrets.mind(report, entry.span(), message, "write { env = \"NAME\" } or { file = \"path\" }");
    }
}

/// A number, true or false, as JSON writes it; or why it cannot be.
fn bare(value: &DeValue<'_>) -> Result<String, (&'static str, &'static str)> {
    match value {
        DeValue::Boolean(it) => Ok(it.to_string()),
        DeValue::Integer(it) => match i64::from_str_radix(it.as_str(), it.radix()) {
            Ok(number) => Ok(number.to_string()),
            Err(_) => Err(("this number is too large", "write it as a text if the server takes one")),
        },
        DeValue::Float(it) => match it.as_str().parse::<f64>().ok().and_then(serde_json::Number::from_f64) {
            Some(number) => Ok(number.to_string()),
            None => Err(("JSON has no such number", "write a finite one")),
        },
        _ => Err(("JSON has no dates", "write it as a text, in quotes")),
    }
}
