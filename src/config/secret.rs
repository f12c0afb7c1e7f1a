//! Secrets, by reference only: the file says where one is, never what it is.

use secrecy::{ExposeSecret, SecretString};

use super::report::{Report, Span};
use super::section::{Entry, Section};
use super::surroundings::Surroundings;
use super::value::string;

/// How secrets are looked up for this file.
pub(super) struct Secrets<'a> {
    pub(super) around: &'a Surroundings<'a>,
    /// A world-readable file is a fault, not a warning.
    pub(super) strict: bool,
    /// The file has a `[sample]`.
    pub(super) sample: bool,
}

/// The keys that make a table a reference to a secret.
pub(super) const PLACES: [&str; 3] = ["env", "file", "sample"];
const HOW: &str = "write { env = \"NAME\" }, { file = \"path\" } or { sample = \"password\" }";

/// Whether a table is a reference to a secret rather than a table of values.
pub(super) fn is_reference(table: &toml::de::DeTable<'_>) -> bool {
    let known = |key: &str| key == "prefix" || PLACES.contains(&key);
    PLACES.iter().any(|&key| table.contains_key(key)) && table.keys().all(|key| known(key.get_ref()))
}

impl Secrets<'_> {
    /// Looks up `{ env = … }`, `{ file = … }` or `{ sample = … }`, each with an
    /// optional `prefix = "Bearer "` in front.
    pub(super) fn read(&self, report: &Report<'_>, entry: Entry<'_>) -> Option<SecretString> {
        let whole = entry.span();
        // Whatever stands where a reference belongs may be the secret itself.
        if entry.get_ref().as_table().is_none() {
            report.hide(whole.clone());
            report.wrong(whole, "a secret does not belong in this file", HOW);
            return None;
        }
        Section::read(report, "a secret", entry, |section| {
            let written = PLACES.map(|place| (place, section.take(place)));
            let mut written = written.into_iter().filter_map(|(place, entry)| Some((place, entry?)));
            let prefix = section.optional("prefix", |entry| string(entry).map(str::to_owned));
            // Whatever else stands in the braces may be the secret itself.
            section.hide_rest();
            let Some((place, entry)) = written.next() else {
                report.absent(whole, "this secret is nowhere", HOW);
                return None;
            };
            if let Some((other, entry)) = written.next() {
                report.wrong(entry.span(), format!("a secret is in one place: `{place}` or `{other}`"), HOW);
            }
            let named = match string(&entry) {
                Ok(named) => named,
                Err(_) => {
                    report.wrong(entry.span(), format!("`{place}` needs a text"), HOW);
                    return None;
                }
            };
            let found = match place {
                "env" => self.env(report, entry.span(), named),
                "file" => self.file(report, entry.span(), named),
                _ => self.sample(report, entry.span(), named),
            }?;
            Some(match prefix {
                Some(prefix) => format!("{}{}", prefix.get_ref(), found.expose_secret()).into(),
                None => found,
            })
        })?
    }

    /// A secret is not kept well: a warning, or a fault where the file says `strict`.
    pub(super) fn mind(&self, report: &Report<'_>, span: Span, message: String, help: &str) {
        if self.strict { report.wrong(span, message, help) } else { report.warn(span, message, help) }
    }

    fn env(&self, report: &Report<'_>, span: Span, name: &str) -> Option<SecretString> {
        match (self.around.env)(name) {
            Some(value) if !value.is_empty() => Some(value.into()),
            Some(_) => {
                report.wrong(
                    span,
                    format!("the environment variable {name} is empty"),
                    "give it a value before starting",
                );
                None
            }
            None => {
                report.wrong(
                    span,
                    format!("the environment variable {name} is not set"),
                    "set it before starting, or use { file = \"…\" }",
                );
                None
            }
        }
    }

    fn file(&self, report: &Report<'_>, span: Span, path: &str) -> Option<SecretString> {
        let path = self.around.dir.join(path);
        let shown = path.display();
        let found = match (self.around.file)(&path) {
            Ok(found) => found,
            Err(error) => {
                report.wrong(
                    span,
                    format!("the secret file {shown} cannot be read: {error}"),
                    "a relative path starts at the directory of this file",
                );
                return None;
            }
        };
        if found.world_readable {
            let message = format!("every user of this machine may read {shown}");
            let help = format!("chmod 600 {shown}");
            self.mind(report, span.clone(), message, &help);
        }
        // Editors end a file with a newline; no secret does.
        let secret = found.text.expose_secret().trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            report.wrong(
                span,
                format!("the secret file {shown} is empty"),
                "write the secret into it, alone",
            );
            return None;
        }
        Some(secret.into())
    }

    fn sample(&self, report: &Report<'_>, span: Span, name: &str) -> Option<SecretString> {
        if !self.sample {
            report.absent(
                span,
                "there is no sample wallet to ask",
                "add [sample] to start it, or use { env = \"…\" }",
            );
            return None;
        }
        let found = (self.around.sample)(name);
        if found.is_none() {
            report.wrong(
                span,
                format!("the sample wallet has no secret `{name}`"),
                "it has `username`, `password`, `wrong_password`, `totp`, `phone` and `email`",
            );
        }
        found
    }
}
