//! Reads `json`: a table of the file, written as the JSON body of a request.

use secrecy::ExposeSecret;
use serde_json::Value as Json;
use toml::Spanned;
use toml::de::DeValue;

use super::nearest::nearest;
use super::report::Report;
use super::request::BODY_LIMIT;
use super::secret::{PLACES, Secrets, is_reference};
use super::section::{Entry, in_order, kind, quoted};
use crate::domain::request::Value;

/// A table written as JSON; a secret if one of its leaves is.
pub(super) fn json(report: &Report<'_>, entry: Entry<'_>, secrets: &Secrets<'_>) -> Option<Value> {
    if !matches!(entry.get_ref(), DeValue::Table(_) | DeValue::Array(_)) {
        let message = format!("expected a table, found {}", kind(entry.get_ref()));
        report.wrong(entry.span(), message, "write { key = \"…\", other = { env = \"NAME\" } }");
        return None;
    }
    let span = entry.span();
    let mut written = Written { secret: false, whole: true, text: String::new() };
    written.value(report, entry, secrets);
    if BODY_LIMIT < written.text.len() {
        report.wrong(span, "this body is too long", format!("at most {BODY_LIMIT} bytes are allowed"));
    }
    if !written.whole {
        return None;
    }
    Some(if written.secret { Value::Secret(written.text.into()) } else { Value::Plain(written.text) })
}

fn is_confidential(key: &str) -> bool {
    let key = key.to_lowercase();
    ["password", "passwd", "passphrase", "secret", "密码"].iter().any(|word| key.contains(word))
}

/// JSON as far as it is written, keys in the order of the file.
struct Written {
    /// A secret went into it.
    secret: bool,
    /// Nothing in it was wrong.
    whole: bool,
    text: String,
}

impl Written {
    fn value(&mut self, report: &Report<'_>, entry: Entry<'_>, secrets: &Secrets<'_>) {
        let span = entry.span();
        let refuse = |message: &str, help: &str| {
            report.wrong(span.clone(), message, help);
            None
        };
        let leaf = match entry.into_inner() {
            DeValue::Table(table) if is_reference(&table) => {
                let found = secrets.read(report, Spanned::new(span.clone(), DeValue::Table(table)));
                self.secret = true;
                found.map(|it| Json::from(it.expose_secret()))
            }
            DeValue::Table(table) => {
                let table = in_order(table);
                if let [(key, _)] = table.as_slice()
                    && let Some(meant) = nearest(key.get_ref(), PLACES)
                {
                    let help = format!("if this is a secret, write `{meant}`");
                    report.warn(key.span(), format!("{} is sent as it stands", quoted(key.get_ref())), help);
                }
                self.open('{');
                for (index, (key, entry)) in table.into_iter().enumerate() {
                    if is_confidential(key.get_ref()) && entry.get_ref().is_str() {
                        report.hide(entry.span());
                        let message = format!(
                            "{} looks like a secret, which does not belong in this file",
                            quoted(key.get_ref())
                        );
                        secrets.mind(
                            report,
                            entry.span(),
                            message,
                            "write { env = \"NAME\" } or { file = \"path\" }",
                        );
                    }
                    self.comma(index);
                    self.text.push_str(&Json::from(key.into_inner()).to_string());
                    self.text.push(':');
                    self.value(report, entry, secrets);
                }
                return self.open('}');
            }
            DeValue::Array(array) => {
                self.open('[');
                for (index, entry) in array.into_iter().enumerate() {
                    self.comma(index);
                    self.value(report, entry, secrets);
                }
                return self.open(']');
            }
            DeValue::String(text) => Some(Json::from(&*text)),
            DeValue::Boolean(it) => Some(Json::from(it)),
            DeValue::Integer(it) => match i64::from_str_radix(it.as_str(), it.radix()) {
                Ok(number) => Some(Json::from(number)),
                Err(_) => refuse("this number is too large", "write it as a text if the server takes one"),
            },
            DeValue::Float(it) => {
                match it.as_str().parse::<f64>().ok().and_then(serde_json::Number::from_f64) {
                    Some(number) => Some(Json::Number(number)),
                    None => refuse("JSON has no such number", "write a finite one"),
                }
            }
            DeValue::Datetime(_) => refuse("JSON has no dates", "write it as a text, in quotes"),
        };
        self.whole &= leaf.is_some();
        self.text.push_str(&leaf.unwrap_or_default().to_string());
    }

    fn open(&mut self, bracket: char) {
        self.text.push(bracket);
    }

    fn comma(&mut self, index: usize) {
        if 0 < index {
            self.text.push(',');
        }
    }
}
