//! What the templates place: finished words, made here and computed nowhere else.

pub mod component_page;
pub mod frame;
pub mod front;
pub mod lead;
pub mod method;
pub mod notices;
pub mod strip;

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::component::{Lang, Text};
use crate::domain::endpoint::ComponentId;
use crate::domain::facts::Site;
use crate::domain::notice::Maintenance;
use crate::domain::outage::Outage;
use crate::domain::status::Status;
use crate::domain::summary::Summary;
use crate::words::time::{self, Calendar};
use crate::words::{Value, Words};

/// All one needs to say something about a summary in one language.
pub struct Teller<'a> {
    pub words: &'static Words,
    pub lang: Lang,
    pub site: &'a Site,
    pub summary: &'a Summary,
    pub calendar: Calendar<'a>,
}

/// An instant for people and for machines.
pub struct Stamp {
    pub text: String,
    pub machine: String,
}

/// An operator's text with the language it is really in.
pub struct Said {
    pub text: String,
    /// Empty when it is the page's own.
    pub lang: &'static str,
    /// Says which language it is in, when it is not the page's own.
    pub label: String,
}

/// A status as shape, word and colour.
pub struct State {
    pub class: &'static str,
    pub word: String,
}

impl<'a> Teller<'a> {
    pub fn new(site: &'a Site, summary: &'a Summary, lang: Lang) -> Self {
        let calendar = Calendar { lang, zone: &site.zone, now: summary.now.wall };
        Self { words: Words::get(lang), lang, site, summary, calendar }
    }

    pub fn say(&self, key: &str) -> String {
        self.words.say(key)
    }

    pub fn say_with(&self, key: &str, with: &[(&str, Value<'_>)]) -> String {
        self.words.say_with(key, with)
    }

    pub fn length(&self, length: Duration) -> String {
        time::length(self.lang, length)
    }

    /// To the minute; the date only when it is not today.
    pub fn minute(&self, at: Timestamp) -> Stamp {
        Stamp { text: self.calendar.minute(at), machine: self.calendar.rfc3339(at) }
    }

    /// To the second; the date only when it is not today.
    pub fn second(&self, at: Timestamp) -> Stamp {
        Stamp { text: self.calendar.second(at), machine: self.calendar.rfc3339(at) }
    }

    pub fn window(&self, from: Timestamp, to: Option<Timestamp>) -> String {
        self.calendar.window(from, to, &self.say("during"))
    }

    /// From when to when, and how often when it came and went.
    pub fn outage_window(&self, outage: &Outage) -> String {
        let window = self.window(outage.from, outage.to);
        if outage.times == 1 {
            return window;
        }
        self.say_with("outage-times", &[("window", window.into()), ("n", outage.times.into())])
    }

    pub fn said(&self, text: &Text) -> Said {
        said(self.words, text)
    }

    pub fn state(&self, status: Status) -> State {
        State { class: class(status), word: self.words.status(status) }
    }

    /// The name of a public component; its id when it is no longer one.
    pub fn name(&self, id: &ComponentId) -> String {
        let component = self.summary.components.iter().find(|it| &it.component.id == id);
        component.map_or_else(|| id.to_string(), |it| it.component.name.read(self.lang).1.to_owned())
    }

    /// The public components a notice is about, by whole or by part.
    pub fn covered_by(&self, maintenance: &Maintenance) -> String {
        let covers = &maintenance.covers;
        let concerned = self.summary.components.iter().filter(|it| {
            covers.components.contains(&it.component.id)
                || it.parts.iter().any(|part| covers.endpoints.contains(&part.endpoint))
        });
        let names: Vec<&str> = concerned.map(|it| it.component.name.read(self.lang).1).collect();
        self.words.list(names)
    }
}

pub fn said(words: &Words, text: &Text) -> Said {
    let (lang, read) = text.read(words.lang());
    let foreign = lang != words.lang();
    let label = match lang {
        _ if !foreign => String::new(),
        Lang::Zh => words.say("only-chinese"),
        Lang::En => words.say("only-english"),
    };
    Said { text: read.to_owned(), lang: if foreign { lang.tag() } else { "" }, label }
}

/// The class of a status in the style sheet, and the name of its shape.
pub fn class(status: Status) -> &'static str {
    match status {
        Status::Operational => "ok",
        Status::Degraded => "degraded",
        Status::Partial => "partial",
        Status::Major => "major",
        Status::Maintenance => "maint",
        Status::Unknown => "unknown",
    }
}

/// The shape as a character, for titles.
pub fn icon(status: Status) -> &'static str {
    match status {
        Status::Operational => "✓",
        Status::Degraded => "▽",
        Status::Partial => "△",
        Status::Major => "✕",
        Status::Maintenance => "◇",
        Status::Unknown => "○",
    }
}
