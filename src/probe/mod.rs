//! Knocking: one probe, one fresh connection, one answer.

mod body;
mod certificate;
mod classify;
mod client;
mod date;
pub mod own;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use secrecy::ExposeSecret;

pub use client::Outbound;
use client::{Dates, Trace};
use own::OwnHealth;

use crate::clock::Clock;
use crate::domain::endpoint::{Endpoint, Expect, Value};
use crate::domain::outcome::{DegradedReason, FailureClass, Outcome, UnknownReason};
use crate::domain::probe::{Phases, ProbeResult};

/// Knocks at endpoints. One is shared by all workers.
pub struct Prober {
    outbound: Outbound,
    own: Arc<OwnHealth>,
    clock: Arc<dyn Clock>,
}

/// A result, and what only a person looking on wants to know.
#[derive(Debug, Clone)]
pub struct Probed {
    pub result: ProbeResult,
    pub phases: Phases,
    pub peer: Option<SocketAddr>,
    pub checks: Vec<Check>,
    /// The chain of causes when there was no whole answer. It never holds a
    /// secret: what a request carries is no part of it.
    pub error: Option<String>,
    /// When the first certificate of the chain that was shown runs out.
    pub certificate_until: Option<Timestamp>,
}

/// One assertion and whether it held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub assertion: Assertion,
    /// None when the probe did not come as far as this.
    pub held: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assertion {
    /// The status that came, if one did.
    Status(Option<u16>),
    Contains(String),
    NotContains(String),
    DegradedAfter(Duration),
}

/// What came back before the time ran out.
struct Answer {
    outcome: Outcome,
    http_status: Option<u16>,
    peer: Option<SocketAddr>,
    checks: Vec<Check>,
    head_at: Option<Instant>,
    error: Option<String>,
}

impl Prober {
    pub fn new(outbound: Outbound, own: Arc<OwnHealth>, clock: Arc<dyn Clock>) -> Self {
        Self { outbound, own, clock }
    }

    /// Knocks once. Never an error: a door that does not open is an answer, and
    /// a fault of our own is the answer *unknown*.
    pub async fn probe(&self, endpoint: &Endpoint, fresh_for: Duration) -> Probed {
        let at = self.clock.now();
        let began = client::now();
        let trace = Trace::default();
        let mut answer = self.knock(endpoint, &trace, began).await;
        let ended = client::now();
        let total = ended.duration_since(began);
        let slow = endpoint.degraded_after < total;
        let in_time = answer.http_status.is_some().then_some(!slow);
        answer
            .checks
            .push(Check { assertion: Assertion::DegradedAfter(endpoint.degraded_after), held: in_time });
        if answer.outcome == Outcome::Success && slow {
            answer.outcome = Outcome::Degraded(DegradedReason::Slow);
        }
        let outcome = self.is_it_us(endpoint, &trace, answer.outcome).await;
        let stalled = self.own.stalled_since(at.mono);
        let outcome = if stalled { Outcome::Unknown(UnknownReason::OwnStall) } else { outcome };
        Probed {
            result: ProbeResult { at, total, outcome, http_status: answer.http_status, fresh_for },
            phases: phases(&trace, began, answer.head_at, ended),
            peer: answer.peer,
            checks: answer.checks,
            error: answer.error,
            certificate_until: trace.marks().certificate_until,
        }
    }

    async fn knock(&self, endpoint: &Endpoint, trace: &Trace, began: Instant) -> Answer {
        let client = match self.outbound.client(&endpoint.request.url, trace, Dates::Judged) {
            Ok(client) => client,
            Err(error) => {
                return Answer::without_reply(Outcome::Unknown(UnknownReason::OwnResources), endpoint, error);
            }
        };
        let deadline = tokio::time::Instant::from_std(began + endpoint.deadline);
        let late = |answered| classify::timed_out(&trace.marks(), answered);
        let sent = tokio::time::timeout_at(deadline, request(&client, endpoint).send()).await;
        let mut response = match sent {
            Err(_) => return Answer::without_reply(late(false), endpoint, "the deadline passed".into()),
            Ok(Err(error)) => {
                let outcome = classify::failed(&error, &trace.marks(), false);
                let said = trace.marks().dns_fault.and_then(classify::DnsFault::sentence);
                return Answer::without_reply(outcome, endpoint, said.unwrap_or_else(|| chain(&error)));
            }
            Ok(Ok(response)) => response,
        };
        let head_at = client::now();
        let status = response.status().as_u16();
        let (peer, refused) = (response.remote_addr(), refusal(&response, &endpoint.expect));
        let read = tokio::time::timeout_at(deadline, body::read(&mut response)).await;
        let (outcome, text, error) = match read {
            Err(_) => (late(true), None, Some("the deadline passed".into())),
            Ok(Err(body::Fault::TooLarge)) => (Outcome::Failure(FailureClass::BodyTooLarge), None, None),
            Ok(Err(body::Fault::Broken(error))) => {
                (classify::failed(&error, &trace.marks(), true), None, Some(chain(&error)))
            }
            Ok(Ok(text)) => (Outcome::Success, Some(text), None),
        };
        let checks = checked(Some(status), text.as_deref(), &endpoint.expect);
        let outcome = text.map_or(outcome, |text| judge_answer(refused, &checks, &text));
        Answer { outcome, http_status: Some(status), peer, checks, head_at: Some(head_at), error }
    }

