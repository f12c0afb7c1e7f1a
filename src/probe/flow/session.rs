//! What an answer means in the course of a login: the next form, or no session.

use url::Url;

use super::look::{self, Found};
use super::redirect;
use super::walk::Walk;
use crate::domain::flow::{Source, Step};
use crate::domain::outcome::{FailureClass, Outcome, UnknownReason};
use crate::domain::request::Method;
use crate::expr::css;
use crate::probe::http::Answer;
use crate::probe::marks;
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
    pub(super) async fn look_for_session(
        &mut self,
        step: &Step,
        answer: &mut Answer,
        url: &Url,
        asked: &Url,
    ) {
        let Some(seen) = &mut answer.seen else { return };
        // A page that shows what it must, a refusal that was expected, and what logs out say nothing.
        let open = answer.outcome == Outcome::Success
            && !step.expect.looks_inside()
            && seen.status < 300
            && step.request.method == Method::Get;
        let judged_so = matches!(
            answer.outcome,
            Outcome::Failure(
                FailureClass::Http4xx
                    | FailureClass::RedirectUnexpected
                    | FailureClass::RedirectLoop
                    | FailureClass::Assertion
            ) | Outcome::Unknown(UnknownReason::CredentialsRejected)
        );
        let form = if judged_so || open { self.asks_for_a_password(seen, url).await } else { None };
        let same = |to: &Url| {
            self.before_login.iter().any(|it| it.origin() == to.origin() && it.path() == to.path())
        };
        let again = |form: &Url| {
            self.login_at.iter().any(|it| it.origin() == form.origin() && it.path() == form.path())
        };
        let said = if judged_so && matches!(seen.status, 401 | 403) {
            format!("after the login this is refused with {}", seen.status)
        } else if judged_so && redirect::target(seen, url).as_ref().is_some_and(same) {
            "after the login this leads back to the login page".to_owned()
        } else if judged_so && redirect::target(seen, url).is_some_and(|it| Place::of(it.as_str()).is_login())
        {
            "after the login this leads to a login page".to_owned()
        } else if (judged_so || open) && Page::of(seen, &step.expect.signs).says_signed_out() {
            "after the login this asks to log in again".to_owned()
        } else if form.as_ref().is_some_and(again) {
            "after the login this shows the login form again".to_owned()
        } else if same(url) && url.path() != asked.path() {
            "after the login this led back to the login page".to_owned()
        } else {
            return;
        };
        answer.outcome = Outcome::Failure(FailureClass::SessionBroken);
        answer.error = Some(said);
    }

    /// Where the first form leads that asks for a password; to read the page takes time of ours.
    async fn asks_for_a_password(&mut self, seen: &mut Seen, url: &Url) -> Option<Url> {
        if !seen.body.as_ref()?.contains("password") {
            return None;
        }
        let began = marks::now();
        let form = |page: &str| css::form(page, "form:has(input[type=password i])");
        let form = look::read(&mut seen.body, form).await;
        self.was_ours(began);
        url.join(form?.ok()??.action.as_deref().unwrap_or_default()).ok()
    }
}
