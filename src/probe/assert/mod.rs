//! Judges an answer: what was expected of it, and if it is not that, what it is instead.
//!
//! The first row that fits decides. A proxy of ours that answers in the place of
//! the endpoint, and an answer that did not come whole, are judged before.
//!
//! | the answer | is |
//! | --- | --- |
//! | an expression that cannot be evaluated | `failure(assertion)` |
//! | `unknown_when` holds | `unknown(blocked)` |
//! | all that is expected holds, and something inside is | success, or degraded below |
//! | all that is expected holds, nothing inside is expected, and no sign below | success, or degraded below |
//! | 429 | `unknown(throttled)` |
//! | a bot wall | `unknown(blocked)` |
//! | at or after a login: the account is locked | `unknown(account_locked)` |
//! | … the password has expired | `unknown(credential_expired)` |
//! | … name or password refused | `unknown(credentials_rejected)` |
//! | … a captcha or a second factor | `unknown(challenge)` |
//! | 300 to 399 | `failure(redirect_unexpected)` |
//! | a page that says maintenance, whatever its status | `failure(maintenance_page)` |
//! | 400 to 499, 500 to 599 | `failure(http_4xx)`, `failure(http_5xx)` |
//! | a form that must be there is not | `failure(form_missing)` |
//! | anything else | `failure(assertion)` |
//! | `degraded_when` holds, or the certificate ends soon | `degraded(assertion)` |
//!
//! Without a word on what must stand inside, a page must not be one of
//! maintenance or of a wall; at a login, it must not tell of an error, nor that
//! we are not let in. Where a wrong password was sent, being refused is the
//! success and being let in is `accepts_wrong_password`; 404, 405 and 410 are no
//! refusal, since nobody looked at it. After a login, a plain 401 is a session
//! that does not hold; `flow::session` knows more of those.

mod typed;

use std::time::Duration;

use super::apart::{apart, is_large};
use super::seen::Seen;
use super::signs::Page;
use crate::domain::expect::{Expect, Expression, Means, Sign};
use crate::domain::outcome::{DegradedReason, FailureClass, Outcome, UnknownReason};
use crate::expr::cel::{self, Said, Tls, World};

/// One assertion and whether it held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// For a person: `body contains "ok"`, or the expression.
    pub says: String,
    pub means: Means,
    /// None when the probe did not come as far as this.
    pub held: Option<bool>,
    /// What it looked at, when it did not hold.
    pub seen: Vec<(String, String)>,
    /// What must be there is a form.
    is_form: bool,
    /// It could not be evaluated.
    broken: bool,
}

/// Where a step stands to the login of its flow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Login {
    /// Nobody logs in, or not yet.
    #[default]
    Before,
    /// This step sends the account's name or password.
    At,
    /// It sends a wrong password, which must be refused.
    AtWrong,
    After,
}

/// What the flow knew when an answer came.
#[derive(Clone, Copy, Default)]
pub struct Known<'a> {
    pub login: Login,
    pub captures: &'a [(String, String)],
    /// Steps already taken: name, status, and how long it took.
    pub steps: &'a [(String, u16, Duration)],
}

#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    pub outcome: Outcome,
    pub checks: Vec<Check>,
}

impl Check {
    pub fn of(says: impl Into<String>, held: Option<bool>) -> Self {
        Self { says: says.into(), means: Means::Down, held, seen: Vec::new(), is_form: false, broken: false }
    }

    /// With what it looked at, which is told only when it did not hold.
    fn saw(mut self, name: &str, value: Option<String>) -> Self {
        if self.held == Some(false) {
            self.seen.extend(value.map(|it| (name.to_owned(), it)));
        }
        self
    }

    /// Shows what it says through `shown`, which knows the secrets.
    pub fn masked(mut self, shown: impl Fn(&str) -> String) -> Self {
        self.says = shown(&self.says);
        for (name, value) in &mut self.seen {
            (*name, *value) = (shown(name), shown(value));
        }
        self
    }

    /// As one sentence: `json.code == 0 (json.code = 7)`.
    pub fn sentence(&self) -> String {
        if self.seen.is_empty() {
            return self.says.clone();
        }
        let seen: Vec<String> = self.seen.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        format!("{} ({})", self.says, seen.join("; "))
    }
}

