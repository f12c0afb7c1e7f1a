//! Walks through the steps of a flow.

use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::capture::{self, Captured, Missed};
use super::fill::{self, Filling};
use super::jar::Jar;
use super::look::{self, Found};
use super::redirect::{self, Home};
use super::second_factor::sends_a_code;
use crate::domain::endpoint::Endpoint;
use crate::domain::flow::{Depth, Flow, Step, Turn};
use crate::domain::moment::Moment;
use crate::domain::outcome::{FailureClass, Outcome, UnknownReason};
use crate::domain::redact::Redactor;
use crate::domain::request::{Method, Request};
use crate::probe::http::{self, Answer};
use crate::probe::logins::{Held, Pass};
use crate::probe::seen::Seen;
use crate::probe::signs::Page;
use crate::probe::{Kit, Known, Login, evidence, marks, redact};

/// What logging out may take when the flow's own time is over; no latency.
const CLEAN_UP: Duration = Duration::from_secs(5);
/// What it may take while we are stopping; below what `pipeline.rs` waits.
const CLEAN_UP_STOPPING: Duration = Duration::from_millis(1500);

pub(super) struct Walk<'a> {
    pub(super) kit: &'a Kit,
    pub(super) endpoint: &'a Endpoint,
    pub(super) flow: &'a Flow,
    pub(super) depth: Depth,
    pub(super) at: Moment,
    /// What the steps in order took, but for what we waited for ourselves.
    pub(super) latency: Duration,
    pub(super) deadline: Instant,
    /// What was spent on our own waits: no latency.
    pub(super) waited: Duration,
    pub(super) jar: Jar,
    home: Home,
    pub(super) captured: Captured,
    /// Knows the endpoint's secrets, and those that answers handed out.
    pub(super) shows: Redactor,
    /// What is sent in place of the account's.
    wrong: Option<fill::Wrong>,
    /// The code that was sent.
    pub(super) code: Option<SecretString>,
    /// The time step that it is of, while nothing was sent with it.
    pub(super) reserved: Option<u64>,
    pub(super) taken: Vec<Taken<'a>>,
    /// Which of those taken said that it goes no further.
    pub(super) stopped_at: Option<usize>,
    /// Something of the account's was sent.
    pub(super) logged_in: bool,
    /// A wrong password was refused, as it must be: the end of such a flow.
    is_refused: bool,
    /// Leave to send it.
    pass: Option<Pass>,
    /// Or why there is none.
    pub(super) held: Option<Held>,
    /// A request with it may have left us.
    left_us: bool,
    /// Pages seen before the login: being sent back to one means that the session is gone.
    pub(super) before_login: Vec<Url>,
    /// Where the login was sent: a form that leads there asks for another one.
    pub(super) login_at: Vec<Url>,
    /// The steps that are still to come.
    left: usize,
}

/// A step that was taken.
pub(super) struct Taken<'a> {
    pub(super) step: &'a Step,
    pub(super) answer: Answer,
    pub(super) total: Duration,
}

impl<'a> Walk<'a> {
    pub(super) fn new(kit: &'a Kit, endpoint: &'a Endpoint, flow: &'a Flow, depth: Depth) -> Self {
        let began = marks::now();
        let home = Home::of(flow);
        let mut shows = redact::redactor(endpoint);
        let wrong = flow.wrong_password.then(fill::Wrong::new);
        wrong.iter().for_each(|it| shows.add(it.password.expose_secret()));
        Self {
            kit,
            endpoint,
            flow,
            depth,
            at: kit.clock.now(),
            latency: Duration::ZERO,
            deadline: began + endpoint.deadline,
            waited: Duration::ZERO,
            jar: Jar::new(home.hosts().to_vec()),
            home,
            captured: Captured::default(),
            shows,
            wrong,
            code: None,
            reserved: None,
            taken: Vec::new(),
            stopped_at: None,
            logged_in: false,
            is_refused: false,
            pass: None,
            held: None,
            left_us: false,
            before_login: Vec::new(),
            login_at: Vec::new(),
            left: 0,
        }
    }

