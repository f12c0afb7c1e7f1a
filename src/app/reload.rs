//! Puts another config in the place of the one that runs; what did not change does not notice.
//!
//! 1. What cannot change while running is kept as it was, and said.
//! 2. The workers whose endpoints get another id come to rest between two results.
//! 3. What is stored of newcomers is read; then one transaction writes everything
//!    down. Until it is committed nothing has changed, and any failure leaves it so.
//! 4. Workers, facts and schedule follow; nothing of that can fail.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::Live;
use crate::config::Config;
use crate::domain::account::Account;
use crate::domain::endpoint::{Endpoint, EndpointId, Id, NoticeId};
use crate::domain::facts::{EndpointFacts, Facts};
use crate::domain::judge::JudgeState;
use crate::domain::moment::minus;
use crate::domain::note::Subject;
use crate::domain::notice::{Notices, RewritesHistory};
use crate::pipeline::{self, Worker};
use crate::schedule::Change;
use crate::store::{self, Changed, StoreError};

/// How long the store may take to begin writing a reload down.
const STORE_PATIENCE: Duration = Duration::from_secs(10);
/// How long the page may take to follow before we say that it is late.
const PAGE_PATIENCE: Duration = Duration::from_secs(10);

/// What a reload did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reloaded {
    pub restarted: Vec<EndpointId>,
    pub added: Vec<EndpointId>,
    pub removed: Vec<EndpointId>,
    /// The old id and the new.
    pub renamed: Vec<(EndpointId, EndpointId)>,
    pub unchanged: usize,
    /// Keys whose change waits for a restart.
    pub kept: Vec<&'static str>,
    /// Notices whose edit would have rewritten the past.
    pub refused: Vec<NoticeId>,
    /// All that was written down, in that order.
    pub changes: Vec<Changed>,
    /// The page shows it already.
    pub shown: bool,
}

