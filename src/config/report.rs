//! Gathers what is wrong while a file is walked, and draws it at the end.

use std::cell::RefCell;
use std::iter;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

use super::fault::{Fault, Faults};

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
}

struct Found {
    span: Span,
    kind: Kind,
    message: String,
    help: String,
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
        Self { name, text, lines, found: RefCell::default(), secret: RefCell::default() }
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
        let start = self.text.floor_char_boundary(span.start);
        let span = start..self.text.ceil_char_boundary(span.end).max(start);
        self.found.borrow_mut().push(Found { span, kind, message: message.into(), help: help.into() });
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
        let drawn = drawn.element(Level::HELP.message(found.help.as_str()));
        let report = Renderer::plain().render(&[drawn]);
        Fault { line, column, message: found.message.clone(), help: found.help.clone(), report }
    }
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
