//! That everything a flow asks for by name is there by then: captures, forms, earlier steps.

use super::flow_check::{Read, is_own};
use super::nearest::nearest;
use super::report::{Report, Span};
use super::section::{listed, quoted};
use super::template;
use crate::domain::flow::Turn;
use crate::domain::template::Part;
use crate::expr::cel::Name;

/// What a name stands for where it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Value,
    Form,
    /// For something whose own fault is told where it stands.
    Faulty,
    /// This step or a later one captures it.
    Later,
    /// An earlier step captures it that is not taken whenever this one is.
    Elsewhere,
    Nothing,
}

pub(super) fn check(report: &Report<'_>, steps: &[Read]) {
    for (place, read) in steps.iter().enumerate() {
        let here = Here { report, steps, place, read, before: taken_before(steps, place) };
        here.filled_in();
        here.forms();
        here.expressions();
    }
    // A fault may hide who uses it.
    if report.is_clean() {
        unused(report, steps);
    }
}

/// One step, and those that are taken before it whichever way the flow goes.
struct Here<'a> {
    report: &'a Report<'a>,
    steps: &'a [Read],
    place: usize,
    read: &'a Read,
    before: Vec<&'a Read>,
}

/// A step that confirms stands in for the login and all that follows it.
fn taken_before(steps: &[Read], place: usize) -> Vec<&Read> {
    let is_confirm = |it: &Read| it.step.turn == Turn::Confirm;
    let confirms = steps.get(place).is_some_and(is_confirm);
    let login = steps.iter().position(|it| it.places.iter().any(|it| is_own(it.get_ref())));
    let taken = |(at, it): &(usize, &Read)| match confirms {
        true => is_confirm(it) || it.step.turn == Turn::InOrder && login.is_none_or(|login| *at < login),
        false => !is_confirm(it),
    };
    steps.iter().enumerate().take(place).filter(taken).map(|(_, it)| it).collect()
}

