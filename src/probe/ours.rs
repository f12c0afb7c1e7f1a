//! Is a failure really the endpoint's? What is asked before the rule can decide.

use std::time::Duration;

use super::marks::Trace;
use super::proxy::Way;
use super::{Kit, date};
use crate::domain::endpoint::Endpoint;
use crate::domain::health_gate::{Ourselves, concluded, fails_on_dates, is_starved};
use crate::domain::moment::Moment;
use crate::domain::outcome::{FailureClass, Outcome};
use crate::domain::request::Request;

/// What we knew of ourselves when a knock began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    began: Duration,
    missed: Duration,
}

impl Kit {
    pub(super) fn before(&self, at: Moment) -> Before {
        Before { began: at.mono, missed: self.own.missed() }
    }

    /// What a whole knock comes to, once it is asked how we were meanwhile.
    pub(super) async fn believed(
        &self,
        endpoint: &Endpoint,
        before: Before,
        outcome: Outcome,
        total: Duration,
    ) -> Outcome {
        let missed = self.own.missed().saturating_sub(before.missed);
        let mut we = Ourselves {
            stalled: self.own.stalled_since(before.began),
            starved: is_starved(total, missed, endpoint.degraded_after),
            ..Ourselves::default()
        };
        let Some(group) = self.own.gates.of(endpoint) else { return concluded(outcome, &we) };
        // What is no failure once we know ourselves needs no canary.
        let bearing = tokio::select! {
            biased;
            () = self.stop.cancelled() => group.bearing(before.began),
            bearing = group.consult(endpoint, concluded(outcome, &we), before.began) => bearing,
        };
        we.gate = bearing.gate;
        we.no_names = bearing.no_names;
        we.dates_doubted = bearing.dates_fail;
        let outcome = concluded(outcome, &we);
        group.note(endpoint, outcome);
        outcome
    }

    /// Asks whether a failed request is really the endpoint's.
    pub(super) async fn is_it_us(&self, request: &Request, trace: &Trace, outcome: Outcome) -> Outcome {
        let url = &request.url;
        let host = url.host_str().unwrap_or_default();
        let mut we = Ourselves::default();
        if url.domain().is_some() && Way::of(request).is_none_or(Way::asks_for_names) {
            let failed = outcome == Outcome::Failure(FailureClass::DnsError);
            we.no_names = self.own.all_dns_fails(host, failed);
        }
        if url.scheme() == "https" {
            let dates = fails_on_dates(outcome);
            let most = self.own.most_dates_fail(host, dates);
            let now = self.clock.now().wall;
            we.dates_doubted = dates
                && (most
                    || self.own.doubts_the_clock()
                    || date::disagrees(&self.outbound, request, trace, now).await);
        }
        concluded(outcome, &we)
    }
}
