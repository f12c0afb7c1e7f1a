//! Takes keys out of one table of the file; what is left over is unknown.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::nearest::nearest;
use super::report::{Report, Span};

/// A value and where it stands.
pub(super) type Entry<'i> = Spanned<DeValue<'i>>;

/// Why a value is not what it should be, and what would be right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) help: String,
}

pub(super) fn wrong<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { message: message.into(), help: help.into() })
}

/// One table while it is read. Every reader records what is wrong and goes on,
/// so one fault never hides another.
pub(super) struct Section<'r, 'i> {
    pub(super) report: &'r Report<'r>,
    /// As the file writes it: `[site]`, `[[endpoint]]`, `name`.
    what: &'static str,
    pub(super) span: Span,
    table: DeTable<'i>,
    known: Vec<&'static str>,
    /// Keys that must be there and are not, with an example of each.
    missing: Vec<(&'static str, String)>,
}

impl<'r, 'i> Section<'r, 'i> {
    /// Reads a table whole: what `read` did not ask for is reported as unknown.
    pub(super) fn read<T>(
        report: &'r Report<'r>,
        what: &'static str,
        entry: Entry<'i>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        let span = entry.span();
        match entry.into_inner() {
            DeValue::Table(table) => Some(Self::read_table(report, what, Spanned::new(span, table), read)),
            other => {
                let message = format!("{what} is a table, this is {}", kind(&other));
                report.wrong(span, message, "write `{ key = value }` or a heading of its own");
                None
            }
        }
    }

    pub(super) fn read_table<T>(
        report: &'r Report<'r>,
        what: &'static str,
        table: Spanned<DeTable<'i>>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let span = table.span();
        let mut section =
            Self { report, what, span, table: table.into_inner(), known: Vec::new(), missing: Vec::new() };
        let done = read(&mut section);
        section.finish();
        done
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The text of `key`, which stays where it is.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.table.get(key).and_then(|entry| entry.get_ref().as_str())
    }

    /// Whether `key` is not there, or an empty list.
    pub(super) fn lacks(&self, key: &str) -> bool {
        let is_empty = |entry: &Entry<'_>| entry.get_ref().as_array().is_some_and(|list| list.is_empty());
        self.table.get(key).is_none_or(is_empty)
    }

    /// Where `key` is, if it is a single table.
    pub(super) fn table_at(&self, key: &str) -> Option<Span> {
        self.table.get(key).filter(|entry| entry.get_ref().is_table()).map(|entry| entry.span())
    }

    /// The raw value of `key`.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Entry<'i>> {
        self.known.push(key);
        let entry = self.table.remove(key)?;
        self.place(key, entry.span(), &entry);
        Some(entry)
    }

    /// Says where a key of the manual's stands, with all that is in it: of
    /// `capture.token = { … }` the table is `capture` and nothing more.
    fn place(&self, key: &'static str, span: Span, entry: &Entry<'i>) {
        if !self.what.starts_with('[') && self.what != "the file" {
            return;
        }
        self.report.key(span, self.what, key);
        if let DeValue::Table(table) = entry.get_ref()
            && self.what != "the file"
        {
            for (name, entry) in table {
                self.place(key, name.span().start..entry.span().end.max(name.span().end), entry);
            }
        }
    }

