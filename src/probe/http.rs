//! One request over a connection of its own, and its answer judged.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::client::Client;
use super::marks::{self, Trace};
use super::proxy::{self, Way};
use super::seen::Seen;
use super::verify::Dates;
use super::{Check, Kit, Known, assert, body, classify, fence};
use crate::domain::evidence::CertificateSeen;
use crate::domain::expect::Expect;
use crate::domain::outcome::{FailureClass, Outcome, UnknownReason};
use crate::domain::probe::Phases;
use crate::domain::redact::Redactor;
use crate::domain::request::{Body, Request, Value};

/// What came back before the time ran out.
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    pub(super) http_status: Option<u16>,
    pub(super) phases: Phases,
    pub(super) peer: Option<SocketAddr>,
    pub(super) checks: Vec<Check>,
    pub(super) error: Option<String>,
    pub(super) certificate_until: Option<Timestamp>,
    /// For operators, when it failed or an end is near.
    pub(super) chain: Vec<CertificateSeen>,
    /// None when no head came.
    pub(super) seen: Option<Seen>,
    /// What the server asks us to wait, clamped.
    pub(super) retry_after: Option<Duration>,
    /// For our own limits and our judging; part of no phase, and beside the deadline.
    pub(super) waited: Duration,
    /// A connection stood, so the request may have left us.
    pub(super) sent: bool,
    head_at: Option<Instant>,
}

/// Sends a request and judges what comes back by then.
pub(super) async fn ask(
    kit: &Kit,
    request: &Request,
    expect: &Expect,
    known: &Known<'_>,
    deadline: Instant,
) -> Answer {
    let turn = match kit.turn(&request.url, known.login).await {
        Ok(turn) => turn,
        Err(held) => return Answer::without_reply(Outcome::Unknown(held.reason), expect, held.said),
    };
    let deadline = deadline + turn.waited;
    let began = marks::now();
    let trace = Trace::default();
    let mut answer = exchange(kit, request, expect, &trace, deadline).await;
    let ended = marks::now();
    answer.phases = phases(&trace, began, answer.head_at, ended);
    let now = kit.clock.now().wall;
    answer.chain = trace.chain(answer.outcome, now, &Redactor::default());
    if let Some(mut seen) = answer.seen.take() {
        // Reading a certificate takes longer than all else here; few ask for it.
        seen.tls = expect.reads_tls().then(|| trace.tls(now)).flatten();
        (seen.elapsed, seen.phases) = (ended.saturating_duration_since(began), answer.phases);
        match assert::judge_apart(seen, expect, known).await {
            Some((seen, judged)) => {
                (answer.seen, answer.checks) = (Some(seen), judged.checks);
                if answer.outcome == Outcome::Success {
                    answer.outcome = judged.outcome;
                }
            }
            None => answer.outcome = Outcome::Unknown(UnknownReason::Stopping),
        }
    }
    let judging = marks::now().saturating_duration_since(ended);
    answer.outcome = kit.is_it_us(request, &trace, answer.outcome).await;
    answer.certificate_until = trace.marks().certificate_until;
    answer.waited = turn.waited + judging;
    answer.sent = trace.marks().connect_ended.is_some();
    kit.hear(&request.url, &mut answer).await;
    answer
}

