//! `porchlight probe ID`: one knock, shown phase by phase.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::exhibit::{self, lang, millis};
use super::status::to_the_second;
use super::{Exit, Place, load, printable, tell};
use crate::app::{self, Alone};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::control::{Answer, AskError, Knock, Question, Refusal, ask};
use crate::domain::depth::no_login_until;
use crate::domain::endpoint::Endpoint;
use crate::domain::flow::Depth;
use crate::domain::notice::Notices;
use crate::probe::own::OwnHealth;
use crate::probe::{Greeting, Manners, Outbound, Probed, Prober};
use crate::sample::SampleWallet;
use crate::store::DATABASE_FILE;
use crate::words::{Cause, Words};

/// Who knocked, as it is told.
#[derive(Clone, Copy)]
enum By {
    /// With its secrets and from where it stands.
    Daemon,
    Us(&'static str),
}

/// The running daemon knocks, or we do when there is none to ask.
pub fn probe(place: &Place, id: &str, json: bool) -> anyhow::Result<Exit> {
    let (knocked, by) = match ask(&place.data_dir(), &Question::Probe { endpoint: id.to_owned() }) {
        Ok(Answer::Knock(knocked)) => (*knocked, By::Daemon),
        Ok(Answer::Refused { why: Refusal::NoSuchEndpoint, .. }) => match knock_ourselves(place, id)? {
            Some(knocked) => {
                (knocked, By::Us("the running porchlight does not watch it; see porchlight reload"))
            }
            None => return Ok(Exit::Misunderstood),
        },
        Ok(other) => return Err(super::unexpected(other)),
        Err(error @ (AskError::NoDaemon { .. } | AskError::NotAllowed { .. })) => {
            let why = match error {
                AskError::NoDaemon { .. } => "no porchlight runs with this data directory",
                _ => "the running porchlight belongs to another user",
            };
            match knock_ourselves(place, id)? {
                Some(knocked) => (knocked, By::Us(why)),
                None => return Ok(Exit::Misunderstood),
            }
        }
        Err(error) => return Err(error.into()),
    };
    if json {
        tell(serde_json::to_string_pretty(&as_json(&knocked, by))?)
    } else {
        show(&knocked, by)
    }
    Ok(match knocked.outcome.as_str() {
        "success" | "degraded" => Exit::Well,
        "failure" => Exit::DoorClosed,
        _ => Exit::NothingLearnt,
    })
}

/// None, and told why, when the config knows no such endpoint.
fn knock_ourselves(place: &Place, id: &str) -> anyhow::Result<Option<Knock>> {
    let (config, _) = load(place)?;
    let Some(endpoint) = config.endpoints.iter().find(|it| it.id.as_str() == id) else {
        let known: Vec<&str> = config.endpoints.iter().map(|it| it.id.as_str()).collect();
        super::tell_error(&anyhow::anyhow!(
            "there is no endpoint `{id}` in {}; there are: {}",
            place.config.display(),
            known.join(", ")
        ));
        return Ok(None);
    };
    if endpoint.kind.push().is_some() {
        super::tell_error(&anyhow::anyhow!(app::NOT_KNOCKED));
        return Ok(None);
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting a runtime")?;
    let probed = runtime.block_on(knock(&config, endpoint));
    let notices = Notices { maintenances: config.maintenances.clone(), announcements: Vec::new() };
    let no_login_until = no_login_until(endpoint, &notices, probed.result.at.wall);
    Ok(Some(app::knock(endpoint, &probed, no_login_until)))
}

/// With what a daemon knew: who must not log in, and which hosts want us away.
async fn alone(data: &Path, clock: &Arc<dyn Clock>, manners: &Manners) -> anyhow::Result<Alone> {
    let alone = Alone::open(data, clock.clone()).await?;
    alone.keep(&manners.pauses, clock.now()).await?;
    Ok(alone)
}

async fn knock(config: &Config, endpoint: &Endpoint) -> Probed {
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    // Without a daemon nobody serves the sample; with one its port is taken, and that is fine.
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let now = clock.clone();
    if let Some(sample) = &config.sample
        && let Ok(wallet) =
            SampleWallet::bind(sample.listen, sample.control, Arc::new(move || now.now().wall)).await
    {
        tasks.spawn(wallet.serve(stop.clone(), tasks.clone()));
    }
    let own = Arc::new(OwnHealth::new(clock.clone()));
    let (page, contact) = (config.server.public_url.clone(), config.probe.contact.clone());
    let outbound = Outbound::new().introducing(Greeting { page, contact });
    let manners = Arc::new(Manners::of(config.probe.per_host));
    let prober = Prober::new(outbound, own.clone(), clock.clone(), manners.clone());
    // A login is spent from the budget that a daemon keeps; without it nobody logs in.
    let known = config.store.data.join(DATABASE_FILE).exists();
    let (prober, depth, alone) = match endpoint.logs_in() || known {
        false => (prober, Depth::Whole, None),
        true => match alone(&config.store.data, &clock, &manners).await {
            Ok(alone) => {
                let prober = prober.guarded(alone.logins.clone()).reserving(alone.codes.clone());
                (prober, Depth::Whole, Some(alone))
            }
            Err(_) if !endpoint.logs_in() => (prober, Depth::Whole, None),
            Err(error) => {
                super::tell_error(&error.context("nobody logs in: the budget of logins cannot be kept here"));
                (prober, Depth::Harmless, None)
            }
        },
    };
    let ticker = app::tick_apart(own, stop.clone());
    if let Err(error) = &ticker {
        super::tell_error(&anyhow::anyhow!("whether this machine stands still is not looked at: {error}"));
    }
    let probed = prober.probe(endpoint, depth, Duration::ZERO).await;
    stop.cancel();
    if let Ok(ticker) = ticker {
        let _ = ticker.join();
    }
    if let Some(Err(error)) = alone.map(Alone::end) {
        super::tell_error(&error);
    }
    probed
}

fn show(it: &Knock, by: By) {
    let method = it.method.as_deref().map(|it| format!("{} ", printable(it))).unwrap_or_default();
    tell(format_args!("{method}{}", printable(&it.url)));
    match by {
        By::Daemon => tell("  knocked by  the running porchlight"),
        By::Us(why) => tell(format_args!("  knocked by  this command ({why})")),
    }
    if let Some(until) = &it.no_login_until {
        let until = to_the_second(until);
        tell(format_args!(
            "  maintenance until {until}: by itself porchlight logs nobody in here until then"
        ));
    }
    if let Some(peer) = &it.peer {
        tell(format_args!("  peer        {}", printable(peer)));
    }
    for (name, took) in &it.phases_s {
        match took {
            Some(took) => tell(format_args!("  {name:<11} {}", millis(*took))),
            None => tell(format_args!("  {name:<11} -")),
        }
    }
    tell(format_args!("  total       {} of {}", millis(it.total_s), millis(it.deadline_s)));
    for check in &it.checks {
        let held = match check.held {
            Some(true) => "held       ",
            Some(false) => "FAILED     ",
            None => "not reached",
        };
        tell(format_args!("  {held} {}", printable(&check.assertion)));
    }
    if let Some(error) = &it.error {
        tell(format_args!("  error       {}", printable(error)));
    }
    match &it.reason {
        Some(reason) => tell(format_args!("  outcome     {} ({})", it.outcome, printable(reason))),
        None => tell(format_args!("  outcome     {}", it.outcome)),
    }
    if let Some(reason) = &it.reason
        && let Some(means) = Words::get(lang()).operator(
            &it.outcome,
            Some(reason),
            it.http_status.is_some() || it.peer.is_some(),
        )
    {
        tell(format_args!("  means       {means}"));
    }
    if let Some(cause) = exhibit::cause(&it.evidence) {
        tell(format_args!("  speaks to   {}", Words::get(lang()).speaks_to(cause)));
    }
    tell("");
    exhibit::details(&it.evidence, it.evidence.steps.len() > 1);
}

fn as_json(it: &Knock, by: By) -> serde_json::Value {
    let by = match by {
        By::Daemon => "daemon",
        By::Us(_) => "command",
    };
    let phases = it.phases_s.iter().map(|(name, took)| (name.replace(' ', "_"), json!(took)));
    json!({
        "endpoint": it.endpoint,
        "knocked_by": by,
        "at": it.at,
        "no_login_until": it.no_login_until,
        "outcome": it.outcome,
        "reason": it.reason,
        "speaks_to": exhibit::cause(&it.evidence).map(Cause::wire),
        "http_status": it.http_status,
        "total_s": it.total_s,
        "phases_s": phases.collect::<serde_json::Map<_, _>>(),
        "peer": it.peer,
        "checks": it.checks,
        "error": it.error,
        "evidence": it.evidence,
    })
}
