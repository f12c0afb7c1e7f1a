//! An endpoint: one URL we knock at, how often, and what answer is right.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// A short name for life: lower-case letters, digits, single dashes or underscores.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Arc<str>);

pub type EndpointId = Id;
pub type ComponentId = Id;
pub type NoticeId = Id;

/// The longest id accepted, in bytes.
pub const ID_LIMIT: usize = 64;

impl Id {
    /// None when `text` is not of the form above.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let ends_well = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let good = text.len() <= ID_LIMIT
            && text.chars().all(fits)
            && ends_well(text.chars().next())
            && ends_well(text.chars().last())
            && !text.contains("--");
        good.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// Equal means: nothing about the knocking or the judging differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    pub id: EndpointId,
    pub component: ComponentId,
    pub request: Request,
    pub expect: Expect,
    pub cadence: Cadence,
    /// From DNS to the last byte.
    pub deadline: Duration,
    /// An answer later than this is degraded (slow).
    pub degraded_after: Duration,
    pub thresholds: Thresholds,
    /// Former ids whose history is ours.
    pub was: Vec<EndpointId>,
}

impl Endpoint {
    /// The names of the parts in which it differs from `other`, as the config
    /// calls them; never a value.
    pub fn differs_in(&self, other: &Self) -> Vec<&'static str> {
        // Taken apart in full, so that a new part cannot be forgotten here.
        let Self { id, component, request, expect, cadence, deadline, degraded_after, thresholds, was } =
            self;
        let parts = [
            (id != &other.id, "id"),
            (component != &other.component, "component"),
            (request != &other.request, "request"),
            (expect != &other.expect, "expect"),
            (cadence != &other.cadence, "cadence"),
            (deadline != &other.deadline, "deadline"),
            (degraded_after != &other.degraded_after, "degraded_after"),
            (thresholds != &other.thresholds, "thresholds"),
            (was != &other.was, "was"),
        ];
        parts.into_iter().filter_map(|(differs, part)| differs.then_some(part)).collect()
    }
}

/// When an endpoint is knocked at.
#[derive(Debug, Clone, PartialEq)]
pub enum Cadence {
    /// A monotonic interval, spread by the hash of the id.
    Every(Duration),
    /// A cron expression read in a zone.
    Schedule { cron: String, zone: TimeZone },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: Vec<(String, Value)>,
    pub body: Option<Value>,
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

/// A value of a request: written in the file, or a secret that cannot print itself.
#[derive(Debug, Clone)]
pub enum Value {
    Plain(String),
    Secret(SecretString),
}

/// By what is sent; a secret is compared, never shown.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(mine), Self::Plain(theirs)) => mine == theirs,
            (Self::Secret(mine), Self::Secret(theirs)) => mine.expose_secret() == theirs.expose_secret(),
            (Self::Plain(_), Self::Secret(_)) | (Self::Secret(_), Self::Plain(_)) => false,
        }
    }
}

/// What an answer must be to count as a success.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expect {
    /// Statuses that are right; empty means any of 200 to 299.
    pub status: Vec<StatusRange>,
    /// All of these must stand in the decoded body.
    pub contains: Vec<String>,
    /// None of these may stand in it.
    pub not_contains: Vec<String>,
}

/// An inclusive range of HTTP statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRange {
    pub from: u16,
    pub to: u16,
}

impl Expect {
    pub fn accepts_status(&self, status: u16) -> bool {
        if self.status.is_empty() {
            return (200..300).contains(&status);
        }
        self.status.iter().any(|range| (range.from..=range.to).contains(&status))
    }
}

/// How many results in a row change health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Worse results, the confirmation counted.
    pub failure: u32,
    /// Better results.
    pub success: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { failure: 2, success: 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_lower_case_and_plain() {
        for good in ["password", "sms-code", "a1", "sms_code", "2fa"] {
            assert!(Id::parse(good).is_some(), "{good}");
        }
        for bad in ["", "Web", "a b", "-a", "a-", "a--b", "密码", "a/b", &"a".repeat(65)] {
            assert!(Id::parse(bad).is_none(), "{bad}");
        }
    }
}
