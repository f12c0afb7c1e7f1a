//! Gathers what is wrong while a file is walked, and draws it at the end.

use std::cell::RefCell;
use std::collections::HashSet;
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
    found: RefCell<Vec<Found>>,
    secret: RefCell<Vec<Span>>,
}

struct Found {
    span: Span,
    kind: Kind,
    message: String,
    help: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
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
        Self { name, text, found: RefCell::default(), secret: RefCell::default() }
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

    /// Draws what stands there as stars.
    pub(super) fn hide(&self, span: Span) {
        self.secret.borrow_mut().push(span);
    }

    /// The line a place is on, from 1.
    pub(super) fn line(&self, span: &Span) -> usize {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        1 + before.iter().filter(|&&byte| byte == b'\n').count()
    }

    /// Warnings, if nothing is wrong.
    pub(super) fn finish(self) -> Result<Vec<Fault>, Faults> {
        let mut found = self.found.take();
        found.sort_by_key(|it| it.span.start);
        // What cannot be read was not read: nothing is said to be missing, and
        // nothing else is said of the same line.
        let unread: HashSet<usize> =
            found.iter().filter(|it| it.kind == Kind::Syntax).map(|it| self.line_start(it.span.start)).collect();
        found.retain(|it| {
            let follows = it.kind == Kind::Absent || unread.contains(&self.line_start(it.span.start));
            it.kind == Kind::Syntax || unread.is_empty() || !follows
        });

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

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }

    fn without_secrets(&self) -> String {
        let mut text = self.text.to_owned();
        for span in self.secret.borrow().iter() {
            let span = text.floor_char_boundary(span.start)..text.ceil_char_boundary(span.end);
            let stars = text[span.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' });
            let stars: String = stars.collect();
            text.replace_range(span, &stars);
        }
        text
    }

    fn draw(&self, text: &str, found: &Found) -> Fault {
        let start = self.line_start(found.span.start);
        let line = self.line(&found.span);
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
