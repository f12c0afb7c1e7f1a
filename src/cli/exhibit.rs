//! What a probe saw, for a terminal: steps, phases as bars, addresses, chain,
//! headers, body, and what to make of it.

use super::{printable, tell};
use crate::domain::component::Lang;
use crate::domain::outcome::Outcome;
use crate::exhibit::{Exhibit, Step};
use crate::words::{Cause, Words};

/// Columns of the longest bar.
const BAR: usize = 30;

/// The whole of it, with what it means.
pub fn show(it: &Exhibit) {
    let words = Words::get(lang());
    let reason = it.reason.as_deref().map(|it| format!(" ({})", printable(it))).unwrap_or_default();
    field("outcome", &format!("{}{reason}", printable(&it.outcome)));
    let asked = it.status_line.is_some() || !it.addresses.is_empty();
    if let Some(means) = words.operator(&it.outcome, it.reason.as_deref(), asked) {
        field("means", &means);
    }
    if let Some(cause) = cause(it) {
        field("speaks to", &words.speaks_to(cause));
    }
    if let Some(step) = it.step.as_deref().filter(|it| !it.is_empty()) {
        field("step", &printable(step));
    }
    details(it, true);
}

/// Which of the five causes it speaks to, if to any.
pub fn cause(it: &Exhibit) -> Option<Cause> {
    Outcome::from_code(it.code).and_then(Cause::of)
}

/// What was seen; `steps` only where they say more than what was told before.
pub fn details(it: &Exhibit, steps: bool) {
    let taken: &[Step] = if steps { &it.steps } else { &[] };
    // One scale for all steps, so that they can be compared.
    let took = taken.iter().flat_map(|it| &it.phases_s).filter_map(|(_, took)| *took);
    let longest = took.fold(0.0_f64, f64::max);
    for (number, step) in (1..).zip(taken) {
        show_step(number, step, it.steps.len() > 1, longest);
    }
    for address in &it.addresses {
        let reason = address.reason.as_deref().unwrap_or(&address.outcome);
        field("address", &format!("{} {}", printable(&address.address), printable(reason)));
    }
    for certificate in &it.chain {
        let until = printable(&certificate.not_after);
        field("certificate", &format!("{}, until {until}", printable(&certificate.subject)));
        field(
            "",
            &format!(
                "by {}, SHA-256 {}",
                printable(&certificate.issuer),
                printable(&certificate.fingerprint)
            ),
        );
    }
    if let Some(line) = &it.status_line {
        field("answer", &printable(line));
    }
    for (name, value) in &it.headers {
        field("", &format!("{}: {}", printable(name), printable(value)));
    }
    let mut name = "body";
    for line in it.body.lines() {
        field(name, &printable(line));
        name = "";
    }
    for failed in &it.failed {
        field("FAILED", &printable(failed));
    }
    if let Some(error) = &it.error {
        field("error", &printable(error));
    }
    if it.cut {
        field("", "(more than is kept was seen; the rest was left out)");
    }
}

fn show_step(number: usize, step: &Step, of_many: bool, longest: f64) {
    if of_many {
        let name = if step.name.is_empty() { format!("step {number}") } else { printable(&step.name) };
        let status = step.http_status.map(|it| format!(", status {it}")).unwrap_or_default();
        let outcome = step.reason.as_deref().unwrap_or(&step.outcome);
        let always = if step.always { " (always)" } else { "" };
        let said =
            format!("{number}. {name}{always}: {}{status}, {}", printable(outcome), millis(step.total_s));
        field("step", &said);
    }
    for (name, took) in &step.phases_s {
        let Some(took) = took else { continue };
        let line = format!("{} {}", printable(name), millis(*took));
        field("", format!("{line:<24} {}", bar(*took, longest)).trim_end());
    }
}

fn bar(took: f64, longest: f64) -> String {
    // Counted up, so that no number is turned into another kind.
    let share = if longest > 0.0 { took / longest } else { 0.0 };
    (1_u32..).take(BAR).take_while(|column| f64::from(*column) <= share * 30.0).map(|_| '=').collect()
}

fn field(name: &str, said: &str) {
    tell(format_args!("  {name:<12}{said}"));
}

/// That of the terminal; the names of things stay as the config has them.
#[expect(clippy::disallowed_methods, reason = "the language of a terminal is no setting of ours")]
pub fn lang() -> Lang {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    let first = set.into_iter().find(|it| !it.is_empty()).unwrap_or_default();
    if first.starts_with("zh") { Lang::Zh } else { Lang::En }
}

pub fn millis(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        assert_eq!(bar(0.5, 1.0).len(), 15);
        assert_eq!(bar(1.0, 1.0).len(), BAR);
        assert_eq!(bar(0.0, 0.0), "");
        assert_eq!(bar(f64::NAN, 1.0), "");
    }
}
