//! Builds the daemon, in the order in which one part needs another.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::{Mutex, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answers::{Source, open_door};
use super::chores::{Housekeeper, start_chores};
use super::crew::Crew;
use super::knocking::KnockingThread;
use super::listen::{StartError, door, page_listener, page_url};
use super::live::{ASKED, Live};
use super::numbers::{Numbers, Shown};
use super::reports::Post;
use super::sample::start_sample;
use super::watch::{must_live, reassure};
use super::{App, Ringing};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::endpoint::Endpoint;
use crate::domain::facts::{Facts, Storing};
use crate::domain::moment::minus;
use crate::domain::notice::Notices;
use crate::notes::Notes;
use crate::pipeline::codes::UsedCodes;
use crate::pipeline::knocks::Meters;
use crate::pipeline::logins::LoginBudget;
use crate::pipeline::{self, Spine, follow_storing, gates};
use crate::probe::own::OwnHealth;
use crate::probe::{Greeting, Manners, Outbound, Prober};
use crate::publish::{Publisher, Vitals, keep, render};
use crate::schedule;
use crate::serve;
use crate::store::{self, Store};

impl App {
    /// One whose config never changes and that nobody talks to.
    pub async fn start(
        config: Config,
        outbound: Outbound,
        clock: Arc<dyn Clock>,
        ringing: Ringing,
    ) -> anyhow::Result<Self> {
        Self::start_from(None, config, outbound, clock, ringing).await
    }

