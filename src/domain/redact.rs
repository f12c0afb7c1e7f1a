//! Redaction by construction: what may be shown can only be made by a [`Redactor`].
//!
//! | in a text | becomes |
//! | --- | --- |
//! | a secret, or a form of it that a wire gives it (see [`derive`]) | `***` |
//! | the beginning of one at the text's end | `***` |
//! | what looks like somebody's secret (see [`shapes`]) | `***` |
//! | control characters, and those that turn the direction of text | escaped |
//! | all beyond the limit | cut, after the masking |

mod derive;
mod shapes;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

/// What stands in the place of a secret.
pub const MASK: &str = "***";
/// The most of one line, in bytes: a sentence of an error with all its causes.
const LINE: usize = 500;
/// The least of a secret's beginning that is hidden at the end of a text; less
/// tells nobody anything.
const TAIL: usize = 4;
/// What is looked at beyond the limit, so that shapes are seen whole.
const SLACK: usize = 2048;
/// The most of all secrets with their forms: more than any login has. Past it
/// nothing is shown at all.
const MOST: usize = 1 << 20;

/// A text that may be shown to an operator, stored and logged.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shown(Cow<'static, str>);

impl Shown {
    /// In the place of a value that is not shown at all.
    pub const HIDDEN: Self = Self::fixed("…");

