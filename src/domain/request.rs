//! One request of a flow: all that is sent, and where.

use std::sync::Arc;

use url::Url;

pub use super::template::Value;
use super::template::{Part, Template};

#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub method: Method,
    /// Where it goes; where `address` has values to be filled in, the address
    /// that it is relative to.
    pub url: Url,
    /// The address as written, when it holds `{{…}}`.
    pub address: Option<Template>,
    /// Added to the query of the address, in this order.
    pub query: Vec<(String, Value)>,
    pub headers: Vec<(String, Value)>,
    pub body: Option<Body>,
    /// What stands between us and the endpoint.
    pub proxy: Option<Proxy>,
    /// There when a target chose the address and not the operator: only public
    /// addresses may be connected to, and what the fence lets through.
    pub fence: Option<Arc<Fence>>,
}

/// Which private places a target may send us to, as the operator wrote them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fence {
    /// Addresses, nets or names.
    pub allowed: Vec<String>,
    /// Addresses with ports: where we listen ourselves.
    pub never: Vec<String>,
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
            fence: None,
        }
    }

    /// Every value that is sent, but for those in the address.
    pub fn values(&self) -> Vec<&Value> {
        let named = self.query.iter().chain(&self.headers).map(|(_, value)| value);
        let mut values: Vec<&Value> = named.collect();
        match &self.body {
            None => (),
            Some(Body::Raw(value)) => values.push(value),
            Some(Body::Form { fields, .. }) => values.extend(fields.iter().map(|(_, value)| value)),
            Some(Body::Json(json)) => json.values(&mut values),
        }
        values
    }

    /// Whether a placeholder like this stands anywhere in it.
    pub fn has(&self, wanted: impl Fn(&Part) -> bool) -> bool {
        let address = self.address.iter();
        let others = self.values().into_iter().filter_map(Value::template);
        address.chain(others).flat_map(|it| &it.0).any(wanted)
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

impl Json {
    fn values<'a>(&'a self, found: &mut Vec<&'a Value>) {
        match self {
            Self::Bare(_) => (),
            Self::Text(value) => found.push(value),
            Self::List(list) => list.iter().for_each(|it| it.values(found)),
            Self::Table(table) => table.iter().for_each(|(_, it)| it.values(found)),
        }
    }
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

    /// It only reads, so that asking twice does no more than asking once.
    pub fn reads(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}
