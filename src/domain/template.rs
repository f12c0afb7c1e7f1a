//! Texts with placeholders that are filled in at each knock: `{{password}}`, `{{page.csrf}}`.

use super::request::Value;

/// A text in parts, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Template(pub Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// What stands between the placeholders; a secret with a prefix is one, too.
    Text(Value),
    /// `{{username}}`: the account's name.
    Username,
    /// `{{password}}`: the account's password.
    Password,
    /// `{{totp}}`: the code of now, never the same twice.
    Totp,
    /// `{{basic}}`: the account's name and password as basic authentication has them.
    Basic,
    /// `{{name}}`: what an earlier step captured.
    Capture(String),
    /// `{{random}}` or `{{random:8}}`: so many letters and digits, new at each use.
    Random(u16),
    /// `{{uuid}}`: a random UUID.
    Uuid,
    /// `{{now}}`: the time as RFC 3339 in UTC.
    Now,
    /// `{{unix}}`: seconds since 1970.
    Unix,
    /// `{{unix_ms}}`: milliseconds since 1970.
    UnixMillis,
}
