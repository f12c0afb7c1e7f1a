//! The cookies of one flow. They die with it.
//!
//! | cookie | goes to |
//! | --- | --- |
//! | any | the host that set it, as its path, `Secure` and lifetime say |
//! | with a `Domain`, set by a host that the operator wrote down | other hosts of that domain that he wrote down, too |
//! | beyond the bounds below, or with a byte that no header may have | nowhere |

use cookie_store::{Cookie, CookieDomain, CookieStore};
use url::Url;

/// Browsers keep 180 a site; more is an attack.
const COOKIES: usize = 180;
/// One cookie, as browsers have it.
const COOKIE: usize = 4096;
/// All that are sent with one request; servers refuse more.
const HEADER: usize = 16 << 10;

pub(super) struct Jar {
    store: CookieStore,
    /// Hosts that the operator wrote down.
    named: Vec<String>,
}

impl Jar {
    pub(super) fn new(named: Vec<String>) -> Self {
        Self { store: CookieStore::new(), named }
    }

    /// Keeps what an answer set; cookies that are too many or too large are not kept.
    pub(super) fn keep<'a>(&mut self, url: &Url, set: impl Iterator<Item = &'a str>) {
        for line in set.filter(|it| it.len() <= COOKIE && it.chars().all(fits)) {
            let Ok(cookie) = Cookie::parse(line, url) else { continue };
            let mut cookie = cookie.into_owned();
            let wide = matches!(&cookie.domain, CookieDomain::Suffix(domain) if self.spans(domain, url));
            if !wide {
                let Ok(own) = CookieDomain::host_only(url) else { continue };
                cookie.domain = own;
            }
            let replaces = cookie
                .domain
                .as_cow()
                .is_some_and(|domain| self.store.contains_any(&domain, &cookie.path, cookie.name()));
            if replaces || self.store.iter_any().count() < COOKIES {
                // What the standard refuses is no cookie.
                let _ = self.store.insert(cookie, url);
            }
        }
    }

    /// Whether a `Domain` is believed: more than a top-level one, and of a host
    /// that the operator wrote down.
    fn spans(&self, domain: &str, url: &Url) -> bool {
        domain.trim_matches('.').contains('.') && self.is_named(url)
    }

    fn is_named(&self, url: &Url) -> bool {
        url.host_str().is_some_and(|host| self.named.iter().any(|it| it == host))
    }

    /// The `Cookie` header for this address.
    pub(super) fn header(&self, url: &Url) -> Option<String> {
        let mut header = String::new();
        for (name, value) in self.matching(url) {
            if HEADER < header.len() + name.len() + value.len() + 3 {
                continue;
            }
            if !header.is_empty() {
                header.push_str("; ");
            }
            header.push_str(name);
            header.push('=');
            header.push_str(value);
        }
        (!header.is_empty()).then_some(header)
    }

    /// The value of the cookie of that name which would be sent there.
    pub(super) fn value(&self, url: &Url, wanted: &str) -> Option<&str> {
        self.matching(url).into_iter().find(|(name, _)| *name == wanted).map(|(_, value)| value)
    }

    /// Longer paths first, as the standard wants it, then by name: the same
    /// cookies always make the same header.
    fn matching(&self, url: &Url) -> Vec<(&str, &str)> {
        let everywhere = self.is_named(url);
        let mut found = self.store.matches(url);
        found.retain(|it| everywhere || matches!(it.domain, CookieDomain::HostOnly(_)));
        found.sort_by(|a, b| b.path.len().cmp(&a.path.len()).then_with(|| a.name().cmp(b.name())));
        found.into_iter().map(|it| it.name_value()).collect()
    }
}

fn fits(c: char) -> bool {
    c == '\t' || c == ' ' || c.is_ascii_graphic()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn jar(named: &[&str]) -> Jar {
        Jar::new(named.iter().map(|it| (*it).to_owned()).collect())
    }

    #[test]
    fn a_cookie_goes_back_to_its_host_and_to_no_other() {
        let home = url("https://wallet.example.com/login");
        let mut jar = jar(&["wallet.example.com"]);
        jar.keep(&home, ["sid=1; Path=/; Secure", "deep=2; Path=/login", "gone=3; Max-Age=0"].into_iter());
        for (address, header) in [
            ("https://wallet.example.com/login", Some("deep=2; sid=1")),
            ("https://wallet.example.com/me", Some("sid=1")),
            ("https://wallet.example.com:8443/me", Some("sid=1")),
            ("http://wallet.example.com/me", None),
            ("https://example.com/me", None),
            ("https://www.wallet.example.com/me", None),
            ("https://evil.example/me", None),
        ] {
            assert_eq!(jar.header(&url(address)).as_deref(), header, "{address}");
        }
        assert_eq!(jar.value(&home, "sid"), Some("1"));
        assert_eq!(jar.value(&home, "gone"), None);
    }

    #[test]
    fn a_domain_is_believed_among_hosts_that_were_written_down() {
        let sso = url("https://sso.example.com/");
        for (line, named, goes) in [
            ("sid=1; Domain=example.com", &["sso.example.com", "www.example.com"][..], true),
            ("sid=1; Domain=.example.com", &["sso.example.com", "www.example.com"], true),
            ("sid=1; Domain=example.com", &["sso.example.com"], false),
            ("sid=1; Domain=example.com", &["www.example.com"], false),
            ("sid=1; Domain=com", &["sso.example.com", "www.example.com"], false),
            ("sid=1; Domain=other.com", &["sso.example.com", "www.example.com"], false),
            ("sid=1", &["sso.example.com", "www.example.com"], false),
        ] {
            let mut jar = jar(named);
            jar.keep(&sso, std::iter::once(line));
            assert_eq!(jar.header(&url("https://www.example.com/")).is_some(), goes, "{line} {named:?}");
            let foreign = ["https://evil.com/", "https://api.example.com/", "https://example.com/"];
            assert!(foreign.iter().all(|it| jar.header(&url(it)).is_none()), "{line}");
        }
    }

    #[test]
    fn a_flood_of_cookies_is_bounded() {
        let home = url("http://wallet.example.com/");
        let mut jar = jar(&["wallet.example.com"]);
        jar.keep(&home, std::iter::once("sid=first"));
        let many: Vec<String> = (0..10_000).map(|it| format!("c{it}={}", "v".repeat(1_000))).collect();
        jar.keep(&home, many.iter().map(String::as_str));
        let huge = format!("huge={}", "v".repeat(5_000));
        jar.keep(&home, ["sid=second", &huge, "bad=\u{1}x", "\u{7f}", "", "=", ";;;"].into_iter());
        assert!(jar.store.iter_any().count() <= COOKIES);
        let header = jar.header(&home).unwrap();
        assert!(
            header.len() <= HEADER && !header.contains("huge") && !header.contains("bad"),
            "{}",
            header.len()
        );
        assert_eq!(jar.value(&home, "sid"), Some("second"), "one that is there may still change");
    }
}
