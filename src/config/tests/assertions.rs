//! That everything docs/assertions.md shows is taken by the reader.

use super::*;
use crate::expr::cel;

const DOC: &str = include_str!("../../../docs/assertions.md");

/// The code in one cell of a table, as it is without the table.
fn code(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(|it| it.replace("\\|", "|")).collect()
}

/// Cells of a row; a bar in code is written with a backslash.
fn cells(line: &str) -> Vec<String> {
    let line = line.replace("\\|", "\u{1}");
    line.trim_matches('|').split('|').map(|it| it.trim().replace('\u{1}', "\\|")).collect()
}

#[test]
fn every_translation_in_the_document_is_taken() {
    let mut base: Option<String> = None;
    let (mut expressions, mut keys) = (0, 0);
    for line in DOC.lines() {
        if let Some(mark) = line.strip_prefix("<!-- ") {
            let mark = mark.trim_end_matches(" -->");
            base = mark.strip_prefix("endpoint: ").map(|it| it.replace("; ", "\n"));
            continue;
        }
        if !line.starts_with('|') || line.contains("| --- |") {
            continue;
        }
        let cells = cells(line);
        let ours = code(cells.last().unwrap());
        if line.contains("| example |") || line.contains("| here |") || cells[1].starts_with("asks") {
            continue;
        }
        match &base {
            None if cells.len() == 3 => {
                assert_eq!(ours.len(), 1, "{line}");
                assert_eq!(cel::check(&ours[0]), Ok(()), "{line}");
                expressions += 1;
            }
            None => (),
            Some(base) => {
                for key in ours.iter().filter(|it| it.contains(" = ")) {
                    // GET sends no body; the keys of one cell go together.
                    // What was captured is there for a later step.
                    let earlier = match key.contains("captures.") {
                        true => {
                            "[[endpoint.step]]\nname = \"a\"\ncapture.token = { json = \"$.t\" }\n[[endpoint.step]]\nname = \"b\"\n"
                        }
                        false => "",
                    };
                    let file = format!(
                        "[[component]]\nid = \"web\"\nname = \"Web\"\n[[endpoint]]\nid = \"x\"\ncomponent = \"web\"\n{base}\n{earlier}{key}\n"
                    );
                    if let Err(faults) = parse(&file) {
                        panic!("{line}\n{key}\n{faults}");
                    }
                    keys += 1;
                }
            }
        }
    }
    assert!(19 <= expressions && 45 <= keys, "{expressions} {keys}");
}

#[test]
fn the_document_names_every_variable_and_nothing_else() {
    for name in cel::variables() {
        assert!(DOC.contains(&format!("| `{name}` |")), "{name}");
    }
}

fn said(keys: &str) -> String {
    let url = if keys.contains("url = ") { "" } else { "url = \"http://a.example/x\"\n" };
    let file = format!(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n[[endpoint]]\nid = \"x\"\ncomponent = \"web\"\n{url}{keys}\n"
    );
    match parse(&file) {
        Ok(_) => "taken".to_owned(),
        Err(faults) => faults.shown().iter().map(|it| it.message.clone()).collect::<Vec<_>>().join(" | "),
    }
}

#[test]
fn what_an_assertion_cannot_be_is_told() {
    for (keys, message) in [
        ("css = { \"p[\" = true }", "this selector does not parse: Unexpected EOL"),
        ("css = { p = 5 }", "an integer cannot be compared with here"),
        ("css = { p = {} }", "this asserts nothing"),
        ("json.\"$[\" = 1", "this path does not parse: at position 1, parser error"),
        ("json.\"$.a\" = { at_least = \"5\" }", "expected a number, found a text"),
        ("header.x = { matches = \"(\" }", "this pattern does not compile: unclosed group"),
        ("header.\"a b\" = true", "`a b` is not the name of a header"),
        ("http_version = \"HTTP/3\"", "`HTTP/3` is not a choice here"),
        ("certificate_days = { degraded = 3, down = 14 }", "it would be down before it is degraded"),
        (
            "expect = \"status = 200\"",
            "this expression cannot be used: it compares with `=`; write `==` (column 8)",
        ),
        (
            "degraded_when = [\"elapsed\"]",
            "this expression cannot be used: it is a whole number, not true or false",
        ),
        (
            "unknown_when = [\"json.a == 1\", \"no\"]",
            "this expression cannot be used: there is no `no`; there are status, headers, cookies, body, json, elapsed, phases, tls, peer, http_version, redirect, captures, step",
        ),
        ("signs = { locked = true }", "expected a pattern, found true or false"),
        ("signs = { locked = \"(\" }", "this pattern does not compile: unclosed group"),
        ("method = \"HEAD\"\ncss = { p = true }", "an answer to HEAD has no body to look into"),
        ("method = \"HEAD\"\nexpect = \"json == null\"", "an answer to HEAD has no body to look into"),
        ("method = \"HEAD\"\nexpect = \"status == 204\"", "taken"),
        ("method = \"POST\"\njson.\"$.ok\" = true\njson.user = \"probe\"", "taken"),
        ("json.\"$.ok\" = true", "taken"),
    ] {
        assert_eq!(said(keys), message, "{keys}");
    }
}

#[test]
fn a_path_in_json_is_looked_for_and_the_rest_is_sent() {
    let config = parse(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n[[endpoint]]\nid = \"x\"\ncomponent = \"web\"\n\
         url = \"http://a.example/x\"\nmethod = \"POST\"\njson.\"$.ok\" = true\njson.user = \"probe\"\n",
    );
    let (config, _) = config.unwrap();
    let step = &config.endpoints[0].flow().unwrap().first;
    assert_eq!(step.expect.json.len(), 1);
    let sent = format!("{:?}", step.request.body);
    assert!(sent.contains("probe") && !sent.contains("$.ok"), "{sent}");
}
