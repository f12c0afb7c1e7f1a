//! The readers by themselves: pages, JSON, patterns, expressions, certificates, secrets.

use jiff::Timestamp;
use porchlight::domain::redact::Redactor;
use porchlight::expr::{css, json, regex};
use porchlight::probe::certificate;
use rustls::pki_types::CertificateDer;

use crate::{TRIES, fuzz};

#[test]
fn pages_are_read_within_bounds() {
    fuzz("pages", TRIES, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        for selector in ["form#login", "form", "input[type=hidden]", ".id, p > *", "*:nth-child(2n+1)"] {
            let _ = css::form(&text, selector);
            let _ = css::first(&text, selector, Some("value"));
            let _ = css::first(&text, selector, None);
        }
        let _ = regex::group(&text, r"id=(\d+)|(a+)+b", 1);
    });
}

#[test]
fn json_is_read_within_bounds() {
    fuzz("json", TRIES, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        for path in ["$.token", "$..*", "$.a[*].b[?@.c == null]", "$[-1]", "$.a[0:100000:1]"] {
            let _ = json::document(&text).and_then(|it| json::one(&it, path));
        }
    });
}

#[test]
fn what_a_target_says_may_stand_anywhere() {
    // As a selector, a path, a pattern: captured values never do, and if one did, nothing happens.
    fuzz("texts", TRIES, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let _ = css::check(&text);
        let _ = json::check(&text);
        let _ = regex::check(&text);
        let _ = porchlight::expr::cel::check(&text);
    });
}

#[test]
fn certificates_are_read_within_bounds() {
    fuzz("certificates", TRIES, |bytes| {
        let redactor = Redactor::default();
        let _ = certificate::seen(bytes, &redactor);
        let _ = certificate::issuer_and_names(bytes);
        let chain = [CertificateDer::from(bytes), CertificateDer::from(bytes)];
        let _ = certificate::earliest(&chain, false, Timestamp::UNIX_EPOCH);
        let _ = certificate::lacks_issuer([bytes, bytes]);
    });
}

#[test]
fn secrets_stay_hidden_whatever_stands_around_them() {
    const SECRET: &str = "hunter2-secret";
    fuzz("texts", TRIES, |bytes| {
        let mut redactor = Redactor::default();
        redactor.add(SECRET);
        // A secret that was changed is none any more; this one was not.
        let text = format!("{}{SECRET}{}", String::from_utf8_lossy(bytes), String::from_utf8_lossy(bytes));
        for shown in [redactor.line(&text), redactor.text(&text, 512), redactor.address(&text)] {
            assert!(!shown.as_str().contains(SECRET), "{}", shown.as_str());
        }
    });
}