impl Here<'_> {
    fn filled_in(&self) {
        for part in &self.read.places {
            let Part::Capture(name) = part.get_ref() else { continue };
            let (root, field) = split(name);
            let written = format!("{{{{{root}}}}}");
            let (message, help) = match (self.stands(root), field) {
                (Stands::Form, None) => (
                    format!("{written} is a whole form"),
                    format!(
                        "write one of its hidden fields, {{{{{root}.FIELD}}}}, or where it leads, {{{{{root}.action}}}}"
                    ),
                ),
                (Stands::Value, Some(_)) => {
                    (format!("{written} is one value, not a form"), format!("write {written}"))
                }
                (other, _) => match self.missing(other, root, &written) {
                    Some(told) => told,
                    None => continue,
                },
            };
            self.report.wrong(part.span(), message, help);
        }
    }

    fn forms(&self) {
        for of in &self.read.forms {
            let (name, written) = (of.get_ref(), quoted(of.get_ref()));
            let how = format!("capture.{name} = {{ form = \"form\" }}");
            let (message, help) = match self.stands(name) {
                Stands::Form | Stands::Faulty => continue,
                Stands::Value => {
                    (format!("{written} is one value, not a form"), format!("capture the form: {how}"))
                }
                Stands::Nothing => {
                    let forms = self.known().filter(|(_, form)| *form).map(|(name, _)| name);
                    let help = match nearest(name, forms.collect::<Vec<_>>()) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => format!("write {how} into the step that gets the page"),
                    };
                    (format!("no earlier step captures a form as {written}"), help)
                }
                other => match self.missing(other, name, &written) {
                    Some(told) => told,
                    None => continue,
                },
            };
            self.report.wrong(of.span(), message, help);
        }
    }

    fn expressions(&self) {
        for asked in &self.read.asks {
            match asked.get_ref() {
                Name::Capture(name) => self.asks_capture(name, asked.span()),
                Name::Step(name) => self.asks_step(name, asked.span()),
            }
        }
    }

    fn asks_capture(&self, name: &str, span: Span) {
        let (root, field) = split(name);
        let written = quoted(&format!("captures.{root}"));
        let (message, help) = match (self.stands(root), field) {
            (Stands::Form, None) => (
                format!("{written} is a whole form"),
                format!(
                    "write one of its hidden fields, captures['{root}.FIELD'], or where it leads, captures['{root}.action']"
                ),
            ),
            (Stands::Value, Some(_)) => {
                (format!("{written} is one value, not a form"), format!("write captures.{root}"))
            }
            (other, _) => match self.missing(other, root, &written) {
                Some(told) => told,
                None => return,
            },
        };
        self.report.wrong(span, message, help);
    }

    fn asks_step(&self, name: &str, span: Span) {
        let names: Vec<&str> =
            self.before.iter().map(|it| it.step.name.as_str()).filter(|it| !it.is_empty()).collect();
        if names.contains(&name) || names.len() < self.before.len() {
            return;
        }
        let help = match nearest(name, names.clone()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if names.is_empty() => "no step comes before this one; leave it out".to_owned(),
            None => format!("it can look at {}", listed("and", &names)),
        };
        self.report.wrong(span, format!("there is no step {} before this one", quoted(name)), help);
    }

    /// What is said of a name that stands for nothing here.
    fn missing(&self, stands: Stands, name: &str, written: &str) -> Option<(String, String)> {
        let help = match stands {
            Stands::Value | Stands::Form | Stands::Faulty => return None,
            Stands::Later => {
                let help = "captures are there for the steps that follow theirs; change the order";
                return Some((format!("{written} is used before it is captured"), help.to_owned()));
            }
            Stands::Elsewhere => {
                let help = match self.read.step.turn {
                    Turn::Confirm => "confirming leaves out the login and what follows it: capture it before",
                    _ => "a step with `confirm` is taken in place of a login only: capture it in another",
                };
                let message = format!("{written} is not captured whenever this step is taken");
                return Some((message, help.to_owned()));
            }
            Stands::Nothing => {
                let known: Vec<&str> = self.known().map(|(name, _)| name).collect();
                // Only a place may be one of those that need no capture.
                match written.starts_with('{') {
                    true => template::meant(name, &known).map(|it| format!("{{{{{it}}}}}")),
                    false => nearest(name, known).map(|it| quoted(&format!("captures.{it}"))),
                }
            }
        };
        let help = match help {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("an earlier step has to capture it: capture.{name} = {{ json = \"$.{name}\" }}"),
        };
        Some((format!("nothing is captured as {written}"), help))
    }

    fn stands(&self, name: &str) -> Stands {
        // The last one to capture it decides.
        let among = |reads: &mut dyn DoubleEndedIterator<Item = &Read>| {
            reads.rev().flat_map(|it| it.captures.iter().rev()).find(|it| it.name == name).map(|it| it.form)
        };
        match among(&mut self.before.iter().copied()) {
            Some(Some(true)) => return Stands::Form,
            Some(Some(false)) => return Stands::Value,
            Some(None) => return Stands::Faulty,
            None => (),
        }
        let (earlier, from_here) = self.steps.split_at(self.place);
        match (among(&mut earlier.iter()), among(&mut from_here.iter())) {
            (Some(_), _) => Stands::Elsewhere,
            (None, Some(_)) => Stands::Later,
            (None, None) => Stands::Nothing,
        }
    }

    /// Names of captures, and whether each is a form.
    fn known(&self) -> impl Iterator<Item = (&str, bool)> {
        let captures = self.before.iter().flat_map(|it| &it.captures);
        captures.map(|it| (it.name.as_str(), it.form == Some(true)))
    }
}

/// Of `page.csrf` the capture and the field.
fn split(name: &str) -> (&str, Option<&str>) {
    name.split_once('.').map_or((name, None), |(root, field)| (root, Some(field)))
}

/// A capture fails its step when it is not there: one that nobody needs had better be gone.
fn unused(report: &Report<'_>, steps: &[Read]) {
    for (place, read) in steps.iter().enumerate() {
        for capture in &read.captures {
            let is_it = |name: &str| split(name).0 == capture.name;
            let uses = |later: &Read| {
                later.forms.iter().any(|it| is_it(it.get_ref()))
                    || later.asks.iter().any(|it| matches!(it.get_ref(), Name::Capture(name) if is_it(name)))
                    || later
                        .places
                        .iter()
                        .any(|it| matches!(it.get_ref(), Part::Capture(name) if is_it(name)))
            };
            if !steps.iter().skip(place + 1).any(uses) {
                report.warn(
                    capture.span.clone(),
                    format!("no later step uses the capture {}", quoted(&capture.name)),
                    "leave it out: a step fails when what it captures is not there; to ask only that, use `css`, `json` or `header`",
                );
            }
        }
    }
}
