//! `porchlight pause`: hosts that told us to stay away, and knocking there again.

use serde_json::json;

use super::status::{short, to_the_second};
use super::table::{Row, print};
use super::{Exit, Place, alone, printable, tell, tell_error};
use crate::app::{Alone, NOT_KEPT, pause_lines};
use crate::clock::Clock;
use crate::control::{Answer, AskError, PauseLine, Question, ask};
use crate::probe::pauses::Pauses;

/// Where nobody knocks now, and why.
pub fn list(place: &Place, json: bool) -> anyhow::Result<Exit> {
    let pauses = match ask(&place.data_dir(), &Question::Pauses) {
        Ok(Answer::Pauses { pauses }) => pauses,
        Ok(other) => return Err(super::unexpected(other)),
        Err(AskError::NoDaemon { .. }) => {
            let read = alone::with(place, async |alone, clock| {
                Ok(pause_lines(&known(alone, clock).await?, clock.now()))
            });
            read?.unwrap_or_default()
        }
        Err(error) => return Err(error.into()),
    };
    if json {
        tell(serde_json::to_string_pretty(&json!({ "pauses": pauses }))?);
    } else if pauses.is_empty() {
        tell("No host is paused: none told us to stay away.");
    } else {
        print(&["HOST", "WHY", "SINCE", "UNTIL", "LEFT", "PAUSE"], pauses.iter().map(row));
        tell("Does one let us in again? `porchlight pause end HOST` ends its pause.");
    }
    Ok(Exit::Well)
}

fn row(it: &PauseLine) -> Row {
    let why = match it.reason.as_str() {
        "throttled" => "it asked us to slow down",
        "blocked" => "it blocked us",
        _ => "it wants us away",
    };
    Row::from([
        printable(&it.host),
        why.to_owned(),
        to_the_second(&it.since),
        to_the_second(&it.until),
        short(it.left_s),
        format!("no. {}", it.nth),
    ])
}

/// A person says that a host lets us in again.
pub fn end(place: &Place, host: &str, json: bool) -> anyhow::Result<Exit> {
    let hosts = match ask(&place.data_dir(), &Question::EndPause { host: host.to_owned() }) {
        Ok(Answer::PauseEnded { hosts }) => hosts,
        Ok(other) => return Err(super::unexpected(other)),
        Err(AskError::NoDaemon { .. }) => {
            let host = host.to_owned();
            let ended = alone::with(place, async move |alone, clock| {
                let ended = known(alone, clock).await?.end(&host, clock.now()).await;
                anyhow::ensure!(ended.kept, NOT_KEPT);
                Ok(ended.hosts)
            });
            ended?.unwrap_or_default()
        }
        Err(error) => return Err(error.into()),
    };
    if hosts.is_empty() {
        let host = printable(host);
        tell_error(&anyhow::anyhow!(
            "no pause of a host `{host}` is known; `porchlight pause list` names those there are"
        ));
        return Ok(Exit::Misunderstood);
    }
    if json {
        tell(serde_json::to_string_pretty(&json!({ "ended": hosts }))?);
        return Ok(Exit::Well);
    }
    for host in &hosts {
        tell(format_args!(
            "`{}` is knocked at again with the next bell; should it send us away once more, its first pause is 15 min",
            printable(host)
        ));
    }
    Ok(Exit::Well)
}

/// What a daemon would go on with.
async fn known(alone: &Alone, clock: &dyn Clock) -> anyhow::Result<Pauses> {
    let pauses = Pauses::default();
    alone.keep(&pauses, clock.now()).await?;
    Ok(pauses)
}
