//! A component: what readers see, a login method or something that supports one.

use super::endpoint::{ComponentId, EndpointId};

/// The languages the pages speak; the first is the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lang {
    Zh,
    En,
}

impl Lang {
    pub const ALL: [Self; 2] = [Self::Zh, Self::En];

    /// BCP 47.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }
}

/// A text an operator wrote, in one or both languages; never in neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    Both { zh: String, en: String },
    One(Lang, String),
}

impl Text {
    pub fn new(zh: Option<String>, en: Option<String>) -> Option<Self> {
        match (zh, en) {
            (Some(zh), Some(en)) => Some(Self::Both { zh, en }),
            (Some(zh), None) => Some(Self::One(Lang::Zh, zh)),
            (None, Some(en)) => Some(Self::One(Lang::En, en)),
            (None, None) => None,
        }
    }

    /// The text for a reader of `lang`, and the language it is really in.
    pub fn read(&self, lang: Lang) -> (Lang, &str) {
        match (self, lang) {
            (Self::Both { zh, .. }, Lang::Zh) => (Lang::Zh, zh),
            (Self::Both { en, .. }, Lang::En) => (Lang::En, en),
            (Self::One(written, text), _) => (*written, text),
        }
    }

    /// The text written in exactly `lang`, if there is one.
    pub fn written(&self, lang: Lang) -> Option<&str> {
        let (read, text) = self.read(lang);
        (read == lang).then_some(text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    pub id: ComponentId,
    pub name: Text,
    /// Shown as a heading over neighbouring components that share it.
    pub group: Option<Text>,
    pub role: Role,
    /// Shown to the public; the verdict looks at public components only.
    pub public: bool,
    /// Components whose users can log in through this one instead.
    pub alternative_to: Vec<ComponentId>,
    pub roll_up: RollUp,
    pub was: Vec<ComponentId>,
}

impl Component {
    /// A public way to log in, as a component is when nothing else is said.
    pub fn way(id: ComponentId, name: Text) -> Self {
        Self {
            id,
            name,
            group: None,
            role: Role::Login,
            public: true,
            alternative_to: vec![],
            roll_up: RollUp::All,
            was: vec![],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A way to log in; the verdict looks at these.
    Login,
    /// Something near it: account recovery, the app's version.
    Support,
}

/// How the health of several endpoints becomes one status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollUp {
    All,
    /// Operational while one is up, unless one of `critical` is down.
    Any {
        critical: Vec<EndpointId>,
    },
}
