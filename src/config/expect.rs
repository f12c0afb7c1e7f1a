//! Reads what an answer must be: `status`, `contains`, `header`, `json."$.path"`, `css`, `expect` and the like.

use toml::Spanned;
use toml::de::DeValue;

use super::report::Report;
use super::section::{Entry, Section, Wrong, checked, kind, quoted, wrong};
use super::value::{boolean, integer, one_of, phrase, status, string};
use crate::domain::expect::{CertificateDays, Expect, Expression, Literal, Means, Sign, Signs, Test};
use crate::expr::{cel, css, json, regex};

/// Each is searched in every answer.
const TEXTS: usize = 50;
const TEXT_LENGTH: usize = 1_000;
const STATUSES: usize = 50;
/// Of headers, paths, selectors and expressions, each.
const ASSERTIONS: usize = 50;
/// No certificate that browsers take lives longer.
const DAYS: u32 = 398;
const LENGTH_MOST: u32 = 1_000_000;

/// As answers tell it.
const VERSIONS: &[(&str, &str)] =
    &[("HTTP/1.0", "HTTP/1.0"), ("HTTP/1.1", "HTTP/1.1"), ("HTTP/2.0", "HTTP/2.0")];

/// Whether a key of `json` is a path into the answer; all others are sent.
fn is_path(key: &str) -> bool {
    key == "$" || key.starts_with("$.") || key.starts_with("$[")
}

/// Of an endpoint or a step, with what its expressions ask of the flow. To be read before its request: it takes the paths
/// out of `json`, which is also what is sent.
pub(super) fn read(section: &mut Section<'_, '_>) -> (Expect, Vec<Spanned<cel::Name>>) {
    let report = section.report;
    let bodiless = section.text("method") == Some("HEAD");
    let status = section.list("status", STATUSES, status).into_iter().map(Spanned::into_inner).collect();
    let paths = section.part("json", is_path);
    let contains = texts(section, "contains", bodiless);
    let not_contains = texts(section, "not_contains", bodiless);
    let json = tests(report, paths, bodiless, &JSON);
    let css =
        section.take("css").map(|entry| named(report, "`css`", entry, bodiless, &CSS)).unwrap_or_default();
    let headers = section
        .take("header")
        .map(|entry| named(report, "`header`", entry, false, &HEADER))
        .unwrap_or_default();
    let location = section.take("location").map(|entry| test(report, entry, &LOCATION)).unwrap_or_default();
    let versions = section.list("http_version", VERSIONS.len(), |it| one_of(it, VERSIONS));
    let certificate =
        section.take("certificate_days").map(|entry| certificate(report, entry)).unwrap_or_default();
    let (mut expressions, mut asks) = (Vec::new(), Vec::new());
    for (key, means) in
        [("expect", Means::Down), ("degraded_when", Means::Degraded), ("unknown_when", Means::Unknown)]
    {
        for text in section.list(key, ASSERTIONS, expression) {
            if bodiless && cel::reads_body(text.get_ref()) {
                no_body(report, text.span());
            }
            let names = cel::names(text.get_ref());
            asks.extend(names.into_iter().map(|it| Spanned::new(text.span(), it)));
            expressions.push(Expression { text: text.into_inner(), means });
        }
    }
    let expect = Expect {
        status,
        contains,
        not_contains,
        headers,
        json,
        css,
        location,
        http_version: versions.into_iter().map(|it| it.into_inner().to_owned()).collect(),
        certificate,
        expressions,
        signs: section.take("signs").map(|entry| signs(report, entry)).unwrap_or_default(),
    };
    (expect, asks)
}

fn no_body(report: &Report<'_>, span: super::report::Span) {
    report.wrong(span, "an answer to HEAD has no body to look into", "use method = \"GET\"");
}

fn texts(section: &mut Section<'_, '_>, key: &'static str, bodiless: bool) -> Vec<String> {
    let texts = section.list(key, TEXTS, |it| phrase(it, TEXT_LENGTH));
    if let Some(first) = texts.first()
        && bodiless
    {
        no_body(section.report, first.span());
    }
    texts.into_iter().map(Spanned::into_inner).collect()
}

/// What may be asked under a key.
struct Grammar {
    /// Why a name is none.
    name: fn(&str) -> Result<(), Wrong>,
    /// Names know no capitals.
    lower: bool,
    /// `true` and `false` ask whether it is there, instead of what it says.
    flags_ask: bool,
    numbers: bool,
    count: bool,
    help: &'static str,
}