    /// The raw value of a key that must be there; `example` is shown when it is not.
    pub(super) fn need(&mut self, key: &'static str, example: &str) -> Option<Entry<'i>> {
        let entry = self.take(key);
        if entry.is_none() {
            self.missing.push((key, example.to_owned()));
        }
        entry
    }

    /// None when it is not there, or is wrong and recorded.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Entry<'i>) -> Result<T, Wrong>,
    ) -> Option<Spanned<T>> {
        let entry = self.take(key)?;
        checked(self.report, &entry, read)
    }

    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&Entry<'i>) -> Result<T, Wrong>,
    ) -> Option<Spanned<T>> {
        let entry = self.need(key, example)?;
        checked(self.report, &entry, read)
    }

    /// The good ones of a list of at most `limit`; a single value is a list of one.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        limit: usize,
        read: impl Fn(&Entry<'i>) -> Result<T, Wrong>,
    ) -> Vec<Spanned<T>> {
        let entries = self.entries(key, limit);
        entries.iter().filter_map(|entry| checked(self.report, entry, &read)).collect()
    }

    /// The raw values of a list of at most `limit`; a single value is a list of one.
    pub(super) fn entries(&mut self, key: &'static str, limit: usize) -> Vec<Entry<'i>> {
        let Some(entry) = self.take(key) else { return Vec::new() };
        let span = entry.span();
        let entries: Vec<Entry<'i>> = match entry.into_inner() {
            DeValue::Array(array) => array.into_iter().collect(),
            single => vec![Spanned::new(span.clone(), single)],
        };
        if limit < entries.len() {
            let message = format!("`{key}` has {} entries", entries.len());
            self.report.wrong(span, message, format!("at most {limit} are allowed"));
        }
        entries
    }

    /// Takes those keys out of the table at `key` that `wanted` takes; what is left
    /// stays there, and a table with nothing left is taken whole.
    pub(super) fn part(
        &mut self,
        key: &'static str,
        wanted: fn(&str) -> bool,
    ) -> Vec<(Spanned<String>, Entry<'i>)> {
        let Some(entry) = self.table.get_mut(key) else { return Vec::new() };
        let DeValue::Table(table) = entry.get_mut() else { return Vec::new() };
        let (taken, left): (Vec<_>, Vec<_>) =
            std::mem::take(table).into_iter().partition(|(name, _)| wanted(name.get_ref()));
        for (name, entry) in &taken {
            self.report.key(name.span().start..entry.span().end.max(name.span().end), self.what, key);
        }
        let nothing_left = left.is_empty() && !taken.is_empty();
        *table = left.into_iter().collect();
        if nothing_left {
            self.take(key);
        }
        in_order(taken.into_iter().collect())
    }

    /// All keys at once, in the order of the file, for tables whose keys the
    /// operator makes up.
    pub(super) fn rest(&mut self) -> Vec<(Spanned<String>, Entry<'i>)> {
        in_order(std::mem::take(&mut self.table))
    }

    /// Draws all values not yet taken as stars.
    pub(super) fn hide_rest(&self) {
        for entry in self.table.values() {
            self.report.hide(entry.span());
        }
    }

    /// Takes the keys that are not asked for and yet `known`, with a fault for each.
    pub(super) fn refuse_rest(
        &mut self,
        known: impl Fn(&str) -> bool,
        fault: impl Fn(&str) -> (String, String),
    ) {
        let table = std::mem::take(&mut self.table);
        for (key, entry) in table {
            if known(key.get_ref()) {
                let (message, help) = fault(key.get_ref());
                self.report.wrong(key.span(), message, help);
            } else {
                self.table.insert(key, entry);
            }
        }
    }

    fn finish(mut self) {
        let what = self.what;
        for (key, _) in &self.table {
            let name = quoted(key.get_ref());
            let meant = nearest(key.get_ref(), self.known.iter().copied());
            let help = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the keys here are {}", listed("and", &self.known)),
            };
            // A key that is misspelt is not missing as well.
            self.missing.retain(|(missing, _)| Some(*missing) != meant);
            let about = (what, meant.unwrap_or_default());
            self.report.unknown(key.span(), about, format!("unknown key {name} in {what}"), help);
        }
        for (key, example) in &self.missing {
            let help = format!("write `{key} = {example}`");
            self.report.missing(self.span.clone(), (what, key), format!("{what} has no `{key}`"), help);
        }
    }
}

/// The entries of a table in the order of the file.
pub(super) fn in_order<'i>(table: DeTable<'i>) -> Vec<(Spanned<String>, Entry<'i>)> {
    let owned = |(key, entry): (Spanned<std::borrow::Cow<'i, str>>, Entry<'i>)| {
        (Spanned::new(key.span(), key.into_inner().into_owned()), entry)
    };
    let mut rest: Vec<_> = table.into_iter().map(owned).collect();
    rest.sort_by_key(|(key, _)| key.span().start);
    rest
}

/// Runs a reader over one value and records what it minds.
pub(super) fn checked<'i, T>(
    report: &Report<'_>,
    entry: &Entry<'i>,
    read: impl FnOnce(&Entry<'i>) -> Result<T, Wrong>,
) -> Option<Spanned<T>> {
    match read(entry) {
        Ok(good) => Some(Spanned::new(entry.span(), good)),
        Err(Wrong { message, help }) => {
            report.wrong(entry.span(), message, help);
            None
        }
    }
}

/// What a value is, in a sentence.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Something the operator wrote, fit to stand in a sentence.
pub(super) fn quoted(text: &str) -> String {
    /// Longer than any name we know.
    const SHOWN: usize = 60;
    let shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let more = if text.chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!("`{}{more}`", shown.replace("\\\"", "\"").replace("\\'", "'"))
}

/// `a`, `b` and `c`; or with another last word.
pub(super) fn listed<'a>(
    last_word: &str,
    names: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>,
) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {last_word} {last}", first.join(", ")),
    }
}
