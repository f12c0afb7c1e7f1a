//! What the socket's questions are answered with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::live::chain;
use super::{Live, Load, ReloadError};
use crate::control::{
    self, Answer, Answers, AttemptLine, CanaryLine, Check, ComponentLine, DaemonLine, Door, EndpointLine,
    EvidenceLine, Knock, KnockLine, LoginLine, NetworkLine, NoteLine, NoticeLine, Own, Question, Refusal,
    Status, Wanted,
};
use crate::domain::component::{Component, Lang, Text};
use crate::domain::endpoint::{Endpoint, Id};
use crate::domain::facts::{EndpointFacts, Facts, Storing};
use crate::domain::moment::{Moment, between};
use crate::domain::note::Note;
use crate::domain::notice::{Announcement, Maintenance, Notices};
use crate::domain::outage::is_flapping;
use crate::domain::summary::summarize;
use crate::exhibit::{self, Exhibit};
use crate::pipeline::logins::{LoginBudget, LoginsAt};
use crate::probe::Probed;
use crate::probe::gate::Group;
use crate::store::{Kept, Of};

/// Knows the running daemon, and where its config came from.
struct Desk {
    live: Arc<Live>,
    load: Load,
    daemon: DaemonLine,
}

pub type LostLines = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Where a daemon's config comes from, and where its log goes.
pub struct Source {
    pub file: PathBuf,
    pub load: Load,
    /// Counts the lines of its log that nobody read in time.
    pub lost_lines: LostLines,
}

/// Opens the socket in the data directory. A daemon that cannot says so and
/// goes on: knocking and telling need no socket.
pub(super) fn open_door(live: &Arc<Live>, source: Source, page: String, data: &Path) {
    let door = match Door::open(data) {
        Ok(door) => door,
        Err(error) => {
            tracing::warn!("`porchlight status` and the like will not reach this daemon: {}", chain(&error));
            return;
        }
    };
    let daemon = DaemonLine {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        started_at: live.started.wall.to_string(),
        uptime_s: 0,
        page,
        config: absolute(&source.file),
        data: absolute(data),
        socket: absolute(door.path()),
    };
    let desk = Arc::new(Desk { live: live.clone(), load: source.load, daemon });
    live.tasks.spawn(control::serve(door, desk, live.stop.clone(), live.tasks.clone()));
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path)).display().to_string()
}

impl Answers for Desk {
    async fn answer(&self, question: Question) -> Answer {
        match question {
            Question::Status => self.status().await,
            Question::Reload => self.reload().await,
            Question::Probe { endpoint } => self.probe(&endpoint).await,
            Question::Evidence { endpoint } => self.evidence(&endpoint).await,
            Question::Logins => Answer::Logins { logins: login_lines(&self.live.logins) },
            Question::ResumeLogin { account } => match self.live.logins.resume(&account).await {
                Ok(stops) => Answer::LoginResumed { stops },
                Err(error) => Answer::refused(Refusal::Failed, chain(&error)),
            },
            Question::Pauses => Answer::Pauses { pauses: self.live.pauses() },
            Question::EndPause { host } => self.live.end_pause(&host).await,
            Question::Notices => {
                let facts = self.live.spine.facts.borrow().clone();
                let now = self.live.spine.clock.now();
                apart(move || Answer::Notices { notices: noticed(&facts, now) }).await
            }
        }
    }
}

impl Desk {
    async fn status(&self) -> Answer {
        let (live, daemon) = (Arc::clone(&self.live), self.daemon.clone());
        apart(move || Answer::Status(Box::new(status(&live, daemon)))).await
    }

