//! What is wrong with a file, as the operator reads it.

use std::fmt;

/// One thing that is wrong, at one place; displays as a finished report with
/// the place underlined. Never holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file's.
    pub(super) name: String,
    /// From 1; so is `column`, in characters.
    pub line: usize,
    pub column: usize,
    pub message: String,
    /// What would be right.
    pub help: String,
    /// Where a key is unknown: those that are known there.
    pub keys: Vec<&'static str>,
    /// The topic of the manual that explains it: `endpoint.every`.
    pub manual: Option<&'static str>,
    pub(super) report: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report)
    }
}

impl Fault {
    /// All of it in one line, for a log.
    pub fn line(&self) -> String {
        let Self { name, line, column, message, help, .. } = self;
        let help = if help.is_empty() { String::new() } else { format!("; {help}") };
        format!("{name}:{line}:{column}: {message}{help}")
    }
}

/// Everything that is wrong with a file, in the order of its lines, so that one
/// look is enough to mend it all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    pub(super) name: String,
    pub(super) shown: Vec<Fault>,
    /// Beyond the number shown.
    pub(super) hidden: usize,
    /// What is doubtful, besides.
    pub(super) warnings: Vec<Fault>,
}

impl Faults {
    /// The faults that are shown.
    pub fn shown(&self) -> &[Fault] {
        &self.shown
    }

    /// How many there are, shown or not.
    pub fn count(&self) -> usize {
        self.shown.len() + self.hidden
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in self.shown.iter().chain(&self.warnings) {
            write!(f, "{fault}\n\n")?;
        }
        let faults = if self.count() == 1 { "fault" } else { "faults" };
        write!(f, "{} has {} {faults}", self.name, self.count())?;
        match self.hidden {
            0 => Ok(()),
            _ => write!(f, "; the first {} are shown", self.shown.len()),
        }
    }
}

impl std::error::Error for Faults {}