    /// Whether the login is left out.
    pub(super) fn is_harmless(&self) -> bool {
        self.held.is_some() || self.depth == Depth::Harmless && self.flow.logs_in()
    }

    /// Asks for leave before anything of the account's is sent, once. Waiting
    /// for it is no latency.
    async fn ask_leave(&mut self) {
        // First the code: a login that ends before its second factor counts as one that failed.
        let sends_code = |it: &&Step| it.turn == Turn::InOrder && sends_a_code(it);
        if self.flow.steps().any(|it| sends_code(&it))
            && let Err((reason, said)) = self.reserve_code().await
        {
            self.held = Some(Held { reason, said });
            return;
        }
        let began = marks::now();
        match self.kit.may_log_in(self.endpoint, self.flow).await {
            Ok(pass) => self.pass = Some(pass),
            Err(held) => self.held = Some(held),
        }
        let waited = marks::now().duration_since(began);
        self.waited += waited;
        self.deadline += waited;
    }

    /// Says how the login ended, once all is over.
    pub(super) fn leave_used(&mut self) -> Option<(Pass, bool)> {
        let left_us = self.left_us;
        self.pass.take().map(|pass| (pass, left_us))
    }

    pub(super) async fn take_steps(&mut self) {
        let flow = self.flow;
        let mut past_login = false;
        for (place, step) in flow.steps().enumerate() {
            self.left = place + 1;
            if step.logs_in() && step.turn != Turn::Confirm && !self.is_harmless() && self.pass.is_none() {
                self.ask_leave().await;
            }
            let harmless = self.is_harmless();
            past_login |= step.logs_in();
            let taken = match step.turn {
                Turn::InOrder | Turn::Always if harmless => !past_login && step.turn == Turn::InOrder,
                Turn::InOrder | Turn::Always => true,
                Turn::Confirm => harmless,
            };
            if !taken {
                continue;
            }
            let fine = match step.turn {
                Turn::Always => self.take_always(step, CLEAN_UP).await,
                Turn::InOrder | Turn::Confirm => self.take_in_order(step).await,
            };
            if !fine {
                self.stopped_at = self.taken.len().checked_sub(1);
            }
            if !fine || self.is_refused {
                return;
            }
        }
    }

    /// After a failure: what must be done all the same.
    pub(super) async fn clean_up(&mut self) {
        if self.stopped_at.is_none() || (self.flow.logs_in() && !self.logged_in) {
            return;
        }
        let flow = self.flow;
        let mut left = if self.kit.stop.is_cancelled() { CLEAN_UP_STOPPING } else { CLEAN_UP };
        for step in flow.steps().skip(self.left).filter(|it| it.turn == Turn::Always) {
            let began = marks::now();
            self.take_always(step, left).await;
            left = left.saturating_sub(marks::now().duration_since(began));
        }
    }

    /// A step that cleans up has time of its own, which is no latency.
    async fn take_always(&mut self, step: &'a Step, most: Duration) -> bool {
        let began = marks::now();
        let deadline = began + step.deadline.map_or(most, |it| it.min(most));
        // Cancelled only from outside: see `pipeline.rs`.
        self.take(step, deadline).await
    }

    async fn take_in_order(&mut self, step: &'a Step) -> bool {
        let stop = self.kit.stop.clone();
        let logs_in = step.logs_in();
        if sends_a_code(step) {
            if let Err((reason, said)) = self.reserve_code().await {
                return self.refuse(step, Outcome::Unknown(reason), said);
            }
            // Another step gets another.
            self.reserved = None;
        }
        let (now, waited) = (marks::now(), self.waited);
        let deadline = step.deadline.map_or(self.deadline, |it| self.deadline.min(now + it));
        let fine = tokio::select! {
            biased;
            () = stop.cancelled() => {
                // The request may have left us before it was dropped.
                self.logged_in |= logs_in;
                self.left_us |= logs_in;
                self.refuse(step, Outcome::Unknown(UnknownReason::Stopping), "we are stopping".to_owned())
            }
            fine = self.take(step, deadline) => fine,
        };
        let took = marks::now().duration_since(now);
        self.latency += took.saturating_sub(self.waited.saturating_sub(waited));
        fine
    }