    async fn reload(&self) -> Answer {
        match self.live.look_again(&self.load).await {
            Ok((done, warnings)) => {
                let ids = |ids: &[Id]| ids.iter().map(ToString::to_string).collect();
                Answer::Reloaded(control::Reloaded {
                    config: self.daemon.config.clone(),
                    said: done.sentences(),
                    warnings: warnings.iter().map(ToString::to_string).collect(),
                    restarted: ids(&done.restarted),
                    added: ids(&done.added),
                    removed: ids(&done.removed),
                    renamed: done
                        .renamed
                        .iter()
                        .map(|(old, new)| (new.to_string(), old.to_string()))
                        .collect(),
                    unchanged: done.unchanged,
                    kept: done.kept.iter().map(ToString::to_string).collect(),
                    refused: ids(&done.refused),
                })
            }
            Err(error @ ReloadError::Config(_)) => Answer::refused(Refusal::BadConfig, error.to_string()),
            Err(error) => Answer::refused(Refusal::Failed, chain(&error)),
        }
    }

    async fn probe(&self, wanted: &str) -> Answer {
        let worker = Id::parse(wanted).and_then(|id| self.live.crew.worker(&id));
        let Some(worker) = worker else {
            let said = "the running porchlight watches no endpoint of that id";
            return Answer::refused(Refusal::NoSuchEndpoint, said);
        };
        if worker.endpoint().kind.push().is_some() {
            return Answer::refused(Refusal::Failed, NOT_KNOCKED);
        }
        let no_login_until = worker.no_login_until();
        match self.live.crew.visit(worker).await {
            Ok((endpoint, probed)) => Answer::Knock(Box::new(knock(&endpoint, &probed, no_login_until))),
            Err(_) => Answer::refused(Refusal::Failed, "the knock was not finished; see the log"),
        }
    }

    /// Also of one that is not watched any more.
    async fn evidence(&self, wanted: &str) -> Answer {
        let (store, id) = (self.live.spine.store.clone(), Id::parse(wanted));
        apart(move || match id.map(|id| store.kept_evidence(&id)).transpose() {
            Ok(Some(Some(found))) => Answer::Evidence { kept: kept(found) },
            Ok(_) => Answer::refused(Refusal::NoSuchEndpoint, "nothing was ever known of such an endpoint"),
            Err(error) => Answer::refused(Refusal::Failed, chain(&error)),
        })
        .await
    }
}

/// What is kept, as a person is told of it: newest first.
pub fn kept(kept: Vec<Kept>) -> Vec<EvidenceLine> {
    let line = |it: Kept| {
        let outage = it.of == Of::OutageStart;
        Some(EvidenceLine { outage, seen: Exhibit::read(&it.seen)? })
    };
    kept.into_iter().filter_map(line).collect()
}

/// What was tried with each account, as a person is told of it.
pub fn login_lines(logins: &LoginBudget) -> Vec<LoginLine> {
    let line = |it: LoginsAt| LoginLine {
        account: it.door.account,
        origin: it.door.origin,
        attempts: it
            .attempts
            .iter()
            .map(|(at, ended)| AttemptLine { at: format!("{at:.0}"), ended: ended.wire().to_owned() })
            .collect(),
        stopped: it.stop.map(|it| it.reason.wire().to_owned()),
        stopped_since: it.stop.map(|it| format!("{:.0}", it.since)),
        not_before: it.not_before.map(|it| format!("{it:.0}")),
    };
    logins.list().into_iter().map(line).collect()
}

/// What takes a while with thousands of endpoints, off the async threads.
async fn apart(work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Answer::refused(Refusal::Failed, "the answer could not be made; see the log"))
}

fn status(live: &Live, daemon: DaemonLine) -> Status {
    let now = live.spine.clock.now();
    let facts = live.spine.facts.borrow().clone();
    let doubts = live.doubts();
    // The operator sees all components; the verdict looks at public ones only.
    let all: Vec<Component> =
        facts.components.iter().map(|it| Component { public: true, ..it.clone() }).collect();
    let whole = summarize(&Facts { components: all.into(), ..Facts::clone(&facts) }, now);
    let components = whole.components.iter().zip(facts.components.iter()).map(|(told, it)| ComponentLine {
        id: it.id.to_string(),
        name: in_both(&it.name),
        status: told.status.wire().to_owned(),
        public: it.public,
    });
    let uptime_s = now.mono.saturating_sub(live.started.mono).as_secs();
    Status {
        ready: doubts.is_empty(),
        doubts: doubts.iter().map(|it| it.sentence().to_owned()).collect(),
        verdict: summarize(&facts, now).verdict.wire().to_owned(),
        daemon: DaemonLine { uptime_s, ..daemon },
        components: components.collect(),
        endpoints: facts.endpoints.iter().map(|it| endpoint_line(live, it, now)).collect(),
        own: own(live, facts.storing, now),
        notes: live.spine.notes.list().iter().map(|it| note_line(it, now)).collect(),
    }
}

