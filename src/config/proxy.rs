//! Reads `proxy`, of `[probe]` for all endpoints and of one endpoint for itself.

use std::net::{IpAddr, SocketAddr};

use secrecy::ExposeSecret;
use toml::Spanned;
use toml::de::DeValue;
use url::{Host, Url};

use super::report::Report;
use super::secret::Secrets;
use super::section::{Entry, Section, Wrong, checked, wrong};
use super::value::{phrase, url};
use crate::domain::request::{Proxy, ProxyLogin, Value};

const SCHEMES: [&str; 3] = ["http", "socks5", "socks5h"];
const NONE: &str = "none";
/// SOCKS has one byte for the length of either.
const LOGIN_LIMIT: usize = 255;

/// None where there is no proxy, or `"none"`. `ours` is where we listen ourselves.
pub(super) fn read(
    section: &mut Section<'_, '_>,
    secrets: &Secrets<'_>,
    ours: &[SocketAddr],
) -> Option<Proxy> {
    let report = section.report;
    let entry = section.take("proxy")?;
    if entry.get_ref().as_str() == Some(NONE) {
        return None;
    }
    if matches!(entry.get_ref(), DeValue::Table(_)) {
        return Section::read(report, "`proxy`", entry, |section| with_login(section, secrets, ours))?;
    }
    let url = checked(report, &entry, |it| place(report, it, ours))?;
    Some(Proxy { url: url.into_inner(), login: None })
}

fn with_login(section: &mut Section<'_, '_>, secrets: &Secrets<'_>, ours: &[SocketAddr]) -> Option<Proxy> {
    let report = section.report;
    let url = section.need("url", "\"http://proxy.example.com:3128\"");
    let url = url.and_then(|it| checked(report, &it, |it| place(report, it, ours)));
    let at = section.span.clone();
    let username = section.take("username").map(|entry| name(report, entry, secrets));
    let password = section.take("password").map(|entry| {
        let span = entry.span();
        if !matches!(entry.get_ref(), DeValue::Table(_)) {
            report.hide(span.clone());
            report.wrong(
                span,
                "a password does not belong in this file",
                "write { env = \"NAME\" } or { file = \"path\" }",
            );
            return None;
        }
        let secret = secrets.read(report, entry)?;
        let fits = (1..=LOGIN_LIMIT).contains(&secret.expose_secret().len());
        if !fits {
            report.wrong(
                span,
                "this password is too long",
                format!("at most {LOGIN_LIMIT} bytes are allowed"),
            );
        }
        fits.then_some(Value::Secret(secret))
    });
    if username.is_some() != password.is_some() {
        report.wrong(at, "a proxy wants both `username` and `password`, or neither", "write the other, too");
    }
    let login = match (username, password) {
        (Some(username), Some(password)) => Some(ProxyLogin { username: username?, password: password? }),
        _ => None,
    };
    Some(Proxy { url: url?.into_inner(), login })
}

fn name(report: &Report<'_>, entry: Entry<'_>, secrets: &Secrets<'_>) -> Option<Value> {
    if matches!(entry.get_ref(), DeValue::Table(_)) {
        return secrets.read(report, entry).map(Value::Secret);
    }
    checked(report, &entry, |it| phrase(it, LOGIN_LIMIT))
        .map(|it: Spanned<String>| Value::Plain(it.into_inner()))
}

fn place(report: &Report<'_>, entry: &Entry<'_>, ours: &[SocketAddr]) -> Result<Url, Wrong> {
    let help = "write \"http://proxy.example.com:3128\", \"socks5://…\", \"socks5h://…\" (the proxy asks for names), or \"none\"";
    let written = entry.get_ref().as_str().unwrap_or_default();
    if written.contains('@') {
        report.hide(entry.span());
        return wrong(
            "the address of a proxy must not carry a user or password",
            "write proxy = { url = \"…\", username = \"…\", password = { env = \"NAME\" } }",
        );
    }
    if entry.get_ref().is_str() && !written.contains("://") {
        return wrong("this is not the address of a proxy", help);
    }
    // A socks address needs no path, and an http one gets it by itself.
    let url = match Url::parse(written) {
        Ok(url) if url.scheme().starts_with("socks5") && url.path().is_empty() => url,
        _ => url(report, entry, &SCHEMES).map_err(|it| Wrong { help: help.to_owned(), ..it })?,
    };
    if !SCHEMES.contains(&url.scheme()) || url.host().is_none() {
        return wrong("this is not the address of a proxy", help);
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return wrong("a proxy has no path", "write scheme, host and port only");
    }
    if url.port_or_known_default().is_none() {
        return wrong("the proxy's port is missing", "write it: \"socks5://proxy.example.com:1080\"");
    }
    if ours.iter().any(|it| is_at(&url, *it)) {
        return wrong(
            "this proxy is Porchlight itself: every probe would knock at our own page",
            "write the address of the proxy, or listen somewhere else",
        );
    }
    Ok(url)
}

/// Whether `url` leads to one of our own listeners, as far as that can be told without asking for names.
fn is_at(url: &Url, ours: SocketAddr) -> bool {
    let here = |ip: IpAddr| ip == ours.ip() || (ours.ip().is_unspecified() && ip.is_loopback());
    let host = match url.host() {
        Some(Host::Ipv4(ip)) => here(ip.into()),
        Some(Host::Ipv6(ip)) => here(ip.into()),
        Some(Host::Domain(name)) => {
            // A scheme that browsers do not know leaves addresses as they are written.
            let ip = name.parse::<IpAddr>();
            ip.map_or(name == "localhost" && (ours.ip().is_loopback() || ours.ip().is_unspecified()), here)
        }
        None => false,
    };
    host && url.port_or_known_default() == Some(ours.port()) && ours.port() != 0
}