/// Of an answer that is right, but late.
pub fn in_time(limit: Duration, held: Option<bool>) -> Check {
    let micros = limit.as_micros();
    let says = format!("answered within {}.{} ms", micros / 1000, micros % 1000 / 100);
    Check { means: Means::Degraded, ..Check::of(says, held) }
}

/// What is asked where no answer came.
pub fn unasked(expect: &Expect) -> Vec<Check> {
    let mut checks = typed::checks(expect, None);
    checks.extend(expect.expressions.iter().map(|it| Check { means: it.means, ..Check::of(says(it), None) }));
    checks
}

/// An answer whose body came whole, or is not needed.
pub fn judge(seen: &Seen, expect: &Expect, known: &Known<'_>) -> Judged {
    let mut checks = typed::checks(expect, Some(seen));
    checks.extend(expressions(seen, expect, known));
    let outcome = outcome(seen, expect, known.login, &checks);
    Judged { outcome, checks }
}

/// The same, not where knocks are timed when the answer is large. None when we are over.
pub async fn judge_apart(seen: Seen, expect: &Expect, known: &Known<'_>) -> Option<(Seen, Judged)> {
    if !is_large(seen.body.as_ref()) {
        let judged = judge(&seen, expect, known);
        return Some((seen, judged));
    }
    let (expect, login) = (expect.clone(), known.login);
    let (captures, steps) = (known.captures.to_vec(), known.steps.to_vec());
    let work = move || {
        let judged = judge(&seen, &expect, &Known { login, captures: &captures, steps: &steps });
        (seen, judged)
    };
    apart(work).await
}

fn outcome(seen: &Seen, expect: &Expect, login: Login, checks: &[Check]) -> Outcome {
    let failed = |means| checks.iter().any(|it| it.means == means && it.held == Some(false));
    if checks.iter().any(|it| it.broken) {
        return Outcome::Failure(FailureClass::Assertion);
    }
    if failed(Means::Unknown) {
        return Outcome::Unknown(UnknownReason::Blocked);
    }
    let refused = || refusal(seen, expect, login, checks);
    if login == Login::AtWrong && matches!(seen.status, 404 | 405 | 410) && expect.status.is_empty() {
        return Outcome::Failure(FailureClass::Http4xx);
    }
    if login == Login::AtWrong {
        return wrong_password(failed(Means::Down), expect, refused());
    }
    // A page with what must stand inside is not searched for signs.
    let fits = !failed(Means::Down) && expect.looks_inside();
    let refused = if fits { None } else { refused() };
    if fits || refused.is_none() && !failed(Means::Down) {
        let soon = failed(Means::Degraded);
        return if soon { Outcome::Degraded(DegradedReason::Assertion) } else { Outcome::Success };
    }
    refused.unwrap_or(Outcome::Failure(FailureClass::Assertion))
}

/// Being refused is right.
fn wrong_password(failed: bool, expect: &Expect, refused: Option<Outcome>) -> Outcome {
    use UnknownReason::{Blocked, CredentialsRejected, Throttled};
    match refused {
        // What the operator expects of a refusal decides, where there is a word on it.
        _ if !failed && (!expect.status.is_empty() || expect.looks_inside()) => Outcome::Success,
        Some(it @ Outcome::Unknown(Blocked | Throttled)) => it,
        Some(Outcome::Unknown(CredentialsRejected) | Outcome::Failure(FailureClass::Http4xx))
            if expect.status.is_empty() =>
        {
            Outcome::Success
        }
        Some(Outcome::Unknown(it)) if it != CredentialsRejected => Outcome::Unknown(it),
        Some(it @ Outcome::Failure(class)) if class != FailureClass::Assertion => it,
        Some(Outcome::Unknown(_)) => Outcome::Failure(FailureClass::Assertion),
        _ => Outcome::Failure(FailureClass::AcceptsWrongPassword),
    }
}

