//! Takes values out of an answer, for the steps that follow.
//!
//! | what is not there | class |
//! | --- | --- |
//! | a form | `form_missing`; on a page that says so, `maintenance_page` |
//! | anything else | `token_missing` |

use std::collections::HashMap;

use url::Url;

use super::jar::Jar;
use super::look::Found;
use crate::domain::flow::{Capture, Source, Step};
use crate::domain::outcome::FailureClass;
use crate::expr::css::Form;
use crate::probe::seen::Seen;
use crate::probe::signs::Page;

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

/// What a step would have captured from an answer that is not right: nobody may
/// see it all the same.
pub(super) fn glimpse(
    step: &Step,
    (seen, url): (&Seen, &Url),
    (jar, found): (&Jar, &[Found]),
) -> Vec<String> {
    let mut values = Vec::new();
    for (capture, found) in step.captures.iter().zip(found) {
        match found {
            Found::Form(form) => {
                let form = form.iter().flatten();
                values.extend(form.flat_map(|it| &it.hidden).map(|(_, value)| value.clone()));
            }
            Found::Value(value) => values.extend(value.iter().flatten().cloned()),
            Found::Elsewhere => values.extend(beside(&capture.from, seen, url, jar)),
        }
    }
    values.retain(|it| it.len() <= VALUE_LIMIT);
    values
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

    /// With their names, for expressions; a form's fields as `NAME.field`.
    pub(super) fn named(&self) -> Vec<(String, String)> {
        let values = self.values.iter().map(|(name, value)| (name.clone(), value.clone()));
        let fields = self.forms.iter().flat_map(|(form, fields)| {
            fields.iter().map(move |(field, value)| (format!("{form}.{field}"), value.clone()))
        });
        values.chain(fields).collect()
    }

    /// All values, for whoever must not show them.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        let fields = self.forms.values().flatten().map(|(_, value)| value.as_str());
        self.values.values().map(String::as_str).chain(fields)
    }

    /// Takes what a step captures from the answer that `url` gave: all that is
    /// there, whatever else is missing, and says what was missed first.
    pub(super) fn take(
        &mut self,
        step: &Step,
        (seen, url): (&Seen, &Url),
        (jar, found): (&Jar, &[Found]),
    ) -> Result<(), Missed> {
        let mut all = Ok(());
        for (capture, found) in step.captures.iter().zip(found) {
            let taken = match (&capture.from, found) {
                (Source::Form(selector), Found::Form(form)) => {
                    let page = Page::of(seen, &step.expect.signs);
                    self.take_form((&capture.name, selector), page, form.clone(), url)
                }
                (_, Found::Value(value)) => self.take_value(capture, value.clone()),
                (from, _) => self.take_value(capture, Ok(beside(from, seen, url, jar))),
            };
            all = all.and(taken);
        }
        all
    }

    fn take_value(&mut self, capture: &Capture, found: Result<Option<String>, String>) -> Result<(), Missed> {
        match found {
            Ok(Some(value)) if VALUE_LIMIT < value.len() => {
                let why = format!("since it has {} bytes, and at most {VALUE_LIMIT} are taken", value.len());
                Err(missed(capture, &why))
            }
            Ok(Some(value)) => {
                self.values.insert(capture.name.clone(), value);
                Ok(())
            }
            Ok(None) => Err(missed(capture, "which is not there")),
            Err(why) => Err(missed(capture, &format!("since {why}"))),
        }
    }

    fn take_form(
        &mut self,
        (name, selector): (&str, &str),
        page: Page<'_>,
        found: Result<Option<Form>, String>,
        url: &Url,
    ) -> Result<(), Missed> {
        let missed = |why: &str| {
            let class =
                if page.is_maintenance() { FailureClass::MaintenancePage } else { FailureClass::FormMissing };
            Missed { class, said: format!("the form `{name}` ({selector}) could not be read: {why}") }
        };
        let found = found.map_err(|why| missed(&why))?;
        let form = found.ok_or_else(|| missed("the page has none"))?;
        let size: usize = form.hidden.iter().map(|(name, value)| name.len() + value.len()).sum();
        if FORM_LIMIT < size {
            return Err(missed(&format!(
                "its hidden fields have {size} bytes, and at most {FORM_LIMIT} are taken"
            )));
        }
        let action = match form.action.as_deref().filter(|it| !it.is_empty()) {
            Some(action) => {
                let base = form.base.as_deref().and_then(|it| url.join(it.trim()).ok());
                base.as_ref()
                    .unwrap_or(url)
                    .join(action)
                    .map_err(|why| missed(&format!("its action leads nowhere: {why}")))?
            }
            None => url.clone(),
        };
        self.values.insert(format!("{name}.action"), action.into());
        self.values.insert(format!("{name}.method"), form.method.unwrap_or_else(|| "get".to_owned()));
        self.forms.insert(name.to_owned(), form.hidden);
        Ok(())
    }
}

