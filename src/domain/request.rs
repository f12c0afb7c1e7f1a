//! One request of a flow, and what its answer must be.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::template::Template;

#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub method: Method,
    /// Where it goes; where `address` has values to be filled in, the address
    /// that it is relative to.
    pub url: Url,
    /// The address as written, when it holds `{{…}}`.
    pub address: Option<Template>,
    /// Added to the query of the address.
    pub query: Vec<(String, Value)>,
    pub headers: Vec<(String, Value)>,
    pub body: Option<Body>,
    /// What stands between us and the endpoint.
    pub proxy: Option<Proxy>,
}

impl Request {
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::Get,
            url,
            address: None,
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            proxy: None,
        }
    }
}

/// What is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// As it stands.
    Raw(Value),
    /// `application/x-www-form-urlencoded`; with `of` the hidden fields of that
    /// captured form come first, and a field of ours replaces one of theirs.
    Form { of: Option<String>, fields: Vec<(String, Value)> },
    /// JSON whose text leaves may hold `{{…}}`.
    Json(Json),
}

/// JSON as the operator wrote it.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// A number, true, false or null, as JSON writes it.
    Bare(String),
    Text(Value),
    List(Vec<Json>),
    Table(Vec<(String, Json)>),
}

/// A proxy of ours; `http`, `socks5` or `socks5h`. Its faults are our own.
#[derive(Debug, Clone, PartialEq)]
pub struct Proxy {
    pub url: Url,
    pub login: Option<ProxyLogin>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ProxyLogin {
    pub username: Value,
    pub password: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Patch,
}

impl Method {
    pub const ALL: &'static [Self] =
        &[Self::Get, Self::Head, Self::Post, Self::Put, Self::Delete, Self::Options, Self::Patch];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
        }
    }
}

/// A value of a request: written in the file, a secret that cannot print
/// itself, or a text with places to be filled in at each knock.
#[derive(Debug, Clone)]
pub enum Value {
    Plain(String),
    Secret(SecretString),
    Template(Template),
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
