//! Where a redirect leads, and whether we go there.
//!
//! A step follows `redirects` of them; with none a redirect is an answer like any other.
//!
//! | the redirect | |
//! | --- | --- |
//! | leads neither to http nor to https | `redirect_scheme` |
//! | leads from https to http | `redirect_downgrade` |
//! | leads to another origin, and the request carries something of the account's, a secret or a capture | `redirect_blocked` |
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

/// Whether a request carries what only its own origin may see. In the address
/// captures are what a target gave us to go there with.
pub(super) fn is_laden(wanted: &Request) -> bool {
    let secret = |part: &Part| match part {
        Part::Username | Part::Password | Part::Totp => true,
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
    laden: bool,
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
    if elsewhere && laden {
        let there = to.origin().ascii_serialization();
        return Err((
            FailureClass::RedirectBlocked,
            format!("it leads to {there}, and what the request carries is not for there"),
        ));
    }
    let fence = if elsewhere { home.fence(&to) } else { sent.fence.clone() };
    let plain_get = status == 303 || (matches!(status, 301 | 302) && sent.method == Method::Post);
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
