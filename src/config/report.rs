//! Gathers what is wrong while a file is walked, and draws it at the end.

use std::cell::RefCell;
use std::iter;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

use super::fault::{Fault, Faults};
use super::manual::{self, Topic};

/// Bytes of the file.
pub(super) type Span = Range<usize>;

/// Enough to mend in one sitting; a thousandth would only bury the first.
const SHOWN: usize = 100;
/// A longer line is named, not drawn: no terminal could show it.
const DRAWN_LINE: usize = 1_000;

/// Faults are recorded through `&self`, so that a section and the sections
/// inside it can hold the report at the same time.
pub(super) struct Report<'t> {
    name: &'t str,
    text: &'t str,
    /// Where each line starts.
    lines: Vec<usize>,
    found: RefCell<Vec<Found>>,
    secret: RefCell<Vec<Span>>,
    /// Where each key's value is: the heading and the key.
    keys: RefCell<Vec<(Span, &'static str, &'static str)>>,
}

struct Found {
    span: Span,
    kind: Kind,
    message: String,
    help: String,
    /// The heading and key it is about; without, what its place belongs to.
    about: Option<(&'static str, &'static str)>,
    /// Where a key is unknown: those that are known.
    keys: Vec<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Not TOML.
    Syntax,
    Wrong,
    /// Something is not there; it may be, where the file cannot be read.
    Absent,
    Doubtful,
}

impl<'t> Report<'t> {
    pub(super) fn new(name: &'t str, text: &'t str) -> Self {
        let lines = iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self {
            name,
            text,
            lines,
            found: RefCell::default(),
            secret: RefCell::default(),
            keys: RefCell::default(),
        }
    }

    pub(super) fn syntax(&self, span: Span, message: &str, help: impl Into<String>) {
        self.record(Kind::Syntax, span, message, help);
    }

    pub(super) fn wrong(&self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.record(Kind::Wrong, span, message, help);
    }

    pub(super) fn absent(&self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.record(Kind::Absent, span, message, help);
    }

    pub(super) fn warn(&self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.record(Kind::Doubtful, span, message, help);
    }

    /// A key that is not known, or not there; `about` is the heading and key that explain it.
    pub(super) fn unknown(
        &self,
        span: Span,
        about: (&'static str, &'static str),
        (message, help): (String, String),
        keys: Vec<&'static str>,
    ) {
        self.keep(Found { span, kind: Kind::Wrong, message, help, about: Some(about), keys });
    }

    pub(super) fn missing(
        &self,
        span: Span,
        about: (&'static str, &'static str),
        message: String,
        help: String,
    ) {
        self.keep(Found { span, kind: Kind::Absent, message, help, about: Some(about), keys: Vec::new() });
    }

    /// The value of a key stands there.
    pub(super) fn key(&self, span: Span, heading: &'static str, key: &'static str) {
        self.keys.borrow_mut().push((span, heading, key));
    }

    /// Nothing but warnings so far.
    pub(super) fn is_clean(&self) -> bool {
        self.found.borrow().iter().all(|it| it.kind == Kind::Doubtful)
    }

    /// Draws what stands there as stars.
    pub(super) fn hide(&self, span: Span) {
        self.secret.borrow_mut().push(span);
    }

    /// The line a place is on, from 1.
    pub(super) fn line(&self, span: &Span) -> usize {
        self.lines.partition_point(|&start| start <= span.start)
    }

    /// Warnings, if nothing is wrong.
    pub(super) fn finish(self) -> Result<Vec<Fault>, Faults> {
        let mut found = self.found.take();
        found.sort_by_key(|it| (it.span.start, it.kind));
        self.drop_what_follows(&mut found);
        let text = self.without_secrets();
        let (doubtful, wrong): (Vec<Found>, Vec<Found>) =
            found.into_iter().partition(|it| it.kind == Kind::Doubtful);
        let draw = |found: &[Found]| found.iter().take(SHOWN).map(|it| self.draw(&text, it)).collect();
        let warnings: Vec<Fault> = draw(&doubtful);
        if wrong.is_empty() {
            return Ok(warnings);
        }
        let hidden = wrong.len().saturating_sub(SHOWN);
        Err(Faults { name: self.name.to_owned(), shown: draw(&wrong), hidden, warnings })
    }

    fn record(&self, kind: Kind, span: Span, message: impl Into<String>, help: impl Into<String>) {
        let (message, help) = (message.into(), help.into());
        self.keep(Found { span, kind, message, help, about: None, keys: Vec::new() });
    }