    /// A text that is written in our own source holds no secret.
    pub const fn fixed(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// A digest in hex: it stands for something that was shown to everybody.
    pub fn digest(bytes: &[u8]) -> Self {
        Self(Cow::Owned(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::ops::Deref for Shown {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Knows the secrets of one knock, and shows texts without them.
#[derive(Clone, Default)]
pub struct Redactor {
    secrets: BTreeSet<String>,
    /// Made of them when the first text is shown: most knocks show none.
    forms: OnceLock<Forms>,
}

/// Every form of every secret.
#[derive(Clone, Default)]
struct Forms {
    /// In lower case, by the first byte.
    by_first: BTreeMap<u8, BTreeSet<Vec<u8>>>,
    longest: usize,
    /// There are more than [`MOST`] bytes of them.
    too_many: bool,
}

/// Never what it knows.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// A secret that was configured: hidden however short it is.
    pub fn add(&mut self, secret: &str) {
        if !secret.is_empty() && self.secrets.insert(secret.to_owned()) {
            self.forms = OnceLock::new();
        }
    }

    /// A value that a target handed out, or a name: hidden unless it is so short
    /// that hiding it would hide everything.
    pub fn add_found(&mut self, value: &str) {
        if TAIL <= value.trim().len() {
            self.add(value);
        }
    }

    /// A name and a password, alone and as basic authentication sends them.
    pub fn add_login(&mut self, username: &str, password: &str) {
        self.add_found(username);
        self.add(password);
        self.add(&format!("{username}:{password}"));
    }

    /// One line, as an error or a value that was seen.
    pub fn line(&self, text: &str) -> Shown {
        self.show(text, LINE, false)
    }

    /// The beginning of a longer text; its line breaks stay.
    pub fn text(&self, text: &str, limit: usize) -> Shown {
        self.show(text, limit, true)
    }

    /// An address without its query, its fragment and who logs in there.
    pub fn address(&self, address: &str) -> Shown {
        let end = address.find(['?', '#']).unwrap_or(address.len());
        let shown = self.line(address.get(..end).unwrap_or_default());
        if end == address.len() { shown } else { Shown(Cow::Owned(format!("{shown}?…"))) }
    }

    fn show(&self, text: &str, limit: usize, breaks: bool) -> Shown {
        let forms = self.forms.get_or_init(|| Forms::of(&self.secrets));
        if forms.too_many {
            return Shown::fixed(MASK);
        }
        let seen = beginning(text, limit.saturating_add(forms.longest).saturating_add(SLACK));
        let mut hidden = forms.whole(seen);
        hidden.extend(shapes::of(seen));
        // A line is cut by nobody but us; a body by whoever sends it, too.
        if breaks || seen.len() < text.len() {
            hidden.extend(forms.tail(seen));
        }
        let masked = escaped(&masked(seen, hidden), breaks);
        Shown(Cow::Owned(beginning(&masked, limit).to_owned()))
    }
}

impl Forms {
    fn of(secrets: &BTreeSet<String>) -> Self {
        let mut forms = Self::default();
        let mut weight = 0;
        for secret in secrets {
            for form in derive::forms(secret) {
                weight += form.len();
                if MOST < weight {
                    return Self { too_many: true, ..Self::default() };
                }
                forms.keep(&form);
            }
        }
        forms
    }

    /// Where secrets stand, whole.
    fn whole(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        if self.by_first.is_empty() {
            return found;
        }
        let lower = text.to_ascii_lowercase();
        let bytes = lower.as_bytes();
        for (from, first) in bytes.iter().enumerate() {
            let Some(forms) = self.by_first.get(first) else { continue };
            let rest = bytes.get(from..).unwrap_or_default();
            let longest = forms.iter().filter(|form| rest.starts_with(form)).map(Vec::len).max();
            found.extend(longest.map(|length| from..from + length));
        }
        found
    }

    /// The beginning of a secret that whoever cut the text left at its end.
    fn tail(&self, text: &str) -> Option<Range<usize>> {
        let lower = text.to_ascii_lowercase();
        let bytes = lower.as_bytes();
        let oldest = bytes.len().saturating_sub(self.longest);
        let last = bytes.len().saturating_sub(TAIL);
        let begins = |from: &usize| {
            let rest = bytes.get(*from..).unwrap_or_default();
            let forms = rest.first().and_then(|first| self.by_first.get(first));
            forms.is_some_and(|forms| forms.iter().any(|form| form.starts_with(rest)))
        };
        (oldest..last)
            .chain([last])
            .filter(|from| TAIL <= bytes.len() - from)
            .find(begins)
            .map(|from| from..bytes.len())
    }

    fn keep(&mut self, form: &str) {
        let form = form.to_ascii_lowercase().into_bytes();
        let Some(&first) = form.first() else { return };
        self.longest = self.longest.max(form.len());
        self.by_first.entry(first).or_default().insert(form);
    }
}

/// The first `limit` bytes, or a little less where a character would be cut.
fn beginning(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or_default()
}

/// The text with one mask for all that overlaps or touches.
fn masked(text: &str, mut hidden: Vec<Range<usize>>) -> String {
    hidden.sort_by_key(|it| (it.start, it.end));
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    let mut masked_to = None;
    for range in hidden.into_iter().filter(|it| it.start < it.end) {
        if at < range.start {
            // What no character begins at is hidden with its neighbour.
            shown.push_str(text.get(at..range.start).unwrap_or_default());
        }
        if at < range.start || masked_to != Some(at) {
            shown.push_str(MASK);
        }
        at = at.max(range.end);
        masked_to = Some(at);
    }
    shown.push_str(text.get(at..).unwrap_or_default());
    shown
}

fn escaped(text: &str, breaks: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        match c {
            '\n' | '\t' if breaks => shown.push(c),
            c if c.is_control() || turns => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    fn redactor(secrets: &[&str]) -> Redactor {
        let mut redactor = Redactor::default();
        secrets.iter().for_each(|it| redactor.add(it));
        redactor
    }

    #[test]
    fn a_secret_is_hidden_in_every_form_that_a_wire_gives_it() {
        let secret = "kestrel \"4\"/&<p>+\\=ü!";
        let shows = redactor(&[secret]);
        let bytes = secret.as_bytes();
        let hex: String = bytes.iter().map(|it| format!("{it:02X}")).collect();
        let percent: String = bytes.iter().map(|it| format!("%{it:02x}")).collect();
        let forms = [
            secret.to_owned(),
            secret.to_uppercase().replace('Ü', "ü"),
            serde_json::to_string(secret).unwrap().trim_matches('"').to_owned(),
            "kestrel \\\"4\\\"/&<p>+\\\\=\\u00fc!".to_owned(),
            "kestrel%20%224%22%2F%26%3Cp%3E%2B%5C%3D%C3%BC%21".to_owned(),
            "kestrel+%224%22%2f%26%3cp%3e%2b%5c%3d%c3%bc%21".to_owned(),
            "kestrel &quot;4&quot;/&amp;&lt;p&gt;+\\=ü!".to_owned(),
            percent,
            hex,
            format!("{secret:?}").trim_matches('"').to_owned(),
            STANDARD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
        ];
        for form in forms {
            let shown = shows.line(&format!("It said {form} to us"));
            let said = shown.as_str();
            assert!(said.starts_with("It said ***") && said.ends_with("*** to us"), "{form}: {said}");
        }
    }

    #[test]
    fn basic_authentication_is_hidden_whoever_the_name_is() {
        let shows = redactor(&["correct-horse-battery"]);
        for name in ["", "a", "ab", "abc", "someone-else"] {
            let sent = STANDARD.encode(format!("{name}:correct-horse-battery"));
            let said = shows.line(&format!("Basic {sent}")).as_str().to_owned();
            let left = said.trim_start_matches("Basic ").replace(MASK, "");
            assert!(left.len() <= 12, "{name}: {said}");
        }
    }

    #[test]
    fn what_stands_behind_a_prefix_is_a_secret_by_itself() {
        let shows = redactor(&["Bearer marten-9042", "session=finch-7; theme=dark"]);
        assert_eq!(shows.line("got marten-9042 and finch-7").as_str(), "got *** and ***");
        assert_eq!(shows.line("the Bearer of news").as_str(), "the Bearer of news");
        let basic = format!("Basic {}", STANDARD.encode("otter:weasel-55"));
        assert_eq!(redactor(&[&basic]).line("otter / weasel-55").as_str(), "*** / ***");
    }

    #[test]
    fn a_secret_that_was_cut_is_hidden_all_the_same() {
        let shows = redactor(&["hedgehog-in-the-fog"]);
        assert_eq!(shows.text("it was hedgehog-in", 99).as_str(), "it was ***");
        assert_eq!(shows.text("0123456789 hedgehog-in-the-fog", 15).as_str(), "0123456789 ***");
        let long = "q".repeat(5000);
        assert_eq!(redactor(&[&long]).text(&format!("a {long} b"), 64).as_str(), "a *** b");
    }

    #[test]
    fn overlapping_secrets_leave_nothing_of_either() {
        let shows = redactor(&["abcdefgh", "efghijkl"]);
        assert_eq!(shows.line("-abcdefghijkl-").as_str(), "-***-");
    }

    #[test]
    fn short_secrets_are_hidden_and_short_finds_are_not() {
        assert_eq!(redactor(&["x"]).line("a x b").as_str(), "a *** b");
        let mut shows = Redactor::default();
        shows.add_found("1");
        shows.add_found("");
        assert_eq!(shows.line("1 of 2").as_str(), "1 of 2");
    }

    #[test]
    fn more_secrets_than_any_login_has_show_nothing() {
        let mut shows = Redactor::default();
        for number in 0..3000 {
            shows.add_found(&format!("{number}-{}", "k".repeat(200)));
        }
        assert_eq!(shows.line("nothing secret").as_str(), MASK);
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let shows = Redactor::default();
        assert_eq!(shows.line("a\x1b[2Jb\u{202e}c\nd").as_str(), "a\\u{1b}[2Jb\\u{202e}c\\nd");
        assert_eq!(shows.text("a\r\nb", 9).as_str(), "a\\r\nb");
    }

    #[test]
    fn an_address_is_shown_without_its_query_and_login() {
        let shows = redactor(&["sparrow-1"]);
        let shown = shows.address("https://me:pass@door.example/in/sparrow-1?code=9#x");
        assert_eq!(shown.as_str(), "https://***@door.example/in/***?…");
    }

    #[test]
    fn neither_the_redactor_nor_its_debug_tells() {
        assert_eq!(format!("{:?}", redactor(&["sparrow-1"])), "Redactor");
    }

    proptest! {
        #[test]
        fn no_text_shows_a_secret_or_is_longer_than_allowed(
            secret in "[a-zA-Z0-9 ü!\"&%/+]{5,40}", before in ".{0,60}", after in ".{0,60}", limit in 0_usize..200
        ) {
            let shows = redactor(&[&secret]);
            let shown = shows.text(&format!("{before}{secret}{after}"), limit);
            prop_assert!(shown.as_str().len() <= limit);
            prop_assert!(!shown.as_str().contains(&secret));
        }

        #[test]
        fn any_text_is_shown_without_a_panic(text in "\\PC{0,80}", secret in "\\PC{0,8}", limit in 0_usize..50) {
            let shown = redactor(&[&secret]).text(&text, limit);
            prop_assert!(shown.as_str().len() <= limit);
        }
    }
}
