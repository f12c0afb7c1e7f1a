//! Reads `[[account]]`: who logs in where a flow does.

use std::collections::{HashMap, HashSet};

use secrecy::ExposeSecret;
use toml::Spanned;
use toml::de::DeValue;

use super::report::{Report, Span};
use super::secret::{Secrets, is_reference};
use super::section::{Entry, Section, Wrong, checked, wrong};
use super::value::{boolean, id, integer, one_of, phrase};
use crate::domain::account::{Account, Algorithm, Totp};
use crate::domain::endpoint::{Endpoint, Id};
use crate::domain::request::Value;

/// A login every five minutes, which is also what most services bear of one account.
const LOGINS: u32 = 12;
/// The sample wallet's account is nobody's: a login a second.
const SAMPLE_LOGINS: u32 = 3600;
/// No login name is longer.
const NAME_LIMIT: usize = 200;
/// As authenticator apps have it.
const DIGITS: u32 = 6;
const PERIOD: u32 = 30;
/// Accounts that can do harm: what knocks should not be able to.
const PRIVILEGED: &[&str] = &[
    "admin",
    "administrator",
    "operator",
    "oracle",
    "postgres",
    "root",
    "sa",
    "superadmin",
    "superuser",
    "supervisor",
    "sys",
    "sysadmin",
    "system",
];

/// An account, and what only the reading of flows asks.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) account: Account,
    /// The sample wallet's own: it may log in as often as it likes.
    pub(super) sample: bool,
    /// Where its name stands.
    named_at: Span,
}

pub(super) fn read(section: &mut Section<'_, '_>, secrets: &Secrets<'_>) -> Option<Known> {
    let report = section.report;
    let this = section.required("id", "\"probe\"", id);
    let privileged = section.optional("privileged", boolean).is_some_and(Spanned::into_inner);
    let name = section.need("username", "{ env = \"PROBE_USER\" }");
    let named_at = name.as_ref().map(Spanned::span);
    let password = section.take("password");
    let sample = password.as_ref().or(name.as_ref()).is_some_and(is_sample);
    let name = name.and_then(|entry| username(report, entry, secrets, privileged));
    let password = password.map(|entry| secret(report, entry, secrets, "a password"));
    let totp = section.take("totp").map(|entry| totp(report, entry, secrets));
    let (most, default) = if sample { (SAMPLE_LOGINS, SAMPLE_LOGINS) } else { (LOGINS, LOGINS) };
    let logins_per_hour = section.optional("logins_per_hour", |it| integer(it, 1..=most));
    let account = Account {
        id: this?.into_inner(),
        username: name?,
        password: password.map_or(Some(None), |read| read.map(Some))?,
        totp: totp.map_or(Some(None), |read| read.map(Some))?,
        logins_per_hour: logins_per_hour.map_or(default, Spanned::into_inner),
    };
    Some(Known { account, sample, named_at: named_at? })
}

/// Refuses two accounts that are one at the same door: the service counts their
/// failures together, and we would count them apart.
pub(super) fn share_no_door(report: &Report<'_>, accounts: &[Known], endpoints: &[Endpoint]) {
    let mut seen: HashMap<(String, String), &Id> = HashMap::new();
    let mut told: HashSet<&Id> = HashSet::new();
    for endpoint in endpoints {
        let Some(flow) = endpoint.flow().filter(|it| it.logs_in()) else { continue };
        let Some(account) = &flow.account else { continue };
        let origin = flow.first.request.url.origin().ascii_serialization();
        // Nearly all services take a name in small letters and capitals for the same.
        let name = text(&account.username).trim().to_lowercase();
        let first = *seen.entry((origin.clone(), name)).or_insert(&account.id);
        let known = accounts.iter().find(|it| it.account.id == account.id);
        if first != &account.id
            && told.insert(&account.id)
            && let Some(known) = known
        {
            report.wrong(
                known.named_at.clone(),
                format!("the accounts `{first}` and `{}` log in at {origin} with the same name", account.id),
                format!(
                    "use `{first}` in both: the service counts their failures together, and each would spend a budget of its own"
                ),
            );
        }
    }
}

fn text(value: &Value) -> &str {
    match value {
        Value::Plain(text) => text,
        Value::Secret(secret) => secret.expose_secret(),
        Value::Template(_) => "",
    }
}

fn is_sample(entry: &Entry<'_>) -> bool {
    entry.get_ref().as_table().is_some_and(|table| table.contains_key("sample"))
}

