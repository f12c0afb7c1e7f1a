//! A login in steps, as a person does it.

use super::http::{self, Answer};
use super::{Kit, Knocked, Known, assert, marks};
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
    let Answer { mut outcome, http_status, phases, peer, mut checks, error, certificate_until, seen, .. } =
        http::ask(kit, step, &Known::default(), deadline).await;
    let total = marks::now().duration_since(began);
    let slow = endpoint.degraded_after < total;
    let in_time = http_status.is_some().then_some(!slow);
    checks.push(assert::in_time(endpoint.degraded_after, in_time));
    if outcome == Outcome::Success && slow {
        outcome = Outcome::Degraded(DegradedReason::Slow);
    }
    let evidence = Evidence {
        steps: vec![StepSeen { name: step.name.clone(), outcome, http_status, total, phases }],
        status_line: seen.map(|it| it.status.to_string()),
        error: error.clone(),
        ..Evidence::none(at, outcome)
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
        retry_after: None,
        evidence,
    }
}
