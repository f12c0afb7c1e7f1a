//! What a flow came to: which step decided, and what is told of each.

use super::walk::{Taken, Walk};
use crate::domain::evidence::{Evidence, StepSeen};
use crate::domain::flow::Turn;
use crate::domain::outcome::{DegradedReason, Outcome, UnknownReason};
use crate::domain::redact::Redactor;
use crate::probe::http::Answer;
use crate::probe::{Check, Knocked, assert, evidence};

pub(super) fn knocked(walk: Walk<'_>) -> Knocked {
    let harmless = walk.is_harmless();
    let held = walk.held.clone();
    let total = walk.latency;
    let endpoint = walk.endpoint;
    let mut redactor = walk.shows.clone();
    walk.captured.all().for_each(|it| redactor.add_found(it));
    let steps: Vec<StepSeen> = walk.taken.iter().map(step_seen).collect();
    let decided = deciding(&walk);
    let mut checks: Vec<Check> = Vec::new();
    let (mut certificate_until, mut chain) = (None, Vec::new());
    let mut retry_after = None;
    let (mut shown, mut http_status) = (None, None);
    let mut outcome = Outcome::Success;
    let alone = walk.flow.then.is_empty();
    for (place, taken) in walk.taken.into_iter().enumerate() {
        let Taken { step, answer, .. } = taken;
        let in_step = |it: &Check| {
            let mut it = it.clone();
            if !alone {
                let always = if step.turn == Turn::Always { " (always)" } else { "" };
                it.says = format!("{}{always}: {}", step.name, it.says);
            }
            it
        };
        checks.extend(answer.checks.iter().map(in_step));
        let ends = [certificate_until, answer.certificate_until];
        let first = ends.into_iter().flatten().min();
        // The chain that ends first, or that of the step that failed.
        if first != certificate_until || decided == Some(place) {
            chain.clone_from(&answer.chain);
        }
        certificate_until = first;
        retry_after = retry_after.max(answer.retry_after);
        if step.turn != Turn::Always && decided.is_none_or(|it| place <= it) {
            http_status = answer.http_status;
        }
        if decided == Some(place) {
            outcome = answer.outcome;
            http_status = answer.http_status;
            shown = Some((step, answer));
        } else if decided.is_none() && shown.is_none() {
            shown = Some((step, answer));
        }
    }
    let slow = endpoint.degraded_after < total;
    let in_time = http_status.is_some().then_some(!slow);
    checks.push(assert::in_time(endpoint.degraded_after, in_time));
    let checks: Vec<Check> =
        checks.into_iter().map(|it| it.masked(|text| redactor.line(text).to_string())).collect();
    match outcome {
        Outcome::Success | Outcome::Degraded(_) if harmless => {
            outcome = Outcome::Unknown(held.as_ref().map_or(UnknownReason::Budget, |it| it.reason));
        }
        Outcome::Success if slow => outcome = Outcome::Degraded(DegradedReason::Slow),
        _ => (),
    }
    let (step, answer) = match shown {
        Some((step, answer)) => (Some(step), Some(answer)),
        None => (None, None),
    };
    let name = step.map(|it| it.name.as_str()).filter(|_| !alone).unwrap_or_default();
    let decides = decided.is_some() && !name.is_empty();
    let error = answer.as_ref().and_then(|it| it.error.as_deref()).map(|said| match decides {
        true => format!("step \"{name}\": {said}"),
        false => said.to_owned(),
    });
    let held = held.filter(|it| outcome == Outcome::Unknown(it.reason)).map(|it| it.said);
    let error = error.or(held);
    let error = error.map(|said| redactor.line(&said).to_string());
    let phases = slowest(&steps, decided).map(|it| it.phases).unwrap_or_default();
    let peer = answer.as_ref().and_then(|it| it.peer);
    let blank = Evidence {
        step: decides.then(|| name.to_owned()),
        steps,
        failed: checks
            .iter()
            .filter(|it| it.held == Some(false))
            .map(|it| redactor.line(&it.sentence()))
            .collect(),
        addresses: peer.map(|it| (Redactor::default().line(&it.to_string()), outcome)).into_iter().collect(),
        chain: chain.iter().map(|it| it.redacted(&redactor)).collect(),
        error: error.as_deref().map(|it| redactor.line(it)),
        ..Evidence::none(walk.at, outcome)
    };
    let evidence = match answer.as_ref().and_then(|it| it.seen.as_ref()) {
        Some(seen) => evidence::of_answer(seen, &redactor, outcome != Outcome::Success, blank),
        None => blank,
    };
    Knocked {
        outcome,
        http_status,
        total,
        phases,
        peer,
        checks,
        error,
        certificate_until,
        retry_after,
        evidence,
    }
}

/// The first that failed; else the first that is not right in all.
fn deciding(walk: &Walk<'_>) -> Option<usize> {
    let fell_short = |it: &Taken<'_>| !matches!(it.answer.outcome, Outcome::Success | Outcome::Degraded(_));
    let failed = walk.taken.iter().position(fell_short);
    failed.or_else(|| walk.taken.iter().position(|it| it.answer.outcome != Outcome::Success))
}

/// The deciding step, or the one that took longest.
fn slowest(steps: &[StepSeen], decided: Option<usize>) -> Option<&StepSeen> {
    match decided {
        Some(place) => steps.get(place),
        None => steps.iter().max_by_key(|it| it.total),
    }
}

fn step_seen(taken: &Taken<'_>) -> StepSeen {
    let Answer { outcome, http_status, phases, .. } = &taken.answer;
    StepSeen {
        name: taken.step.name.clone(),
        always: taken.step.turn == Turn::Always,
        outcome: *outcome,
        http_status: *http_status,
        total: taken.total,
        phases: *phases,
    }
}
