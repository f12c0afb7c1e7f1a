//! Evidence of an answer: its status line, headers and the beginning of its body.
//!
//! | header | shown |
//! | --- | --- |
//! | of the list below | with its value, secrets masked |
//! | `location`, `content-location`, `refresh` | without query and fragment |
//! | `www-authenticate`, `proxy-authenticate` | the scheme |
//! | `set-cookie` | the cookie's name |
//! | any other | by name |

use super::seen::Seen;
use crate::domain::evidence::{BODY_KEPT, Evidence};
use crate::domain::redact::{Redactor, Shown};

/// Headers whose values tell what is wrong and nothing of anybody.
const SHOWN: [&str; 34] = [
    "accept-ranges",
    "age",
    "allow",
    "alt-svc",
    "cache-control",
    "cf-cache-status",
    "cf-mitigated",
    "cf-ray",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "date",
    "expires",
    "keep-alive",
    "last-modified",
    "pragma",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "server",
    "strict-transport-security",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "x-cache",
    "x-powered-by",
    "x-ratelimit-remaining",
    "x-request-id",
    "x-served-by",
];
/// Headers that are kept of one answer; more are counted.
const HEADERS: usize = 60;
const HIDDEN: Shown = Shown::HIDDEN;

/// What an answer showed, to be added to the evidence of its probe. Headers and
/// body only of what is no success: there they are nobody's business, and
/// making them safe to show takes longer than reading them.
pub(super) fn of_answer(seen: &Seen, redactor: &Redactor, trouble: bool, blank: Evidence) -> Evidence {
    if !trouble {
        let line = Redactor::default().line(&format!("{} {}", seen.http_version, seen.status));
        return Evidence { status_line: Some(line), ..blank };
    }
    let mut headers: Vec<(Shown, Shown)> =
        seen.headers.iter().take(HEADERS).map(|(name, value)| header(name, value, redactor)).collect();
    if let Some(more) = seen.headers.len().checked_sub(HEADERS).filter(|more| 0 < *more) {
        headers.push((redactor.line(&format!("and {more} more")), HIDDEN));
    }
    let body = seen.body.as_deref();
    Evidence {
        status_line: Some(redactor.line(&format!("{} {}", seen.http_version, seen.status))),
        headers,
        body: body.map(|body| redactor.text(body, BODY_KEPT)).unwrap_or_default(),
        ..blank
    }
}

fn header(name: &str, value: &str, redactor: &Redactor) -> (Shown, Shown) {
    let name = name.to_ascii_lowercase();
    let first = |ends: &[char]| value.trim().split(ends).next().unwrap_or_default();
    let shown = match name.as_str() {
        "location" | "content-location" => redactor.address(value),
        "www-authenticate" | "proxy-authenticate" => redactor.line(first(&[' ', ','])),
        "set-cookie" => redactor.line(&format!("{}=…", first(&['=', ';']))),
        it if SHOWN.contains(&it) => redactor.line(value),
        _ => HIDDEN,
    };
    (redactor.line(&name), shown)
}

/// Adds what an answer handed out to whom it knows: cookies and what else came
/// under a header that is not shown.
pub(super) fn learn(redactor: &mut Redactor, seen: &Seen) {
    seen.cookies.iter().for_each(|(_, value)| redactor.add_found(value));
    for (name, value) in &seen.headers {
        if name == "set-cookie"
            && let Some((_, rest)) = value.split_once('=')
        {
            redactor.add_found(rest.split(';').next().unwrap_or_default());
        }
        // Codes and states that are handed on in an address.
        if name == "location"
            && let Some((_, query)) = value.split_once(['?', '#'])
        {
            for (_, value) in url::form_urlencoded::parse(query.as_bytes()).filter(|(_, it)| 8 <= it.len()) {
                redactor.add_found(&value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::moment::Moment;
    use crate::domain::outcome::Outcome;

    fn evidence(seen: &Seen, redactor: &Redactor, with_body: bool) -> Evidence {
        let at = Moment { wall: Timestamp::UNIX_EPOCH, mono: std::time::Duration::ZERO };
        of_answer(seen, redactor, with_body, Evidence::none(at, Outcome::Success))
    }

    fn seen() -> Seen {
        let headers = [
            ("server", "nginx"),
            ("set-cookie", "sid=cookie-mark-1; Path=/; HttpOnly"),
            ("location", "https://door.example/next?code=query-mark-1"),
            ("www-authenticate", "Bearer realm=\"realm-mark-1\""),
            ("x-made-up", "header-mark-1"),
            ("via", "1.1 sent-mark-1"),
        ];
        Seen {
            status: 503,
            http_version: "HTTP/1.1".to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: Some("you sent sent-mark-1 and have cookie-mark-1".to_owned()),
            ..Seen::default()
        }
    }

    #[test]
    fn an_answer_is_shown_without_what_it_holds_of_anybody() {
        let mut redactor = Redactor::default();
        redactor.add("sent-mark-1");
        learn(&mut redactor, &seen());
        let shown = evidence(&seen(), &redactor, true);
        assert!(!format!("{shown:?}").contains("mark-1"), "{shown:?}");
        let headers: Vec<String> =
            shown.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(
            headers,
            [
                "server: nginx",
                "set-cookie: sid=…",
                "location: https://door.example/next?…",
                "www-authenticate: Bearer",
                "x-made-up: …",
                "via: 1.1 ***",
            ]
        );
        assert_eq!(shown.status_line.unwrap().as_str(), "HTTP/1.1 503");
        assert_eq!(shown.body.as_str(), "you sent *** and have ***");
    }

    #[test]
    fn of_a_success_little_is_kept_and_of_the_rest_headers_are_bounded() {
        let mut seen = seen();
        seen.headers = (0..1000).map(|it| (format!("x-{it}"), "v".repeat(10_000))).collect();
        let shown = evidence(&seen, &Redactor::default(), false);
        assert!(shown.body.is_empty() && shown.headers.is_empty());
        let shown = evidence(&seen, &Redactor::default(), true);
        assert_eq!(shown.headers.len(), HEADERS + 1);
        assert_eq!(shown.headers[HEADERS].0.as_str(), "and 940 more");
    }
}
