//! A question to a name server, and what its answer must be.

use std::fmt;

use super::HostPort;

/// What is answered decides; the first row that fits:
///
/// | what happened | outcome |
/// | --- | --- |
/// | the machine's own resolvers do not answer at all | unknown `own_dns` |
/// | a named server does not answer, refuses, resets | `timeout_ttfb`, `connect_refused`, `reset` |
/// | only messages that are no answer came by the deadline | `protocol` |
/// | the name does not exist, and that is not expected | `dns_nxdomain` |
/// | any other response code that is not expected | `dns_error` |
/// | all is well but there is no record, where nothing is said of records | `dns_error` |
/// | a rule on the records does not hold | `assertion` |
#[derive(Debug, Clone, PartialEq)]
pub struct Dns {
    pub server: Resolver,
    pub transport: Transport,
    pub ask: Ask,
    /// Response codes that are right, by their names; empty means NOERROR.
    pub rcodes: Vec<String>,
    /// All of these must stand in the answer's records, written a line each.
    pub contains: Vec<String>,
    pub not_contains: Vec<String>,
    pub answer: Rules,
    pub authority: Rules,
    pub additional: Rules,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolver {
    /// Those of the machine, one after the other.
    System,
    At(HostPort),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// And TCP when the answer does not fit.
    Udp,
    Tcp,
    Tls,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub name: String,
    /// A type of record by its name: `A`, `MX`.
    pub record: String,
    pub class: Class,
    /// Whether the server is asked to ask others.
    pub recursion: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    In,
    Chaos,
    Hesiod,
}

/// Patterns on the records of one section, each written on a line of its own:
/// `wallet.example.com. 300 IN A 203.0.113.7`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Found in every record.
    pub all: Vec<String>,
    /// Found in at least one.
    pub any: Vec<String>,
    /// Found in none.
    pub none: Vec<String>,
    /// Not found in at least one.
    pub not_all: Vec<String>,
}

impl Rules {
    pub fn is_empty(&self) -> bool {
        let Self { all, any, none, not_all } = self;
        [all, any, none, not_all].iter().all(|it| it.is_empty())
    }
}

impl fmt::Display for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            Transport::Udp => "dns",
            Transport::Tcp => "dns+tcp",
            Transport::Tls => "dns+tls",
        };
        match &self.server {
            Resolver::System => write!(f, "{scheme}://system")?,
            Resolver::At(at) => write!(f, "{scheme}://{at}")?,
        }
        write!(f, " {} {}", self.ask.name, self.ask.record)
    }
}
