//! What an answer means in the course of a login: the next form, or no session.

use url::Url;

use super::look::Found;
use super::redirect;
use super::walk::Walk;
use crate::domain::flow::{Source, Step};
use crate::domain::outcome::{FailureClass, Outcome, UnknownReason};
use crate::domain::request::Method;
use crate::expr::css;
use crate::probe::http::Answer;
use crate::probe::seen::Seen;
use crate::probe::signs::Page;
use crate::probe::signs::leads::Place;

impl Walk<'_> {
    /// A page with the very form that the operator goes on with asks for nothing
    /// unexpected, even where it speaks of a second factor.
    pub(super) fn expect_a_form(&mut self, step: &Step, answer: &mut Answer, url: &Url, found: &[Found]) {
        let wants = step.captures.iter().any(|it| matches!(it.from, Source::Form(_)));
        let held = answer.checks.iter().all(|it| it.held == Some(true));
        if wants
            && held
            && answer.outcome == Outcome::Unknown(UnknownReason::Challenge)
            && let Some(seen) = &answer.seen
            && self.captured.take(step, (seen, url), (&self.jar, found)).is_ok()
        {
            answer.outcome = Outcome::Success;
        }
    }

    /// Whether the answer to a step after the login means that nobody is logged in.
    pub(super) fn look_for_session(&self, step: &Step, answer: &mut Answer, url: &Url, asked: &Url) {
        let Some(seen) = &answer.seen else { return };
        // A page that shows what it must, a refusal that was expected, and what logs out say nothing.
        let open = answer.outcome == Outcome::Success
            && !step.expect.looks_inside()
            && seen.status < 300
            && step.request.method == Method::Get;
        let same = |to: &Url| {
            self.before_login.iter().any(|it| it.origin() == to.origin() && it.path() == to.path())
        };
        let again = |form: &Url| {
            self.login_at.iter().any(|it| it.origin() == form.origin() && it.path() == form.path())
        };
        let judged_so = matches!(
            answer.outcome,
            Outcome::Failure(
                FailureClass::Http4xx
                    | FailureClass::RedirectUnexpected
                    | FailureClass::RedirectLoop
                    | FailureClass::Assertion
            ) | Outcome::Unknown(UnknownReason::CredentialsRejected)
        );
        let said = if judged_so && matches!(seen.status, 401 | 403) {
            format!("after the login this is refused with {}", seen.status)
        } else if judged_so && redirect::target(seen, url).as_ref().is_some_and(same) {
            "after the login this leads back to the login page".to_owned()
        } else if judged_so && redirect::target(seen, url).is_some_and(|it| Place::of(it.as_str()).is_login())
        {
            "after the login this leads to a login page".to_owned()
        } else if (judged_so || open) && Page::of(seen, &step.expect.signs).says_signed_out() {
            "after the login this asks to log in again".to_owned()
        } else if (judged_so || open) && asks_for_a_password(seen, url).as_ref().is_some_and(again) {
            "after the login this shows the login form again".to_owned()
        } else if same(url) && url.path() != asked.path() {
            "after the login this led back to the login page".to_owned()
        } else {
            return;
        };
        answer.outcome = Outcome::Failure(FailureClass::SessionBroken);
        answer.error = Some(said);
    }
}

/// Where the first form leads that asks for a password.
fn asks_for_a_password(seen: &Seen, url: &Url) -> Option<Url> {
    let page = seen.body.as_deref().filter(|it| it.contains("password"))?;
    let form = css::form(page, "form:has(input[type=password i])").ok()??;
    url.join(form.action.as_deref().unwrap_or_default()).ok()
}
