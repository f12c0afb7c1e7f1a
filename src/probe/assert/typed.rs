//! The assertions with keys of their own: `status`, `contains`, `header.X`, `json."$.path"`, `css."selector"`.

use serde_json::Value;

use super::{Check, Means};
use crate::domain::expect::{Expect, Literal, Test};
use crate::expr::{css, json, regex};
use crate::probe::seen::Seen;

/// Of one value that is told.
const TOLD: usize = 120;
const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

/// Every typed assertion, as far as there is an answer to look at.
pub(super) fn checks(expect: &Expect, seen: Option<&Seen>) -> Vec<Check> {
    let body = seen.and_then(|it| it.body.as_deref());
    let mut checks = vec![status(expect, seen)];
    for wanted in &expect.contains {
        checks.push(Check::of(format!("body contains {wanted:?}"), body.map(|it| it.contains(wanted))));
    }
    for unwanted in &expect.not_contains {
        checks.push(Check::of(
            format!("body does not contain {unwanted:?}"),
            body.map(|it| !it.contains(unwanted)),
        ));
    }
    for (name, test) in &expect.headers {
        let values: Option<Vec<Value>> = seen.map(|it| it.header_values(name).map(Value::from).collect());
        checks.push(tested(&format!("header {name}"), test, values.map(Ok)));
    }
    for test in &expect.location {
        let values = seen.map(|it| Ok(it.redirect.iter().map(|it| Value::from(it.as_str())).collect()));
        checks.push(tested("location", test, values));
    }
    if !expect.http_version.is_empty() {
        let held = seen.map(|it| expect.http_version.contains(&it.http_version));
        let check = Check::of(format!("version is {}", expect.http_version.join(" or ")), held);
        checks.push(check.saw("version", seen.map(|it| it.http_version.clone())));
    }
    documents(expect, body, &mut checks);
    pages(expect, body, &mut checks);
    certificate(expect, seen, &mut checks);
    checks
}

fn status(expect: &Expect, seen: Option<&Seen>) -> Check {
    let held = seen.map(|it| expect.accepts_status(it.status));
    Check::of(format!("status is {}", expect.statuses()), held)
        .saw("status", seen.map(|it| it.status.to_string()))
}

fn documents(expect: &Expect, body: Option<&str>, checks: &mut Vec<Check>) {
    if expect.json.is_empty() {
        return;
    }
    let document = body.map(|it| json::parse(it).map_err(|why| format!("the answer is not JSON: {why}")));
    for (path, test) in &expect.json {
        let found = document.as_ref().map(|document| {
            let document = document.as_ref().map_err(Clone::clone)?;
            Ok(json::all(document, path)?.into_iter().cloned().collect())
        });
        checks.push(tested(path, test, found));
    }
}

fn pages(expect: &Expect, body: Option<&str>, checks: &mut Vec<Check>) {
    if expect.css.is_empty() {
        return;
    }
    let page = body.map(css::Page::read);
    for (selector, test) in &expect.css {
        let found = page.as_ref().map(|page| {
            let page = page.as_ref().map_err(Clone::clone)?;
            // Counting needs no texts, and the texts of a large page are larger than it.
            let most = if matches!(test, Test::Count(_)) { 0 } else { 1 };
            let mut values: Vec<Value> = page.texts(selector, most)?.into_iter().map(Value::from).collect();
            if let Test::Count(_) = test {
                values = vec![Value::Null; page.count(selector)?];
            }
            Ok(values)
        });
        let is_form = matches!(test, Test::Exists(true))
            && ["form", "input"].iter().any(|it| selector.trim_start().starts_with(it));
        checks.push(Check { is_form, ..tested(&format!("css {selector:?}"), test, found) });
    }
}

fn certificate(expect: &Expect, seen: Option<&Seen>, checks: &mut Vec<Check>) {
    let left = seen.and_then(|it| it.tls.as_ref()).map(|it| it.expires_in);
    let told = left.map(|it| format!("{} days", it.as_secs() / DAY.as_secs()));
    for (days, means) in
        [(expect.certificate.down, Means::Down), (expect.certificate.degraded, Means::Degraded)]
    {
        let Some(days) = days else { continue };
        // Without TLS there is no certificate, and that is no good one.
        let held = seen.map(|_| left.is_some_and(|it| DAY * days <= it));
        let check = Check::of(format!("certificate lasts {days} days"), held);
        let told = told.clone().or_else(|| Some("no certificate".to_owned()));
        checks.push(Check { means, ..check.saw("left", told) });
    }
}

/// One test of the values that were found under a name; none when there was
/// nothing to look at yet.
fn tested(name: &str, test: &Test, found: Option<Result<Vec<Value>, String>>) -> Check {
    let says = format!("{name} {}", wanted(test));
    match found {
        None => Check::of(says, None),
        Some(Err(why)) => Check::of(says, Some(false)).saw(name, Some(why)),
        Some(Ok(values)) => {
            let told = match (test, values.as_slice()) {
                (Test::Count(_), found) => found.len().to_string(),
                (_, []) => "nothing".to_owned(),
                (_, [one, ..]) => cut(&json::plain(one)),
            };
            Check::of(says, Some(holds(test, &values))).saw(name, Some(told))
        }
    }
}

fn holds(test: &Test, values: &[Value]) -> bool {
    let any = |fits: &dyn Fn(&Value) -> bool| values.iter().any(fits);
    let text = |value: &Value| json::plain(value);
    match test {
        Test::Exists(wanted) => values.is_empty() != *wanted,
        Test::Count(wanted) => usize::try_from(*wanted) == Ok(values.len()),
        Test::Equals(Literal::Text(wanted)) => any(&|it| it.as_str() == Some(wanted)),
        Test::Equals(Literal::Number(wanted)) => any(&|it| it.as_f64() == Some(*wanted)),
        Test::Equals(Literal::Flag(wanted)) => any(&|it| it.as_bool() == Some(*wanted)),
        Test::Contains(wanted) => any(&|it| text(it).contains(wanted)),
        Test::NotContains(unwanted) => !any(&|it| text(it).contains(unwanted)),
        // It was checked with the config.
        Test::Matches(pattern) => any(&|it| regex::matches(&text(it), pattern).unwrap_or_default()),
        Test::AtLeast(least) => any(&|it| number(it).is_some_and(|it| *least <= it)),
        Test::AtMost(most) => any(&|it| number(it).is_some_and(|it| it <= *most)),
        Test::Length(wanted) => any(&|it| length(it) == usize::try_from(*wanted).ok()),
    }
}

/// Headers are text, and JSON of some servers has its numbers in quotes.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok().filter(|it: &f64| it.is_finite()))
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(list) => Some(list.len()),
        Value::Object(table) => Some(table.len()),
        _ => None,
    }
}

fn wanted(test: &Test) -> String {
    match test {
        Test::Exists(true) => "exists".to_owned(),
        Test::Exists(false) => "does not exist".to_owned(),
        Test::Equals(Literal::Text(text)) => format!("is {text:?}"),
        Test::Equals(Literal::Number(number)) => format!("is {number}"),
        Test::Equals(Literal::Flag(flag)) => format!("is {flag}"),
        Test::Contains(text) => format!("contains {text:?}"),
        Test::NotContains(text) => format!("does not contain {text:?}"),
        Test::Matches(pattern) => format!("matches {pattern:?}"),
        Test::AtLeast(least) => format!("is at least {least}"),
        Test::AtMost(most) => format!("is at most {most}"),
        Test::Length(length) => format!("has length {length}"),
        Test::Count(count) => format!("is there {count} times"),
    }
}

pub(super) fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(TOLD).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}
