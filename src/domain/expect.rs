//! The assertions: what an answer must be to count as a success.

/// Everything that is given must hold; what is empty asks for nothing, except where
/// it says so. Patterns, selectors, paths and expressions are text here, checked with
/// the config.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expect {
    /// Statuses that are right; empty means any of 200 to 299.
    pub status: Vec<StatusRange>,
    /// All of these must stand in the decoded body.
    pub contains: Vec<String>,
    /// None of these may stand in it.
    pub not_contains: Vec<String>,
    /// By name in lower case; of several values one that fits is enough.
    pub headers: Vec<(String, Test)>,
    /// By RFC 9535 path.
    pub json: Vec<(String, Test)>,
    /// By CSS selector.
    pub css: Vec<(String, Test)>,
    /// Where a redirect must lead.
    pub location: Vec<Test>,
    /// `HTTP/1.1` and the like; empty means any.
    pub http_version: Vec<String>,
    pub certificate: CertificateDays,
    pub expressions: Vec<Expression>,
    pub signs: Signs,
}

/// An inclusive range of HTTP statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRange {
    pub from: u16,
    pub to: u16,
}

/// What is asked of one value; bounds are inclusive.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Exists(bool),
    Equals(Literal),
    Contains(String),
    NotContains(String),
    /// A regular expression.
    Matches(String),
    AtLeast(f64),
    AtMost(f64),
    /// Characters of a text, elements of a list, keys of a table.
    Length(u32),
    /// How many values or elements there are.
    Count(u32),
}

/// A value written in the config.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Text(String),
    Number(f64),
    Flag(bool),
}

/// Days before the chain's earliest end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CertificateDays {
    /// With fewer left it is degraded.
    pub degraded: Option<u32>,
    /// With fewer left it is down.
    pub down: Option<u32>,
}

/// A CEL expression, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    pub text: String,
    pub means: Means,
}

/// What follows from an assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// It must hold, or the endpoint is down.
    Down,
    /// Where it does not hold (or, of `degraded_when`, where it does), degraded.
    Degraded,
    /// Where it does, nothing was learnt.
    Unknown,
}

/// By what the pages are known that are neither a success nor a failure of the door.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signs {
    pub maintenance: Sign,
    pub blocked: Sign,
    pub challenge: Sign,
    pub rejected: Sign,
    pub locked: Sign,
    pub expired: Sign,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Sign {
    /// What we know of such pages.
    #[default]
    Usual,
    /// There is no such page.
    Never,
    /// A regular expression, in place of what we know.
    Matches(String),
}

impl Expect {
    pub fn accepts_status(&self, status: u16) -> bool {
        if self.status.is_empty() {
            return (200..300).contains(&status);
        }
        self.status.iter().any(|range| (range.from..=range.to).contains(&status))
    }

    /// The statuses that are right, for a person: `2xx or 404`.
    pub fn statuses(&self) -> String {
        if self.status.is_empty() {
            return "2xx".to_owned();
        }
        let range = |it: &StatusRange| match (it.from, it.to) {
            (from, to) if from == to => from.to_string(),
            (from, to) if from % 100 == 0 && to == from + 99 => format!("{}xx", from / 100),
            (from, to) => format!("{from}-{to}"),
        };
        self.status.iter().map(range).collect::<Vec<_>>().join(" or ")
    }

    /// Whether it may ask for any part of the body.
    pub fn reads_body(&self) -> bool {
        self.looks_inside() || !self.not_contains.is_empty() || !self.expressions.is_empty()
    }

    /// Whether it may ask for anything of the connection's TLS.
    pub fn reads_tls(&self) -> bool {
        self.certificate != CertificateDays::default() || !self.expressions.is_empty()
    }

    /// Whether it says what must stand in the body of a right answer.
    pub fn looks_inside(&self) -> bool {
        let asked = |means| self.expressions.iter().any(|it| it.means == means);
        !(self.contains.is_empty() && self.json.is_empty() && self.css.is_empty() && !asked(Means::Down))
    }
}