    /// Asks whether a failure is really the endpoint's: the rules of "our side".
    async fn is_it_us(&self, endpoint: &Endpoint, trace: &Trace, outcome: Outcome) -> Outcome {
        let url = &endpoint.request.url;
        let host = url.host_str().unwrap_or_default();
        if url.domain().is_some() {
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
        if most || self.own.doubts_the_clock() || date::disagrees(&self.outbound, url, trace, now).await {
            return Outcome::Unknown(UnknownReason::OwnClock);
        }
        outcome
    }
}

impl Answer {
    fn without_reply(outcome: Outcome, endpoint: &Endpoint, error: String) -> Self {
        let checks = checked(None, None, &endpoint.expect);
        Self { outcome, http_status: None, peer: None, checks, head_at: None, error: Some(error) }
    }
}

fn request(client: &reqwest::Client, endpoint: &Endpoint) -> reqwest::RequestBuilder {
    let wanted = &endpoint.request;
    let method =
        reqwest::Method::from_bytes(wanted.method.as_str().as_bytes()).unwrap_or(reqwest::Method::GET);
    let mut request = client.request(method, wanted.url.clone());
    for (name, value) in &wanted.headers {
        if let Ok(mut header) = reqwest::header::HeaderValue::from_str(plain(value)) {
            header.set_sensitive(matches!(value, Value::Secret(_)));
            request = request.header(name.as_str(), header);
        }
    }
    match &wanted.body {
        Some(body) => request.body(plain(body).to_owned()),
        None => request,
    }
}

fn plain(value: &Value) -> &str {
    match value {
        Value::Plain(text) => text,
        Value::Secret(secret) => secret.expose_secret(),
    }
}

/// What an answer's head says against it, before its body is read.
fn refusal(response: &reqwest::Response, expect: &Expect) -> Option<Outcome> {
    let status = response.status().as_u16();
    if expect.accepts_status(status) {
        return None;
    }
    let bot_wall = response.headers().get("cf-mitigated").is_some();
    Some(match status {
        429 => Outcome::Unknown(UnknownReason::Throttled),
        _ if bot_wall => Outcome::Unknown(UnknownReason::Blocked),
        300..=399 => Outcome::Failure(FailureClass::RedirectUnexpected),
        400..=499 => Outcome::Failure(FailureClass::Http4xx),
        500..=599 => Outcome::Failure(FailureClass::Http5xx),
        _ => Outcome::Failure(FailureClass::Assertion),
    })
}

fn judge_answer(refused: Option<Outcome>, checks: &[Check], text: &str) -> Outcome {
    match refused {
        Some(refused) => refused,
        None if checks.iter().all(|check| check.held == Some(true)) => Outcome::Success,
        None if body::is_maintenance_page(text) => Outcome::Failure(FailureClass::MaintenancePage),
        None => Outcome::Failure(FailureClass::Assertion),
    }
}

/// Every assertion of an endpoint, as far as the answer lets it be checked:
/// its head when `status` is there, its body when `text` is.
fn checked(status: Option<u16>, text: Option<&str>, expect: &Expect) -> Vec<Check> {
    let head =
        Check { assertion: Assertion::Status(status), held: status.map(|it| expect.accepts_status(it)) };
    let mut checks = vec![head];
    for wanted in &expect.contains {
        let held = text.map(|text| text.contains(wanted));
        checks.push(Check { assertion: Assertion::Contains(wanted.clone()), held });
    }
    for unwanted in &expect.not_contains {
        let held = text.map(|text| !text.contains(unwanted));
        checks.push(Check { assertion: Assertion::NotContains(unwanted.clone()), held });
    }
    checks
}

fn phases(trace: &Trace, began: Instant, head_at: Option<Instant>, ended: Instant) -> Phases {
    let marks = trace.marks();
    let span = |from: Option<Instant>, to: Option<Instant>| Some(to?.saturating_duration_since(from?));
    let connect_from = marks.dns_ended.or(marks.connect_began);
    Phases {
        dns: span(marks.dns_began, marks.dns_ended),
        connect: span(connect_from, marks.tls_began.or(marks.connect_ended)),
        tls: span(marks.tls_began, marks.connect_ended),
        first_byte: span(marks.connect_ended.or(Some(began)), head_at),
        transfer: span(head_at, head_at.map(|_| ended)),
    }
}

/// The causes below the error itself, which only repeats the URL.
fn chain(error: &reqwest::Error) -> String {
    let mut told: Vec<String> = classify::causes(error).skip(1).map(ToString::to_string).collect();
    // Many an error repeats its cause in its own words.
    told.dedup_by(|cause, error| error.ends_with(cause.as_str()));
    if told.is_empty() { "the request could not be sent".into() } else { told.join(": ") }
}
