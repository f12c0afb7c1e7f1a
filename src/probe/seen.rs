//! What an answer showed, for assertions, captures and evidence.

use std::time::Duration;

use crate::domain::probe::Phases;

/// One answer. The body is there once it came whole.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub status: u16,
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub http_version: String,
    /// In the order of the answer, names in lower case, values as text.
    pub headers: Vec<(String, String)>,
    /// Cookies that this answer set, by name.
    pub cookies: Vec<(String, String)>,
    pub body: Option<String>,
    /// There was more of it than is read.
    pub cut: bool,
    /// Where a redirect leads, as the answer wrote it.
    pub redirect: Option<String>,
    pub elapsed: Duration,
    pub phases: Phases,
    pub peer: Option<String>,
    pub tls: Option<TlsSeen>,
}

/// The TLS of one connection.
#[derive(Debug, Clone, Default)]
pub struct TlsSeen {
    /// `TLSv1.3`.
    pub version: String,
    /// Until the chain's earliest end.
    pub expires_in: Duration,
    pub issuer: String,
    pub names: Vec<String>,
}

impl Seen {
    /// From the head of an answer; the rest is filled in by whoever measures it.
    pub fn head(response: &reqwest::Response) -> Self {
        let text =
            |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers: Vec<(String, String)> =
            response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let cookie = |line: &str| {
            let (name, value) = line.split(';').next()?.split_once('=')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        };
        let cookies = headers.iter().filter(|(name, _)| name == "set-cookie");
        let cookies = cookies.filter_map(|(_, line)| cookie(line)).collect();
        let redirect = headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value.clone());
        Self {
            status: response.status().as_u16(),
            http_version: format!("{:?}", response.version()),
            headers,
            cookies,
            redirect,
            peer: response.remote_addr().map(|it| it.to_string()),
            ..Self::default()
        }
    }

    /// The first header of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}
