//! What an expression can look at, made of an answer as far as it is needed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::cel::{Context, Env, ExecutionError, Value};

use super::bound::{Lookup, MATCHES, PAY};
use crate::expr::{css, json, regex};

/// Of a body that an expression looks at; `contains` looks at all of one.
pub(super) const BODY_LIMIT: usize = 1 << 20;
/// Turns of loops, of a microsecond or a few each.
pub(super) const FUEL: u64 = 50_000;
/// So many bytes are searched in the time of one turn.
const BYTES_PER_TURN: usize = 4096;
/// Of what `css_all` finds.
const FOUND: usize = 1_000;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// One answer, and what the flow knew when it came.
#[derive(Debug, Clone, Default)]
pub struct World<'a> {
    pub status: u16,
    /// Names in lower case.
    pub headers: &'a [(String, String)],
    pub cookies: &'a [(String, String)],
    /// None when it did not come whole.
    pub body: Option<&'a str>,
    pub elapsed: Duration,
    /// By name; none where there was no such phase.
    pub phases: &'a [(&'static str, Option<Duration>)],
    pub tls: Option<Tls<'a>>,
    /// An address without a port.
    pub peer: &'a str,
    pub http_version: &'a str,
    pub redirect: Option<&'a str>,
    pub captures: &'a [(String, String)],
    /// Steps already taken: name, status, and how long it took.
    pub steps: &'a [(String, u16, Duration)],
}

/// The connection's TLS, and the chain that was shown.
#[derive(Debug, Clone, Default)]
pub struct Tls<'a> {
    /// `TLSv1.3` and the like.
    pub version: &'a str,
    /// Until the chain's earliest end; nothing when it has ended.
    pub expires_in: Duration,
    pub issuer: &'a str,
    pub names: &'a [String],
}

impl World<'_> {
    pub(super) fn context(
        &self,
        variables: &[&'static str],
        lookups: &[Lookup],
    ) -> Result<Context<'static, 'static>, String> {
        let mut context = Context::with_env(ENVIRONMENT.clone());
        for name in variables {
            context.add_variable_from_value(*name, self.variable(name)?);
        }
        let found = Arc::new(self.look(lookups)?);
        let body_turns = u64::try_from(self.body.map_or(0, str::len) / BYTES_PER_TURN).unwrap_or(u64::MAX);
        functions(&mut context, &found, body_turns).map_err(|error| error.to_string())?;
        Ok(context)
    }

    fn variable(&self, name: &str) -> Result<Value, String> {
        Ok(match name {
            "status" => Value::Int(self.status.into()),
            "headers" => joined(self.headers),
            "cookies" => table(self.cookies.iter().map(|(name, value)| (name.as_str(), text(value)))),
            "body" => text(self.whole_body()?),
            "json" => json::parse(self.whole_body()?).map_or(Value::Null, value),
            "elapsed" => millis(self.elapsed),
            "phases" => {
                table(self.phases.iter().map(|(name, took)| (*name, took.map_or(Value::Null, millis))))
            }
            "tls" => self.tls.as_ref().map_or(Value::Null, Tls::value),
            "peer" => text(self.peer),
            "http_version" => text(self.http_version),
            "redirect" => self.redirect.map_or(Value::Null, text),
            "captures" => table(self.captures.iter().map(|(name, value)| (name.as_str(), text(value)))),
            "step" => table(self.steps.iter().map(|(name, status, took)| {
                let seen = [("status", Value::Int((*status).into())), ("elapsed", millis(*took))];
                (name.as_str(), table(seen.into_iter()))
            })),
            _ => Value::Null,
        })
    }

    fn whole_body(&self) -> Result<&str, String> {
        match self.body {
            None => Err("the body did not come whole".to_owned()),
            Some(body) if BODY_LIMIT < body.len() => {
                Err(format!("the body is larger than {BODY_LIMIT} bytes; `contains` looks at all of it"))
            }
            Some(body) => Ok(body),
        }
    }

    fn look(&self, lookups: &[Lookup]) -> Result<HashMap<Lookup, Value>, String> {
        let mut found = HashMap::new();
        if lookups.is_empty() {
            return Ok(found);
        }
        let body = self.whole_body()?;
        let is_path = |it: &Lookup| matches!(it, Lookup::JsonPath(_));
        let page = if lookups.iter().all(is_path) { None } else { Some(css::Page::read(body)?) };
        let document = if lookups.iter().any(is_path) {
            Some(json::parse(body).map_err(|why| format!("the answer is not JSON: {why}"))?)
        } else {
            None
        };
        for lookup in lookups {
            let value = match (lookup, &page, &document) {
                (Lookup::Css(selector), Some(page), _) => maybe(page.first(selector, None)?),
                (Lookup::CssAll(selector), Some(page), _) => {
                    list(page.texts(selector, FOUND)?.into_iter().map(Value::from))
                }
                (Lookup::CssAttr(selector, name), Some(page), _) => maybe(page.first(selector, Some(name))?),
                (Lookup::JsonPath(path), _, Some(document)) => {
                    list(json::all(document, path)?.into_iter().cloned().map(value))
                }
                _ => Value::Null,
            };
            found.insert(lookup.clone(), value);
        }
        Ok(found)
    }
}

