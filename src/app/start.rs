//! Builds the daemon, in the order in which one part needs another.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::chores::{Housekeeper, start_chores};
use super::listen::listen;
use super::numbers::{Numbers, Shown};
use super::sample::start_sample;
use super::watch::{must_live, tick, watch_over};
use super::{App, Ringing};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::endpoint::Endpoint;
use crate::domain::facts::{Facts, Storing};
use crate::domain::moment::minus;
use crate::domain::notice::Notices;
use crate::pipeline::knocks::Meters;
use crate::pipeline::{self, Spine, Worker, follow_storing};
use crate::probe::own::OwnHealth;
use crate::probe::{Outbound, Prober};
use crate::publish::{Publisher, keep, render};
use crate::schedule::bell::Bell;
use crate::schedule::{self, Entry};
use crate::serve;
use crate::store::{self, Store};

impl App {
    pub async fn start(
        config: Config,
        outbound: Outbound,
        clock: Arc<dyn Clock>,
        ringing: Ringing,
    ) -> anyhow::Result<Self> {
        let cap = serve::connection_cap(config.endpoints.len());
        let numbers = config.metrics.as_ref().map(|it| Numbers::bind(it.listen)).transpose()?;
        let listener = listen(config.server.listen, "the page", "server.listen")?;
        let addr = listener.local_addr().context("reading our own address")?;
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
        let notices = Notices { maintenances: config.maintenances, announcements: config.announcements };
        let endpoints = config.endpoints.clone();
        let (notices, refused) = store
            .transact(move |tx| {
                store::sync_endpoints(tx, &endpoints, now.wall)?;
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
            site: Arc::new(config.site),
            components: config.components.into(),
            endpoints: known,
            notices: Arc::new(notices),
            storing: Storing::default(),
        };
        let site = facts.site.clone();
        let workers: Vec<Arc<Endpoint>> = facts.endpoints.iter().map(|it| it.endpoint.clone()).collect();
        let (facts, seen) = watch::channel(Arc::new(facts));

        let own = Arc::new(OwnHealth::new(clock.clone()));
        let prober = Prober::new(outbound, own.clone(), clock.clone());
        let spine = Arc::new(Spine {
            prober,
            store: store.clone(),
            facts,
            clock: clock.clone(),
            meters: Meters::default(),
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
            Box::new(move || (own.ticked_at(), store.is_alive()))
        });

        // The first visitor after a restart reads what was known before it.
        let known = render::render(&seen.borrow(), now);
        publisher.publish(known.context("rendering the first page")?);

        let sample = match &config.sample {
            Some(wanted) => Some(start_sample(wanted, &clock, &stop, &tasks).await?),
            None => None,
        };
        let mut bells = Vec::with_capacity(workers.len());
        let mut entries = Vec::with_capacity(workers.len());
        for (index, (endpoint, state)) in workers.into_iter().zip(judged).enumerate() {
            let bell = Arc::new(Bell::new());
            bells.push(bell.clone());
            entries.push(Entry { endpoint: endpoint.clone(), bell: bell.clone() });
            let worker = Worker::new(spine.clone(), (index, endpoint), bell, state);
            tasks.spawn(watch_over(Arc::new(worker), stop.clone(), tasks.clone()));
        }
        if ringing == Ringing::OnSchedule {
            let ring = schedule::ring(entries, clock.clone(), own.stepped(), stop.clone());
            tasks.spawn(must_live("the schedule", ring, stop.clone(), failed.clone()));
        }
        tasks.spawn(must_live("the watchdog", tick(own.clone(), stop.clone()), stop.clone(), failed.clone()));
        let keeping = keep::keep(publisher.clone(), seen, clock.clone(), stop.clone());
        tasks.spawn(must_live("the renderer", keeping, stop.clone(), failed.clone()));
        tasks.spawn(follow_storing(spine.clone(), store.storing(), stop.clone()));
        let serving = serve::serve(listener, publisher.clone().router(), cap, stop.clone(), tasks.clone());
        tasks.spawn(must_live("the server", serving, stop.clone(), failed.clone()));
        let metrics = match numbers {
            Some(numbers) => {
                let addr = numbers.addr()?;
                let shown = Shown { spine: spine.clone(), publisher: publisher.clone(), own: own.clone() };
                tasks.spawn(numbers.serve(shown, stop.clone(), tasks.clone()));
                Some(addr)
            }
            None => None,
        };
        let keeper =
            Housekeeper { store: store.clone(), keep_results: config.store.keep_results, clock, own };
        let scheduler = start_chores(keeper, &stop, &tasks).await?;
        Ok(Self {
            stop,
            failed,
            tasks,
            scheduler,
            store,
            writer,
            addr,
            sample,
            metrics,
            bells,
            spine,
            publisher,
        })
    }
}
