//! A login as a person does it: named steps that share one cookie jar.

use std::sync::Arc;
use std::time::Duration;

use super::account::Account;
use super::expect::Expect;
use super::request::{Fence, Request};
use super::template::Part;

/// A plain request is a flow of one nameless step.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// The step whose address everything else is relative to.
    pub first: Step,
    /// Those after it, in order.
    pub then: Vec<Step>,
    /// Who logs in, if anybody does.
    pub account: Option<Account>,
    /// A wrong password must be refused: it is sent in place of the account's,
    /// and being let in is `accepts_wrong_password`.
    pub wrong_password: bool,
    /// Logs in though a maintenance covers it.
    pub during_maintenance: bool,
    /// Where its targets may send us.
    pub fence: Arc<Fence>,
}

/// One request of a flow, what a right answer to it is, and what is taken from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Empty in a flow of one step.
    pub name: String,
    pub request: Request,
    /// Taken in this order once the answer was right; one that is not there fails the step.
    pub captures: Vec<Capture>,
    pub expect: Expect,
    /// For this step alone; the flow's goes on.
    pub deadline: Option<Duration>,
    /// Redirects that are followed; one more is `redirect_loop`. With none, a
    /// redirect is an answer like any other.
    pub redirects: u8,
    pub turn: Turn,
}

/// When a step is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Turn {
    #[default]
    InOrder,
    /// After a failure, too: logging out.
    Always,
    /// Only when a failed login is confirmed without another login.
    Confirm,
}

/// How much of a flow is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    Whole,
    /// What spends no attempt at logging in: the steps before the first that
    /// sends the account's name or password, and those that only confirm.
    Harmless,
}

/// A value taken from an answer, under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    pub name: String,
    pub from: Source,
}

/// Where in an answer a value stands. Everything is text, compiled where it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Header(String),
    Cookie(String),
    /// An RFC 9535 path that finds one value.
    Json(String),
    /// The text of the first element, or its attribute.
    Css {
        selector: String,
        attribute: Option<String>,
    },
    /// A group of the first match; 0 is the whole match.
    Regex {
        pattern: String,
        group: usize,
    },
    /// All hidden fields of a form, and where it leads.
    Form(String),
}

impl Flow {
    pub fn of(request: Request, expect: Expect) -> Self {
        Self {
            first: Step::of(request, expect),
            then: Vec::new(),
            account: None,
            wrong_password: false,
            during_maintenance: false,
            fence: Arc::default(),
        }
    }

    /// The names of the parts in which it differs from `other`; never a value.
    pub fn differs_in(&self, other: &Self) -> Vec<&'static str> {
        // Taken apart in full, so that a new part cannot be forgotten here.
        let Self { first, then, account, wrong_password, during_maintenance, fence } = self;
        let same_step = Step {
            request: other.first.request.clone(),
            expect: other.first.expect.clone(),
            ..first.clone()
        };
        let parts = [
            (first.request != other.first.request, "request"),
            (first.expect != other.first.expect, "expect"),
            (same_step != other.first || then != &other.then, "step"),
            (account != &other.account, "account"),
            (wrong_password != &other.wrong_password, "wrong_password"),
            (during_maintenance != &other.during_maintenance, "log_in_during_maintenance"),
            (fence != &other.fence, "allow_private"),
        ];
        parts.into_iter().filter_map(|(differs, part)| differs.then_some(part)).collect()
    }

    /// All steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        std::iter::once(&self.first).chain(&self.then)
    }

    /// Whether somebody logs in: then it costs an attempt and is done seldom.
    pub fn logs_in(&self) -> bool {
        self.steps().any(Step::logs_in)
    }

    /// Whether it logs nobody in while a maintenance covers it.
    pub fn rests_in_maintenance(&self) -> bool {
        !self.during_maintenance && self.logs_in()
    }

    /// Whether something has to be done after a failure, too.
    pub fn cleans_up(&self) -> bool {
        self.steps().any(|it| it.turn == Turn::Always)
    }
}

impl Step {
    pub fn of(request: Request, expect: Expect) -> Self {
        Self {
            name: String::new(),
            request,
            captures: Vec::new(),
            expect,
            deadline: None,
            redirects: 0,
            turn: Turn::InOrder,
        }
    }

    /// Whether it sends something of the account's.
    pub fn logs_in(&self) -> bool {
        self.request.has(|it| matches!(it, Part::Username | Part::Password | Part::Totp | Part::Basic))
    }
}
