//! What an answer means in the course of a login: the next form, or no session.

use url::Url;

use super::redirect;
use super::walk::Walk;
use crate::domain::flow::{Source, Step};
use crate::domain::outcome::{FailureClass, Outcome, UnknownReason};
use crate::probe::http::Answer;

impl Walk<'_> {
    /// A page with the very form that the operator goes on with asks for nothing
    /// unexpected, even where it speaks of a second factor.
    pub(super) fn expect_a_form(&mut self, step: &Step, answer: &mut Answer, url: &Url) {
        let wants = step.captures.iter().any(|it| matches!(it.from, Source::Form(_)));
        let held = answer.checks.iter().all(|it| it.held == Some(true));
        if wants
            && held
            && answer.outcome == Outcome::Unknown(UnknownReason::Challenge)
            && let Some(seen) = &answer.seen
            && self.captured.take(step, (seen, url), &self.jar).is_ok()
        {
            answer.outcome = Outcome::Success;
        }
    }

    /// Whether the answer to a step after the login means that nobody is logged in.
    pub(super) fn look_for_session(&self, answer: &mut Answer, url: &Url, asked: &Url) {
        let Some(seen) = &answer.seen else { return };
        let same = |to: &Url| {
            self.before_login.iter().any(|it| it.origin() == to.origin() && it.path() == to.path())
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
        } else if same(url) && url.path() != asked.path() {
            "after the login this led back to the login page".to_owned()
        } else {
            return;
        };
        answer.outcome = Outcome::Failure(FailureClass::SessionBroken);
        answer.error = Some(said);
    }
}