/// Why the old config keeps running.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The faults of the file, or why it could not be read.
    #[error("{0:#}")]
    Config(anyhow::Error),
    #[error("the reload could not be written down; try again when results are being stored")]
    Store(#[from] StoreError),
    #[error("the daemon is stopping")]
    Stopping,
    #[error("reading the new config was cut short")]
    CutShort(#[from] tokio::task::JoinError),
}

/// What is stored of the endpoints that are not watched yet.
type Newcomers = HashMap<EndpointId, (EndpointFacts, JudgeState)>;

/// What the transaction of a reload did.
struct Written {
    moved: Vec<(EndpointId, EndpointId)>,
    notices: Notices,
    refused: Vec<RewritesHistory>,
    changes: Vec<Changed>,
}

impl Live {
    /// Everything or nothing of `wanted`. `running` is what it replaces.
    pub(super) async fn replace(
        &self,
        running: &mut Config,
        mut wanted: Config,
    ) -> Result<Reloaded, ReloadError> {
        let kept = keep_what_is_open(running, &mut wanted);
        self.crew.forget_ended();
        let endpoints: Vec<Arc<Endpoint>> = wanted.endpoints.iter().cloned().map(Arc::new).collect();
        let mut at_rest = Vec::new();
        for worker in self.movers(&endpoints) {
            at_rest.push(worker.settled().await);
        }
        let mut newcomers = self.read_newcomers(&wanted.endpoints).await?;
        let written = self.write_down(running, &wanted).await?;
        let refused = written.refused.into_iter().map(|it| it.id).collect();
        let mut reloaded = Reloaded { kept, refused, changes: written.changes, ..Reloaded::default() };

        let moved: HashMap<EndpointId, EndpointId> = written
            .moved
            .into_iter()
            .map(|(old, new)| (new, old))
            .filter(|(_, old)| self.knows(old))
            .collect();
        let (endpoints, change) = self.repost(endpoints, &moved, &newcomers, &mut reloaded);
        let site = Arc::new(wanted.site.clone());
        self.own.gates.set(&wanted.networks);
        let lost = Arc::clone(&self.own.gates.lost().borrow());
        self.spine.facts.send_modify(|facts| {
            let before: HashMap<&EndpointId, &Arc<EndpointFacts>> =
                facts.endpoints.iter().map(|it| (&it.endpoint.id, it)).collect();
            let known = endpoints.iter().filter_map(|endpoint| {
                let id = moved.get(&endpoint.id).unwrap_or(&endpoint.id);
                match before.get(id) {
                    Some(known) if Arc::ptr_eq(&known.endpoint, endpoint) => Some(Arc::clone(known)),
                    Some(known) => Some(Arc::new(EndpointFacts {
                        endpoint: Arc::clone(endpoint),
                        ..EndpointFacts::clone(known)
                    })),
                    None => {
                        let (facts, _) = newcomers.remove(&endpoint.id)?;
                        Some(Arc::new(EndpointFacts { endpoint: Arc::clone(endpoint), ..facts }))
                    }
                }
            });
            let mut after = Facts {
                site: Arc::clone(&site),
                components: wanted.components.clone().into(),
                endpoints: known.collect(),
                notices: Arc::new(written.notices),
                storing: facts.storing,
                lost: Arc::from([]),
            };
            // An endpoint may have come to another network.
            after.lose(Arc::clone(&lost));
            *facts = Arc::new(after);
        });
        // A schedule that has ended ends the daemon; nothing is to be done about it here.
        let _ = self.changes.send(change).await;
        drop(at_rest);
        self.manners.limit(wanted.probe.per_host);
        self.lift_for_changed(running, &wanted).await;
        // What was told of an endpoint that is gone would hold for ever.
        let there: HashSet<&EndpointId> = wanted.endpoints.iter().map(|it| &it.id).collect();
        self.spine.notes.clear_all(|it| matches!(&it.subject, Subject::Endpoint(id) if !there.contains(id)));
        self.keep_results.send_replace(wanted.store.keep_results);
        *running = wanted;
        reloaded.shown = tokio::time::timeout(PAGE_PATIENCE, self.publisher.shows(&site)).await.is_ok();
        Ok(reloaded)
    }

    /// An account with another name, password or second factor may try them.
    async fn lift_for_changed(&self, running: &Config, wanted: &Config) {
        let before: HashMap<&Id, &Account> = accounts(running).collect();
        let changed: HashSet<&Id> = accounts(wanted)
            .filter(|(id, it)| before.get(id).is_some_and(|was| was.differs_in_credentials(it)))
            .map(|(id, _)| id)
            .collect();
        for id in changed {
            match self.logins.resume(id.as_str()).await {
                Ok(0) => (),
                Ok(_) => tracing::info!("The account `{id}` changed, so it may log in again"),
                Err(error) => tracing::warn!(
                    "The account `{id}` changed, but still may not log in: {error}; try `porchlight login resume {id}`"
                ),
            }
        }
    }

    /// Workers that may come to watch an endpoint of another id, or to return.
    fn movers(&self, endpoints: &[Arc<Endpoint>]) -> Vec<Arc<Worker>> {
        let staying: HashSet<&EndpointId> = endpoints.iter().map(|it| &it.id).collect();
        let mut asked = HashSet::new();
        let mut movers = Vec::new();
        for endpoint in endpoints.iter().filter(|it| self.crew.worker(&it.id).is_none()) {
            let former = endpoint.was.iter().filter(|old| !staying.contains(old));
            for id in former.chain([&endpoint.id]) {
                if asked.insert(id) {
                    movers.extend(self.crew.known(id));
                }
            }
        }
        movers
    }

    fn knows(&self, id: &EndpointId) -> bool {
        self.crew.known(id).is_some()
    }

    async fn read_newcomers(&self, wanted: &[Endpoint]) -> Result<Newcomers, ReloadError> {
        let new: Vec<Endpoint> =
            wanted.iter().filter(|it| self.crew.worker(&it.id).is_none()).cloned().collect();
        if new.is_empty() {
            return Ok(Newcomers::new());
        }
        let (store, now) = (self.spine.store.clone(), self.spine.clock.now());
        let read = move || {
            let loaded = store.load(&new, minus(now.wall, pipeline::IN_MEMORY))?;
            let resumed = new.into_iter().zip(loaded).map(|(endpoint, loaded)| {
                (endpoint.id.clone(), pipeline::resumed(Arc::new(endpoint), loaded, now))
            });
            Ok(resumed.collect())
        };
        tokio::task::spawn_blocking(read).await?
    }

    /// One transaction: all of it is in the database, or nothing.
    async fn write_down(&self, running: &Config, wanted: &Config) -> Result<Written, ReloadError> {
        let now = self.spine.clock.now().wall;
        let (endpoints, components) = (wanted.endpoints.clone(), wanted.components.clone());
        let networks = (running.networks.clone(), wanted.networks.clone());
        let notices = Notices {
            maintenances: wanted.maintenances.clone(),
            announcements: wanted.announcements.clone(),
        };
        let mut redefined = Vec::new();
        for endpoint in &wanted.endpoints {
            if let Some(worker) = self.crew.worker(&endpoint.id) {
                let parts = worker.endpoint().differs_in(endpoint);
                if !parts.is_empty() {
                    redefined.push((endpoint.id.clone(), parts.join(", ")));
                }
            }
        }
        let written = self.spine.store.transact_within(STORE_PATIENCE, move |tx| {
            let last = store::last_change(tx)?;
            let moved = store::sync_endpoints(tx, &endpoints, now)?;
            for (id, parts) in &redefined {
                store::log_redefined(tx, id, parts, now)?;
            }
            store::sync_components(tx, &components, now)?;
            store::log_networks(tx, (&networks.0, &networks.1), now)?;
            let (notices, refused) = store::sync_notices(tx, &notices, now)?;
            Ok(Written { moved, notices, refused, changes: store::changes_since(tx, last)? })
        });
        Ok(written.await?)
    }

    /// Puts every worker where it belongs. Gives back the endpoints, unchanged
    /// ones as they were, and what the schedule must know.
    fn repost(
        &self,
        wanted: Vec<Arc<Endpoint>>,
        moved: &HashMap<EndpointId, EndpointId>,
        newcomers: &Newcomers,
        reloaded: &mut Reloaded,
    ) -> (Vec<Arc<Endpoint>>, Change) {
        let mut change = Change::default();
        let staying: HashSet<&EndpointId> = wanted.iter().map(|it| &it.id).collect();
        let leaving: Vec<EndpointId> = self
            .crew
            .workers()
            .iter()
            .map(|worker| worker.endpoint().id.clone())
            .filter(|id| !staying.contains(id))
            .collect();
        let mut endpoints = Vec::with_capacity(wanted.len());
        for endpoint in wanted {
            let id = endpoint.id.clone();
            if let Some(worker) = self.crew.worker(&id) {
                let before = worker.endpoint();
                if before == endpoint {
                    reloaded.unchanged += 1;
                    endpoints.push(before);
                    continue;
                }
                reloaded.restarted.push(id.clone());
                change.gone.push(id.clone());
            } else if let Some(old) = moved.get(&id) {
                reloaded.renamed.push((old.clone(), id.clone()));
                change.gone.push(old.clone());
            } else {
                reloaded.added.push(id.clone());
            }
            let old = moved.get(&id).unwrap_or(&id);
            let entry = self.crew.repost(old, Arc::clone(&endpoint)).unwrap_or_else(|| {
                let state = newcomers.get(&id).map_or_else(JudgeState::new, |(_, state)| *state);
                self.crew.post(Arc::clone(&endpoint), state)
            });
            change.come.push(entry);
            endpoints.push(endpoint);
        }
        for id in leaving.into_iter().filter(|id| moved.values().all(|old| old != id)) {
            self.crew.dismiss(&id);
            change.gone.push(id.clone());
            reloaded.removed.push(id);
        }
        (endpoints, change)
    }
}

fn accounts(config: &Config) -> impl Iterator<Item = (&Id, &Account)> {
    let flows = config.endpoints.iter().filter_map(Endpoint::flow);
    flows.filter_map(|flow| flow.account.as_ref()).map(|it| (&it.id, it))
}

/// What was opened at the start stays as it is; gives back the keys that differ.
fn keep_what_is_open(running: &Config, wanted: &mut Config) -> Vec<&'static str> {
    let differs = [
        (wanted.server.listen != running.server.listen, "server.listen"),
        (wanted.server.public_url != running.server.public_url, "server.public_url"),
        (wanted.server.trusted_proxies != running.server.trusted_proxies, "server.trusted_proxies"),
        (wanted.server.tls != running.server.tls, "server.tls"),
        (wanted.store.data != running.store.data, "store.data"),
        (wanted.sample != running.sample, "sample"),
        (wanted.metrics != running.metrics, "metrics"),
        (wanted.probe.contact != running.probe.contact, "probe.contact"),
    ];
    wanted.server = running.server.clone();
    wanted.site.public_url = running.site.public_url.clone();
    wanted.store.data = running.store.data.clone();
    wanted.sample = running.sample.clone();
    wanted.metrics = running.metrics.clone();
    wanted.probe.contact = running.probe.contact.clone();
    wanted.site.probe_contact = running.site.probe_contact.clone();
    wanted.site.sample = running.site.sample.clone();
    differs.into_iter().filter_map(|(differs, key)| differs.then_some(key)).collect()
}