    /// Sends one step and takes what it captures; false when it fails.
    async fn take(&mut self, step: &'a Step, deadline: Instant) -> bool {
        let filled = match self.filled(step) {
            Ok(filled) => filled,
            Err((class, said)) => {
                // What cannot be cleaned up without what never came is left.
                return step.turn == Turn::Always && self.stopped_at.is_some()
                    || self.refuse(step, Outcome::Failure(class), said);
            }
        };
        let began = marks::now();
        let logs_in = step.logs_in();
        let was_in = self.logged_in;
        let login = match (logs_in, was_in) {
            (true, _) if self.flow.wrong_password => Login::AtWrong,
            (true, _) => Login::At,
            (false, true) => Login::After,
            (false, false) => Login::Before,
        };
        self.logged_in |= logs_in;
        let asked = filled.url.clone();
        let before = self.waited;
        let (mut answer, url) = self.send(step, login, filled, deadline).await;
        // A login that never left us has nothing to be cleaned up.
        self.logged_in = was_in || (logs_in && self.left_us);
        let found = self.look(step, &mut answer).await;
        self.expect_a_form(step, &mut answer, &url, &found);
        if let Some(seen) = answer.seen.as_ref().filter(|it| it.cut && !step.captures.is_empty())
            && answer.outcome == Outcome::Success
        {
            answer.error = Some(format!(
                "the page is larger than what is read of it ({} bytes)",
                seen.body.as_ref().map_or(0, String::len)
            ));
            answer.outcome = Outcome::Failure(FailureClass::BodyTooLarge);
        }
        if login == Login::AtWrong {
            // Let in, there is a session to be ended; refused, nothing comes after it.
            if let Some(seen) = &answer.seen {
                drop(self.captured.take(step, (seen, &url), (&self.jar, &found)));
            }
            self.is_refused |= matches!(answer.outcome, Outcome::Success | Outcome::Degraded(_));
        } else if matches!(answer.outcome, Outcome::Success | Outcome::Degraded(_))
            && let Some(seen) = &answer.seen
            && let Err(Missed { class, said }) = self.captured.take(step, (seen, &url), (&self.jar, &found))
        {
            answer.outcome = match page_demands(seen, step) && class == FailureClass::FormMissing {
                true => Outcome::Unknown(UnknownReason::Challenge),
                false => Outcome::Failure(class),
            };
            answer.error = Some(said);
        }
        if logs_in {
            self.login_at.push(asked.clone());
        }
        if was_in && !logs_in && step.turn == Turn::InOrder {
            self.look_for_session(step, &mut answer, &url, &asked).await;
        }
        if !self.logged_in {
            self.before_login.push(url);
        }
        let fine = matches!(answer.outcome, Outcome::Success | Outcome::Degraded(_));
        if !fine && let Some(seen) = &answer.seen {
            let glimpsed = capture::glimpse(step, (seen, &asked), (&self.jar, &found));
            glimpsed.iter().for_each(|it| self.shows.add_found(it));
        }
        let waited = self.waited.saturating_sub(before);
        self.taken.push(Taken {
            step,
            answer,
            total: marks::now().duration_since(began).saturating_sub(waited),
        });
        fine
    }

    /// Looks for what the step captures; that takes time of ours.
    async fn look(&mut self, step: &Step, answer: &mut Answer) -> Vec<Found> {
        let began = marks::now();
        let Some(seen) = &mut answer.seen else { return Vec::new() };
        let found = look::look(&step.captures, &mut seen.body).await;
        self.was_ours(began);
        if found.is_none() {
            answer.outcome = Outcome::Unknown(UnknownReason::Stopping);
        }
        found.unwrap_or_default()
    }

    /// What took us time since then does not count against the target.
    pub(super) fn was_ours(&mut self, began: Instant) {
        let took = marks::now().saturating_duration_since(began);
        self.waited += took;
        self.deadline += took;
    }