fn username(report: &Report<'_>, entry: Entry<'_>, secrets: &Secrets<'_>, privileged: bool) -> Option<Value> {
    let span = entry.span();
    let value = match entry.get_ref() {
        DeValue::Table(_) => secrets.read(report, entry).map(Value::Secret)?,
        _ => Value::Plain(checked(report, &entry, |it| phrase(it, NAME_LIMIT))?.into_inner()),
    };
    // Of an address of mail what stands before the `@` says who it is.
    let who = text(&value).split('@').next().unwrap_or_default().trim().to_lowercase();
    if !privileged && PRIVILEGED.contains(&who.as_str()) {
        report.wrong(
            span,
            "this looks like an account with rights, and one for probing should have none",
            "make an account of its own for Porchlight; or write privileged = true if this one can do no harm",
        );
    }
    Some(value)
}

/// A secret, by reference only.
fn secret(report: &Report<'_>, entry: Entry<'_>, secrets: &Secrets<'_>, what: &str) -> Option<Value> {
    if !matches!(entry.get_ref(), DeValue::Table(_)) {
        report.hide(entry.span());
        report.wrong(
            entry.span(),
            format!("{what} does not belong in this file"),
            "write { env = \"NAME\" } or { file = \"path\" }",
        );
        return None;
    }
    secrets.read(report, entry).map(Value::Secret)
}

/// `{ env = … }` alone, or `{ secret = { env = … }, digits = 8, … }`.
fn totp(report: &Report<'_>, entry: Entry<'_>, secrets: &Secrets<'_>) -> Option<Totp> {
    let alone = match entry.get_ref() {
        DeValue::Table(table) => is_reference(table) || !table.contains_key("secret"),
        _ => true,
    };
    let span = entry.span();
    if alone {
        let secret = secret(report, entry, secrets, "the secret of a second factor")?;
        return based(report, Spanned::new(span, secret)).map(|secret| Totp {
            secret,
            digits: 6,
            period: PERIOD,
            algorithm: Algorithm::Sha1,
        });
    }
    Section::read(report, "`totp`", entry, |section| {
        let entry = section.need("secret", "{ env = \"PROBE_TOTP\" }")?;
        let span = entry.span();
        let secret = secret(report, entry, secrets, "the secret of a second factor");
        let secret = secret.and_then(|it| based(report, Spanned::new(span, it)));
        let digits = section.optional("digits", |it| integer(it, 6..=8)).map_or(DIGITS, Spanned::into_inner);
        let period =
            section.optional("period", |it| integer(it, 15..=300)).map_or(PERIOD, Spanned::into_inner);
        let words = [("sha1", Algorithm::Sha1), ("sha256", Algorithm::Sha256), ("sha512", Algorithm::Sha512)];
        let algorithm = section.optional("algorithm", |it| one_of(it, &words));
        Some(Totp {
            secret: secret?,
            digits: u8::try_from(digits).ok()?,
            period,
            algorithm: algorithm.map_or(Algorithm::Sha1, Spanned::into_inner),
        })
    })?
}

/// The secret, if it is base32 as services show it beside their picture.
fn based(report: &Report<'_>, secret: Spanned<Value>) -> Option<Value> {
    let read = |it: &Value| match it {
        Value::Secret(secret) if is_base32(secret.expose_secret()) => Ok(()),
        _ => wrong(
            "this secret of a second factor is not base32",
            "take the letters A to Z and digits 2 to 7 that the service shows beside its picture, not the picture's whole address",
        ),
    };
    if let Err(Wrong { message, help }) = read(secret.get_ref()) {
        report.wrong(secret.span(), message, help);
        return None;
    }
    Some(secret.into_inner())
}

/// In groups, in small letters, padded or not; at least 10 bytes of it.
fn is_base32(text: &str) -> bool {
    let kept: Vec<char> =
        text.trim_end_matches('=').chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    // Of eight letters five bytes; 1, 3 or 6 over come from no bytes at all.
    let whole = !matches!(kept.len() % 8, 1 | 3 | 6);
    16 <= kept.len() && whole && kept.iter().all(|c| c.is_ascii_alphabetic() || ('2'..='7').contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_known() {
        for good in
            ["GEZDGNBVGY3TQOJQ", "gezd gnbv gy3t qojq", "GEZD-GNBV-GY3T-QOJQ", "GEZDGNBVGY3TQOJQGE======"]
        {
            assert!(is_base32(good), "{good}");
        }
        for bad in [
            "",
            "GEZDGNBV",
            "GEZDGNBVGY3TQOJ1",
            "GEZDGNBVGY3TQOJQA",
            "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ",
        ] {
            assert!(!is_base32(bad), "{bad}");
        }
    }
}
