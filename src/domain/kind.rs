//! The kinds of doors there are: how each is knocked at.

mod dns;
mod push;
mod smtp;
mod tcp;
mod tls;

use std::fmt;

pub use dns::{Ask, Class, Dns, Resolver, Rules, Transport};
pub use push::{Push, Received, Report, SILENT};
pub use smtp::{Safety, Smtp};
pub use tcp::{Line, Tcp};
pub use tls::Tls;

use super::flow::Flow;

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// One request, or a login in steps.
    Http(Box<Flow>),
    /// A connection, and perhaps a few words.
    Tcp(Tcp),
    /// A handshake, and the certificates shown in it.
    Tls(Tls),
    /// A question to a name server.
    Dns(Box<Dns>),
    /// A mail server's greeting, never a mail.
    Smtp(Smtp),
    /// Nobody knocks: it reports by itself.
    Push(Push),
}

impl Kind {
    /// As the config calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
            Self::Tls(_) => "tls",
            Self::Dns(_) => "dns",
            Self::Smtp(_) => "smtp",
            Self::Push(_) => "push",
        }
    }

    /// How it reports by itself, if it does.
    pub fn push(&self) -> Option<&Push> {
        match self {
            Self::Push(push) => Some(push),
            _ => None,
        }
    }

    /// The machine that is knocked at; none where nobody knocks at a certain one.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Http(flow) => flow.first.request.url.host_str(),
            Self::Tcp(tcp) => Some(&tcp.at.host),
            Self::Tls(tls) => Some(&tls.at.host),
            Self::Dns(dns) => match &dns.server {
                Resolver::At(at) => Some(&at.host),
                Resolver::System => None,
            },
            Self::Smtp(smtp) => Some(&smtp.at.host),
            Self::Push(_) => None,
        }
    }

    /// What is knocked at, as an operator is told of it; never a secret.
    pub fn place(&self) -> String {
        match self {
            Self::Http(flow) => flow.first.request.url.to_string(),
            Self::Tcp(tcp) => format!("{}{}", if tcp.tls { "tcp+tls://" } else { "tcp://" }, tcp.at),
            Self::Tls(tls) => format!("tls://{}", tls.at),
            Self::Dns(dns) => dns.to_string(),
            Self::Smtp(smtp) => smtp.to_string(),
            Self::Push(_) => "push: it reports by itself".to_owned(),
        }
    }
}

/// A machine and one of its ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// A name, or an address without brackets.
    pub host: String,
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_is_told_in_brackets() {
        let told = |host: &str| HostPort { host: host.to_owned(), port: 25 }.to_string();
        assert_eq!(told("::1"), "[::1]:25");
        assert_eq!(told("mail.example.com"), "mail.example.com:25");
    }
}
