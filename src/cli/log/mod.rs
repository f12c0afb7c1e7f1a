//! The daemon's log: how much of it, and in which form.

mod escape;
mod line;
mod out;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use line::{Form, Lines};
pub(super) use out::Log;

/// The names that `--log` knows, which are the rooms of `lib.rs`.
const ROOMS: &[&str] = &[
    "app", "cli", "clock", "config", "control", "domain", "exhibit", "expr", "meter", "notes", "observe",
    "pipeline", "probe", "publish", "sample", "schedule", "serve", "service", "store", "words",
];
/// Everything that is not ours; it tells its warnings unless it is named.
const LIBRARIES: &str = "libraries";
const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(super) struct Logging {
    /// How much the daemon logs: off, error, warn, info, debug or trace, and
    /// more or less for single rooms, as in `info,probe=debug,store=warn`
    #[arg(long, global = true, default_value = "info", value_name = "LEVELS", env = "PORCHLIGHT_LOG")]
    #[arg(value_parser = levels, overrides_with = "log")]
    log: Targets,

    /// One line an event: for people, or a JSON object
    #[arg(
        long,
        global = true,
        default_value = "human",
        value_name = "FORMAT",
        env = "PORCHLIGHT_LOG_FORMAT"
    )]
    log_format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Human,
    Json,
}

impl Logging {
    pub(super) fn is_json(&self) -> bool {
        self.log_format == Format::Json
    }

    /// From here on events go to standard output, those of a panic included.
    pub(super) fn begin(&self) -> Log {
        let log = Log::new();
        let lines = Lines { form: Form::new(self.is_json()), out: log.out.clone() };
        let lines = lines.with_filter(self.log.clone());
        // Only a test of this very function could have begun before.
        let _ = tracing_subscriber::registry().with(lines).try_init();
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!("Panicked at {place}: {}", panic.payload_as_str().unwrap_or("no words"));
        }));
        log
    }
}

/// Reads `info,probe=debug`.
fn levels(text: &str) -> Result<Targets, String> {
    let mut ours = LevelFilter::INFO;
    let mut theirs = None;
    let mut rooms = Vec::new();
    for item in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        match item.split_once('=').map(|(room, it)| (room.trim(), it.trim())) {
            None => ours = level(item)?,
            Some((LIBRARIES, it)) => theirs = Some(level(it)?),
            Some((room, it)) if ROOMS.contains(&room) => {
                rooms.push((format!("porchlight::{room}"), level(it)?));
            }
            Some((room, _)) => {
                return Err(format!(
                    "there is no room `{room}`; there are: {}, {LIBRARIES}",
                    ROOMS.join(", ")
                ));
            }
        }
    }
    let theirs = theirs.unwrap_or(ours.min(LevelFilter::WARN));
    Ok(Targets::new().with_default(theirs).with_target("porchlight", ours).with_targets(rooms))
}

fn level(text: &str) -> Result<LevelFilter, String> {
    let known = LEVELS.iter().any(|it| it.eq_ignore_ascii_case(text));
    let read = text.parse().ok().filter(|_| known);
    read.ok_or_else(|| {
        format!(
            "`{text}` is no level; the levels are: {}; a room's is written as probe=debug",
            LEVELS.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn the_rooms_are_those_of_the_house() {
        let house = include_str!("../../lib.rs");
        let rooms: std::collections::BTreeSet<&str> =
            house.lines().filter_map(|it| it.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
        assert_eq!(ROOMS.iter().copied().collect::<std::collections::BTreeSet<_>>(), rooms);
    }

    #[test]
    fn a_level_holds_for_all_rooms_but_the_named_ones() {
        let filter = levels("info, probe=debug,store=off").unwrap();
        for (target, level, told) in [
            ("porchlight::app::start", Level::INFO, true),
            ("porchlight::app::start", Level::DEBUG, false),
            ("porchlight::probe::own", Level::DEBUG, true),
            ("porchlight::probe", Level::TRACE, false),
            ("porchlight::store::queue", Level::ERROR, false),
            ("hyper::proto", Level::WARN, true),
            ("tokio_cron_scheduler::job", Level::INFO, false),
        ] {
            assert_eq!(filter.would_enable(target, &level), told, "{target} {level}");
        }
        assert!(levels("error").unwrap().would_enable("hyper", &Level::ERROR));
        assert!(!levels("error").unwrap().would_enable("hyper", &Level::WARN));
        assert!(levels("libraries=debug").unwrap().would_enable("hyper", &Level::DEBUG));
        assert!(levels("").unwrap().would_enable("porchlight", &Level::INFO));
    }

    #[test]
    fn what_is_not_understood_is_answered_with_what_there_is() {
        for (text, said) in [
            ("loud", "`loud` is no level; the levels are: off, error, warn, info, debug, trace"),
            ("probe", "a room's is written as probe=debug"),
            ("3", "`3` is no level"),
            ("kitchen=debug", "there is no room `kitchen`; there are: app, "),
            ("probe=", "`` is no level"),
            ("porchlight::probe=debug", "there is no room `porchlight::probe`"),
        ] {
            let error = levels(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
