//! `porchlight check`: every fault of the config at once.

use serde::Serialize;

use super::{Exit, Place, counted, load, tell};
use crate::config::Faults;

#[derive(Serialize)]
struct Report {
    ok: bool,
    components: usize,
    endpoints: usize,
    maintenances: usize,
    announcements: usize,
    faults: Vec<Line>,
    warnings: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    line: usize,
    column: usize,
    message: String,
    help: String,
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
            if !json {
                for warning in &warnings {
                    tell(warning);
                }
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
        manual: fault.manual,
    }
}
