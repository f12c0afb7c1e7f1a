//! Reads `[server]`: where the page is served, under which address, and behind whom.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use toml::Spanned;
use url::Url;

use super::report::Report;
use super::secret::Secrets;
use super::section::{Entry, Section, Wrong, checked, quoted, wrong};
use super::site::{PATH_LIMIT, local};
use super::surroundings::CertificateFault;
use super::value::{address, phrase, string, url};
use super::{Server, TlsFiles};

/// More proxies of one's own are written as nets.
const PROXIES_LIMIT: usize = 100;

impl Default for Server {
    fn default() -> Self {
        Self { listen: local(8080), public_url: None, trusted_proxies: Vec::new(), tls: None }
    }
}

pub(super) fn read(section: &mut Section<'_, '_>, secrets: &Secrets<'_>, now: Timestamp) -> Server {
    let report = section.report;
    let default = Server::default();
    let listen = section.optional("listen", address);
    let public_url = section.take("public_url");
    let public_url = public_url.and_then(|it| checked(report, &it, |it| public(report, it)));
    let public_url = public_url.map(Spanned::into_inner);
    let trusted = section.list("trusted_proxies", PROXIES_LIMIT, net);
    let host = public_url.as_ref().and_then(Url::host_str);
    let tls = section.take("tls").and_then(|entry| {
        Section::read(report, "`tls`", entry, |section| tls(section, secrets, host, now)).flatten()
    });
    Server {
        listen: secrets.around.listen.unwrap_or(listen.map_or(default.listen, Spanned::into_inner)),
        public_url,
        trusted_proxies: trusted.into_iter().map(Spanned::into_inner).collect(),
        tls,
    }
}

/// The page's own address; its path is where everything lives, and ends with `/`.
fn public(report: &Report<'_>, entry: &Entry<'_>) -> Result<Url, Wrong> {
    let mut url = url(report, entry, &["http", "https"])?;
    let example = "write where readers find the page: \"https://status.example.com/\"";
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("this address has a part after `?` or `#`", example);
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    if !url.path().chars().all(fits) || url.path().contains("//") {
        return wrong(
            format!("{} is not a path the page can live under", quoted(url.path())),
            "use letters, digits, `-`, `_`, `.` and `~` between single slashes",
        );
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// `10.0.0.0/8`, or one address.
fn net(entry: &Entry<'_>) -> Result<IpNet, Wrong> {
    let help = "write the address of a proxy of yours, or a net of them: \"127.0.0.1\" or \"10.0.0.0/8\"";
    let written = string(entry).map_err(|it| Wrong { help: help.to_owned(), ..it })?;
    let one = || written.parse::<IpAddr>().ok().map(IpNet::from);
    match written.parse().ok().or_else(one) {
        Some(net) if net.prefix_len() == 0 => {
            wrong("this trusts everybody's word on who they are", "name your own proxies only")
        }
        Some(net) => Ok(net),
        None => wrong(format!("{} is not an address or a net", quoted(written)), help),
    }
}

fn tls(
    section: &mut Section<'_, '_>,
    secrets: &Secrets<'_>,
    host: Option<&str>,
    now: Timestamp,
) -> Option<TlsFiles> {
    let report = section.report;
    let certificate = section.required("certificate", "\"fullchain.pem\"", |it| phrase(it, PATH_LIMIT));
    let key = section.required("key", "\"key.pem\"", |it| phrase(it, PATH_LIMIT));
    let (certificate, key) = (certificate?, key?);
    let spans = [certificate.span(), key.span()];
    let dir = secrets.around.dir;
    let files = TlsFiles { certificate: dir.join(certificate.into_inner()), key: dir.join(key.into_inner()) };
    let at = |it: &CertificateFault| spans[usize::from(it.in_key)].clone();
    match (secrets.around.certificate)(&files, host, now) {
        Ok(doubts) => {
            for it in doubts {
                // What is doubtful about a key is who else may read it.
                let (span, help) = (at(&it), it.help.clone());
                if it.in_key {
                    secrets.mind(report, span, it.message, &help);
                } else {
                    report.warn(span, it.message, help);
                }
            }
        }
        Err(it) => report.wrong(at(&it), it.message, it.help),
    }
    Some(files)
}
