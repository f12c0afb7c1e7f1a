//! Every sentence a person reads, in both languages.

pub mod time;
mod told;

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

use crate::domain::component::Lang;

pub use fluent_bundle::FluentValue as Value;
pub use told::Cause;

/// The sentences of one language.
pub struct Words {
    lang: Lang,
    bundle: FluentBundle<FluentResource>,
}

static ZH: LazyLock<Words> = LazyLock::new(|| Words::parse(Lang::Zh));
static EN: LazyLock<Words> = LazyLock::new(|| Words::parse(Lang::En));

impl Words {
    pub fn get(lang: Lang) -> &'static Self {
        match lang {
            Lang::Zh => &ZH,
            Lang::En => &EN,
        }
    }

    pub fn lang(&self) -> Lang {
        self.lang
    }

    pub fn say(&self, key: &str) -> String {
        self.say_with(key, &[])
    }

    /// A sentence with its variables filled in. A key that is missing is said
    /// as itself, since a page with one odd word is better than none; the
    /// tests do not let one pass.
    pub fn say_with(&self, key: &str, with: &[(&str, Value<'_>)]) -> String {
        let Some(pattern) = self.bundle.get_message(key).and_then(|message| message.value()) else {
            debug_assert!(false, "{key} is missing in {}", self.lang.tag());
            return key.to_owned();
        };
        let args: FluentArgs<'_> = with.iter().map(|(name, value)| (*name, value.clone())).collect();
        let mut faults = Vec::new();
        let said = self.bundle.format_pattern(pattern, Some(&args), &mut faults);
        debug_assert!(faults.is_empty(), "{key} in {}: {faults:?}", self.lang.tag());
        said.into_owned()
    }

    /// `a、b、c` or `a, b, c`.
    pub fn list<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> String {
        names.into_iter().collect::<Vec<_>>().join(&self.say("list-comma"))
    }

    /// `a、b或c` or `a, b or c`.
    pub fn either(&self, names: &[&str]) -> String {
        match names {
            [ahead @ .., last] if !ahead.is_empty() => {
                format!("{}{}{last}", self.list(ahead.iter().copied()), self.say("list-or"))
            }
            _ => self.list(names.iter().copied()),
        }
    }

    fn parse(lang: Lang) -> Self {
        // A fault in the file leaves the sentences that are whole; the tests see it.
        let resource = match FluentResource::try_new(source(lang).to_owned()) {
            Ok(resource) | Err((resource, _)) => resource,
        };
        let tag: LanguageIdentifier = lang.tag().parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![tag]);
        // Marks for mixed writing directions, which neither language needs.
        bundle.set_use_isolating(false);
        bundle.add_resource_overriding(resource);
        Self { lang, bundle }
    }
}

fn source(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => include_str!("../../locales/zh-CN.ftl"),
        Lang::En => include_str!("../../locales/en.ftl"),
    }
}

#[cfg(test)]
mod tests;
