//! The words that go over the socket. Both ends are ours, but need not be of one version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::exhibit::Exhibit;

/// Of this protocol; raised when an older reader would misunderstand a newer writer.
pub const VERSION: u32 = 1;
/// What may be asked, and what each question must name; for the sentence to who
/// asks otherwise.
const KNOWN: [(&str, Option<&str>); 9] = [
    ("status", None),
    ("reload", None),
    ("probe", Some("endpoint")),
    ("evidence", Some("endpoint")),
    ("notices", None),
    ("logins", None),
    ("resume", Some("account")),
    ("pauses", None),
    ("end_pause", Some("host")),
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    Status,
    /// Read the config anew.
    Reload,
    /// Knock once, now.
    Probe {
        endpoint: String,
    },
    /// What failing probes saw.
    Evidence {
        endpoint: String,
    },
    Notices,
    /// What was tried with each account.
    Logins,
    /// Let an account log in again.
    ResumeLogin {
        account: String,
    },
    /// At which hosts nobody knocks.
    Pauses,
    /// Knock at a host again.
    EndPause {
        host: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    v: u32,
    ask: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
}

impl Question {
    pub(super) fn line(&self) -> serde_json::Result<Vec<u8>> {
        let (mut endpoint, mut account, mut host) = (None, None, None);
        let ask = match self {
            Self::Status => "status",
            Self::Reload => "reload",
            Self::Probe { endpoint: named } => {
                endpoint = Some(named.clone());
                "probe"
            }
            Self::Evidence { endpoint: named } => {
                endpoint = Some(named.clone());
                "evidence"
            }
            Self::Notices => "notices",
            Self::Logins => "logins",
            Self::ResumeLogin { account: named } => {
                account = Some(named.clone());
                "resume"
            }
            Self::Pauses => "pauses",
            Self::EndPause { host: named } => {
                host = Some(named.clone());
                "end_pause"
            }
        };
        finished(&Asked { v: VERSION, ask: ask.to_owned(), endpoint, account, host })
    }

    /// Strictly: nothing that is not understood in full is answered.
    pub(super) fn read(line: &[u8]) -> Result<Self, String> {
        let Asked { v, ask, endpoint, account, host } =
            serde_json::from_slice(line).map_err(|why| format!("this is not a question ({why})"))?;
        if v != VERSION {
            return Err(format!("this daemon speaks version {VERSION} of the protocol, not {v}"));
        }
        match (ask.as_str(), endpoint, account, host) {
            ("status", None, None, None) => Ok(Self::Status),
            ("reload", None, None, None) => Ok(Self::Reload),
            ("probe", Some(endpoint), None, None) => Ok(Self::Probe { endpoint }),
            ("evidence", Some(endpoint), None, None) => Ok(Self::Evidence { endpoint }),
            ("notices", None, None, None) => Ok(Self::Notices),
            ("logins", None, None, None) => Ok(Self::Logins),
            ("resume", None, Some(account), None) => Ok(Self::ResumeLogin { account }),
            ("pauses", None, None, None) => Ok(Self::Pauses),
            ("end_pause", None, None, Some(host)) => Ok(Self::EndPause { host }),
            _ => Err(match KNOWN.iter().find(|(known, _)| *known == ask) {
                Some((_, Some(named))) => format!("`{ask}` names one `{named}` and nothing else"),
                Some((_, None)) => format!("`{ask}` names nothing else"),
                None => {
                    let known = KNOWN.map(|(known, _)| known).join(", ");
                    format!("this daemon does not know that question; it knows {known}")
                }
            }),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Answer {
    Status(Box<Status>),
    Reloaded(Reloaded),
    Knock(Box<Knock>),
    /// Newest first.
    Evidence {
        kept: Vec<EvidenceLine>,
    },
    Notices {
        notices: Vec<NoticeLine>,
    },
    Logins {
        logins: Vec<LoginLine>,
    },
    LoginResumed {
        stops: usize,
    },
    Pauses {
        pauses: Vec<PauseLine>,
    },
    PauseEnded {
        /// None when no pause was known by that name.
        hosts: Vec<String>,
    },
    Refused {
        why: Refusal,
        said: String,
    },
}

/// Why there is no better answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    NotUnderstood,
    NotAllowed,
    /// Too many talk already, or it took too long.
    Busy,
    NoSuchEndpoint,
    BadConfig,
    Failed,
}

impl Answer {
    pub fn refused(why: Refusal, said: impl Into<String>) -> Self {
        Self::Refused { why, said: said.into() }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answered {
    pub(super) v: u32,
    pub(super) answer: Answer,
}

impl Answered {
    pub(super) fn line(answer: Answer) -> serde_json::Result<Vec<u8>> {
        finished(&Self { v: VERSION, answer })
    }
}

fn finished(line: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// What a reload did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    pub config: String,
    pub said: Vec<String>,
    pub warnings: Vec<String>,
    pub restarted: Vec<String>,
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// The new id and the old.
    pub renamed: BTreeMap<String, String>,
    pub unchanged: usize,
    /// Keys whose change waits for a restart.
    pub kept: Vec<String>,
    /// Notices whose edit would have rewritten the past.
    #[serde(default)]
    pub refused: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub ready: bool,
    /// Why not.
    pub doubts: Vec<String>,
    pub verdict: String,
    pub daemon: DaemonLine,
    pub components: Vec<ComponentLine>,
    pub endpoints: Vec<EndpointLine>,
    pub own: Own,
    /// What an operator must know now, the heaviest first.
    #[serde(default)]
    pub notes: Vec<NoteLine>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoteLine {
    pub note: String,
    /// `notice`, `trouble` or `alarm`.
    pub weight: String,
    /// Of what kind the subject is: `endpoint`, `account`, …
    pub kind: String,
    pub subject: String,
    pub since: String,
    pub age_s: f64,
    pub said: String,
    pub todo: String,
}

/// What one failing probe saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvidenceLine {
    /// The start of an outage; else the last trouble.
    pub outage: bool,
    pub seen: Exhibit,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonLine {
    pub version: String,
    pub pid: u32,
    pub started_at: String,
    pub uptime_s: u64,
    pub page: String,
    pub config: String,
    pub data: String,
    pub socket: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentLine {
    pub id: String,
    pub name: String,
    pub status: String,
    pub public: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointLine {
    pub id: String,
    pub component: String,
    pub health: String,
    #[serde(default)]
    pub flapping: bool,
    /// Results of one kind that are still wanted before health changes.
    #[serde(default)]
    pub wanted: Option<Wanted>,
    pub last: Option<KnockLine>,
    pub next_in_s: Option<f64>,
    /// Until then its bells are not heeded: it wants us away, or is down for long.
    #[serde(default)]
    pub rests_s: Option<f64>,
    #[serde(default)]
    pub rests_until: Option<String>,
    /// `throttled`, `blocked`, `retry_after` or `down`.
    #[serde(default)]
    pub rests_because: Option<String>,
    /// Whose pause it is, if it is one.
    #[serde(default)]
    pub rests_host: Option<String>,
    /// A maintenance covers it: the schedule logs nobody in until then.
    #[serde(default)]
    pub no_login_until: Option<String>,
    pub dropped_rings: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// How many more.
    pub more: u32,
    /// The health they would make.
    pub health: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnockLine {
    pub at: String,
    pub age_s: f64,
    pub outcome: String,
    pub reason: Option<String>,
    pub total_s: f64,
}

/// The daemon's own health.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Own {
    pub stalled_s_ago: Option<f64>,
    pub doubts_clock: bool,
    pub doubts_network: bool,
    /// Those that have canaries.
    #[serde(default)]
    pub networks: Vec<NetworkLine>,
    pub storing: bool,
    pub not_stored_since: Option<String>,
    pub waiting: u64,
    pub lost: u64,
    pub commits: u64,
    /// A page of the database is broken.
    #[serde(default)]
    pub damaged: bool,
    /// The database's file was removed or replaced.
    #[serde(default)]
    pub vanished: bool,
    pub rendered_s_ago: Option<f64>,
}

/// A network of ours, by its canaries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkLine {
    pub id: String,
    /// None while it works.
    pub lost_since: Option<String>,
    /// `unreachable`, `no_names` or `portal`.
    pub why: Option<String>,
    /// What each canary said last; none before its first word.
    pub canaries: Vec<CanaryLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryLine {
    pub url: String,
    pub said: Option<String>,
}

/// One knock for a person, phase by phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Knock {
    pub endpoint: String,
    /// None where the kind has none.
    pub method: Option<String>,
    pub url: String,
    pub at: String,
    /// A maintenance covers it: the schedule logs nobody in until then.
    #[serde(default)]
    pub no_login_until: Option<String>,
    pub outcome: String,
    pub reason: Option<String>,
    pub http_status: Option<u16>,
    pub total_s: f64,
    pub deadline_s: f64,
    /// In their order.
    pub phases_s: Vec<(String, Option<f64>)>,
    pub peer: Option<String>,
    pub checks: Vec<Check>,
    pub error: Option<String>,
    #[serde(default)]
    pub evidence: Exhibit,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub assertion: String,
    /// None when the probe did not come as far as this.
    pub held: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeLine {
    pub id: String,
    pub kind: String,
    pub phase: String,
    pub title: String,
    pub starts_at: String,
    pub ends_at: Option<String>,
    pub covers: Vec<String>,
}

/// An account at an origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginLine {
    /// `-` when a wrong password is sent with nobody's name.
    pub account: String,
    pub origin: String,
    /// Of the last hour, oldest first.
    pub attempts: Vec<AttemptLine>,
    /// Why it does not log in until a person says so.
    pub stopped: Option<String>,
    pub stopped_since: Option<String>,
    /// The next login comes no sooner, for want of budget.
    #[serde(default)]
    pub not_before: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptLine {
    pub at: String,
    /// `let_in`, `refused` or `not_known`.
    pub ended: String,
}

/// A host at which nobody knocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PauseLine {
    /// With its port.
    pub host: String,
    /// `throttled` or `blocked`.
    pub reason: String,
    pub since: String,
    pub until: String,
    pub left_s: f64,
    /// Which pause it is since the host was fine: each is longer.
    pub nth: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_reads_back_as_it_was_written() {
        let questions = [
            Question::Status,
            Question::Reload,
            Question::Probe { endpoint: "web".into() },
            Question::Evidence { endpoint: "web".into() },
            Question::Notices,
            Question::Logins,
            Question::ResumeLogin { account: "web".into() },
            Question::Pauses,
            Question::EndPause { host: "web".into() },
        ];
        assert_eq!(questions.len(), KNOWN.len());
        for question in questions {
            assert_eq!(Question::read(&question.line().unwrap()), Ok(question));
        }
    }

    #[test]
    fn what_is_not_understood_in_full_gets_a_sentence() {
        let said = |line: &str| Question::read(line.as_bytes()).unwrap_err();
        insta::assert_snapshot!(said(r#"{"v":2,"ask":"status"}"#), @"this daemon speaks version 1 of the protocol, not 2");
        insta::assert_snapshot!(said(r#"{"v":1,"ask":"stop"}"#), @"this daemon does not know that question; it knows status, reload, probe, evidence, notices, logins, resume, pauses, end_pause");
        insta::assert_snapshot!(said(r#"{"v":1,"ask":"probe"}"#), @"`probe` names one `endpoint` and nothing else");
        insta::assert_snapshot!(said(r#"{"v":1,"ask":"reload","endpoint":"web"}"#), @"`reload` names nothing else");
        insta::assert_snapshot!(said(r#"{"v":1,"ask":"end_pause","account":"web"}"#), @"`end_pause` names one `host` and nothing else");
        for line in [r#"{"v":1,"ask":"status","force":true}"#, "GET / HTTP/1.1", "", "[]", "{", "\u{0}"] {
            assert!(said(line).starts_with("this is not a question ("), "{line}");
        }
    }
}