    /// A step that cannot be taken.
    fn refuse(&mut self, step: &'a Step, outcome: Outcome, said: String) -> bool {
        let answer = Answer::without_reply(outcome, &step.expect, said);
        self.taken.push(Taken { step, answer, total: Duration::ZERO });
        false
    }

    fn filled(&self, step: &Step) -> Result<Request, (FailureClass, String)> {
        let filling = Filling {
            account: self.flow.account.as_ref(),
            wrong: self.wrong.as_ref(),
            code: self.code.as_ref().map(SecretString::expose_secret),
            captured: &self.captured,
            now: self.kit.clock.now().wall,
        };
        let mut filled =
            fill::request(&step.request, &filling).map_err(|said| (FailureClass::TokenMissing, said))?;
        let (wrote, goes) = (&step.request.url, &filled.url);
        if wrote.origin() != goes.origin() {
            // A target chose where this goes.
            if wrote.scheme() == "https" && goes.scheme() == "http" {
                let said = "the captured address leads from https to http".to_owned();
                return Err((FailureClass::RedirectDowngrade, said));
            }
            filled.fence = self.home.fence(goes);
            if filled.fence.is_some() && redirect::is_laden(&step.request) {
                let there = goes.origin().ascii_serialization();
                let said = format!(
                    "the captured address leads to {there}, and what the request carries is not for there"
                );
                return Err((FailureClass::RedirectBlocked, said));
            }
        }
        Ok(filled)
    }

    /// Sends a request and follows where its answer leads; gives the last
    /// answer and the address it came from.
    async fn send(
        &mut self,
        step: &Step,
        login: Login,
        mut request: Request,
        mut deadline: Instant,
    ) -> (Answer, Url) {
        let laden = redirect::Laden::of(&step.request);
        let captures = self.captured.named();
        let steps: Vec<(String, u16, Duration)> = self
            .taken
            .iter()
            .filter_map(|it| Some((it.step.name.clone(), it.answer.http_status?, it.total)))
            .collect();
        let mut made: Vec<(Url, Method, Option<String>)> = Vec::new();
        loop {
            let cookies = self.jar.header(&request.url);
            made.push((request.url.clone(), request.method, cookies.clone()));
            let sent = redirect::with_cookies(&request, cookies);
            let known = Known { login, captures: &captures, steps: &steps };
            let mut answer = http::ask(self.kit, &sent, &step.expect, &known, deadline).await;
            self.left_us |= answer.sent && step.logs_in();
            // Waiting for our own limits shortens no time and lengthens no latency.
            deadline += answer.waited;
            self.deadline += answer.waited;
            self.waited += answer.waited;
            let Some(seen) = &answer.seen else { return (answer, request.url) };
            evidence::learn(&mut self.shows, seen);
            let set = seen.headers.iter().filter(|(name, _)| name == "set-cookie");
            self.jar.keep(&request.url, set.map(|(_, value)| value.as_str()));
            let to =
                redirect::target(seen, &request.url).filter(|_| 0 < step.redirects && seen.body.is_some());
            let Some(to) = to else { return (answer, request.url) };
            let status = seen.status;
            let next = if usize::from(step.redirects) < made.len() {
                let said = format!(
                    "more than {} redirects, the last one to {}",
                    step.redirects,
                    redirect::bare(&to)
                );
                Err((FailureClass::RedirectLoop, said))
            } else {
                redirect::next(&request, status, to, laden, &self.home)
            };
            let next = next.and_then(|next| {
                let again = (next.url.clone(), next.method, self.jar.header(&next.url));
                if made.contains(&again) {
                    let said = format!("it leads to {} again", redirect::bare(&next.url));
                    return Err((FailureClass::RedirectLoop, said));
                }
                Ok(next)
            });
            match next {
                Ok(next) => request = next,
                Err((class, said)) => {
                    answer.outcome = Outcome::Failure(class);
                    answer.error = Some(format!("the redirect is not followed: {said}"));
                    return (answer, request.url);
                }
            }
        }
    }
}

/// In the place of a form there is a captcha.
fn page_demands(seen: &Seen, step: &Step) -> bool {
    Page::of(seen, &step.expect.signs).demands()
}
