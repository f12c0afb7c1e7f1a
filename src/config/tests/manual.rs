//! The shipped file is the manual: it runs as it is and names every key.

use std::time::Duration;

use super::*;
use crate::domain::request::{Body, Method};

#[test]
fn the_shipped_file_has_no_faults_and_no_warnings() {
    assert_eq!(warned(SHIPPED), "");
    let config = good(SHIPPED);
    let ids: Vec<&str> = config.components.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["web", "app", "version", "two-step", "guard", "recovery"]);
    let ids: Vec<&str> = config.endpoints.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["login-page", "app-signin", "refuses", "web-signin", "two-step-signin", "app-version"]);
    let signin = config.endpoints[1].flow().unwrap();
    let names: Vec<&str> = signin.steps().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["sign-in", "me", "log-out", "version"]);
    assert_eq!(signin.first.request.method, Method::Post);
    assert!(signin.account.is_some() && matches!(signin.first.request.body, Some(Body::Json(_))));
    assert_eq!(config.site.sample.unwrap().url, "http://127.0.0.1:8082/");
    assert_eq!(config.site.recovering_for, Duration::from_secs(30));
    assert_eq!(config.announcements.len(), 1);
}

#[test]
fn every_line_of_the_manual_that_is_commented_out_would_be_read() {
    // An example shows each option; these cannot stand beside what the file sets.
    let beside = [
        "not both",
        "duplicate key",
        "sends no body",
        "has no meaning here",
        "means nothing for",
        "there is one address only",
    ];
    let (mut tried, lines) = (0, SHIPPED.lines().collect::<Vec<_>>());
    let shown = |line: &str| {
        let line = line.strip_prefix("# ").unwrap_or_default();
        let (left, _) = line.split_once(" = ").unwrap_or_default();
        let key = left.split('.').next().unwrap_or_default();
        // Before the sign is a key alone; prose has spaces there.
        let assigns =
            !left.contains(' ') && !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assigns || line.starts_with('[') || line.starts_with("  {") || line == "]"
    };
    let mut at = 0;
    while at < lines.len() {
        let end = at + lines[at..].iter().take_while(|line| shown(line)).count();
        if end == at {
            at += 1;
            continue;
        }
        tried += end - at;
        let block = lines[at..end].iter().map(|line| &line[2..]);
        let text: Vec<&str> =
            lines[..at].iter().copied().chain(block).chain(lines[end..].iter().copied()).collect();
        if let Err(faults) = parse(&text.join("\n")) {
            let conflicts = |fault: &Fault| beside.iter().any(|it| fault.message.contains(it));
            assert!(faults.shown().iter().all(conflicts), "{faults}");
        }
        at = end;
    }
    assert!(30 <= tried, "{tried}");
}

#[test]
fn the_manual_names_every_key() {
    let strange = "zz = 1\nsite.zz = 1\nserver.zz = 1\nstore.zz = 1\nsample.zz = 1\nmetrics.zz = 1\nprobe.zz = 1\nsite.support = [{ zz = 1 }]\n\
        [[component]]\nzz = 1\n[[account]]\nzz = 1\n[[endpoint]]\nzz = 1\n[[endpoint]]\n[[endpoint.step]]\nzz = 1\n[[network]]\nzz = 1\n[[maintenance]]\nzz = 1\n[[announcement]]\nzz = 1\n\
        [[endpoint]]\nurl = \"tcp://a:1\"\nzz = 1\n[[endpoint]]\nurl = \"tls://a\"\nzz = 1\n\
        [[endpoint]]\nurl = \"dns://a\"\nzz = 1\n[[endpoint]]\nurl = \"smtp://a\"\nzz = 1\n[[endpoint]]\npush = { zz = 1 }\nzz = 1\n";
    let faults = parse(strange).unwrap_err();
    let unknown = faults.shown().iter().filter(|it| it.message.contains("unknown key"));
    let keys: Vec<&str> = unknown.flat_map(|it| it.help.split('`').skip(1).step_by(2)).collect();
    assert!(50 <= keys.len(), "{keys:?}");
    for key in keys {
        let headed = [format!("[{key}]"), format!(".{key}]")];
        let shown = [" = ", "."].iter().any(|it| SHIPPED.contains(&format!("\n{key}{it}")))
            || SHIPPED.contains(&format!("{key} = "));
        let named = shown || headed.iter().any(|it| SHIPPED.contains(it));
        assert!(named, "{key}");
    }
}