const HEADER: Grammar = Grammar {
    name: header_name,
    lower: true,
    flags_ask: true,
    numbers: true,
    count: false,
    help: "write \"text\" for the whole value, true or false for whether it is there, or { contains = … }, { not_contains = … }, { matches = … }, { exists = … }, { at_least = … }, { at_most = … }, { length = … }",
};
const JSON: Grammar = Grammar {
    name: |path| {
        json::check(path).or_else(|why| {
            wrong(
                format!("this path does not parse: {why}"),
                "write an RFC 9535 path that searches at most once: \"$.user.name\", \"$.items[0].id\"",
            )
        })
    },
    lower: false,
    flags_ask: false,
    numbers: true,
    count: true,
    help: "write the value itself, or { exists = … }, { contains = … }, { not_contains = … }, { matches = … }, { at_least = … }, { at_most = … }, { length = … }, { count = … }",
};
const CSS: Grammar = Grammar {
    name: |selector| {
        css::check(selector).or_else(|why| {
            wrong(
                format!("this selector does not parse: {why}"),
                "write a CSS selector: \"form#login\", \"input[name=csrf]\"",
            )
        })
    },
    lower: false,
    flags_ask: true,
    numbers: false,
    count: true,
    help: "write true or false for whether it is there, \"text\" for all of its text, or { contains = … }, { not_contains = … }, { matches = … }, { exists = … }, { count = … }, { length = … }",
};
const LOCATION: Grammar = Grammar {
    name: |_| Ok(()),
    lower: false,
    flags_ask: true,
    numbers: false,
    count: false,
    help: "write \"…\" for the whole address as the answer has it, or { contains = … }, { not_contains = … }, { matches = … }, { exists = … }",
};

fn header_name(name: &str) -> Result<(), Wrong> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(fits) {
        return wrong(
            format!("{} is not the name of a header", quoted(name)),
            "use letters, digits and `-`: header.content-type",
        );
    }
    Ok(())
}

fn named(
    report: &Report<'_>,
    what: &'static str,
    entry: Entry<'_>,
    bodiless: bool,
    grammar: &Grammar,
) -> Vec<(String, Test)> {
    let entries = Section::read(report, what, entry, Section::rest).unwrap_or_default();
    tests(report, entries, bodiless, grammar)
}

