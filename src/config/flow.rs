//! Reads how an endpoint is asked over HTTP: by one request, or by `[[endpoint.step]]`s.

use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;
use url::Url;

use super::account::Known;
use super::around::Around;
use super::capture;
use super::expect;
use super::flow_check::{self, Named, Read};
use super::manual::OF_REQUEST;
use super::proxy;
use super::request::{self, Base};
use super::section::{Entry, Section, quoted, wrong};
use super::template::Texts;
use super::time::duration;
use super::value::{boolean, id, integer, phrase};
use crate::domain::expect::StatusRange;
use crate::domain::flow::{Flow, Step, Turn};
use crate::domain::request::Request;

/// A login of more is no login.
const STEPS_LIMIT: usize = 30;
const NAME_LIMIT: usize = 60;
/// Browsers follow twenty; a login needs two.
const REDIRECTS_MOST: u32 = 10;
const DEADLINE_LEAST: Duration = Duration::from_millis(100);
/// As the whole endpoint's.
const DEADLINE_MOST: Duration = Duration::from_secs(60);

pub(super) struct Reading {
    pub(super) flow: Flow,
    /// The account is the sample wallet's, which may log in as often as it likes.
    pub(super) sample: bool,
    /// Nothing in it was so wrong that something else stands for it.
    pub(super) whole: bool,
}

pub(super) fn read(section: &mut Section<'_, '_>, around: &Around<'_>) -> Option<Reading> {
    let report = section.report;
    let texts = Texts::new(around.secrets);
    let has_account = section.has("account");
    let named = section.optional("account", id).and_then(|it| around.names.account(report, it));
    let known: Option<&Known> =
        named.as_ref().and_then(|id| around.accounts.iter().find(|it| it.account.id == *id));
    let account = known.map(|it| it.account.clone());
    let wrong = section.optional("wrong_password", boolean).filter(|it| *it.get_ref());
    let named = match (has_account, &account) {
        // One that is there and faulty has been told of where it stands.
        (true, None) => Named::Told,
        (true, _) if wrong.is_some() => Named::Wrong,
        (false, _) if wrong.is_some() => Named::Nobody,
        _ => Named::OrNot,
    };
    let during = section.optional("log_in_during_maintenance", boolean).filter(|it| *it.get_ref());
    let allow_plain = section.optional("allow_plain", boolean).is_some_and(Spanned::into_inner);
    let has_proxy = section.has("proxy");
    let own = proxy::read(section, around.secrets, around.ours);
    let proxy = if has_proxy { own } else { around.proxy.clone() };
    let fence = Arc::clone(around.fence);
    let steps = match section.take("step") {
        Some(entry) => steps(section, entry, &texts),
        None => single(section, &texts),
    };
    let mut steps = steps?;
    for read in &mut steps {
        read.step.request.proxy = proxy.clone();
    }
    if let Some(wrong) = &wrong {
        flow_check::sends_a_password(report, &steps, wrong.span());
        flow_check::tells_a_refusal(report, &steps);
        if let Some(account) = &account {
            report.warn(
                wrong.span(),
                format!("each wrong password keeps the logins of `{}` waiting for 15 minutes", account.id),
                "leave out `account`: then it is sent with a name that nobody has",
            );
        }
    }
    let whole = steps.iter().all(|it| it.whole);
    let flow = flow_check::checked(report, steps, account, named)?;
    if !allow_plain {
        flow_check::not_in_the_clear(report, &flow);
    }
    let sample = known.is_some_and(|it| it.sample);
    let flow = Flow {
        fence,
        wrong_password: wrong.is_some(),
        during_maintenance: during.is_some(),
        ..flow.into_inner()
    };
    if let Some(during) = during.as_ref().filter(|_| !flow.logs_in()) {
        report.wrong(
            during.span(),
            "`log_in_during_maintenance` has no meaning here: nobody is logged in",
            "leave it out: whoever does not log in knocks during a maintenance as ever",
        );
    }
    Some(Reading { flow, sample, whole })
}

/// A plain request is a flow of one nameless step.
fn single(section: &mut Section<'_, '_>, texts: &Texts<'_>) -> Option<Vec<Read>> {
    let span = section.span.clone();
    // First, since it takes what is asserted out of what is sent.
    let (expect, asks) = expect::read(section);
    let request = request::read(section, texts, Base::None);
    let redirects = redirects(section);
    let whole = request.is_some();
    let step = Step { redirects, ..Step::of(request.or_else(unread)?, expect) };
    let (places, forms, secrets) = (texts.take(), texts.take_forms(), texts.take_secrets());
    Some(vec![Read { step, span, whole, captures: Vec::new(), places, forms, asks, secrets }])
}

