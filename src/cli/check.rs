//! `porchlight check`: every fault of the config at once.

use serde::Serialize;

use super::{Exit, Place, counted, load, printable, tell};
use crate::config::{Config, Faults};
use crate::domain::cost::{self, Cost};

#[derive(Serialize)]
struct Report {
    ok: bool,
    components: usize,
    endpoints: usize,
    maintenances: usize,
    announcements: usize,
    /// Of each endpoint, by the day.
    costs: Vec<CostLine>,
    faults: Vec<Line>,
    warnings: Vec<Line>,
}

#[derive(Serialize)]
struct CostLine {
    endpoint: String,
    /// None for a cron expression.
    requests_a_day: Option<u64>,
    logins_a_day: Option<u64>,
    failed_logins_a_day: Option<u64>,
    account: Option<String>,
}

#[derive(Serialize)]
struct Line {
    line: usize,
    column: usize,
    message: String,
    help: String,
    /// Where a key is unknown: those that are known there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys: Vec<&'static str>,
    /// What `porchlight manual` has on it.
    manual: Option<&'static str>,
}

pub fn check(place: &Place, json: bool) -> anyhow::Result<Exit> {
    let mut report = Report {
        ok: false,
        components: 0,
        endpoints: 0,
        maintenances: 0,
        announcements: 0,
        costs: vec![],
        faults: vec![],
        warnings: vec![],
    };
    match load(place) {
        Ok((config, warnings)) => {
            report.ok = true;
            report.components = config.components.len();
            report.endpoints = config.endpoints.len();
            report.maintenances = config.maintenances.len();
            report.announcements = config.announcements.len();
            report.warnings = warnings.iter().map(line).collect();
            let costs = cost::costs(&config.endpoints);
            report.costs = costs.iter().map(cost_line).collect();
            if !json {
                for warning in &warnings {
                    tell(warning);
                }
                doubts(&config).iter().for_each(tell);
                costs.iter().filter_map(said).for_each(tell);
                tell(format_args!(
                    "{} is right: {} of {}, {}, {}",
                    place.config.display(),
                    counted(report.endpoints, "endpoint"),
                    counted(report.components, "component"),
                    counted(report.maintenances, "maintenance"),
                    counted(report.announcements, "announcement")
                ));
            }
        }
        Err(error) if !json => return Err(error),
        Err(error) => {
            let Some(faults) = error.downcast_ref::<Faults>() else { return Err(error) };
            report.faults = faults.shown().iter().map(line).collect();
        }
    }
    if json {
        tell(serde_json::to_string_pretty(&report)?);
    }
    Ok(if report.ok { Exit::Well } else { Exit::BadConfig })
}

fn line(fault: &crate::config::Fault) -> Line {
    Line {
        line: fault.line,
        column: fault.column,
        message: fault.message.clone(),
        help: fault.help.clone(),
        keys: fault.keys.clone(),
        manual: fault.manual,
    }
}

/// What a person should think about before it runs.
fn doubts(config: &Config) -> Vec<String> {
    let per_host = config.probe.per_host;
    let crowded = cost::crowded(&config.endpoints, per_host).into_iter().map(|(host, asked)| {
        format!(
            "note: {} is asked for {asked:.1} requests a second, and at most {} are sent; knock there less often, or raise `per_host` in [probe]",
            printable(&host),
            per_host.requests_per_second
        )
    });
    let overspent = cost::overspent(&config.endpoints).into_iter().map(|(account, wanted, most)| {
        format!(
            "note: the endpoints of the account `{account}` want {wanted} logins an hour, and {most} are allowed; the rest of their rounds will be unknown (budget)"
        )
    });
    crowded.chain(overspent).collect()
}

/// Only of those that log in or take several steps; a page costs what it costs.
fn said(it: &Cost) -> Option<String> {
    let account = it.account.as_ref().map_or_else(|| "a name of nobody".to_owned(), |it| format!("`{it}`"));
    let what = match (it.logins, it.failing) {
        (_, Some(failing)) => format!("{failing} failed logins a day against {account}"),
        (Some(logins), None) => format!("{} a day as {account}", counted(logins, "login")),
        (None, None) if it.steps < 2 => return None,
        (None, None) => "no account logs in".to_owned(),
    };
    let requests = counted(it.requests?, "request");
    Some(format!("`{}` costs {requests} a day: {what}", it.endpoint))
}

fn cost_line(it: &Cost) -> CostLine {
    CostLine {
        endpoint: it.endpoint.to_string(),
        requests_a_day: it.requests,
        logins_a_day: it.logins,
        failed_logins_a_day: it.failing,
        account: it.account.as_ref().map(ToString::to_string),
    }
}
