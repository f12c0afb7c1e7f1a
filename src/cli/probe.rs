//! `porchlight probe ID`: one knock, shown phase by phase.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Exit, load, tell};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::domain::endpoint::Endpoint;
use crate::domain::outcome::Outcome;
use crate::probe::own::OwnHealth;
use crate::probe::{Assertion, Check, Outbound, Probed, Prober};
use crate::sample::SampleWallet;

pub fn probe(file: &Path, id: &str, json: bool) -> anyhow::Result<Exit> {
    let (config, _) = load(file)?;
    let Some(endpoint) = config.endpoints.iter().find(|it| it.id.as_str() == id) else {
        let known: Vec<&str> = config.endpoints.iter().map(|it| it.id.as_str()).collect();
        super::tell_error(&anyhow::anyhow!(
            "there is no endpoint `{id}` in {}; there are: {}",
            file.display(),
            known.join(", ")
        ));
        return Ok(Exit::Misunderstood);
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting a runtime")?;
    let probed = runtime.block_on(knock(&config, endpoint));
    if json {
        tell(serde_json::to_string_pretty(&as_json(endpoint, &probed))?)
    } else {
        show(endpoint, &probed)
    }
    Ok(match probed.result.outcome {
        Outcome::Success | Outcome::Degraded(_) => Exit::Well,
        Outcome::Failure(_) => Exit::DoorClosed,
        Outcome::Unknown(_) => Exit::NothingLearnt,
    })
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
    let ticking = own.clone();
    let prober = Prober::new(Outbound::new(), own, clock);
    let mut ticks = tokio::time::interval(crate::probe::own::TICK);
    let probing = prober.probe(endpoint, Duration::ZERO);
    let mut probing = std::pin::pin!(probing);
    let probed = loop {
        tokio::select! {
            biased;
            _ = ticks.tick() => ticking.tick(),
            probed = &mut probing => break probed,
        }
    };
    stop.cancel();
    probed
}

fn show(endpoint: &Endpoint, probed: &Probed) {
    let result = &probed.result;
    tell(format_args!("{} {}", endpoint.request.method.as_str(), endpoint.request.url));
    if let Some(peer) = probed.peer {
        tell(format_args!("  peer        {peer}"));
    }
    for (name, took) in phases(probed) {
        match took {
            Some(took) => tell(format_args!("  {name:<11} {}", millis(took))),
            None => tell(format_args!("  {name:<11} -")),
        }
    }
    tell(format_args!("  total       {} of {}", millis(result.total), millis(endpoint.deadline)));
    for check in &probed.checks {
        let held = match check.held {
            Some(true) => "held       ",
            Some(false) => "FAILED     ",
            None => "not reached",
        };
        tell(format_args!("  {held} {}", said(check)));
    }
    if let Some(error) = &probed.error {
        tell(format_args!("  error       {}", printable(error)));
    }
    match result.outcome.reason() {
        Some(reason) => tell(format_args!("  outcome     {} ({reason})", result.outcome.kind())),
        None => tell(format_args!("  outcome     {}", result.outcome.kind())),
    }
}

fn phases(probed: &Probed) -> [(&'static str, Option<Duration>); 5] {
    let phases = probed.phases;
    [
        ("dns", phases.dns),
        ("connect", phases.connect),
        ("tls", phases.tls),
        ("first byte", phases.first_byte),
        ("transfer", phases.transfer),
    ]
}

fn said(check: &Check) -> String {
    match &check.assertion {
        Assertion::Status(Some(status)) => format!("status is as expected: {status}"),
        Assertion::Status(None) => "status is as expected".to_owned(),
        Assertion::Contains(text) => format!("body contains {text:?}"),
        Assertion::NotContains(text) => format!("body does not contain {text:?}"),
        Assertion::DegradedAfter(limit) => format!("answered within {}", millis(*limit)),
    }
}

fn as_json(endpoint: &Endpoint, probed: &Probed) -> serde_json::Value {
    let seconds = |it: Duration| it.as_secs_f64();
    let result = &probed.result;
    json!({
        "endpoint": endpoint.id.as_str(),
        "at": result.at.wall.to_string(),
        "outcome": result.outcome.kind(),
        "reason": result.outcome.reason(),
        "http_status": result.http_status,
        "total_s": seconds(result.total),
        "phases_s": phases(probed).into_iter().map(|(name, took)| (name.replace(' ', "_"), json!(took.map(seconds)))).collect::<serde_json::Map<_, _>>(),
        "peer": probed.peer.map(|it| it.to_string()),
        "checks": probed.checks.iter().map(|it| json!({ "assertion": said(it), "held": it.held })).collect::<Vec<_>>(),
        "error": probed.error,
    })
}

fn millis(took: Duration) -> String {
    let micros = took.as_micros();
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}

/// What a target sent may carry control characters; a terminal must not obey them.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}