    /// With `source` it can be talked to: its config is read from there anew.
    pub async fn start_from(
        source: Option<Source>,
        config: Config,
        outbound: Outbound,
        clock: Arc<dyn Clock>,
        ringing: Ringing,
    ) -> anyhow::Result<Self> {
        let cap = serve::connection_cap(config.endpoints.len());
        let numbers = config.metrics.as_ref().map(|it| Numbers::bind(it.listen)).transpose();
        let numbers = numbers.map_err(|error| or_the_first(error, &config))?;
        let listener = page_listener(config.server.listen).map_err(|error| or_the_first(error, &config))?;
        let addr = listener.local_addr().context("reading our own address")?;
        let page = page_url(&config.server, addr);
        let stop = CancellationToken::new();
        let failed = CancellationToken::new();
        let tasks = TaskTracker::new();

        let (store, writer) =
            Store::open(&store::Options { dir: config.store.data.clone(), backlog: store::BACKLOG })?;
        let writer = {
            let guard = failed.clone().drop_guard();
            std::thread::Builder::new().name("store".into()).spawn(move || {
                let _guard = guard;
                writer.run();
            })
        }
        .context("starting the store's thread")?;

        let now = clock.now();
        let notices = Notices {
            maintenances: config.maintenances.clone(),
            announcements: config.announcements.clone(),
        };
        let (endpoints, components) = (config.endpoints.clone(), config.components.clone());
        let (notices, refused) = store
            .transact(move |tx| {
                store::sync_endpoints(tx, &endpoints, now.wall)?;
                store::sync_components(tx, &components, now.wall)?;
                store::sync_notices(tx, &notices, now.wall)
            })
            .await?;
        for edit in refused {
            tracing::warn!("The notice `{}` already happened; its window is kept as it was", edit.id);
        }
        let loaded = store.load(&config.endpoints, minus(now.wall, pipeline::IN_MEMORY))?;
        let mut known = Vec::with_capacity(loaded.len());
        let mut judged = Vec::with_capacity(loaded.len());
        for (endpoint, loaded) in config.endpoints.iter().zip(loaded) {
            let (facts, state) = pipeline::resumed(Arc::new(endpoint.clone()), loaded, now);
            known.push(Arc::new(facts));
            judged.push(state);
        }
        let facts = Facts {
            site: Arc::new(config.site.clone()),
            components: config.components.clone().into(),
            endpoints: known,
            notices: Arc::new(notices),
            storing: Storing::default(),
            lost: Arc::from([]),
        };
        let site = facts.site.clone();
        let workers: Vec<Arc<Endpoint>> = facts.endpoints.iter().map(|it| it.endpoint.clone()).collect();
        let (facts, seen) = watch::channel(Arc::new(facts));

        let own = Arc::new(OwnHealth::new(clock.clone()));
        own.gates.set(&config.networks);
        let notes = Arc::new(Notes::new(clock.clone()));
        let logins = LoginBudget::open(store.clone(), clock.clone(), notes.clone()).await?;
        let logins = Arc::new(logins);
        let manners = Arc::new(Manners::of(config.probe.per_host));
        let greeting =
            Greeting { page: config.server.public_url.clone(), contact: config.probe.contact.clone() };
        let outbound = outbound.introducing(greeting);
        let prober = Prober::new(outbound, own.clone(), clock.clone(), manners.clone());
        let prober = prober.guarded(logins.clone()).until(stop.clone());
        let prober = prober.reserving(Arc::new(UsedCodes::new(store.clone())));
        let canaries = prober.canaries();
        let spine = Arc::new(Spine {
            prober: Box::new(prober),
            store: store.clone(),
            facts,
            clock: clock.clone(),
            meters: Meters::default(),
            notes,
        });
        let publisher = {
            let clock = clock.clone();
            Arc::new(
                Publisher::new(&site, seen.clone(), Arc::new(move || clock.now()))
                    .context("rendering the first bodies")?,
            )
        };

        publisher.ask({
            let (own, store) = (own.clone(), store.clone());
            let files = store.soundness();
            Box::new(move || Vitals {
                ticked_at: own.ticked_at(),
                writer: store.is_alive(),
                files: *files.borrow(),
            })
        });

        // The first visitor after a restart reads what was known before it.
        let known = seen.borrow().clone();
        let first = render::render(&known, now).and_then(|rendered| publisher.publish(known, rendered));
        first.context("rendering the first page")?;

        let sample = match &config.sample {
            Some(wanted) => Some(start_sample(wanted, &clock, &stop, &tasks).await?),
            None => None,
        };
        let knocking = KnockingThread::begin().context("starting the thread that knocks")?;
        let there = knocking.handle.clone();
        let crew = Arc::new(Crew::new(spine.clone(), stop.clone(), tasks.clone(), there.clone()));
        publisher.take_reports(Box::new(Post::new(crew.clone())));
        let entries =
            workers.into_iter().zip(judged).map(|(endpoint, state)| crew.post(endpoint, state)).collect();
        let (changes, changed) = mpsc::channel(schedule::CHANGES);
        if ringing == Ringing::OnSchedule {
            let ring = schedule::ring(entries, changed, clock.clone(), own.stepped(), stop.clone());
            tasks.spawn_on(must_live("the schedule", ring, stop.clone(), failed.clone()), &there);
        }
        // Where it knocks, it must be seen to stand still.
        let (ticks, ticking) = (own.clone(), stop.clone());
        let watchdog = async move { ticks.ticking(ticking.cancelled()).await };
        tasks.spawn_on(must_live("the watchdog", watchdog, stop.clone(), failed.clone()), &there);
        tasks.spawn(reassure(publisher.clone(), stop.clone()));
        let keeping = keep::keep(publisher.clone(), seen, clock.clone(), stop.clone());
        tasks.spawn(must_live("the renderer", keeping, stop.clone(), failed.clone()));
        tasks.spawn(follow_storing(spine.clone(), store.storing(), stop.clone()));
        tasks.spawn(gates::follow(spine.clone(), own.gates.lost(), stop.clone()));
        let watching = canaries.watch(stop.clone(), tasks.clone());
        tasks.spawn_on(must_live("the canaries' watch", watching, stop.clone(), failed.clone()), &there);
        let door = door(&config.server, addr, publisher.clone())?;
        let tls = door.tls.clone();
        if let Some(tls) = tls.clone() {
            tasks.spawn(tls.keep_fresh(stop.clone()));
        }
        let visitors = Arc::clone(&door.meters);
        let metrics = match numbers {
            Some(numbers) => {
                let addr = numbers.addr()?;
                let shown = Shown {
                    spine: spine.clone(),
                    publisher: publisher.clone(),
                    own: own.clone(),
                    visitors,
                    logins: logins.clone(),
                    manners: manners.clone(),
                    lost_lines: source.as_ref().map(|it| Arc::clone(&it.lost_lines)),
                };
                tasks.spawn(numbers.serve(shown, stop.clone(), tasks.clone()));
                Some(addr)
            }
            None => None,
        };
        let (keep_results, keeps) = watch::channel(config.store.keep_results);
        let keeper = Housekeeper { store: store.clone(), keep_results: keeps, clock, own: own.clone() };
        let scheduler = start_chores(keeper, &stop, &tasks).await?;
        let data = config.store.data.clone();
        let live = Arc::new(Live {
            spine: spine.clone(),
            publisher: publisher.clone(),
            own,
            crew,
            logins,
            manners,
            started: now,
            config: Mutex::new(config),
            changes,
            keep_results,
            asked: Arc::new(Semaphore::new(ASKED)),
            tls,
            stop: stop.clone(),
            tasks: tasks.clone(),
        });
        if let Some(source) = source {
            open_door(&live, source, page.clone(), &data);
        }
        // Last, so that whoever reads the page can talk to us as well.
        let serving = serve::serve(listener, door, cap, stop.clone(), tasks.clone());
        tasks.spawn(must_live("the server", serving, stop.clone(), failed.clone()));
        Ok(Self {
            stop,
            failed,
            tasks,
            scheduler,
            store,
            writer,
            _knocking: knocking,
            addr,
            page,
            sample,
            metrics,
            spine,
            publisher,
            live,
        })
    }
}

/// Who starts the same daemon twice finds the address taken; what helps is to know of the first.
fn or_the_first(error: StartError, config: &Config) -> anyhow::Error {
    match store::in_use(&config.store.data) {
        Some(busy) if error.is_taken() => busy.into(),
        _ => error.into(),
    }
}
