//! JSON bodies, and RFC 9535 paths into them.

use serde_json::Value;
use serde_json_path::JsonPath;

/// Nobody reads a longer one.
const PATH_LIMIT: usize = 300;
/// `..`, `?`, and more than one `$`: each of these multiplies the work by the
/// size of the document.
const SEARCHES: usize = 1;
/// `[a, b][c, d]…` doubles with every pair.
const COMMAS: usize = 4;
/// Lists and objects of a document; a small object takes 700 bytes in memory.
const CONTAINERS: usize = 20_000;
/// Values beside one another.
const VALUES: usize = 100_000;
/// Of what one path finds.
const FOUND_LIMIT: usize = 10_000;

/// A document of a target's. Its depth is bounded by `serde_json`, at 128.
pub fn parse(text: &str) -> Result<Value, String> {
    let text = text.trim_start_matches('\u{feff}');
    let (mut containers, mut values) = (0, 0);
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' => containers += 1,
            b',' => values += 1,
            _ => (),
        }
    }
    if CONTAINERS < containers || VALUES < values {
        return Err("it has too many parts".to_owned());
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Whether it is a path that we take, and if not, why.
pub fn check(path: &str) -> Result<(), String> {
    compile(path).map(drop)
}

/// Every value it finds, in order.
pub fn all<'a>(document: &'a Value, path: &str) -> Result<Vec<&'a Value>, String> {
    let found = compile(path)?.query(document).all();
    if FOUND_LIMIT < found.len() {
        return Err(format!("it finds more than {FOUND_LIMIT} values"));
    }
    Ok(found)
}

/// A document that is an answer.
pub fn document(text: &str) -> Result<Value, String> {
    parse(text).map_err(|why| format!("the answer is not JSON: {why}"))
}

/// The one value it finds, as text: a string without its quotes.
/// None when it finds none, or null; several are a fault.
pub fn one(document: &Value, path: &str) -> Result<Option<String>, String> {
    match all(document, path)?.as_slice() {
        [] | [Value::Null] => Ok(None),
        [one] => Ok(Some(plain(one))),
        several => Err(format!("it finds {} values, not one", several.len())),
    }
}

/// A string without its quotes, anything else as JSON writes it.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn compile(path: &str) -> Result<JsonPath, String> {
    if PATH_LIMIT < path.len() {
        return Err(format!("it is longer than {PATH_LIMIT} bytes"));
    }
    let bare = without_texts(path);
    let searches = bare.matches("..").count() + bare.matches('?').count();
    if SEARCHES < searches || 1 < bare.matches('$').count() {
        return Err("it searches the document more than once (`..`, `?` or a second `$`)".to_owned());
    }
    if COMMAS < bare.matches(',').count() {
        return Err(format!("it has more than {COMMAS} commas"));
    }
    if bare.contains("match(") || bare.contains("search(") {
        return Err(
            "it has `match` or `search`, whose pattern could come from the target; use `matches`".to_owned()
        );
    }
    JsonPath::parse(path).map_err(|error| match path.get(error.position()..) {
        _ if !path.starts_with('$') => "it does not begin with `$`".to_owned(),
        Some(rest) if !rest.is_empty() => format!("it cannot be read from `{rest}` on"),
        _ => "it ends too early".to_owned(),
    })
}

/// The path without what stands in quotes.
fn without_texts(path: &str) -> String {
    let (mut bare, mut quote, mut escaped) = (String::new(), None, false);
    for c in path.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => (),
            None if c == '\'' || c == '"' => quote = Some(c),
            None => bare.push(c),
        }
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    #[test]
    fn a_path_finds_one_value_as_text() {
        let text = r#"{"a":{"b":"x","n":3,"l":[1,2],"z":null},"k.k":true}"#;
        for (path, found) in [
            ("$.a.b", Ok(Some("x"))),
            ("$.a.n", Ok(Some("3"))),
            ("$.a.l", Ok(Some("[1,2]"))),
            ("$.a.l[-1]", Ok(Some("2"))),
            ("$.a.z", Ok(None)),
            ("$['k.k']", Ok(Some("true"))),
            ("$.nothing", Ok(None)),
            ("$..n", Ok(Some("3"))),
            ("$.a.*", Err("it finds 4 values, not one")),
        ] {
            let found = found.map(|it| it.map(str::to_owned)).map_err(str::to_owned);
            assert_eq!(document(text).and_then(|it| one(&it, path)), found, "{path}");
        }
        assert!(document("<html>").unwrap_err().starts_with("the answer is not JSON"));
    }

    #[test]
    fn what_could_run_away_is_refused() {
        for path in [
            "a.b",
            "$..a..b",
            "$..*..*..*",
            "$[?$[?@.a]]",
            "$..[?@.a==1]",
            "$[?match(@.a, @.b)]",
            "$[?@.a == $.b]",
            "$[0,0,0][0,0,0][0,0]",
            &format!("$.{}", "a".repeat(400)),
        ] {
            assert!(check(path).is_err(), "{path}");
        }
        for path in ["$", "$.a", "$[?@.id=='a..b?$,,,,,,']", "$..id", "$.items[?@.n > 3].id"] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a bound ten times the expectation, on work without waiting"
    )]
    fn the_worst_document_and_path_end_soon() {
        let deep = "[".repeat(120) + &"]".repeat(120);
        let wide = format!("[{}0]", "{\"a\":[0]},".repeat(9_000));
        let objects = format!("[{}0]", "{\"\":0},".repeat(19_000));
        for (text, path) in [(&deep, "$..*"), (&wide, "$..*"), (&wide, "$[*,*,*].a[*,*]"), (&objects, "$..a")]
        {
            let began = Instant::now();
            let _ = all(&parse(text).unwrap(), path);
            assert!(began.elapsed() < Duration::from_secs(3), "{path}");
        }
        assert!(parse(&"[".repeat(200)).is_err(), "deeper than it may be");
        assert!(parse(&format!("[{}0]", "{},".repeat(30_000))).is_err());
        assert!(parse(&format!("[{}0]", "0,".repeat(200_000))).is_err());
    }

    proptest! {
        #[test]
        fn hostile_texts_do_no_harm(text in "[\\[\\]{}:,\"a0.e-]{0,300}", path in "[$.\\[\\]?@*'\"a0:,!=<>()]{0,60}") {
            let _ = document(&text).and_then(|it| one(&it, &path));
            let _ = document(&text).and_then(|it| one(&it, &format!("${path}")));
            let _ = one(&serde_json::json!({"a": [1, {"b": null}]}), &format!("${path}"));
        }
    }
}