impl Reloaded {
    /// What to tell an operator, a sentence a line.
    pub fn sentences(&self) -> Vec<String> {
        let mut said = vec![self.counts()];
        said.extend(self.kept.iter().map(|key| format!("`{key}` changed: restart porchlight to apply it")));
        said.extend(
            self.refused
                .iter()
                .map(|id| format!("The notice `{id}` already happened; its window is kept as it was")),
        );
        if !self.shown {
            said.push("The page does not show it yet".to_owned());
        }
        said
    }

    fn counts(&self) -> String {
        let renamed: Vec<String> = self.renamed.iter().map(|(old, new)| format!("{old} to {new}")).collect();
        let mut parts = vec![counted("endpoint", "restarted", &self.restarted)];
        parts.push(counted("", "added", &self.added));
        parts.push(counted("", "removed", &self.removed));
        if !renamed.is_empty() {
            parts.push(counted("", "renamed", &renamed));
        }
        parts.push(format!("{} unchanged", self.unchanged));
        parts.extend(self.written("component"));
        parts.extend(self.written("network"));
        parts.extend(self.written("notice"));
        parts.join(", ")
    }
}

impl Reloaded {
    /// Changes of components, networks or notices, when there are any.
    fn written(&self, kind: &str) -> Option<String> {
        let of_kind = |it: &&Changed| it.what.starts_with(kind) && !it.what.ends_with("_refused");
        let ids: Vec<&str> = self.changes.iter().filter(of_kind).map(|it| it.subject.as_str()).collect();
        (!ids.is_empty()).then(|| counted(kind, "changed", &ids))
    }
}

/// Names told with a count; the log has a line for each.
const NAMED: usize = 5;

fn counted(noun: &str, what: &str, ids: &[impl ToString]) -> String {
    let noun = match (noun, ids.len()) {
        ("", _) => String::new(),
        (noun, 1) => format!(" {noun}"),
        (noun, _) => format!(" {noun}s"),
    };
    let mut said = format!("{}{noun} {what}", ids.len());
    if !ids.is_empty() {
        let mut names: Vec<String> = ids.iter().take(NAMED).map(ToString::to_string).collect();
        if NAMED < ids.len() {
            names.push("…".to_owned());
        }
        said.push_str(&format!(" ({})", names.join(", ")));
    }
    said
}
