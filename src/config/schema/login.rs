//! What accounts, captures and forms look like to an editor.

use serde_json::{Value, json};

fn words() -> Value {
    json!({ "type": "string", "pattern": "\\S" })
}

fn secret() -> Value {
    json!({ "$ref": "#/definitions/secret" })
}

fn or_secret() -> Value {
    json!({ "anyOf": [{ "type": "string" }, secret()] })
}

/// A user's name, or where it is.
pub(super) fn username() -> Value {
    json!({ "anyOf": [words(), secret()] })
}

pub(super) fn totp() -> Value {
    json!({ "anyOf": [secret(), {
        "type": "object", "additionalProperties": false, "required": ["secret"],
        "properties": {
            "secret": secret(),
            "digits": { "type": "integer", "minimum": 6, "maximum": 8 },
            "period": { "type": "integer", "minimum": 15, "maximum": 300 },
            "algorithm": { "type": "string", "enum": ["sha1", "sha256", "sha512"] } } }] })
}

/// Fields as the operator names them; `of` is a captured form.
pub(super) fn form() -> Value {
    json!({ "type": "object", "properties": { "of": name() }, "additionalProperties": or_secret() })
}

/// A step's: relative, or with places.
pub(super) fn address() -> Value {
    json!({ "type": "string", "pattern": "^[^@#]*$" })
}

pub(super) fn captures() -> Value {
    let one = |key: &str, more: Value| {
        let mut properties = json!({ key: words() });
        if let (Some(all), Some(more)) = (properties.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        json!({ "type": "object", "additionalProperties": false, "required": [key], "properties": properties })
    };
    json!({
        "type": "object",
        "propertyNames": name(),
        "additionalProperties": { "oneOf": [
            one("header", json!({})), one("cookie", json!({})), one("json", json!({})), one("form", json!({})),
            one("css", json!({ "attribute": words() })),
            one("regex", json!({ "group": { "type": "integer", "minimum": 0, "maximum": 50 } })) ] },
    })
}

fn name() -> Value {
    json!({ "type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$" })
}
