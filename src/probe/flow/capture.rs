//! Takes values out of an answer, for the steps that follow.
//!
//! | what is not there | needed by a later step | class |
//! | --- | --- | --- |
//! | a form | yes or no | `form_missing`; on a page that says so, `maintenance_page` |
//! | anything else | yes | `token_missing` |
//! | anything else | no | nothing |

use std::collections::HashMap;

use url::Url;

use super::jar::Jar;
use crate::domain::flow::{Capture, Flow, Source, Step};
use crate::domain::outcome::FailureClass;
use crate::domain::request::Body;
use crate::domain::template::Part;
use crate::expr::{css, json, regex};
use crate::probe::body;
use crate::probe::seen::Seen;

/// One value: larger is no token.
const VALUE_LIMIT: usize = 64 << 10;
/// All hidden fields of a form; some frameworks keep a page's whole state in one.
const FORM_LIMIT: usize = 512 << 10;

/// What was taken so far, under the names the operator gave.
#[derive(Default)]
pub(super) struct Captured {
    values: HashMap<String, String>,
    /// Hidden fields, in the order of the page.
    forms: HashMap<String, Vec<(String, String)>>,
}

/// A capture that found nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missed {
    pub(super) class: FailureClass,
    pub(super) said: String,
}

impl Captured {
    /// By name, or a form's `NAME.action` and `NAME.field`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        if let Some(value) = self.values.get(name) {
            return Some(value);
        }
        let (form, field) = name.split_once('.')?;
        self.forms.get(form)?.iter().find(|(name, _)| name == field).map(|(_, value)| value.as_str())
    }

    pub(super) fn form(&self, name: &str) -> Option<&[(String, String)]> {
        self.forms.get(name).map(Vec::as_slice)
    }

    /// All values, for whoever must not show them.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        let fields = self.forms.values().flatten().map(|(_, value)| value.as_str());
        self.values.values().map(String::as_str).chain(fields)
    }

    /// Takes what a step captures from the answer that `url` gave.
    pub(super) fn take(
        &mut self,
        step: &Step,
        flow: &Flow,
        (seen, url): (&Seen, &Url),
        jar: &Jar,
    ) -> Result<(), Missed> {
        for capture in &step.captures {
            let text = seen.body.as_deref().unwrap_or_default();
            if let Source::Form(selector) = &capture.from {
                self.take_form(&capture.name, selector, text, url)?;
                continue;
            }
            let found = find(&capture.from, seen, text, url, jar);
            let found = found.and_then(|it| match it {
                Some(value) if VALUE_LIMIT < value.len() => {
                    Err(format!("it has {} bytes, and at most {VALUE_LIMIT} are taken", value.len()))
                }
                other => Ok(other),
            });
            match found {
                Ok(Some(value)) => _ = self.values.insert(capture.name.clone(), value),
                _ if !is_needed(capture, step, flow) => (),
                Ok(None) => return Err(missed(capture, "which is not there")),
                Err(why) => return Err(missed(capture, &why)),
            }
        }
        Ok(())
    }

    fn take_form(&mut self, name: &str, selector: &str, text: &str, url: &Url) -> Result<(), Missed> {
        let missed = |why: &str| {
            let class = if body::is_maintenance_page(text) {
                FailureClass::MaintenancePage
            } else {
                FailureClass::FormMissing
            };
            Missed { class, said: format!("the form `{name}` ({selector}) could not be read: {why}") }
        };
        let found = css::form(text, selector).map_err(|why| missed(&why))?;
        let form = found.ok_or_else(|| missed("the page has none"))?;
        let size: usize = form.hidden.iter().map(|(name, value)| name.len() + value.len()).sum();
        if FORM_LIMIT < size {
            return Err(missed(&format!(
                "its hidden fields have {size} bytes, and at most {FORM_LIMIT} are taken"
            )));
        }
        let action = match form.action.as_deref().filter(|it| !it.is_empty()) {
            Some(action) => {
                url.join(action).map_err(|why| missed(&format!("its action leads nowhere: {why}")))?
            }
            None => url.clone(),
        };
        self.values.insert(format!("{name}.action"), action.into());
        self.values.insert(format!("{name}.method"), form.method.unwrap_or_else(|| "get".to_owned()));
        self.forms.insert(name.to_owned(), form.hidden);
        Ok(())
    }
}

/// The value, if it is there; else why it cannot be.
fn find(from: &Source, seen: &Seen, text: &str, url: &Url, jar: &Jar) -> Result<Option<String>, String> {
    Ok(match from {
        Source::Header(name) => {
            let found = seen.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            let value = found.map(|(_, value)| value.clone());
            // Where a redirect leads is said relative to where it was said.
            match value {
                Some(place) if name.eq_ignore_ascii_case("location") => {
                    Some(url.join(&place).map_or(place, String::from))
                }
                value => value,
            }
        }
        Source::Cookie(name) => jar.value(url, name).map(str::to_owned),
        Source::Json(path) => json::one(text, path)?,
        Source::Css { selector, attribute } => css::first(text, selector, attribute.as_deref())?,
        Source::Regex { pattern, group } => regex::group(text, pattern, *group)?,
        Source::Form(_) => None,
    })
}

fn missed(capture: &Capture, why: &str) -> Missed {
    let place = match &capture.from {
        Source::Header(name) => format!("the header `{name}`"),
        Source::Cookie(name) => format!("the cookie `{name}`"),
        Source::Json(path) => format!("json {path}"),
        Source::Css { selector, attribute: None } => format!("css {selector}"),
        Source::Css { selector, attribute: Some(attribute) } => format!("css {selector}, its {attribute}"),
        Source::Regex { pattern, .. } => format!("regex {pattern}"),
        Source::Form(selector) => format!("the form {selector}"),
    };
    Missed {
        class: FailureClass::TokenMissing,
        said: format!("`{}` could not be captured from {place}: {why}", capture.name),
    }
}

/// Whether a step after this one sends it.
fn is_needed(capture: &Capture, step: &Step, flow: &Flow) -> bool {
    let names = |name: &str| {
        let rest = name.strip_prefix(capture.name.as_str());
        rest.is_some_and(|it| it.is_empty() || it.starts_with('.'))
    };
    let sends = |later: &Step| {
        let of = matches!(&later.request.body, Some(Body::Form { of: Some(of), .. }) if *of == capture.name);
        of || later.request.has(|part| matches!(part, Part::Capture(name) if names(name)))
    };
    flow.steps().skip_while(|it| !std::ptr::eq(*it, step)).skip(1).any(sends)
}