impl Tls<'_> {
    fn value(&self) -> Value {
        table(
            [
                ("version", text(self.version)),
                ("expires_in", millis(self.expires_in)),
                ("issuer", text(self.issuer)),
                ("names", list(self.names.iter().map(|it| text(it)))),
            ]
            .into_iter(),
        )
    }
}

fn functions(
    context: &mut Context<'static, 'static>,
    found: &Arc<HashMap<Lookup, Value>>,
    body_turns: u64,
) -> Result<(), ::cel::DeclarationError> {
    let at =
        |found: &HashMap<Lookup, Value>, lookup: &Lookup| found.get(lookup).cloned().unwrap_or(Value::Null);
    let by = found.clone();
    context.add_function("css", move |selector: Arc<String>| at(&by, &Lookup::Css(selector.to_string())))?;
    let by = found.clone();
    context.add_function("css_all", move |selector: Arc<String>| {
        at(&by, &Lookup::CssAll(selector.to_string()))
    })?;
    let by = found.clone();
    context.add_function("css_attr", move |selector: Arc<String>, name: Arc<String>| {
        at(&by, &Lookup::CssAttr(selector.to_string(), name.to_string()))
    })?;
    let by = found.clone();
    context
        .add_function("json_path", move |path: Arc<String>| at(&by, &Lookup::JsonPath(path.to_string())))?;
    context.add_function(MATCHES, |text: Arc<String>, pattern: Arc<String>| {
        regex::matches(&text, &pattern).map_err(|why| ExecutionError::function_error("matches", why))
    })?;
    let fuel = AtomicU64::new(FUEL);
    context.add_function(PAY, move |bodies: i64| {
        let price = 1 + u64::try_from(bodies).unwrap_or(u64::MAX).saturating_mul(body_turns);
        let before = fuel.load(Ordering::Relaxed);
        fuel.store(before.saturating_sub(price), Ordering::Relaxed);
        if before < price {
            return Err(ExecutionError::function_error("loop", "it goes through more than we look at"));
        }
        Ok(true)
    })
}

fn text(text: &str) -> Value {
    Value::from(text)
}

fn maybe(text: Option<String>) -> Value {
    text.map_or(Value::Null, Value::from)
}

fn millis(length: Duration) -> Value {
    Value::Int(i64::try_from(length.as_millis()).unwrap_or(i64::MAX))
}

fn list(values: impl Iterator<Item = Value>) -> Value {
    Value::List(Arc::new(values.collect()))
}

fn table<'a>(entries: impl Iterator<Item = (&'a str, Value)>) -> Value {
    Value::from(entries.map(|(name, value)| (name.to_owned(), value)).collect::<HashMap<String, Value>>())
}

/// Several headers of one name are one text, as HTTP has it.
fn joined(headers: &[(String, String)]) -> Value {
    let mut by_name: HashMap<&str, String> = HashMap::new();
    for (name, value) in headers {
        by_name
            .entry(name)
            .and_modify(|known| {
                known.push_str(", ");
                known.push_str(value);
            })
            .or_insert_with(|| value.clone());
    }
    table(by_name.into_iter().map(|(name, value)| (name, Value::from(value))))
}

/// Whole numbers are whole, however they are written down.
fn value(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::Null,
        Json::Bool(it) => Value::Bool(it),
        Json::Number(it) => match (it.as_i64(), it.as_u64()) {
            (Some(whole), _) => Value::Int(whole),
            (None, Some(whole)) => Value::UInt(whole),
            (None, None) => it.as_f64().map_or(Value::Null, Value::Float),
        },
        Json::String(it) => Value::from(it),
        Json::Array(it) => list(it.into_iter().map(value)),
        Json::Object(it) => Value::from(
            it.into_iter().map(|(name, it)| (name, value(it))).collect::<HashMap<String, Value>>(),
        ),
    }
}
