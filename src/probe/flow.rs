//! A login in steps, as a person does it.

use super::http::{self, Answer};
use super::{Kit, Knocked, Known, assert, evidence, marks, redact};
use crate::domain::endpoint::Endpoint;
use crate::domain::evidence::{Evidence, StepSeen};
use crate::domain::flow::{Depth, Flow};
use crate::domain::outcome::{DegradedReason, Outcome};

/// Takes the steps in order until one fails.
pub(super) async fn knock(kit: &Kit, endpoint: &Endpoint, flow: &Flow, _depth: Depth) -> Knocked {
    let at = kit.clock.now();
    let began = marks::now();
    let deadline = began + endpoint.deadline;
    let step = &flow.first;
    let Answer {
        mut outcome,
        http_status,
        phases,
        peer,
        mut checks,
        error,
        certificate_until,
        seen,
        retry_after,
        waited,
        ..
    } = http::ask(kit, step, &Known::default(), deadline).await;
    let total = marks::now().duration_since(began).saturating_sub(waited);
    let slow = endpoint.degraded_after < total;
    let in_time = http_status.is_some().then_some(!slow);
    checks.push(assert::in_time(endpoint.degraded_after, in_time));
    if outcome == Outcome::Success && slow {
        outcome = Outcome::Degraded(DegradedReason::Slow);
    }
    let mut redactor = redact::redactor(endpoint);
    let blank = Evidence {
        steps: vec![StepSeen { name: step.name.clone(), outcome, http_status, total, phases }],
        addresses: peer.map(|it| (redactor.line(&it.to_string()), outcome)).into_iter().collect(),
        error: error.as_deref().map(|it| redactor.line(it)),
        ..Evidence::none(at, outcome)
    };
    if let Some(seen) = &seen {
        evidence::learn(&mut redactor, seen);
    }
    let checks: Vec<_> =
        checks.into_iter().map(|it| it.masked(|text| redactor.line(text).to_string())).collect();
    let failed = checks.iter().filter(|it| it.held == Some(false)).map(|it| redactor.line(&it.sentence()));
    let blank = Evidence { failed: failed.collect(), ..blank };
    let evidence = match &seen {
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
