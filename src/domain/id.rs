//! Ids: what the config calls its things, for life.

use std::fmt;
use std::sync::Arc;

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

    /// One that nothing has: it is not of the form above.
    pub fn nobody() -> Self {
        Self("".into())
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
