//! Is a failure really the endpoint's? The rules of "our side" for one request.

use super::marks::Trace;
use super::proxy::Way;
use super::{Kit, date};
use crate::domain::outcome::{FailureClass, Outcome, UnknownReason};
use crate::domain::request::Request;

impl Kit {
    /// Asks whether a failure is really the endpoint's.
    pub(super) async fn is_it_us(&self, request: &Request, trace: &Trace, outcome: Outcome) -> Outcome {
        let url = &request.url;
        let host = url.host_str().unwrap_or_default();
        if url.domain().is_some() && Way::of(request).is_none_or(Way::asks_for_names) {
            let failed = outcome == Outcome::Failure(FailureClass::DnsError);
            if self.own.all_dns_fails(host, failed) {
                return Outcome::Unknown(UnknownReason::OwnDns);
            }
        }
        if url.scheme() != "https" {
            return outcome;
        }
        let dates = matches!(outcome, Outcome::Failure(FailureClass::TlsExpired | FailureClass::TlsNotYet));
        let most = self.own.most_dates_fail(host, dates);
        if !dates {
            return outcome;
        }
        let now = self.clock.now().wall;
        if most || self.own.doubts_the_clock() || date::disagrees(&self.outbound, request, trace, now).await {
            return Outcome::Unknown(UnknownReason::OwnClock);
        }
        outcome
    }
}
