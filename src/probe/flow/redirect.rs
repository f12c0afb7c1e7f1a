//! Where a redirect leads, and whether we go there.
//!
//! A step follows `redirects` of them; with none a redirect is an answer like any other.
//!
//! | the redirect | |
//! | --- | --- |
//! | leads neither to http nor to https | `redirect_scheme` |
//! | leads from https to http | `redirect_downgrade` |
//! | leads to another origin, and the request carries something of the account's, a secret or a capture | `redirect_blocked`, but for a body that is left behind on the way to an origin the operator wrote down: so single sign-on comes back |
//! | leads to an address that is not public, on a host the operator did not write down | `redirect_blocked`, by the [fence](crate::probe::fence) |
//! | is one too many, or leads to a request that was made before, cookies included | `redirect_loop` |
//! | 303, or 301 or 302 to a POST | is followed with a GET, without the body |
//! | any other | is followed with the same method, headers and body |

use std::sync::Arc;

use url::{Origin, Url};

use crate::domain::flow::Flow;
use crate::domain::outcome::FailureClass;
use crate::domain::request::{Fence, Method, Request, Value};
use crate::domain::template::Part;
use crate::probe::http;
use crate::probe::seen::Seen;

/// Why a redirect is not followed.
pub(super) type Refused = (FailureClass, String);

/// The places the operator wrote down.
pub(super) struct Home {
    origins: Vec<Origin>,
    hosts: Vec<String>,
    fence: Arc<Fence>,
}

impl Home {
    pub(super) fn of(flow: &Flow) -> Self {
        let urls = || flow.steps().map(|step| &step.request.url);
        let mut origins: Vec<Origin> = Vec::new();
        let mut hosts: Vec<String> = Vec::new();
        for url in urls() {
            let host = url.host_str().unwrap_or_default();
            if !origins.contains(&url.origin()) {
                origins.push(url.origin());
            }
            if hosts.iter().all(|it| it != host) {
                hosts.push(host.to_owned());
            }
        }
        Self { origins, hosts, fence: flow.fence.clone() }
    }

    pub(super) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// What an address that a target chose may lead to; none where the operator
    /// wrote it down himself.
    pub(super) fn fence(&self, url: &Url) -> Option<Arc<Fence>> {
        if self.origins.contains(&url.origin()) {
            return None;
        }
        let host = url.host_str().filter(|host| self.hosts.iter().any(|it| it == host));
        Some(match host {
            // The same machine may be private; its other ports are then, too.
            Some(host) => {
                let mut fence = Fence::clone(&self.fence);
                fence.allowed.push(host.to_owned());
                Arc::new(fence)
            }
            None => self.fence.clone(),
        })
    }
}

/// Where a request carries what only its own origin may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Laden {
    in_body: bool,
    beyond_body: bool,
}

impl Laden {
    pub(super) fn of(wanted: &Request) -> Self {
        let bare = Request { body: None, ..wanted.clone() };
        Self { in_body: is_laden(wanted), beyond_body: is_laden(&bare) }
    }
}

/// Whether a request carries what only its own origin may see. In the address
/// captures are what a target gave us to go there with.
pub(super) fn is_laden(wanted: &Request) -> bool {
    let secret = |part: &Part| match part {
        Part::Username | Part::Password | Part::Totp | Part::Basic => true,
        Part::Text(value) => !matches!(value, Value::Plain(_)),
        _ => false,
    };
    let own = |value: &Value| match value {
        Value::Plain(_) => false,
        Value::Secret(_) => true,
        Value::Template(template) => {
            template.0.iter().any(|part| secret(part) || matches!(part, Part::Capture(_)))
        }
    };
    let of_form = matches!(&wanted.body, Some(crate::domain::request::Body::Form { of: Some(_), .. }));
    let address = wanted.address.iter().flat_map(|it| &it.0).any(secret);
    of_form || address || wanted.values().into_iter().any(own)
}