fn tests(
    report: &Report<'_>,
    entries: Vec<(Spanned<String>, Entry<'_>)>,
    bodiless: bool,
    grammar: &Grammar,
) -> Vec<(String, Test)> {
    if let Some((first, _)) = entries.first()
        && bodiless
    {
        no_body(report, first.span());
    }
    if let Some((name, _)) = entries.get(ASSERTIONS) {
        report.wrong(name.span(), format!("these are more than {ASSERTIONS} assertions"), "leave some out");
    }
    let mut found = Vec::new();
    for (name, entry) in entries {
        if let Err(Wrong { message, help }) = (grammar.name)(name.get_ref()) {
            report.wrong(name.span(), message, help);
            continue;
        }
        let key = name.into_inner();
        let key = if grammar.lower { key.to_ascii_lowercase() } else { key };
        found.extend(test(report, entry, grammar).into_iter().map(|it| (key.clone(), it)));
    }
    found
}

/// One value, or a table of what is asked of it.
fn test(report: &Report<'_>, entry: Entry<'_>, grammar: &Grammar) -> Vec<Test> {
    if !matches!(entry.get_ref(), DeValue::Table(_)) {
        let read = |entry: &Entry<'_>| literal(entry, grammar);
        return checked(report, &entry, read).map(|it| vec![it.into_inner()]).unwrap_or_default();
    }
    let span = entry.span();
    let read = |section: &mut Section<'_, '_>| {
        if section.is_empty() {
            report.absent(span, "this asserts nothing", grammar.help);
        }
        let mut found: Vec<Test> = Vec::new();
        let mut add = |test: Option<Spanned<Test>>| found.extend(test.map(Spanned::into_inner));
        let text = |it: &Entry<'_>| phrase(it, TEXT_LENGTH);
        add(section.optional("exists", |it| boolean(it).map(Test::Exists)));
        add(section.optional("contains", |it| text(it).map(Test::Contains)));
        add(section.optional("not_contains", |it| text(it).map(Test::NotContains)));
        add(section.optional("matches", |it| pattern(it).map(Test::Matches)));
        if grammar.numbers {
            add(section.optional("at_least", |it| number(it).map(Test::AtLeast)));
            add(section.optional("at_most", |it| number(it).map(Test::AtMost)));
        }
        add(section.optional("length", |it| integer(it, 0..=LENGTH_MOST).map(Test::Length)));
        if grammar.count {
            add(section.optional("count", |it| integer(it, 0..=LENGTH_MOST).map(Test::Count)));
        }
        found
    };
    Section::read(report, "this assertion", entry, read).unwrap_or_default()
}

fn literal(entry: &Entry<'_>, grammar: &Grammar) -> Result<Test, Wrong> {
    match entry.get_ref() {
        DeValue::Boolean(it) if grammar.flags_ask => Ok(Test::Exists(*it)),
        DeValue::Boolean(it) => Ok(Test::Equals(Literal::Flag(*it))),
        DeValue::String(text) => Ok(Test::Equals(Literal::Text(text.to_string()))),
        DeValue::Integer(_) | DeValue::Float(_) if grammar.numbers => {
            Ok(Test::Equals(Literal::Number(number(entry)?)))
        }
        other => wrong(format!("{} cannot be compared with here", kind(other)), grammar.help),
    }
}

fn number(entry: &Entry<'_>) -> Result<f64, Wrong> {
    let written = match entry.get_ref() {
        DeValue::Integer(it) => it.as_str().replace('_', "").parse::<f64>().ok(),
        DeValue::Float(it) => it.as_str().replace('_', "").parse::<f64>().ok(),
        _ => None,
    };
    match written.filter(|it| it.is_finite()) {
        Some(number) => Ok(number),
        None => wrong(
            format!("expected a number, found {}", kind(entry.get_ref())),
            "write a finite number, without quotes",
        ),
    }
}

fn pattern(entry: &Entry<'_>) -> Result<String, Wrong> {
    let text = string(entry)?;
    match regex::check(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(why) => wrong(
            format!("this pattern does not compile: {why}"),
            "write a regular expression in single quotes, so that `\\` stays: '^[0-9]+$'",
        ),
    }
}

/// One CEL expression that ends in true or false.
pub(super) fn expression(entry: &Entry<'_>) -> Result<String, Wrong> {
    let text = string(entry)?;
    match cel::check(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(why) => wrong(
            format!("this expression cannot be used: {why}"),
            "docs/assertions.md lists what an expression can look at",
        ),
    }
}

fn certificate(report: &Report<'_>, entry: Entry<'_>) -> CertificateDays {
    let days = |entry: &Entry<'_>| integer(entry, 1..=DAYS);
    if !matches!(entry.get_ref(), DeValue::Table(_)) {
        let degraded = checked(report, &entry, days).map(Spanned::into_inner);
        return CertificateDays { degraded, down: None };
    }
    let span = entry.span();
    let read = |section: &mut Section<'_, '_>| {
        let [degraded, down] =
            ["degraded", "down"].map(|key| section.optional(key, days).map(Spanned::into_inner));
        CertificateDays { degraded, down }
    };
    let found = Section::read(report, "`certificate_days`", entry, read).unwrap_or_default();
    if let CertificateDays { degraded: Some(degraded), down: Some(down) } = found
        && degraded <= down
    {
        report.wrong(
            span,
            "it would be down before it is degraded",
            "write more days for `degraded` than for `down`",
        );
    }
    found
}

fn signs(report: &Report<'_>, entry: Entry<'_>) -> Signs {
    let read = |section: &mut Section<'_, '_>| {
        let mut sign = |key| section.optional(key, sign).map(Spanned::into_inner).unwrap_or_default();
        Signs {
            maintenance: sign("maintenance"),
            blocked: sign("blocked"),
            challenge: sign("challenge"),
            rejected: sign("rejected"),
            locked: sign("locked"),
            expired: sign("expired"),
        }
    };
    Section::read(report, "`signs`", entry, read).unwrap_or_default()
}

fn sign(entry: &Entry<'_>) -> Result<Sign, Wrong> {
    match entry.get_ref() {
        DeValue::Boolean(false) => Ok(Sign::Never),
        DeValue::String(_) => pattern(entry).map(Sign::Matches),
        other => wrong(
            format!("expected a pattern, found {}", kind(other)),
            "write a regular expression, or false where there is no such page",
        ),
    }
}
