//! The JSON Schema that editors read: one row a key; the words are the manual's.

mod login;

use serde_json::{Map, Value, json};

use super::kinds::RCODES;
use super::manual::{self, OF_REQUEST};
use crate::domain::endpoint::ID_LIMIT;

/// What a value looks like.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Address,
    /// What is asked of one value of an answer.
    Assertion,
    /// The same, by name.
    Assertions,
    Body,
    Captures,
    Canaries,
    Contacts,
    Count,
    /// A number of days.
    Days,
    Dialog,
    /// The address of an endpoint, of whatever kind.
    Door,
    Flag,
    Form,
    Headers,
    Id,
    Ids,
    Instant,
    Json,
    Length,
    /// Logins an hour.
    Logins,
    PerHost,
    Proxy,
    Push,
    Rcodes,
    Redirects,
    /// Patterns on DNS records.
    Rules,
    Secret,
    Signs,
    Statuses,
    /// The address of a step.
    StepUrl,
    /// A name or sentence for readers.
    Text,
    Texts,
    Tls,
    Totp,
    Url,
    /// Who logs in.
    User,
    Versions,
    Word(&'static [&'static str]),
    Words,
}

/// Every key: its table, its name, its shape, and its default as JSON where
/// one can be told without the rest of the file. The first row of a table that
/// must have keys says so in [`REQUIRED`].
const KEYS: &[(&str, &str, Shape, &str)] = &[
    ("", "strict", Shape::Flag, "false"),
    ("site", "name", Shape::Text, r#"{ "zh": "门灯", "en": "Porchlight" }"#),
    ("site", "zone", Shape::Words, r#""Asia/Shanghai""#),
    ("site", "lockout", Shape::Length, ""),
    ("site", "recovering_for", Shape::Length, r#""2m""#),
    ("site", "support", Shape::Contacts, "[]"),
    ("server", "listen", Shape::Address, r#""127.0.0.1:8080""#),
    ("server", "public_url", Shape::Url, ""),
    ("server", "trusted_proxies", Shape::Texts, "[]"),
    ("server", "tls", Shape::Tls, ""),
    ("probe", "proxy", Shape::Proxy, r#""none""#),
    ("probe", "allow_private", Shape::Texts, "[]"),
    ("probe", "per_host", Shape::PerHost, r#"{ "requests_per_second": 5, "connections": 6 }"#),
    ("probe", "contact", Shape::Words, ""),
    ("store", "data", Shape::Words, r#""data""#),
    ("store", "keep_results", Shape::Length, r#""90d""#),
    ("sample", "listen", Shape::Address, r#""127.0.0.1:8081""#),
    ("sample", "control", Shape::Address, r#""127.0.0.1:8082""#),
    ("metrics", "listen", Shape::Address, r#""127.0.0.1:8083""#),
    ("network", "id", Shape::Id, ""),
    ("network", "canaries", Shape::Canaries, ""),
    ("component", "id", Shape::Id, ""),
    ("component", "name", Shape::Text, ""),
    ("component", "group", Shape::Text, ""),
    ("component", "role", Shape::Word(&["login", "support"]), r#""login""#),
    ("component", "public", Shape::Flag, "true"),
    ("component", "alternative_to", Shape::Ids, "[]"),
    ("component", "roll_up", Shape::Word(&["all", "any"]), r#""all""#),
    ("component", "critical", Shape::Ids, "[]"),
    ("component", "was", Shape::Ids, "[]"),
    ("account", "id", Shape::Id, ""),
    ("account", "username", Shape::User, ""),
    ("account", "password", Shape::Secret, ""),
    ("account", "totp", Shape::Totp, ""),
    ("account", "logins_per_hour", Shape::Logins, ""),
    ("account", "privileged", Shape::Flag, "false"),
    ("endpoint", "id", Shape::Id, ""),
    ("endpoint", "component", Shape::Id, ""),
    ("endpoint", "url", Shape::Door, ""),
    ("endpoint", "method", Shape::Word(METHODS), r#""GET""#),
    ("endpoint", "query", Shape::Headers, "{}"),
    ("endpoint", "headers", Shape::Headers, "{}"),
    ("endpoint", "body", Shape::Body, ""),
    ("endpoint", "json", Shape::Json, ""),
    ("endpoint", "form", Shape::Form, ""),
    ("endpoint", "redirects", Shape::Redirects, "0"),
    ("endpoint", "account", Shape::Id, ""),
    ("endpoint", "wrong_password", Shape::Flag, "false"),
    ("endpoint", "log_in_during_maintenance", Shape::Flag, "false"),
    ("endpoint", "allow_plain", Shape::Flag, "false"),
    ("endpoint", "proxy", Shape::Proxy, ""),
    ("endpoint", "network", Shape::Id, ""),
    ("endpoint", "every", Shape::Length, ""),
    ("endpoint", "schedule", Shape::Words, ""),
    ("endpoint", "zone", Shape::Words, ""),
    ("endpoint", "deadline", Shape::Length, ""),
    ("endpoint", "degraded_after", Shape::Length, ""),
    ("endpoint", "failure_threshold", Shape::Count, "2"),
    ("endpoint", "success_threshold", Shape::Count, "2"),
    ("endpoint", "status", Shape::Statuses, r#""2xx""#),
    ("endpoint", "contains", Shape::Texts, "[]"),
    ("endpoint", "not_contains", Shape::Texts, "[]"),
    ("endpoint", "header", Shape::Assertions, "{}"),
    ("endpoint", "css", Shape::Assertions, "{}"),
    ("endpoint", "location", Shape::Assertion, ""),
    ("endpoint", "http_version", Shape::Versions, "[]"),
    ("endpoint", "expect", Shape::Texts, "[]"),
    ("endpoint", "degraded_when", Shape::Texts, "[]"),
    ("endpoint", "unknown_when", Shape::Texts, "[]"),
    ("endpoint", "signs", Shape::Signs, "{}"),
    ("endpoint", "addresses", Shape::Word(&["any", "ipv4", "ipv6", "each"]), r#""any""#),
    ("endpoint", "every_address", Shape::Flag, "false"),
    ("endpoint", "was", Shape::Ids, "[]"),
    ("endpoint", "dialog", Shape::Dialog, "[]"),
    ("endpoint", "certificate_days", Shape::Days, ""),
    ("endpoint", "server_name", Shape::Words, ""),
    ("endpoint", "ask", Shape::Words, ""),
    ("endpoint", "record", Shape::Words, r#""A""#),
    ("endpoint", "class", Shape::Word(&["IN", "CH", "HS"]), r#""IN""#),
    ("endpoint", "recursion", Shape::Flag, "true"),
    ("endpoint", "rcode", Shape::Rcodes, r#""NOERROR""#),
    ("endpoint", "answer", Shape::Rules, ""),
    ("endpoint", "authority", Shape::Rules, ""),
    ("endpoint", "additional", Shape::Rules, ""),
    ("endpoint", "starttls", Shape::Flag, "true"),
    ("endpoint", "auth", Shape::Flag, "false"),
    ("endpoint", "push", Shape::Push, ""),
    ("endpoint.step", "name", Shape::Words, ""),
    ("endpoint.step", "url", Shape::StepUrl, ""),
    ("endpoint.step", "capture", Shape::Captures, "{}"),
    ("endpoint.step", "deadline", Shape::Length, ""),
    ("endpoint.step", "always", Shape::Flag, "false"),
    ("endpoint.step", "confirm", Shape::Flag, "false"),
    ("maintenance", "id", Shape::Id, ""),
    ("maintenance", "title", Shape::Text, ""),
    ("maintenance", "body", Shape::Text, ""),
    ("maintenance", "components", Shape::Ids, "[]"),
    ("maintenance", "endpoints", Shape::Ids, "[]"),
    ("maintenance", "starts_at", Shape::Instant, ""),
    ("maintenance", "ends_at", Shape::Instant, ""),
    ("announcement", "id", Shape::Id, ""),
    ("announcement", "title", Shape::Text, ""),
    ("announcement", "body", Shape::Text, ""),
    ("announcement", "starts_at", Shape::Instant, ""),
    ("announcement", "ends_at", Shape::Instant, ""),
];

/// Tables there may be many of, and what each must have.
const REQUIRED: &[(&str, &[&str])] = &[
    ("component", &["id", "name"]),
    ("account", &["id", "username"]),
    ("endpoint", &["id", "component"]),
    ("endpoint.step", &["name"]),
    ("network", &["id", "canaries"]),
    ("maintenance", &["id", "title", "starts_at", "ends_at"]),
    ("announcement", &["id", "title"]),
];

/// As [`Method::ALL`] has them; a test compares.
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];

/// Whether there is such a key.
pub(super) fn has(table: &str, key: &str) -> bool {
    let inside = |of: &str| of.strip_prefix(table).is_some_and(|it| it.strip_prefix('.') == Some(key));
    KEYS.iter().any(|(of, name, ..)| (*of, *name) == (table, key) || inside(of))
}

/// The whole schema. Draft 7, since the TOML extensions of editors read no newer one well.
pub fn schema() -> Value {
    let mut tables: Map<String, Value> = Map::new();
    for &(table, key, shape, default) in KEYS {
        let path = if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
        let mut value = shaped(shape);
        describe(&mut value, &path);
        if let Ok(default) = serde_json::from_str::<Value>(default) {
            value["default"] = default;
        }
        if table.is_empty() {
            tables.insert(key.to_owned(), value);
            continue;
        }
        // A table within another is one of its keys.
        let (outer, inner) = table.split_once('.').map_or((table, None), |(outer, it)| (outer, Some(it)));
        let outer = tables.entry(outer.to_owned()).or_insert_with(|| empty(outer));
        match inner {
            None => properties(outer)[key] = value,
            Some(inner) => {
                let shared: Vec<(&str, Value)> =
                    OF_REQUEST.iter().map(|&key| (key, properties(outer)[key].clone())).collect();
                let inner = &mut properties(outer)[inner];
                if inner.is_null() {
                    *inner = empty(table);
                    // What a request has is described where an endpoint has it.
                    shared.into_iter().for_each(|(key, value)| properties(inner)[key] = value);
                }
                properties(inner)[key] = value;
            }
        }
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Porchlight",
        "description": "The config file of Porchlight; `porchlight manual` explains every key.",
        "type": "object",
        "additionalProperties": false,
        "minProperties": 1,
        "properties": tables,
        "definitions": { "secret": secret() },
    })
}

fn properties(table: &mut Value) -> &mut Value {
    if table["type"] == "array" { &mut table["items"]["properties"] } else { &mut table["properties"] }
}

fn empty(table: &str) -> Value {
    let mut one = json!({ "type": "object", "additionalProperties": false, "properties": {} });
    let mut whole = match REQUIRED.iter().find(|(name, _)| *name == table) {
        Some((_, required)) => {
            one["required"] = json!(required);
            if table == "endpoint" {
                one["oneOf"] = json!([{ "required": ["url"] }, { "required": ["push"] }]);
            }
            json!({ "type": "array", "items": one })
        }
        None => one,
    };
    describe(&mut whole, table);
    whole
}

/// The manual's paragraph, without the marks of a comment.
fn describe(value: &mut Value, path: &str) {
    let Some(topic) = manual::find(path) else { return };
    let words = topic.text.lines().take_while(|it| it.starts_with('#'));
    let lines: Vec<&str> = words.map(|it| it.trim_start_matches('#').trim_start()).collect();
    let text = lines.join("\n");
    if !text.trim().is_empty() {
        value["description"] = Value::from(text);
    }
}

fn shaped(shape: Shape) -> Value {
    let list = |one: Value| json!({ "anyOf": [one, { "type": "array", "items": one }] });
    let id = || {
        json!({ "type": "string", "maxLength": ID_LIMIT,
                "pattern": "^[a-z0-9](?:(?!--)[a-z0-9_-])*$", "not": { "pattern": "[_-]$" } })
    };
    let words = || json!({ "type": "string", "pattern": "\\S" });
    let text = || {
        json!({ "anyOf": [words(), {
            "type": "object", "additionalProperties": false, "minProperties": 1,
            "properties": { "zh": words(), "en": words() } }] })
    };
    let or_secret = |plain: Value| json!({ "anyOf": [plain, { "$ref": "#/definitions/secret" }] });
    match shape {
        Shape::Address => {
            json!({ "type": "string", "pattern": "^(?:[0-9.]+|\\[[0-9A-Fa-f:.%]+\\]):[0-9]{1,5}$" })
        }
        Shape::Body => or_secret(json!({ "type": "string" })),
        Shape::Captures => login::captures(),
        Shape::Canaries => {
            let place = || {
                json!({ "type": "string", "pattern":
                    "^\\s*(?:[Hh][Tt][Tt][Pp][Ss]?://[^\\s@#]+|tcp://[^\\s@#/?]+:[0-9]{1,5}/?)\\s*$" })
            };
            let one = json!({ "anyOf": [place(), {
                "type": "object", "additionalProperties": false, "required": ["url"],
                "properties": { "url": place(), "contains": words() } }] });
            json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1, "maxItems": 10 }] })
        }
        Shape::Contacts => list(json!({
            "type": "object", "additionalProperties": false, "required": ["label", "url"],
            "properties": { "label": text(), "url": { "type": "string", "pattern": "^(?:https|tel|mailto):" } } })),
        Shape::Count => json!({ "type": "integer", "minimum": 1, "maximum": 10 }),
        Shape::Assertion => assertion(),
        Shape::Assertions => json!({ "type": "object", "additionalProperties": assertion() }),
        Shape::Days => {
            let days = || json!({ "type": "integer", "minimum": 1, "maximum": 398 });
            json!({ "anyOf": [days(), {
                "type": "object", "additionalProperties": false, "minProperties": 1,
                "properties": { "degraded": days(), "down": days() } }] })
        }
        Shape::Signs => {
            let names = ["maintenance", "blocked", "challenge", "rejected", "locked", "expired"];
            let sign = |name: &str| (name.to_owned(), json!({ "anyOf": [words(), { "const": false }] }));
            let signs: Map<String, Value> = names.map(sign).into_iter().collect();
            json!({ "type": "object", "additionalProperties": false, "properties": signs })
        }
        Shape::Versions => list(json!({ "type": "string", "enum": ["HTTP/1.0", "HTTP/1.1", "HTTP/2.0"] })),
        Shape::Dialog => {
            let line = |key: &str, value: Value| json!({ "type": "object", "additionalProperties": false, "required": [key], "properties": { key: value } });
            list(json!({ "anyOf": [
                line("expect", words()), line("matches", words()), line("starttls", json!({ "const": true })),
                line("send", or_secret(json!({ "type": "string" }))) ] }))
        }
        Shape::Door => {
            let schemes = "[Hh][Tt][Tt][Pp][Ss]?|tcp(?:\\+tls)?|tls|dns(?:\\+tcp|\\+tls)?|smtps?";
            json!({ "type": "string", "pattern": format!("^\\s*(?:{schemes})://[^\\s@#]+\\s*$") })
        }
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Form => login::form(),
        Shape::Headers => json!({
            "type": "object", "additionalProperties": or_secret(json!({ "type": "string" })) }),
        Shape::Id => id(),
        Shape::Ids => list(id()),
        Shape::Instant => {
            json!({ "type": "string", "pattern": "^\\s*[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}" })
        }
        Shape::Json => json!({ "type": ["object", "array"] }),
        Shape::Length => json!({ "type": "string", "pattern": "^\\s*(?:[0-9]+(?:ms|s|m|h|d))+\\s*$" }),
        Shape::Logins => json!({ "type": "integer", "minimum": 1, "maximum": 3600 }),
        Shape::PerHost => {
            let number = |most: u32| json!({ "type": "integer", "minimum": 1, "maximum": most });
            json!({ "type": "object", "additionalProperties": false, "properties": {
                "requests_per_second": number(100_000), "connections": number(10_000) } })
        }
        Shape::Proxy => {
            let place = || json!({ "type": "string", "pattern": "^(?:http|socks5h?)://[^\\s@/]+/?$" });
            json!({ "anyOf": [place(), { "const": "none" }, {
                "type": "object", "additionalProperties": false, "required": ["url"],
                "properties": {
                    "url": place(), "username": or_secret(words()), "password": { "$ref": "#/definitions/secret" } } }] })
        }
        Shape::Push => json!({
            "type": "object", "additionalProperties": false, "required": ["token", "silence"],
            "properties": {
                "token": { "$ref": "#/definitions/secret" },
                "silence": shaped(Shape::Length),
                "silence_is": { "type": "string", "enum": ["unknown", "down"] },
                "token_in_query": { "type": "boolean" } } }),
        Shape::Rcodes => list(json!({ "type": "string", "enum": RCODES })),
        Shape::Redirects => json!({ "type": "integer", "minimum": 0, "maximum": 10 }),
        Shape::Secret => json!({ "$ref": "#/definitions/secret" }),
        Shape::Rules => json!({
            "type": "object", "additionalProperties": false, "minProperties": 1,
            "properties": { "all": list(words()), "any": list(words()), "none": list(words()), "not_all": list(words()) } }),
        Shape::Statuses => list(json!({ "anyOf": [
            { "type": "integer", "minimum": 100, "maximum": 599 },
            { "type": "string", "pattern": "^(?:[1-5]xx|[1-5][0-9]{2}(?: *- *[1-5][0-9]{2})?)$" }] })),
        Shape::StepUrl => login::address(),
        Shape::Text => text(),
        Shape::Texts => list(words()),
        Shape::Tls => json!({
            "type": "object", "additionalProperties": false, "required": ["certificate", "key"],
            "properties": { "certificate": words(), "key": words() } }),
        Shape::Totp => login::totp(),
        Shape::User => login::username(),
        Shape::Url => json!({ "type": "string", "pattern": "^\\s*[Hh][Tt][Tt][Pp][Ss]?://[^\\s@#]+\\s*$" }),
        Shape::Word(choices) => json!({ "type": "string", "enum": choices }),
        Shape::Words => words(),
    }
}

/// What is asked of one value of an answer.
fn assertion() -> Value {
    let (text, whole) = (json!({ "type": "string" }), json!({ "type": "integer", "minimum": 0 }));
    json!({ "anyOf": [text, { "type": ["boolean", "number"] }, {
        "type": "object", "additionalProperties": false, "minProperties": 1,
        "properties": {
            "exists": { "type": "boolean" }, "contains": text, "not_contains": text, "matches": text,
            "at_least": { "type": "number" }, "at_most": { "type": "number" },
            "length": whole, "count": whole } }] })
}

/// Where a secret is: in one place.
fn secret() -> Value {
    let place = |key: &str| {
        json!({ "type": "object", "additionalProperties": false, "required": [key],
                "properties": { key: { "type": "string" }, "prefix": { "type": "string" } } })
    };
    json!({
        "description": "Where a secret is; never the secret itself.",
        "oneOf": [place("env"), place("file"), place("sample")],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::request::Method;

    #[test]
    fn methods_are_those_of_the_domain() {
        let known: Vec<&str> = Method::ALL.iter().map(|it| it.as_str()).collect();
        assert_eq!(METHODS, known);
    }

    #[test]
    fn every_key_is_described_by_the_manual() {
        for (table, key, ..) in KEYS {
            let path = if table.is_empty() { (*key).to_owned() } else { format!("{table}.{key}") };
            assert!(manual::find(&path).is_some(), "{path}");
        }
        let schema = schema();
        let endpoint = &schema["properties"]["endpoint"]["items"]["properties"];
        let thresholds = &endpoint["failure_threshold"];
        assert_eq!(thresholds["default"], 2);
        assert!(endpoint["every"]["description"].as_str().unwrap().starts_with("How often, from \"1s\""));
        let step = &endpoint["step"]["items"];
        assert_eq!(step["required"], json!(["name"]));
        assert_eq!(step["properties"]["status"], endpoint["status"], "shared with a plain request");
        assert_eq!(step["properties"]["name"]["description"], "What it is called when it fails.");
    }
}