fn endpoint_line(live: &Live, it: &EndpointFacts, now: Moment) -> EndpointLine {
    let worker = live.crew.worker(&it.endpoint.id);
    let resting = worker.as_ref().and_then(|it| it.resting());
    let last = it.last.map(|last| KnockLine {
        at: last.at.to_string(),
        age_s: between(last.at, now.wall).as_secs_f64(),
        outcome: last.outcome.kind().to_owned(),
        reason: last.outcome.reason().map(str::to_owned),
        total_s: last.total.as_secs_f64(),
    });
    EndpointLine {
        id: it.endpoint.id.to_string(),
        component: it.endpoint.component.to_string(),
        health: it.told(now).wire().to_owned(),
        flapping: is_flapping(&it.told_history(now), now.wall),
        wanted: worker
            .as_ref()
            .and_then(|worker| worker.wanted())
            .map(|(more, health)| Wanted { more, health: health.wire().to_owned() }),
        last,
        next_in_s: worker.as_ref().and_then(|it| it.bell.due_in()).map(|it| it.as_secs_f64()),
        rests_s: resting.as_ref().map(|it| it.left.as_secs_f64()),
        rests_until: resting.as_ref().map(|it| format!("{:.0}", now.after(it.left).wall)),
        rests_because: resting.as_ref().map(|it| it.because.to_owned()),
        rests_host: resting.and_then(|it| it.host),
        no_login_until: worker.as_ref().and_then(|it| it.no_login_until()).map(|it| format!("{it:.0}")),
        dropped_rings: worker.map_or(0, |it| it.bell.dropped()),
    }
}

fn note_line(it: &Note, now: Moment) -> NoteLine {
    NoteLine {
        note: it.key.told.wire().to_owned(),
        weight: it.key.told.weight().wire().to_owned(),
        kind: it.key.subject.kind().to_owned(),
        subject: it.key.subject.name().to_owned(),
        since: it.since.to_string(),
        age_s: between(it.since, now.wall).as_secs_f64(),
        said: it.sentence(),
        todo: it.todo(),
    }
}

fn own(live: &Live, storing: Storing, now: Moment) -> Own {
    let (not_stored_since, waiting) = match storing {
        Storing::Works => (None, 0),
        Storing::Fails { since, waiting, .. } => (Some(since.to_string()), waiting),
    };
    let published = live.publisher.published_at();
    let files = *live.spine.store.soundness().borrow();
    Own {
        stalled_s_ago: live.own.last_stall().map(|it| it.as_secs_f64()),
        doubts_clock: live.own.doubts_the_clock(),
        doubts_network: live.own.doubts_the_network(),
        networks: live.own.gates.groups().iter().map(|it| network_line(it)).collect(),
        storing: storing == Storing::Works,
        not_stored_since,
        waiting,
        lost: live.spine.store.lost(),
        commits: live.spine.store.commits(),
        damaged: files.damaged,
        vanished: files.vanished,
        rendered_s_ago: published.map(|it| now.mono.saturating_sub(it.mono).as_secs_f64()),
    }
}

fn network_line(group: &Group) -> NetworkLine {
    let standing = group.standing();
    let canaries = group.network.canaries.iter().zip(&standing.canaries);
    NetworkLine {
        id: standing.network,
        lost_since: standing.lost.as_ref().map(|it| it.since.to_string()),
        why: standing.lost.as_ref().map(|it| it.why.wire().to_owned()),
        canaries: canaries
            .map(|(canary, said)| CanaryLine {
                url: canary.url.to_string(),
                said: said.map(|it| it.wire().to_owned()),
            })
            .collect(),
    }
}