/// Where an answer's redirect leads from `url`; none if it is none.
pub(super) fn target(seen: &Seen, url: &Url) -> Option<Url> {
    if !matches!(seen.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let mut to = url.join(seen.redirect.as_deref()?).ok()?;
    to.set_fragment(None);
    Some(to)
}

/// The request that follows a redirect with this status.
pub(super) fn next(
    sent: &Request,
    status: u16,
    mut to: Url,
    laden: Laden,
    home: &Home,
) -> Result<Request, Refused> {
    if !matches!(to.scheme(), "http" | "https") || to.host_str().is_none() {
        return Err((FailureClass::RedirectScheme, format!("it leads to `{}:`", to.scheme())));
    }
    let from = &sent.url;
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err((FailureClass::RedirectDowngrade, "it leads from https to http".to_owned()));
    }
    // A target does not choose whom we log in as.
    let _ = to.set_username("").and_then(|()| to.set_password(None));
    let elsewhere = from.origin() != to.origin();
    let plain_get = status == 303 || (matches!(status, 301 | 302) && sent.method == Method::Post);
    let left_behind = (plain_get || sent.body.is_none()) && home.origins.contains(&to.origin());
    if elsewhere && (laden.beyond_body || laden.in_body && !left_behind) {
        let there = to.origin().ascii_serialization();
        return Err((
            FailureClass::RedirectBlocked,
            format!("it leads to {there}, and what the request carries is not for there"),
        ));
    }
    let fence = if elsewhere { home.fence(&to) } else { sent.fence.clone() };
    let method = match sent.method {
        Method::Head => Method::Head,
        _ if plain_get => Method::Get,
        method => method,
    };
    let body = sent.body.clone().filter(|_| !plain_get);
    let about_body = |name: &str| plain_get && name.to_ascii_lowercase().starts_with("content-");
    let kept = sent.headers.iter().filter(|(name, _)| !about_body(name));
    // `Origin` and `Host` were written for the place before.
    let of_place = |name: &str| ["host", "origin", "referer"].iter().any(|it| name.eq_ignore_ascii_case(it));
    let headers = kept.filter(|(name, _)| !elsewhere || !of_place(name)).cloned().collect();
    Ok(Request { method, headers, body, proxy: sent.proxy.clone(), fence, ..Request::get(to) })
}

/// With the jar's cookies behind those the operator wrote.
pub(super) fn with_cookies(request: &Request, cookies: Option<String>) -> std::borrow::Cow<'_, Request> {
    let Some(cookies) = cookies else { return std::borrow::Cow::Borrowed(request) };
    let mut request = request.clone();
    let own = request.headers.iter().position(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    let own = own.map(|place| request.headers.remove(place).1);
    let line = match own {
        Some(own) => format!("{}; {cookies}", http::plain(&own)),
        None => cookies,
    };
    request.headers.push(("cookie".to_owned(), Value::Secret(line.into())));
    std::borrow::Cow::Owned(request)
}