fn steps<'i>(section: &mut Section<'_, 'i>, entry: Entry<'i>, texts: &Texts<'_>) -> Option<Vec<Read>> {
    let report = section.report;
    let base = request::base(section);
    for &key in OF_REQUEST {
        if let Some(entry) = section.take(key) {
            report.wrong(
                entry.span(),
                format!("an endpoint with steps has no `{key}` of its own"),
                "write it into the step it belongs to",
            );
        }
    }
    let span = entry.span();
    let entries: Vec<Entry<'i>> = match entry.into_inner() {
        DeValue::Array(array) => array.into_iter().collect(),
        _ => {
            report.wrong(span, "there may be many of `step`", "write [[endpoint.step]], with two brackets");
            return None;
        }
    };
    if entries.is_empty() || STEPS_LIMIT < entries.len() {
        let message = format!("`step` has {} entries", entries.len());
        report.wrong(span, message, format!("from 1 to {STEPS_LIMIT} are allowed"));
    }
    let (whole, base) = (base.is_some(), base.or_else(|| Some(unread()?.url))?);
    let count = entries.len();
    let read = |entry| Section::read(report, "[[endpoint.step]]", entry, |it| step(it, texts, &base))?;
    let mut steps: Vec<Read> = entries.into_iter().filter_map(read).collect();
    steps.iter_mut().for_each(|it| it.whole &= whole);
    (steps.len() == count && 0 < count).then_some(steps)
}

/// Stands for a request that could not be read, so that one fault hides no other.
fn unread() -> Option<Request> {
    Url::parse("https://unread.invalid/").ok().map(Request::get)
}

fn step(section: &mut Section<'_, '_>, texts: &Texts<'_>, base: &Url) -> Option<Read> {
    let report = section.report;
    let span = section.span.clone();
    let name = section.required("name", "\"sign-in\"", |it| {
        let name = phrase(it, NAME_LIMIT)?;
        if name.chars().any(char::is_control) || name.contains('"') {
            return wrong(
                format!("{} is not a name", quoted(&name)),
                "write it on one line, without quotes in it",
            );
        }
        Ok(name)
    });
    let (mut expect, asks) = expect::read(section);
    let request = request::read(section, texts, Base::Of(base));
    let (captures, named) = capture::read(section);
    let redirects = redirects(section);
    let deadline = section.optional("deadline", |it| duration(it, DEADLINE_LEAST, DEADLINE_MOST));
    let [always, confirm] = ["always", "confirm"].map(|key| section.optional(key, boolean));
    let is = |flag: &Option<Spanned<bool>>| flag.as_ref().is_some_and(|it| *it.get_ref());
    if let (true, true, Some(confirm)) = (is(&always), is(&confirm), &confirm) {
        report.wrong(
            confirm.span(),
            "a step is `always` or `confirm`, not both",
            "`always` is for logging out, `confirm` for a look instead of another login",
        );
    }
    let turn = match (is(&always), is(&confirm)) {
        (true, _) => Turn::Always,
        (false, true) => Turn::Confirm,
        (false, false) => Turn::InOrder,
    };
    if turn == Turn::Always && expect.status.is_empty() {
        // Nearly all who log one out lead somewhere else then.
        expect.status = vec![StatusRange { from: 200, to: 399 }];
    }
    let (places, forms, secrets) = (texts.take(), texts.take_forms(), texts.take_secrets());
    let whole = name.is_some() && request.is_some() && captures.len() == named.len();
    let step = Step {
        name: name.map(Spanned::into_inner).unwrap_or_default(),
        request: request.or_else(unread)?,
        captures,
        expect,
        deadline: deadline.map(Spanned::into_inner),
        redirects,
        turn,
    };
    Some(Read { step, span, whole, captures: named, places, forms, asks, secrets })
}

fn redirects(section: &mut Section<'_, '_>) -> u8 {
    let given = section.optional("redirects", |it| integer(it, 0..=REDIRECTS_MOST));
    given.and_then(|it| u8::try_from(it.into_inner()).ok()).unwrap_or_default()
}
