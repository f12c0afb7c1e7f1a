//! Values of a request, and texts with placeholders that are filled in at each knock: `{{password}}`, `{{page.csrf}}`.

use secrecy::{ExposeSecret, SecretString};

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

/// A value of a request: written in the file, a secret that cannot print
/// itself, or a text with placeholders.
#[derive(Debug, Clone)]
pub enum Value {
    Plain(String),
    Secret(SecretString),
    Template(Template),
}

impl Value {
    pub fn template(&self) -> Option<&Template> {
        match self {
            Self::Template(template) => Some(template),
            Self::Plain(_) | Self::Secret(_) => None,
        }
    }
}

/// By what is sent; a secret is compared, never shown.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(mine), Self::Plain(theirs)) => mine == theirs,
            (Self::Secret(mine), Self::Secret(theirs)) => mine.expose_secret() == theirs.expose_secret(),
            (Self::Template(mine), Self::Template(theirs)) => mine == theirs,
            _ => false,
        }
    }
}
