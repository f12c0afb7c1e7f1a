//! `porchlight evidence ID`: what failing probes saw, the last one or that of an outage.

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::status::{short, to_the_second};
use super::table::{Row, print};
use super::{Exit, Place, exhibit, printable, tell};
use crate::app::kept;
use crate::clock::{Clock, SystemClock};
use crate::control::{Answer, AskError, EvidenceLine, Question, Refusal, ask};
use crate::domain::endpoint::Id;
use crate::domain::moment::between;
use crate::store::Reader;

#[derive(Debug, Args)]
pub struct Flags {
    /// The endpoint's id; one that was removed keeps its evidence for 30 days
    id: String,
    /// Show the start of an outage: 1 is the newest, 2 the one before
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "at")]
    outage: Option<u16>,
    /// Show the newest that is not later than this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Print a JSON object instead of sentences
    #[arg(long)]
    json: bool,
}

pub fn evidence(place: &Place, flags: &Flags) -> anyhow::Result<Exit> {
    let Some(kept) = look(place, &flags.id)? else {
        super::tell_error(&anyhow::anyhow!(
            "nothing was ever known of an endpoint `{}`",
            printable(&flags.id)
        ));
        return Ok(Exit::Misunderstood);
    };
    let starts: Vec<&EvidenceLine> = kept.iter().filter(|it| it.outage).collect();
    let chosen = match (flags.outage, flags.at) {
        (Some(number), _) => starts.get(usize::from(number.saturating_sub(1))).copied(),
        (None, Some(at)) => {
            kept.iter().filter(|it| time(it).is_some_and(|it| it <= at)).max_by_key(|it| time(it))
        }
        (None, None) => kept.iter().find(|it| !it.outage).or(starts.first().copied()),
    };
    if flags.json {
        let outages: Vec<_> = starts.iter().map(|it| &it.seen).collect();
        let told = json!({
            "endpoint": flags.id,
            "shown": chosen.map(|it| &it.seen),
            "is_start_of_outage": chosen.map(|it| it.outage),
            "outages": outages,
        });
        tell(serde_json::to_string_pretty(&told)?);
    } else {
        show(&flags.id, chosen, &starts);
    }
    if chosen.is_none() {
        let id = printable(&flags.id);
        super::tell_error(&match kept.is_empty() {
            true => {
                anyhow::anyhow!("no evidence is kept of `{id}`: no knock there failed in the last 30 days")
            }
            false => anyhow::anyhow!(
                "no such evidence is kept of `{id}`; for 30 days its last failure is, and the start of each outage"
            ),
        });
        return Ok(Exit::NoData);
    }
    Ok(Exit::Well)
}

/// From the running daemon, or from the database when there is none to ask.
fn look(place: &Place, id: &str) -> anyhow::Result<Option<Vec<EvidenceLine>>> {
    let data = place.data_dir();
    match ask(&data, &Question::Evidence { endpoint: id.to_owned() }) {
        Ok(Answer::Evidence { kept }) => Ok(Some(kept)),
        Ok(Answer::Refused { why: Refusal::NoSuchEndpoint, .. }) => Ok(None),
        Ok(other) => Err(super::unexpected(other)),
        Err(AskError::NoDaemon { .. }) => {
            let Some(id) = Id::parse(id) else { return Ok(None) };
            Ok(Reader::open(&data)?.evidence(&id)?.map(kept))
        }
        Err(error) => Err(error.into()),
    }
}

fn time(it: &EvidenceLine) -> Option<Timestamp> {
    it.seen.at.parse().ok()
}

fn show(id: &str, chosen: Option<&EvidenceLine>, starts: &[&EvidenceLine]) {
    let now = SystemClock::new().now().wall;
    let ago = |it: &EvidenceLine| {
        time(it).map_or_else(String::new, |at| format!("{} ago", short(between(at, now).as_secs_f64())))
    };
    if let Some(it) = chosen {
        let what = if it.outage { "the start of an outage" } else { "the last trouble" };
        tell(format_args!("`{}`: {what}, {} ({})", printable(id), to_the_second(&it.seen.at), ago(it)));
        exhibit::show(&it.seen);
    }
    if !starts.is_empty() {
        tell("");
        let rows = (1..).zip(starts).map(|(number, it): (usize, _)| {
            let reason = it.seen.reason.as_deref().unwrap_or(&it.seen.outcome);
            let step = it.seen.step.as_deref().filter(|it| !it.is_empty()).unwrap_or("-");
            Row::from([
                number.to_string(),
                to_the_second(&it.seen.at),
                ago(it),
                printable(reason),
                printable(step),
            ])
        });
        print(&["OUTAGE", "BEGAN", "", "WITH", "STEP"], rows);
    }
    tell("");
    tell(format_args!(
        "Knock again with `porchlight probe {0}`; see another outage with `porchlight evidence {0} --outage N`.",
        printable(id)
    ));
}
