//! What can be known of a flow before it is walked: its shape, its account, and who may listen.

use std::collections::HashMap;

use toml::Spanned;
use url::{Host, Url};

use super::capture::Named as Captured;
use super::flow_names;
use super::report::{Report, Span};
use super::section::quoted;
use crate::domain::account::Account;
use crate::domain::flow::{Flow, Step, Turn};
use crate::domain::template::Part;
use crate::expr::cel::Name;

/// A step as it was read, and where what it fills in stands.
pub(super) struct Read {
    pub(super) step: Step,
    pub(super) span: Span,
    /// Nothing in it was so wrong that something else stands for it in `step`.
    pub(super) whole: bool,
    /// Faulty ones as well.
    pub(super) captures: Vec<Captured>,
    pub(super) places: Vec<Spanned<Part>>,
    /// Forms that are sent on.
    pub(super) forms: Vec<Spanned<String>>,
    /// What expressions ask of the flow.
    pub(super) asks: Vec<Spanned<Name>>,
    pub(super) secrets: Vec<Span>,
}

/// A flow, and where its parts stand that nobody else may see.
pub(super) struct Checked {
    flow: Flow,
    places: Vec<(usize, Span)>,
}

impl Checked {
    pub(super) fn into_inner(self) -> Flow {
        self.flow
    }
}

/// Whose login it is.
pub(super) enum Named {
    /// The account's, where there is one.
    OrNot,
    /// An account's that was refused where it stands.
    Told,
    /// The account's name, with a wrong password.
    Wrong,
    /// Nobody's: a wrong password is sent, with a name that nobody has.
    Nobody,
}

pub(super) fn checked(
    report: &Report<'_>,
    steps: Vec<Read>,
    account: Option<Account>,
    named: Named,
) -> Option<Checked> {
    names(report, &steps);
    turns(report, &steps);
    flow_names::check(report, &steps);
    if !matches!(named, Named::Told) {
        let (wrong, nobody) = (matches!(named, Named::Wrong | Named::Nobody), matches!(named, Named::Nobody));
        of_account(report, &steps, account.as_ref(), (wrong, nobody));
    }
    let mut shown = Vec::new();
    for (place, read) in steps.iter().enumerate() {
        shown.extend(read.secrets.iter().map(|span| (place, span.clone())));
        let own = read.places.iter().filter(|it| account.is_some() && is_own(it.get_ref()));
        shown.extend(own.map(|it| (place, it.span())));
    }
    let mut steps = steps.into_iter().map(|read| read.step);
    let first = steps.next()?;
    let flow =
        Flow { then: steps.collect(), account, ..Flow::of(first.request.clone(), first.expect.clone()) };
    Some(Checked { flow: Flow { first, ..flow }, places: shown })
}

fn names(report: &Report<'_>, steps: &[Read]) {
    let mut taken: HashMap<&str, usize> = HashMap::new();
    for read in steps.iter().filter(|it| it.whole || !it.step.name.is_empty()) {
        let line = report.line(&read.span);
        if let Some(first) = taken.insert(&read.step.name, line) {
            report.wrong(
                read.span.clone(),
                format!("two steps are called {}", quoted(&read.step.name)),
                format!("the step on line {first} is, too; give each a name of its own, which tells you where a login failed"),
            );
        }
    }
}

fn turns(report: &Report<'_>, steps: &[Read]) {
    let in_order = |it: &Read| it.step.turn == Turn::InOrder;
    let Some(first) = steps.first().filter(|it| !in_order(it)) else { return };
    let (word, help) = match first.step.turn {
        Turn::Always => ("always", "logging out comes after logging in: move it to the end"),
        _ => ("confirm", "a step that confirms comes after the steps it stands in for: move it behind them"),
    };
    report.wrong(first.span.clone(), format!("the first step cannot be `{word}`"), help);
}

pub(super) fn is_own(part: &Part) -> bool {
    matches!(part, Part::Username | Part::Password | Part::Totp | Part::Basic)
}

