//! `porchlight serve`: the daemon, from its first line to its last.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, load, log, tell};
use crate::app::{App, Ringing};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::probe::Outbound;

pub(super) fn serve(file: &Path, log: &log::Flags) -> anyhow::Result<Exit> {
    log.begin();
    let (config, warnings) = load(file)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    let done = runtime.block_on(run(config, file, log.is_json()));
    // What still blocks a thread, on a disk that hangs say, must not hold the process.
    runtime.shutdown_background();
    done
}

async fn run(config: Config, file: &Path, json: bool) -> anyhow::Result<Exit> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut hangup = signal(SignalKind::hangup())?;
    let greeting = Greeting::of(&config);
    let app = App::start(config, Outbound::new(), Arc::new(SystemClock::new()), Ringing::OnSchedule).await?;
    if json {
        tracing::info!(page = %app.addr, watching = greeting.watching, "Serving");
    } else {
        greeting.tell(&app);
    }
    let exit = loop {
        tokio::select! {
            _ = interrupt.recv() => break Exit::Well,
            _ = terminate.recv() => break Exit::Well,
            () = app.failed() => break Exit::Unforeseen,
            _ = hangup.recv() => look_again(file).await,
        }
    };
    if exit == Exit::Well {
        tracing::info!("Stopping; a second signal stops at once");
    } else {
        tracing::error!("Something the daemon cannot do without has died; see the lines above");
    }
    let stopped = tokio::select! {
        stopped = app.stop() => stopped,
        _ = interrupt.recv() => anyhow::bail!("stopped at once by a second signal"),
        _ = terminate.recv() => anyhow::bail!("stopped at once by a second signal"),
    };
    stopped?;
    tracing::info!("Stopped");
    Ok(exit)
}

/// Checks the config file anew and tells what it found; what runs is not touched.
async fn look_again(file: &Path) {
    let wanted = file.to_owned();
    match tokio::task::spawn_blocking(move || load(&wanted)).await {
        Ok(Ok((_, warnings))) => {
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            tracing::info!(
                "{} is checked and right; restart to apply it (reload without a restart comes later)",
                file.display()
            );
        }
        Ok(Err(faults)) => tracing::error!("The old config keeps running: {faults:#}"),
        Err(panic) => tracing::error!("The old config keeps running; checking the new one failed: {panic}"),
    }
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
                "{} endpoints of {} components",
                config.endpoints.len(),
                config.components.len()
            ),
            history: config.store.data.display().to_string(),
        }
    }

    fn tell(&self, app: &App) {
        let page = format!("http://{}", app.addr);
        tell(format_args!("门灯 Porchlight {}", env!("CARGO_PKG_VERSION")));
        tell(format_args!("  page      {page}/      English: {page}/en/"));
        tell(format_args!("  JSON      {page}/api/v1/summary.json"));
        tell(format_args!("  watching  {}, all of them within 5 s", self.watching));
        tell(format_args!("  history   {}/", self.history));
        if let Some(metrics) = app.metrics {
            tell(format_args!("  metrics   http://{metrics}/metrics"));
        }
        if let Some(sample) = app.sample {
            tell(format_args!(
                "  sample    http://{}/      break the sample wallet here and watch the page say so",
                sample.control
            ));
        }
        if app.sample.is_some() {
            tell(
                "  next      your own login: a file of eight lines, see README.md; config.toml is the manual",
            );
        }
        tell("  stop      Ctrl-C");
    }
}