/// The value of what stands in no body, if it is there.
fn beside(from: &Source, seen: &Seen, url: &Url, jar: &Jar) -> Option<String> {
    match from {
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
        Source::Json(_) | Source::Css { .. } | Source::Regex { .. } | Source::Form(_) => None,
    }
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
        said: format!("`{}` could not be captured from {place}, {why}", capture.name),
    }
}

#[cfg(test)]
impl Captured {
    pub(super) fn keep(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn keep_form(&mut self, name: &str, fields: &[(&str, &str)]) {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.forms.insert(name.to_owned(), fields.iter().map(own).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::expect::Expect;
    use crate::domain::request::Request;
    use crate::probe::flow::look::look_into;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    /// A step that captures so, under names of their order: `it`, `it1`.
    fn step(from: impl IntoIterator<Item = Source>) -> Step {
        let mut step = Step::of(Request::get(url("https://wallet.example.com/login")), Expect::default());
        let name = |place| if place == 0 { "it".to_owned() } else { format!("it{place}") };
        let from = from.into_iter().enumerate();
        step.captures = from.map(|(place, from)| Capture { name: name(place), from }).collect();
        step
    }

    fn seen(body: &str) -> Seen {
        let headers = [("x-token", "abc"), ("location", "../in?a=1"), ("x-empty", "")];
        Seen {
            status: 200,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: Some(body.to_owned()),
            ..Seen::default()
        }
    }

    fn take(from: Source, body: &str) -> Result<Captured, Missed> {
        let from_here = url("https://wallet.example.com/a/b");
        let mut jar = Jar::new(vec![]);
        jar.keep(&from_here, ["sid=of-the-jar; Path=/"].into_iter());
        let mut captured = Captured::default();
        let step = step([from]);
        let found = look_into(&step.captures, body);
        captured.take(&step, (&seen(body), &from_here), (&jar, &found))?;
        Ok(captured)
    }

    fn css(selector: &str, attribute: Option<&str>) -> Source {
        Source::Css { selector: selector.to_owned(), attribute: attribute.map(str::to_owned) }
    }

    fn regex(pattern: &str) -> Source {
        Source::Regex { pattern: pattern.to_owned(), group: 1 }
    }

    const PAGE: &str = r#"<form id="login" action="../in" method="POST"><input type="hidden" name="csrf" value="a&amp;b">
        <input type="hidden" name="x.y" value="z"><input name="user"></form><p>密 码</p>"#;

    #[test]
    fn every_source_gives_its_value() {
        let json = r#"{"a":{"token":"t-1"},"n":3}"#;
        for (from, body, value) in [
            (Source::Header("x-token".to_owned()), "", "abc"),
            (Source::Header("location".to_owned()), "", "https://wallet.example.com/in?a=1"),
            (Source::Header("x-empty".to_owned()), "", ""),
            (Source::Cookie("sid".to_owned()), "", "of-the-jar"),
            (Source::Json("$.a.token".to_owned()), json, "t-1"),
            (Source::Json("$.n".to_owned()), json, "3"),
            (css("p", None), PAGE, "密 码"),
            (css("[name=csrf]", Some("value")), PAGE, "a&b"),
            (regex(r"name=.(\w+)"), PAGE, "csrf"),
        ] {
            assert_eq!(take(from.clone(), body).unwrap().get("it"), Some(value), "{from:?}");
        }
        let form = take(Source::Form("form#login".to_owned()), PAGE).unwrap();
        for (name, value) in [
            ("it.csrf", Some("a&b")),
            ("it.x.y", Some("z")),
            ("it.action", Some("https://wallet.example.com/in")),
            ("it.method", Some("post")),
            ("it.user", None),
            ("it", None),
        ] {
            assert_eq!(form.get(name), value, "{name}");
        }
    }

    #[test]
    fn a_form_leads_where_a_browser_would_go() {
        for (page, action) in [
            ("<form>", "https://wallet.example.com/a/b"),
            ("<base href=/auth/><form>", "https://wallet.example.com/a/b"),
            ("<base href=/auth/><form action=do>", "https://wallet.example.com/auth/do"),
            ("<base href='https://other.example.com/'><form action=do>", "https://other.example.com/do"),
            ("<base href='http://['><form action=do>", "https://wallet.example.com/a/do"),
        ] {
            let captured = take(Source::Form("form".to_owned()), page).unwrap();
            assert_eq!(captured.get("it.action"), Some(action), "{page}");
        }
    }

    #[test]
    fn what_is_not_there_says_what_was_looked_for() {
        for (from, body, said) in [
            (
                Source::Header("x-none".to_owned()),
                "",
                "`it` could not be captured from the header `x-none`, which is not there",
            ),
            (
                Source::Cookie("none".to_owned()),
                "",
                "`it` could not be captured from the cookie `none`, which is not there",
            ),
            (
                Source::Json("$.b".to_owned()),
                "{}",
                "`it` could not be captured from json $.b, which is not there",
            ),
            (
                Source::Json("$.*".to_owned()),
                "[1,2]",
                "`it` could not be captured from json $.*, since it finds 2 values, not one",
            ),
            (css("i", Some("id")), PAGE, "`it` could not be captured from css i, its id, which is not there"),
            (regex("no(pe)"), PAGE, "`it` could not be captured from regex no(pe), which is not there"),
            (
                regex("(x+)"),
                &"x".repeat(100_000),
                "`it` could not be captured from regex (x+), since it has 100000 bytes, and at most 65536 are taken",
            ),
        ] {
            let missed = take(from.clone(), body).err();
            let expected = Missed { class: FailureClass::TokenMissing, said: said.to_owned() };
            assert_eq!(missed, Some(expected), "{from:?}");
        }
        let form = || Source::Form("form#login".to_owned());
        for (body, class) in
            [("<p>hello", FailureClass::FormMissing), ("<h1>系统维护中</h1>", FailureClass::MaintenancePage)]
        {
            assert_eq!(take(form(), body).err().map(|it| it.class), Some(class), "{body}");
        }
    }

    #[test]
    fn what_is_there_is_taken_whatever_else_is_missing_and_the_first_is_told() {
        let here = url("https://wallet.example.com/a/b");
        let header = |name: &str| Source::Header(name.to_owned());
        let step = step([header("x-none"), header("x-token"), header("x-neither")]);
        let mut captured = Captured::default();
        let found = look_into(&step.captures, "");
        let missed = captured.take(&step, (&seen(""), &here), (&Jar::new(vec![]), &found)).unwrap_err();
        assert!(missed.said.contains("`x-none`"), "{missed:?}");
        assert_eq!(captured.get("it1"), Some("abc"));
    }

    #[test]
    fn a_form_of_any_size_is_bounded() {
        let form = || Source::Form("form".to_owned());
        let forms = "<form><input type=hidden name=a value=b></form>".repeat(10_000);
        assert_eq!(take(form(), &forms).err().map(|it| it.class), Some(FailureClass::FormMissing));
        let (small, large) = ("v".repeat(100 << 10), "v".repeat(1 << 20));
        let page = |value: &str| format!("<form><input type=hidden name=a value={value}></form>");
        assert_eq!(take(form(), &page(&small)).unwrap().get("it.a").map(str::len), Some(100 << 10));
        let missed = take(form(), &page(&large)).err().unwrap();
        assert_eq!(missed.class, FailureClass::FormMissing);
        assert!(missed.said.contains("and at most 524288 are taken"), "{}", missed.said);
    }
}
