//! `porchlight notice list`: what was announced, and what has become of it.

use super::table::{Row, print};
use super::{Exit, Place, load, printable, tell};
use crate::app::listed;
use crate::clock::{Clock, SystemClock};
use crate::control::{Answer, AskError, NoticeLine, Question, ask};
use crate::domain::notice::Notices;

pub fn list(place: &Place, json: bool) -> anyhow::Result<Exit> {
    let data = place.data_dir();
    let (notices, from) = match ask(&data, &Question::Notices) {
        Ok(Answer::Notices { notices }) => (notices, "daemon"),
        Ok(other) => return Err(super::unexpected(other)),
        Err(AskError::NoDaemon { .. }) => (from_file(place)?, "config"),
        Err(error) => return Err(error.into()),
    };
    if json {
        tell(serde_json::to_string_pretty(&serde_json::json!({ "from": from, "notices": notices }))?);
        return Ok(Exit::Well);
    }
    if from == "config" {
        tell(format_args!("No porchlight runs with {}; this is what the config says.", data.display()));
    }
    if notices.is_empty() {
        tell("There are no maintenances and no announcements.");
        return Ok(Exit::Well);
    }
    let rows = notices.iter().map(|it| {
        Row::from([
            printable(&it.id),
            printable(&it.kind),
            printable(&it.phase),
            printable(&it.starts_at),
            it.ends_at.as_deref().map_or_else(|| "-".to_owned(), printable),
            printable(&it.covers.join(", ")),
            printable(&it.title),
        ])
    });
    print(&["NOTICE", "KIND", "PHASE", "FROM", "TO", "COVERS", "TITLE"], rows);
    Ok(Exit::Well)
}

/// Without a daemon nobody knows what is down: a window that is past counts as completed.
fn from_file(place: &Place) -> anyhow::Result<Vec<NoticeLine>> {
    let (config, _) = load(place)?;
    let now = SystemClock::new().now().wall;
    let notices = Notices { maintenances: config.maintenances, announcements: config.announcements };
    Ok(listed(&notices, &config.site.zone, now, |it| it.phase(None, now).wire().to_owned()))
}