    fn keep(&self, mut found: Found) {
        let start = self.text.floor_char_boundary(found.span.start);
        found.span = start..self.text.ceil_char_boundary(found.span.end).max(start);
        self.found.borrow_mut().push(found);
    }

    /// What the manual has on it: the topic of the smallest value it lies in.
    fn topic(&self, found: &Found) -> Option<&'static Topic> {
        let around = || {
            let keys = self.keys.borrow();
            let holds = |it: &Span| it.start <= found.span.start && found.span.end <= it.end;
            let inside = keys.iter().filter(|(it, ..)| !found.span.is_empty() && holds(it));
            inside.min_by_key(|(it, ..)| it.len()).map(|(_, heading, key)| (*heading, *key))
        };
        let named = |(heading, key)| manual::find(&path(heading, key)?);
        found.about.and_then(named).or_else(|| around().and_then(named))
    }

    /// A line that is no TOML was not read: what is missing may stand on it,
    /// its values have no place, and one thing said of it is enough.
    fn drop_what_follows(&self, found: &mut Vec<Found>) {
        let mut unread: Vec<usize> =
            found.iter().filter(|it| it.kind == Kind::Syntax).map(|it| self.line(&it.span)).collect();
        unread.dedup();
        if unread.is_empty() {
            return;
        }
        let mut told = 0;
        found.retain(|it| {
            let line = self.line(&it.span);
            let first = line != told;
            match it.kind {
                Kind::Syntax => told = line,
                Kind::Absent => return false,
                Kind::Wrong | Kind::Doubtful => {
                    return !it.span.is_empty() && unread.binary_search(&line).is_err();
                }
            }
            first
        });
    }

    fn without_secrets(&self) -> String {
        let mut text = self.text.to_owned();
        for span in self.secret.borrow().iter() {
            let span = text.floor_char_boundary(span.start)..text.ceil_char_boundary(span.end);
            let stars: String = text[span.clone()].chars().map(star).collect();
            text.replace_range(span, &stars);
        }
        text
    }

    fn draw(&self, text: &str, found: &Found) -> Fault {
        let line = self.line(&found.span);
        let start = self.lines.get(line - 1).copied().unwrap_or_default();
        let end = text[start..].find(['\n', '\r']).map_or(text.len(), |length| start + length);
        let end = end.max(found.span.start);
        let column = 1 + text.get(start..found.span.start).map_or(0, |before| before.chars().count());
        let excerpt = &text[start..end];
        let level = if found.kind == Kind::Doubtful { Level::WARNING } else { Level::ERROR };
        let title = level.primary_title(found.message.as_str());
        let drawn = if DRAWN_LINE < excerpt.len() {
            title.element(Origin::path(self.name).line(line).char_column(column))
        } else {
            let here = found.span.start - start..found.span.end.min(end).max(found.span.start) - start;
            let snippet = Snippet::source(excerpt).line_start(line).path(self.name);
            title.element(snippet.annotation(AnnotationKind::Primary.span(here)))
        };
        let mut drawn = drawn.element(Level::HELP.message(found.help.as_str()));
        let topic = self.topic(found);
        if let Some(Topic { path, line, .. }) = topic {
            let see = format!("see `porchlight manual {path}` (its line {line})");
            drawn = drawn.element(Level::NOTE.message(see));
        }
        let report = Renderer::plain().render(&[drawn]);
        let manual = topic.map(|it| it.path.as_str());
        let name = self.name.to_owned();
        let (message, help, keys) = (found.message.clone(), found.help.clone(), found.keys.clone());
        Fault { name, line, column, message, help, keys, manual, report }
    }
}

/// The manual's name for a key under a heading as the file writes it; an empty
/// key is the heading's own. Tables within values have no topic of their own.
fn path(heading: &str, key: &str) -> Option<String> {
    if heading == "the file" {
        return Some(key.to_owned());
    }
    let table = heading.strip_prefix('[')?.trim_matches(['[', ']']);
    Some(if key.is_empty() { table.to_owned() } else { format!("{table}.{key}") })
}

/// What hides a character; as long as it, so that every place stays where it is.
fn star(hidden: char) -> char {
    match hidden.len_utf8() {
        _ if hidden == '\n' => '\n',
        1 => '*',
        2 => '·',
        3 => '＊',
        _ => '🞵',
    }
}
