//! What the captures of a step look for in a body. It is read once for all of them.

use std::cell::OnceCell;

use crate::domain::flow::{Capture, Source};
use crate::expr::css::{Form, Page};
use crate::expr::{json, regex};
use crate::probe::apart::{apart, is_large};

/// What one capture found, or why it could not look.
#[cfg_attr(test, derive(Debug))]
pub(super) enum Found {
    Value(Result<Option<String>, String>),
    Form(Result<Option<Form>, String>),
    /// It stands in no body.
    Elsewhere,
}

/// One for each capture; none when we are over.
pub(super) async fn look(captures: &[Capture], body: &mut Option<String>) -> Option<Vec<Found>> {
    let captures = captures.to_vec();
    read(body, move |text| look_into(&captures, text)).await
}

/// Reads a body, apart when it is large. None when we are over.
pub(super) async fn read<T: Send + 'static>(
    body: &mut Option<String>,
    work: impl FnOnce(&str) -> T + Send + 'static,
) -> Option<T> {
    if !is_large(body.as_ref()) {
        return Some(work(body.as_deref().unwrap_or_default()));
    }
    let text = body.take().unwrap_or_default();
    let (found, text) = apart(move || (work(&text), text)).await?;
    *body = Some(text);
    Some(found)
}

pub(super) fn look_into(captures: &[Capture], text: &str) -> Vec<Found> {
    let (page, document) = (OnceCell::new(), OnceCell::new());
    let page = || page.get_or_init(|| Page::read(text)).as_ref().map_err(Clone::clone);
    let document = || document.get_or_init(|| json::document(text)).as_ref().map_err(Clone::clone);
    let one = |capture: &Capture| match &capture.from {
        Source::Header(_) | Source::Cookie(_) => Found::Elsewhere,
        Source::Json(path) => Found::Value(document().and_then(|it| json::one(it, path))),
        Source::Css { selector, attribute } => {
            Found::Value(page().and_then(|it| it.first(selector, attribute.as_deref())))
        }
        Source::Regex { pattern, group } => Found::Value(regex::group(text, pattern, *group)),
        Source::Form(selector) => Found::Form(page().and_then(|it| it.form(selector))),
    };
    captures.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_large_body_gives_what_a_small_one_does_and_is_there_afterwards() {
        let capture = |from| Capture { name: "it".to_owned(), from };
        let captures = [
            capture(Source::Form("form".to_owned())),
            capture(Source::Css { selector: "p".to_owned(), attribute: None }),
            capture(Source::Regex { pattern: "n=([0-9])".to_owned(), group: 1 }),
            capture(Source::Json("$.a".to_owned())),
            capture(Source::Cookie("sid".to_owned())),
        ];
        let mut told = Vec::new();
        for pad in [0, 20_000] {
            let form = "<form action=a><input type=hidden name=t value=v></form><p>n=7</p>";
            let page = format!("{form}{}", " ".repeat(pad));
            let mut body = Some(page.clone());
            let found = look(&captures, &mut body).await.unwrap();
            assert_eq!(body, Some(page));
            told.push(found.iter().map(|it| format!("{it:?}\n")).collect::<String>());
        }
        assert_eq!(told[0], told[1]);
        insta::assert_snapshot!(told[0], @r#"
        Form(Ok(Some(Form { action: Some("a"), method: None, hidden: [("t", "v")], base: None })))
        Value(Ok(Some("n=7")))
        Value(Ok(Some("7")))
        Value(Err("the answer is not JSON: expected value at line 1 column 1"))
        Elsewhere
        "#);
    }
}
