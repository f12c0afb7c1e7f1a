//! Keeps strange web pages away from the break page.
//!
//! A page in somebody's browser can post to loopback addresses, or have its
//! own name resolve to one. It cannot choose the `Host`, `Origin` and
//! `Sec-Fetch-Site` headers that the browser then sends.

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use super::pages;

/// Lets a request through when it is for this machine by name and, if it
/// would change something, does not come from another site.
pub async fn local_only(request: Request, next: Next) -> Response {
    if !names_this_machine(request.headers()) {
        return pages::forbidden("the Host header must name localhost, 127.0.0.1 or [::1]");
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && comes_from_elsewhere(request.headers()) {
        return pages::forbidden("requests from other sites are refused here");
    }
    next.run(request).await
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    text(headers, header::HOST.as_str())
        .and_then(|host| host.parse::<Authority>().ok())
        .is_some_and(|host| is_loopback(host.host()))
}

/// Programs send neither header; browsers send at least one of them.
fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    let strange_site = text(headers, "sec-fetch-site") == Some("cross-site");
    let strange_origin = headers.contains_key(header::ORIGIN)
        && !text(headers, header::ORIGIN.as_str())
            .and_then(|origin| origin.parse::<Uri>().ok())
            .is_some_and(|origin| origin.host().is_some_and(is_loopback));
    strange_site || strange_origin
}

fn is_loopback(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "[::1]") || host.eq_ignore_ascii_case("localhost")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_loopback_names_are_this_machine() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]", "[::1]:80"] {
            assert!(names_this_machine(&headers(&[("host", host)])), "{host}");
        }
        for host in [
            "",
            "example.com",
            "127.0.0.1.example.com",
            "localhost.example.com:80",
            "127.0.0.1@example.com",
            "10.0.0.1",
        ] {
            assert!(!names_this_machine(&headers(&[("host", host)])), "{host}");
        }
        assert!(!names_this_machine(&headers(&[])));
    }

    #[test]
    fn other_sites_are_elsewhere_and_programs_are_not() {
        assert!(!comes_from_elsewhere(&headers(&[])));
        assert!(!comes_from_elsewhere(&headers(&[("sec-fetch-site", "same-origin")])));
        assert!(!comes_from_elsewhere(&headers(&[("origin", "http://127.0.0.1:8081")])));
        assert!(comes_from_elsewhere(&headers(&[("sec-fetch-site", "cross-site")])));
        assert!(comes_from_elsewhere(&headers(&[("origin", "https://example.com")])));
        assert!(comes_from_elsewhere(&headers(&[("origin", "null")])));
    }
}