/// What is said to who wants to knock at an endpoint that reports by itself.
pub const NOT_KNOCKED: &str =
    "nobody knocks at this endpoint: it reports by itself; `porchlight status` shows what it said last";

/// One knock as a person is told of it, whoever knocked.
pub fn knock(endpoint: &Endpoint, probed: &Probed, no_login_until: Option<Timestamp>) -> Knock {
    let seconds = |it: Duration| it.as_secs_f64();
    let result = &probed.result;
    Knock {
        endpoint: endpoint.id.to_string(),
        method: endpoint.flow().map(|it| it.first.request.method.as_str().to_owned()),
        url: endpoint.kind.place(),
        at: result.at.wall.to_string(),
        no_login_until: no_login_until.map(|it| format!("{it:.0}")),
        outcome: result.outcome.kind().to_owned(),
        reason: result.outcome.reason().map(str::to_owned),
        http_status: result.http_status,
        total_s: seconds(result.total),
        deadline_s: seconds(endpoint.deadline),
        phases_s: exhibit::phases(probed.phases),
        peer: probed.peer.map(|it| it.to_string()),
        checks: probed.checks.iter().map(|it| Check { assertion: it.sentence(), held: it.held }).collect(),
        error: probed.error.as_ref().map(ToString::to_string),
        evidence: Exhibit::of(&probed.evidence),
    }
}

/// All notices that are known, with the phase that readers are told.
fn noticed(facts: &Facts, now: Moment) -> Vec<NoticeLine> {
    let told = summarize(facts, now).maintenances;
    let phase = |it: &Maintenance| told.iter().find(|(told, _)| told.id == it.id).map(|(_, phase)| *phase);
    listed(&facts.notices, &facts.site.zone, now.wall, |it| {
        phase(it).unwrap_or_else(|| it.phase(None, now.wall)).wire().to_owned()
    })
}

/// Notices as a person is told of them, first what begins first; their times to
/// the second, in the page's zone, as the config has them.
pub fn listed(
    notices: &Notices,
    zone: &TimeZone,
    now: Timestamp,
    phase: impl Fn(&Maintenance) -> String,
) -> Vec<NoticeLine> {
    let here = |at: Timestamp| format!("{at:.0}", at = at.display_with_offset(zone.to_offset(at)));
    let maintenances = notices.maintenances.iter().map(|it| {
        let covers = it.covers.components.iter().chain(&it.covers.endpoints);
        let line = NoticeLine {
            id: it.id.to_string(),
            kind: "maintenance".to_owned(),
            phase: phase(it),
            title: in_both(&it.title),
            starts_at: here(it.starts_at),
            ends_at: Some(here(it.end())),
            covers: covers.map(ToString::to_string).collect(),
        };
        (it.starts_at, line)
    });
    let announcements = notices.announcements.iter().map(|it| {
        let line = NoticeLine {
            id: it.id.to_string(),
            kind: "announcement".to_owned(),
            phase: shown(it, now).to_owned(),
            title: in_both(&it.title),
            starts_at: here(it.starts_at),
            ends_at: [it.ends_at, it.ended_at].into_iter().flatten().min().map(here),
            covers: Vec::new(),
        };
        (it.starts_at, line)
    });
    let mut lines: Vec<(Timestamp, NoticeLine)> = maintenances.chain(announcements).collect();
    lines.sort_by_key(|(starts, _)| *starts);
    lines.into_iter().map(|(_, line)| line).collect()
}

fn shown(it: &Announcement, now: Timestamp) -> &'static str {
    if it.is_shown(now) {
        "shown"
    } else if now < it.starts_at {
        "scheduled"
    } else {
        "over"
    }
}

/// A text in each language it is written in.
fn in_both(text: &Text) -> String {
    let mut written: Vec<&str> = Lang::ALL.iter().filter_map(|lang| text.written(*lang)).collect();
    written.dedup();
    written.join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_for_everybody_is_told_once() {
        assert_eq!(in_both(&Text::Both { zh: "Web".to_owned(), en: "Web".to_owned() }), "Web");
        assert_eq!(in_both(&Text::Both { zh: "网页".to_owned(), en: "Web".to_owned() }), "网页 / Web");
    }
}
