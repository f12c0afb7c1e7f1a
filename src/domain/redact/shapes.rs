//! What looks like somebody's secret, whoever's it is.
//!
//! | shape | hidden |
//! | --- | --- |
//! | `<input … value="…">` that is no button | the value |
//! | `<meta name="csrf-token" content="…">` | the content |
//! | a name that tells of a secret, then `=` or `:` | what follows |
//! | the query of an address | all of it |
//! | a name and password in an address | both |
//! | a long run of letters and digits: hex, base64, a JWT | the run |

use std::ops::Range;

/// Parts of names whose values nobody else may see.
const NAMES: [&str; 16] = [
    "token",
    "secret",
    "passw",
    "passcode",
    "pwd",
    "session",
    "csrf",
    "xsrf",
    "authorization",
    "cookie",
    "credential",
    "api_key",
    "api-key",
    "apikey",
    "nonce",
    "otp",
];
/// From so many letters and digits on a run is nobody's word.
const RUN: usize = 20;
/// With slashes and dots in it, as base64 and JWTs have.
const LONG_RUN: usize = 40;
/// Digits there are at least in a run that is hidden.
const DIGITS: usize = 2;

pub(super) fn of(text: &str) -> Vec<Range<usize>> {
    // Most texts are short and have none of the signs that a shape needs.
    let (tagged, valued) = (text.contains('<'), text.contains(['=', ':']));
    let mut found = Vec::new();
    if tagged || valued {
        let lower = text.to_ascii_lowercase();
        found.extend(tags(&lower));
        found.extend(named(&lower));
    }
    found.extend(addresses(text));
    if RUN <= text.len() {
        found.extend(runs(text));
    }
    found
}

/// Every place where `word` stands.
fn places<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word).map(|(at, _)| at)
}

fn tags(lower: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (tag, attribute) in [("<input", "value"), ("<meta", "content")] {
        for at in places(lower, tag) {
            let rest = lower.get(at..).unwrap_or_default();
            let inside = rest.get(..rest.find('>').unwrap_or(rest.len())).unwrap_or_default();
            let is_button = ["submit", "button", "reset"].iter().any(|kind| inside.contains(kind));
            let tells =
                tag == "<input" || ["csrf", "xsrf", "token", "nonce"].iter().any(|it| inside.contains(it));
            if is_button || !tells {
                continue;
            }
            for value in places(inside, attribute) {
                found.extend(value_at(lower, at + value + attribute.len(), "="));
            }
        }
    }
    found
}

fn named(lower: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for name in NAMES {
        for at in places(lower, name) {
            let rest = lower.get(at..).unwrap_or_default();
            let word = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
            let end = at + word.unwrap_or(rest.len());
            found.extend(value_at(lower, end, "=:"));
        }
    }
    found
}

/// The value after one of `signs`, which may follow a quote.
fn value_at(text: &str, from: usize, signs: &str) -> Option<Range<usize>> {
    let rest = text.get(from..)?;
    let after_name =
        rest.trim_start_matches("&quot;").trim_start_matches(['"', '\'', '\\', ']']).trim_start();
    let value = after_name.strip_prefix(|c| signs.contains(c))?.trim_start();
    let start = text.len() - value.len();
    let quotes: &[&str] = &["\\\"", "&quot;", "\"", "'"];
    for quote in quotes {
        if let Some(inside) = value.strip_prefix(quote) {
            let end = inside.find(quote).unwrap_or(inside.len());
            return Some(start + quote.len()..start + quote.len() + end);
        }
    }
    let end = value.find(|c: char| c.is_whitespace() || "&;,<>\"')}".contains(c)).unwrap_or(value.len());
    Some(start..start + end)
}

fn addresses(text: &str) -> Vec<Range<usize>> {
    let ends = |c: char| c.is_whitespace() || "\"'<>)`".contains(c);
    let mut found = Vec::new();
    for at in places(text, "?") {
        let rest = text.get(at + 1..).unwrap_or_default();
        let query = rest.get(..rest.find(ends).unwrap_or(rest.len())).unwrap_or_default();
        if query.contains('=') {
            found.push(at + 1..at + 1 + query.len());
        }
    }
    for at in places(text, "://") {
        let rest = text.get(at + 3..).unwrap_or_default();
        let end = rest.find(|c| ends(c) || c == '/').unwrap_or(rest.len());
        if let Some(login) = rest.get(..end).and_then(|host| host.rfind('@')) {
            found.push(at + 3..at + 3 + login);
        }
    }
    found
}

fn runs(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let short = |c: char| c.is_ascii_alphanumeric() || "-_+=".contains(c);
    let long = |c: char| short(c) || "/.%~".contains(c);
    for run in runs_of(text, short) {
        let digits = digits(text, &run);
        if RUN <= run.len() && DIGITS <= digits && digits < run.len() {
            found.push(run);
        }
    }
    for run in runs_of(text, long) {
        let said = text.get(run.clone()).unwrap_or_default();
        let mixed = said.contains(|c: char| c.is_ascii_uppercase())
            && said.contains(|c: char| c.is_ascii_lowercase());
        let slashes = said.matches(['/', '.']).count();
        if LONG_RUN <= run.len() && mixed && DIGITS <= digits(text, &run) && slashes < run.len() / 10 {
            found.push(run);
        }
    }
    found
}

fn digits(text: &str, run: &Range<usize>) -> usize {
    text.get(run.clone()).unwrap_or_default().bytes().filter(u8::is_ascii_digit).count()
}

fn runs_of(text: &str, fits: impl Fn(char) -> bool) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut from = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (fits(c), from) {
            (true, None) => from = Some(at),
            (false, Some(start)) => {
                runs.push(start..at);
                from = None;
            }
            _ => (),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::super::Redactor;

    fn shown(text: &str) -> String {
        Redactor::default().text(text, 1000).as_str().to_owned()
    }

    #[test]
    fn what_looks_like_a_secret_is_hidden() {
        for (text, wanted) in [
            (
                r#"<input type="hidden" name="t" value="ab&c">"#,
                r#"<input type="hidden" name="t" value="***">"#,
            ),
            ("<input name=t value=abc>", "<input name=t value=***>"),
            (r#"<INPUT VALUE='a"b'"#, "<INPUT VALUE='***'"),
            (r#"<input type="submit" value="Log in">"#, r#"<input type="submit" value="Log in">"#),
            (r#"<meta name="csrf-token" content="abc">"#, r#"<meta name="csrf-token" content="***">"#),
            (r#"{"access_token": "abc", "n": 1}"#, r#"{"access_token": "***", "n": 1}"#),
            (r#"{\"password\":\"abc\"}"#, r#"{\"password\":\"***\"}"#),
            ("sessionid=abc; path=/", "sessionid=***; path=/"),
            (r#"<a href="/in?code=1&x=2">"#, r#"<a href="/in?***">"#),
            ("socks5://me:pass@10.0.0.1:9", "socks5://***@10.0.0.1:9"),
            ("id 3f2504e04f8911d39a0c0305e82c3301 ended", "id *** ended"),
            ("eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2QT4", "***"),
        ] {
            assert_eq!(shown(text), wanted);
        }
    }

    #[test]
    fn what_a_person_must_read_stays() {
        for text in [
            "The password is wrong. Is it you?",
            "certificate-verification-failed-completely",
            "see https://door.example/help/2026/11/23/what-to-do.html",
            "error trying to connect: tcp connect error: Connection refused (os error 111)",
            "2026-11-23T10:51:27.123456789Z",
            "12345678901234567890123",
        ] {
            assert_eq!(shown(text), text);
        }
    }
}