/// `wrong`: the password that is sent is none of anybody's.
fn of_account(report: &Report<'_>, steps: &[Read], account: Option<&Account>, (wrong, nobody): (bool, bool)) {
    for part in steps.iter().flat_map(|it| &it.places).filter(|it| is_own(it.get_ref())) {
        let totp = matches!(part.get_ref(), Part::Totp);
        match account {
            None if nobody && !totp => (),
            None => report.wrong(
                part.span(),
                "this endpoint has no account to fill that in from",
                "write an [[account]] and name it in the endpoint: account = \"probe\"",
            ),
            Some(account) if !wrong && sends_password(part.get_ref()) && account.password.is_none() => report
                .wrong(
                    part.span(),
                    format!("the account `{}` has no password", account.id),
                    "write it into the [[account]]: password = { env = \"PROBE_PASSWORD\" }",
                ),
            Some(account) if totp && account.totp.is_none() => report.wrong(
                part.span(),
                format!("the account `{}` has no second factor", account.id),
                "write its secret into the [[account]]: totp = { env = \"PROBE_TOTP\" }",
            ),
            Some(_) => (),
        }
    }
}

fn sends_password(part: &Part) -> bool {
    matches!(part, Part::Password | Part::Basic)
}

/// A wrong password is one that is sent.
pub(super) fn sends_a_password(report: &Report<'_>, steps: &[Read], wrong: Span) {
    let in_order = steps.iter().filter(|it| it.step.turn == Turn::InOrder);
    let readable = steps.iter().all(|it| it.whole);
    if readable && !in_order.flat_map(|it| &it.places).any(|part| sends_password(part.get_ref())) {
        report.wrong(
            wrong,
            "`wrong_password` has no meaning here: no step sends {{password}}",
            "write {{username}} and {{password}} where the form or the JSON of the login has them",
        );
    }
}

/// A login copied from one that lets in keeps its status, and then whoever is let
/// in by a wrong password looks refused.
pub(super) fn tells_a_refusal(report: &Report<'_>, steps: &[Read]) {
    let of_wrong = |it: &&Read| it.places.iter().any(|part| sends_password(part.get_ref()));
    for read in steps.iter().filter(|it| it.step.turn == Turn::InOrder).filter(of_wrong) {
        let expect = &read.step.expect;
        let well = expect.status.iter().any(|it| it.from < 400);
        let more = expect.looks_inside()
            || !(expect.not_contains.is_empty() && expect.headers.is_empty() && expect.location.is_empty());
        if well && !more {
            report.warn(
                read.span.clone(),
                format!(
                    "a wrong password counts as refused by status {} alone, which may be that of being let in",
                    expect.statuses()
                ),
                "leave `status` out: a refusal is known by 401, 403 or what it says; or write what only a refusal has, as contains = \"…\" or location = \"/login?error\"",
            );
        }
    }
}

/// Refuses what is secret on its way over plain HTTP to anybody but ourselves.
pub(super) fn not_in_the_clear(report: &Report<'_>, checked: &Checked) {
    let steps: Vec<&Step> = checked.flow.steps().collect();
    for (place, span) in &checked.places {
        let Some(step) = steps.get(*place) else { continue };
        let url = &step.request.url;
        if url.scheme() == "https" || is_private(url) {
            continue;
        }
        let message =
            format!("this secret would go to {} over plain http", url.host_str().unwrap_or_default());
        let help = "write https; or allow_plain = true in the endpoint, if nobody on the way can listen";
        // A request that was allowed before flows were is only warned of.
        match checked.flow.account {
            Some(_) => report.wrong(span.clone(), message, help),
            None => report.warn(span.clone(), message, help),
        }
    }
}

/// A host that only our own net knows.
fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let ends = ["localhost", "local", "internal", "lan", "home.arpa", "test", "invalid"];
            let under =
                |end: &&str| name.strip_suffix(*end).is_some_and(|it| it.is_empty() || it.ends_with('.'));
            !name.contains('.') || ends.iter().any(under)
        }
        None => false,
    }
}