async fn exchange(kit: &Kit, request: &Request, expect: &Expect, trace: &Trace, deadline: Instant) -> Answer {
    if let Some(said) = fence::refuses(request) {
        return Answer::without_reply(Outcome::Failure(FailureClass::RedirectBlocked), expect, said);
    }
    let client = match kit.outbound.client(request, trace, Dates::Judged) {
        Ok(client) => client,
        Err(error) => {
            return Answer::without_reply(Outcome::Unknown(UnknownReason::OwnResources), expect, error);
        }
    };
    let deadline = tokio::time::Instant::from_std(deadline);
    let way = Way::of(request);
    let late = |answered: bool| match way {
        Some(way) if !answered && way.is_ours(&trace.marks(), None) => proxy::OURS,
        _ => classify::timed_out(&trace.marks(), answered),
    };
    let failed = |error: &reqwest::Error, answered: bool| match (classify::ours(error), way) {
        _ if trace.marks().fenced => Outcome::Failure(FailureClass::RedirectBlocked),
        (Some(reason), _) => Outcome::Unknown(reason),
        (None, Some(way)) if !answered && way.is_ours(&trace.marks(), Some(error)) => proxy::OURS,
        (None, Some(way)) if way.was_refused(error) => Outcome::Failure(FailureClass::ConnectRefused),
        (None, _) => classify::failed(error, &trace.marks(), answered),
    };
    let send = || client.send(build(&client, request));
    let asked = async {
        match send().await {
            // HTTP/2 may say goodbye before it has seen the request (GOAWAY).
            Err(error) if classify::was_never_sent(&error) => send().await,
            sent => sent,
        }
    };
    let mut asked = std::pin::pin!(asked);
    let sent = tokio::time::timeout_at(deadline, &mut asked).await;
    if sent.is_err() {
        trace.look_for_a_head();
    }
    let mut response = match sent {
        Err(_) => return Answer::without_reply(late(false), expect, "the deadline passed".into()),
        Ok(Err(error)) => {
            let said = trace.marks().dns_fault.and_then(classify::DnsFault::sentence);
            let said = said.unwrap_or_else(|| chain(&error));
            return Answer::without_reply(failed(&error, false), expect, said);
        }
        Ok(Ok(response)) => response,
    };
    let head_at = marks::now();
    let status = response.status().as_u16();
    let peer = response.remote_addr();
    let by_proxy =
        !expect.accepts_status(status) && way.is_some_and(|it| it.says_so_itself(status, response.headers()));
    let mut seen = Seen::head(&response);
    let read = tokio::time::timeout_at(deadline, body::read(&mut response)).await;
    let (outcome, text, error) = match read {
        Err(_) => (late(true), None, Some("the deadline passed".into())),
        Ok(Err(body::Fault::TooLarge)) => (Outcome::Failure(FailureClass::BodyTooLarge), None, None),
        Ok(Err(body::Fault::Short)) => {
            let said = "the body ended before its declared length".to_owned();
            (Outcome::Failure(FailureClass::BodyIncomplete), None, Some(said))
        }
        Ok(Err(body::Fault::Broken(error))) => (failed(&error, true), None, Some(chain(&error))),
        Ok(Err(body::Fault::Packed(said))) => (Outcome::Failure(FailureClass::DecodeError), None, Some(said)),
        Ok(Ok(body)) if by_proxy => (proxy::OURS, Some(body), None),
        Ok(Ok(body)) if body.cut && expect.reads_body() => {
            (Outcome::Failure(FailureClass::BodyTooLarge), None, None)
        }
        Ok(Ok(body)) => (Outcome::Success, Some(body), None),
    };
    seen.cut = text.as_ref().is_some_and(|it| it.cut);
    seen.body = text.map(|it| it.text);
    Answer {
        outcome,
        http_status: Some(status),
        phases: Phases::default(),
        peer,
        checks: Vec::new(),
        error,
        certificate_until: None,
        chain: Vec::new(),
        retry_after: None,
        waited: Duration::ZERO,
        sent: false,
        head_at: Some(head_at),
        seen: Some(seen),
    }
}

impl Answer {
    pub(super) fn without_reply(outcome: Outcome, expect: &Expect, error: String) -> Self {
        Self {
            outcome,
            http_status: None,
            phases: Phases::default(),
            peer: None,
            checks: assert::unasked(expect),
            error: Some(error),
            certificate_until: None,
            chain: Vec::new(),
            seen: None,
            retry_after: None,
            waited: Duration::ZERO,
            sent: false,
            head_at: None,
        }
    }
}

fn build(client: &Client, wanted: &Request) -> reqwest::RequestBuilder {
    let method =
        reqwest::Method::from_bytes(wanted.method.as_str().as_bytes()).unwrap_or(reqwest::Method::GET);
    let mut request = client.request(method, wanted.url.clone());
    for (name, value) in &wanted.headers {
        if let Ok(mut header) = reqwest::header::HeaderValue::from_bytes(plain(value).as_bytes()) {
            header.set_sensitive(matches!(value, Value::Secret(_)));
            request = request.header(name.as_str(), header);
        }
    }
    match &wanted.body {
        Some(Body::Raw(body)) => request.body(plain(body).to_owned()),
        _ => request,
    }
}

/// A value as it is sent; of a template, which is filled in first, nothing.
pub(super) fn plain(value: &Value) -> &str {
    match value {
        Value::Plain(text) => text,
        Value::Secret(secret) => secret.expose_secret(),
        Value::Template(_) => "",
    }
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