/// What an answer is that is not the one expected; none when nothing speaks against it.
fn refusal(seen: &Seen, expect: &Expect, login: Login, checks: &[Check]) -> Option<Outcome> {
    use FailureClass::{
        Assertion, FormMissing, Http4xx, Http5xx, MaintenancePage, RedirectUnexpected, SessionBroken,
    };
    use UnknownReason::{
        AccountLocked, Blocked, Challenge, CredentialExpired, CredentialsRejected, Throttled,
    };
    let of_location =
        |held| checks.iter().any(|it| it.held == Some(held) && it.says.starts_with("location "));
    let page = Page::of(seen, &expect.signs).leading_right(of_location(true));
    let right = expect.accepts_status(seen.status);
    let unknown = |reason| Some(Outcome::Unknown(reason));
    let failure = |class| Some(Outcome::Failure(class));
    // An operator's own sign counts wherever it is seen.
    let counts = |sign: &Sign| login != Login::Before || matches!(sign, Sign::Matches(_));
    match seen.status {
        429 if !right => return unknown(Throttled),
        403 if !right && expect.accepts_status(401) => return unknown(Blocked),
        _ if page.is_wall(right) => return unknown(Blocked),
        _ => (),
    }
    let signs = &expect.signs;
    if counts(&signs.locked) && page.is_locked() {
        return unknown(AccountLocked);
    }
    if counts(&signs.expired) && page.is_expired() {
        return unknown(CredentialExpired);
    }
    let sent = matches!(login, Login::At | Login::AtWrong) || matches!(signs.rejected, Sign::Matches(_));
    if sent && page.is_rejected() {
        return unknown(CredentialsRejected);
    }
    if counts(&signs.challenge) && page.is_challenge() {
        return unknown(Challenge);
    }
    if login == Login::After && seen.status == 401 && !right {
        return failure(SessionBroken);
    }
    match seen.status {
        300..=399 if !right || of_location(false) => failure(RedirectUnexpected),
        _ if page.is_maintenance() => failure(MaintenancePage),
        400..=499 if !right => failure(Http4xx),
        500..=599 if !right => failure(Http5xx),
        _ if checks.iter().any(|it| it.is_form && it.held == Some(false)) => failure(FormMissing),
        _ if !right => failure(Assertion),
        _ if login != Login::Before && page.tells_an_error() => failure(Assertion),
        _ => None,
    }
}

fn expressions(seen: &Seen, expect: &Expect, known: &Known<'_>) -> Vec<Check> {
    let expressions = &expect.expressions;
    if expressions.is_empty() {
        return Vec::new();
    }
    let phases = [
        ("dns", seen.phases.dns),
        ("connect", seen.phases.connect),
        ("tls", seen.phases.tls),
        ("first_byte", seen.phases.first_byte),
        ("transfer", seen.phases.transfer),
    ];
    let peer = seen.peer.as_deref().unwrap_or_default();
    let world = World {
        status: seen.status,
        headers: &seen.headers,
        cookies: &seen.cookies,
        body: seen.body.as_deref(),
        elapsed: seen.elapsed,
        phases: &phases,
        tls: seen.tls.as_ref().map(|it| Tls {
            version: &it.version,
            expires_in: it.expires_in,
            issuer: &it.issuer,
            names: &it.names,
        }),
        peer: peer.rsplit_once(':').map_or(peer, |(address, _)| address).trim_matches(['[', ']']),
        http_version: &seen.http_version,
        redirect: seen.redirect.as_deref(),
        captures: known.captures,
        steps: known.steps,
    };
    expressions.iter().map(|it| asked_of(it, &world)).collect()
}

fn asked_of(expression: &Expression, world: &World<'_>) -> Check {
    let check = Check { means: expression.means, ..Check::of(says(expression), None) };
    // `expect` must hold; of the others it is bad when they do.
    let good = expression.means == Means::Down;
    match cel::ask(&expression.text, world) {
        Said::Holds => Check { held: Some(good), ..check },
        Said::Fails(seen) => Check { held: Some(!good), seen: if good { seen } else { Vec::new() }, ..check },
        Said::Error(why) => {
            Check { held: Some(false), broken: true, seen: vec![("error".to_owned(), why)], ..check }
        }
    }
}

fn says(expression: &Expression) -> String {
    match expression.means {
        Means::Down => expression.text.clone(),
        Means::Degraded => format!("degraded when {}", expression.text),
        Means::Unknown => format!("unknown when {}", expression.text),
    }
}

#[cfg(test)]
mod tests;
