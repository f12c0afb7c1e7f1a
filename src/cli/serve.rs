//! `porchlight serve`: the daemon, from its first line to its last.

use std::io::IsTerminal;
use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::task::TaskTracker;

use super::log::{Log, Logging};
use super::{Exit, Place, counted, load};
use crate::app::{App, Load, Ringing, Source};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::probe::Outbound;
use crate::service;

/// Threads for rendering and reading files: one renders, and a disk that hangs
/// may hold some of the others. Each keeps a heap of its own, some megabytes of it.
const BLOCKING_THREADS: usize = 4;

pub(super) fn serve(place: &Place, logging: &Logging) -> anyhow::Result<Exit> {
    let log = logging.begin();
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    let runtime = threads
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .context("starting the runtime")?;
    let done = runtime.block_on(run(place, &log, logging.is_json()));
    log.end(&runtime);
    // What still blocks a thread, on a disk that hangs say, must not hold the process.
    runtime.shutdown_background();
    done
}

/// The signals that mean us. They are ours from here on: none is lost, and none
/// ends the process before it has let go of what it holds.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    /// The config is to be read again as soon as there is somebody to do it.
    again: bool,
}

/// What a signal tells us to do.
#[derive(PartialEq, Eq)]
enum Told {
    Stop,
    LookAgain,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            again: false,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.terminate.recv() => Told::Stop,
            _ = self.hangup.recv() => Told::LookAgain,
        }
    }

    async fn stop(&mut self) {
        while self.next().await == Told::LookAgain {
            self.again = true;
        }
    }
}

async fn run(place: &Place, log: &Log, json: bool) -> anyhow::Result<Exit> {
    let mut signals = Signals::new().context("listening for signals")?;
    let (config, warnings) = load(place)?;
    for warning in warnings {
        tracing::warn!("{}", warning.line());
    }
    let greeting = Greeting::of(&config);
    let reading = place.clone();
    let again: Load = Arc::new(move || load(&reading));
    let source =
        Source { file: place.config.clone(), load: again.clone(), lost_lines: Arc::new(log.lost_lines()) };
    let Some(app) = start(config, source, &mut signals).await? else {
        tracing::info!("Stopped before the start was complete");
        return Ok(Exit::Well);
    };
    // The banner is for a person who looks; a journal gets a line like the others.
    if json || !std::io::stdout().is_terminal() {
        tracing::info!(page = %app.page, watching = greeting.watching, "Serving");
    } else {
        greeting.tell(&app, log);
    }
    service::ready(&greeting.status());
    if signals.again {
        app.live.ask_to_look_again(&again);
    }
    let exit = loop {
        tokio::select! {
            told = signals.next() => match told {
                Told::Stop => break Exit::Well,
                Told::LookAgain => app.live.ask_to_look_again(&again),
            },
            () = app.failed() => break Exit::Unforeseen,
        }
    };
    service::stopping();
    if exit == Exit::Well {
        tracing::info!("Stopping; a second signal stops at once");
    } else {
        tracing::error!("Something the daemon cannot do without has died; see the lines above");
    }
    tokio::select! {
        stopped = app.stop() => stopped?,
        () = signals.stop() => anyhow::bail!("stopped at once by a second signal"),
    }
    tracing::info!("Stopped");
    Ok(exit)
}

/// The started daemon; none when it was told to stop meanwhile, and has.
async fn start(config: Config, source: Source, signals: &mut Signals) -> anyhow::Result<Option<App>> {
    // A task of its own: opening a large database blocks, and signals are heard all the same.
    let clock = Arc::new(SystemClock::new());
    let starting = App::start_from(Some(source), config, Outbound::new(), clock, Ringing::OnSchedule);
    let mut starting = TaskTracker::new().spawn(starting);
    tokio::select! {
        biased;
        started = &mut starting => return Ok(Some(started.context("starting")??)),
        () = signals.stop() => (),
    }
    tracing::info!("Stopping as soon as the start is complete; a second signal stops at once");
    tokio::select! {
        biased;
        () = signals.stop() => anyhow::bail!("stopped at once by a second signal"),
        started = starting => started.context("starting")??.stop().await?,
    }
    Ok(None)
}

/// What a person at the terminal wants to know first.
struct Greeting {
    watching: String,
    history: String,
}

impl Greeting {
    fn of(config: &Config) -> Self {
        Self {
            watching: format!(
                "{} of {}",
                counted(config.endpoints.len(), "endpoint"),
                counted(config.components.len(), "component")
            ),
            history: config.store.data.display().to_string(),
        }
    }

    /// One line for `systemctl status`.
    fn status(&self) -> String {
        format!("watching {}", self.watching)
    }

    fn tell(&self, app: &App, log: &Log) {
        let page = &app.page;
        log.tell(format_args!("门灯 Porchlight {}", env!("CARGO_PKG_VERSION")));
        log.tell(format_args!("  page      {page}      English: {page}en/"));
        log.tell(format_args!("  JSON      {page}api/v1/summary.json"));
        log.tell(format_args!("  watching  {}, all of them within 5 s", self.watching));
        log.tell(format_args!("  history   {}/", self.history));
        if let Some(metrics) = app.metrics {
            log.tell(format_args!("  metrics   http://{metrics}/metrics"));
        }
        if let Some(sample) = app.sample {
            log.tell(format_args!(
                "  sample    http://{}/      break the sample wallet here and watch the page say so",
                sample.control
            ));
        }
        if app.sample.is_some() {
            log.tell(
                "  next      your own login: porchlight init --out mine.toml; porchlight manual explains every key",
            );
        }
        log.tell("  status    porchlight status, in another terminal");
        log.tell("  stop      Ctrl-C");
    }
}