/// An address without what it may hold of anybody.
pub(super) fn bare(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::expect::Expect;
    use crate::domain::request::Body;
    use crate::domain::template::Template;

    fn home() -> Home {
        let wallet = Request::get("https://wallet.example.com/login".parse().unwrap());
        let mut flow = Flow::of(wallet, Expect::default());
        let sso = Request::get("https://sso.example.com/".parse().unwrap());
        flow.then = vec![crate::domain::flow::Step::of(sso, Expect::default())];
        Home::of(&flow)
    }

    fn sent(method: Method) -> Request {
        let header = |name: &str| (name.to_owned(), Value::Plain("x".to_owned()));
        Request {
            method,
            headers: vec![header("x-a"), header("Content-Type"), header("Origin")],
            body: Some(Body::Raw(Value::Plain("body".to_owned()))),
            ..Request::get("https://wallet.example.com/login".parse().unwrap())
        }
    }

    const NOTHING: Laden = Laden { in_body: false, beyond_body: false };
    const BODY: Laden = Laden { in_body: true, beyond_body: false };
    const HEADERS: Laden = Laden { in_body: true, beyond_body: true };

    fn told(status: u16, to: &str, laden: Laden) -> String {
        let to = sent(Method::Post).url.join(to).unwrap();
        match next(&sent(Method::Post), status, to, laden, &home()) {
            Ok(next) => {
                let names: Vec<&str> = next.headers.iter().map(|(name, _)| name.as_str()).collect();
                let body = if next.body.is_some() { " body" } else { "" };
                let fenced = if next.fence.is_some() { " fenced" } else { "" };
                format!("{} {} {}{body}{fenced}", next.method.as_str(), next.url, names.join(","))
            }
            Err((class, _)) => class.wire().to_owned(),
        }
    }

    #[test]
    fn a_redirect_is_followed_or_refused_by_the_table() {
        for (status, to, laden, expected) in [
            (302, "/me", BODY, "GET https://wallet.example.com/me x-a,Origin"),
            (303, "/me", BODY, "GET https://wallet.example.com/me x-a,Origin"),
            (307, "/me", BODY, "POST https://wallet.example.com/me x-a,Content-Type,Origin body"),
            (308, "/me", NOTHING, "POST https://wallet.example.com/me x-a,Content-Type,Origin body"),
            (302, "http://wallet.example.com/me", NOTHING, "redirect_downgrade"),
            (302, "ftp://wallet.example.com/me", NOTHING, "redirect_scheme"),
            (302, "javascript:alert(1)", NOTHING, "redirect_scheme"),
            (302, "data:text/html,x", BODY, "redirect_scheme"),
            (302, "https://evil.example/", BODY, "redirect_blocked"),
            (307, "https://evil.example/", BODY, "redirect_blocked"),
            (302, "https://wallet.example.com:8443/", BODY, "redirect_blocked"),
            (302, "https://sso.example.com/", HEADERS, "redirect_blocked"),
            (302, "https://sso.example.com/", BODY, "GET https://sso.example.com/ x-a"),
            (307, "https://sso.example.com/", BODY, "redirect_blocked"),
            (302, "https://evil.example/", NOTHING, "GET https://evil.example/ x-a fenced"),
            (
                302,
                "https://wallet.example.com:8443/",
                NOTHING,
                "GET https://wallet.example.com:8443/ x-a fenced",
            ),
            (302, "https://sso.example.com/", NOTHING, "GET https://sso.example.com/ x-a"),
            (302, "https://root:pw@wallet.example.com/", BODY, "GET https://wallet.example.com/ x-a,Origin"),
        ] {
            assert_eq!(told(status, to, laden), expected, "{status} to {to}");
        }
        let me = "https://wallet.example.com/me".parse().unwrap();
        let head = next(&sent(Method::Head), 303, me, NOTHING, &home()).unwrap();
        assert_eq!(head.method, Method::Head);
    }

    #[test]
    fn a_fence_lets_through_the_host_that_was_written_down() {
        let fence = |url: &str| home().fence(&url.parse().unwrap()).map(|it| it.allowed.clone());
        assert_eq!(fence("https://wallet.example.com/x"), None);
        assert_eq!(fence("http://wallet.example.com/x"), Some(vec!["wallet.example.com".to_owned()]));
        assert_eq!(fence("https://evil.example/x"), Some(vec![]));
    }

    #[test]
    fn a_request_is_laden_by_what_is_not_for_everybody() {
        let with = |part: Part| {
            let value = Value::Template(Template(vec![part]));
            Request { headers: vec![("x".to_owned(), value)], ..sent(Method::Get) }
        };
        for (part, laden) in [
            (Part::Username, true),
            (Part::Password, true),
            (Part::Totp, true),
            (Part::Basic, true),
            (Part::Capture("token".to_owned()), true),
            (Part::Text(Value::Secret("x".into())), true),
            (Part::Text(Value::Plain("x".to_owned())), false),
            (Part::Random(8), false),
            (Part::Now, false),
        ] {
            assert_eq!(is_laden(&with(part.clone())), laden, "{part:?}");
        }
        let secret = Request { body: Some(Body::Raw(Value::Secret("x".into()))), ..sent(Method::Post) };
        assert!(is_laden(&secret));
        let form = Body::Form { of: Some("page".to_owned()), fields: vec![] };
        assert!(is_laden(&Request { body: Some(form), ..sent(Method::Post) }));
        let address = |part: Part| Request { address: Some(Template(vec![part])), ..sent(Method::Get) };
        assert!(!is_laden(&address(Part::Capture("next".to_owned()))));
        assert!(is_laden(&address(Part::Password)));
    }
}
