//! The words that go over the socket. Both ends are ours, but need not be of one version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::exhibit::Exhibit;

/// Of this protocol; raised when an older reader would misunderstand a newer writer.
pub const VERSION: u32 = 1;
/// Names of questions, for the sentence to who asks another.
const KNOWN: &str = "status, reload, probe, evidence, notices, logins, resume";

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
}

impl Question {
    pub(super) fn line(&self) -> serde_json::Result<Vec<u8>> {
        let (ask, endpoint) = match self {
            Self::Status => ("status", None),
            Self::Reload => ("reload", None),
            Self::Probe { endpoint } => ("probe", Some(endpoint.clone())),
            Self::Evidence { endpoint } => ("evidence", Some(endpoint.clone())),
            Self::Notices => ("notices", None),
            Self::Logins => ("logins", None),
            Self::ResumeLogin { account } => {
                let (ask, account) = ("resume".to_owned(), Some(account.clone()));
                return finished(&Asked { v: VERSION, ask, endpoint: None, account });
            }
        };
        finished(&Asked { v: VERSION, ask: ask.to_owned(), endpoint, account: None })
    }

    /// Strictly: nothing that is not understood in full is answered.
    pub(super) fn read(line: &[u8]) -> Result<Self, String> {
        let asked: Asked =
            serde_json::from_slice(line).map_err(|why| format!("this is not a question ({why})"))?;
        if asked.v != VERSION {
            return Err(format!("this daemon speaks version {VERSION} of the protocol, not {}", asked.v));
        }
        match (asked.ask.as_str(), asked.account) {
            ("resume", Some(account)) if asked.endpoint.is_none() => {
                return Ok(Self::ResumeLogin { account });
            }
            ("resume", _) => return Err("`resume` needs an `account` and nothing else".to_owned()),
            (_, Some(_)) => return Err(format!("`{}` takes no `account`", asked.ask)),
            (_, None) => (),
        }
        match (asked.ask.as_str(), asked.endpoint) {
            ("logins", None) => Ok(Self::Logins),
            ("status", None) => Ok(Self::Status),
            ("reload", None) => Ok(Self::Reload),
            ("notices", None) => Ok(Self::Notices),
            ("probe", Some(endpoint)) => Ok(Self::Probe { endpoint }),
            ("evidence", Some(endpoint)) => Ok(Self::Evidence { endpoint }),
            ("probe" | "evidence", None) => Err(format!("`{}` needs an `endpoint`", asked.ask)),
            ("status" | "reload" | "notices" | "logins", Some(_)) => {
                Err(format!("`{}` takes no `endpoint`", asked.ask))
            }
            _ => Err(format!("this daemon does not know that question; it knows {KNOWN}")),
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
    /// The account that logs in no more, until somebody says `porchlight login resume` it.
    #[serde(default)]
    pub stopped: Option<String>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_reads_back_as_it_was_written() {
        let probe = Question::Probe { endpoint: "web".into() };
        let evidence = Question::Evidence { endpoint: "web".into() };
        for question in [Question::Status, Question::Reload, probe, evidence, Question::Notices] {
            assert_eq!(Question::read(&question.line().unwrap()), Ok(question));
        }
    }

    #[test]
    fn what_is_not_understood_in_full_gets_a_sentence() {
        let said = |line: &str| Question::read(line.as_bytes()).unwrap_err();
        insta::assert_snapshot!(said(r#"{"v":2,"ask":"status"}"#), @"this daemon speaks version 1 of the protocol, not 2");
        insta::assert_snapshot!(said(r#"{"v":1,"ask":"stop"}"#), @"this daemon does not know that question; it knows status, reload, probe, evidence, notices, logins, resume");
        insta::assert_snapshot!(said(r#"{"v":1,"ask":"probe"}"#), @"`probe` needs an `endpoint`");
        insta::assert_snapshot!(said(r#"{"v":1,"ask":"reload","endpoint":"web"}"#), @"`reload` takes no `endpoint`");
        for line in [r#"{"v":1,"ask":"status","force":true}"#, "GET / HTTP/1.1", "", "[]", "{", "\u{0}"] {
            assert!(said(line).starts_with("this is not a question ("), "{line}");
        }
    }
}
