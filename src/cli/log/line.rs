//! One event, one line.

use std::error::Error;
use std::fmt::{Debug, Write as _};
use std::io::Write as _;

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_appender::non_blocking::NonBlocking;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::escape::{as_json, plainly};
use crate::clock::{Clock, SystemClock};

/// Writes each event.
pub(super) struct Lines {
    pub(super) form: Form,
    pub(super) out: NonBlocking,
}

/// How a line looks.
pub(super) struct Form {
    json: bool,
    clock: SystemClock,
}

impl Form {
    pub(super) fn new(json: bool) -> Self {
        Self { json, clock: SystemClock::new() }
    }

    fn line(&self, event: &Event<'_>) -> String {
        let mut told = Told { json: self.json, message: String::new(), fields: String::new() };
        event.record(&mut told);
        let (at, level) = (self.clock.now().wall, event.metadata().level());
        let room = room(event.metadata());
        let Told { message, fields, .. } = told;
        if self.json {
            let message = if message.is_empty() { "\"\"" } else { &message };
            format!(
                "{{\"at\":\"{at:.3}\",\"level\":\"{level}\",\"room\":\"{room}\",\"message\":{message}{fields}}}\n"
            )
        } else {
            format!("{at:.3} {level:>5} {room}: {message}{fields}\n")
        }
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // All at once, so that lines of several threads do not mix. Never waits.
        let _ = self.out.clone().write_all(self.form.line(event).as_bytes());
    }
}

/// `probe` for `porchlight::probe::own`; of others the crate's name.
fn room<'a>(of: &'a Metadata<'_>) -> &'a str {
    let mut path = of.target().split("::");
    match path.next() {
        Some("porchlight") => path.next().unwrap_or("app"),
        other => other.unwrap_or_default(),
    }
}

/// What an event says.
struct Told {
    json: bool,
    message: String,
    fields: String,
}

impl Told {
    fn text(&mut self, field: &Field, text: &str) {
        let is_message = field.name() == "message";
        let out = if is_message { &mut self.message } else { &mut self.fields };
        match (is_message, self.json) {
            (true, true) => as_json(text, out),
            (true, false) => plainly(text, out),
            (false, true) => {
                let _ = write!(out, ",\"{}\":", field.name());
                as_json(text, out);
            }
            (false, false) => {
                let _ = write!(out, " {}=", field.name());
                let bare =
                    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_-.:/".contains(c));
                if bare { out.push_str(text) } else { as_json(text, out) }
            }
        }
    }

    /// Of numbers and truths, which JSON has, too.
    fn bare(&mut self, field: &Field, value: impl std::fmt::Display) {
        let _ = match self.json {
            true => write!(self.fields, ",\"{}\":{value}", field.name()),
            false => write!(self.fields, " {}={value}", field.name()),
        };
    }
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut chain = value.to_string();
        let mut cause = value.source();
        while let Some(deeper) = cause {
            let _ = write!(chain, ": {deeper}");
            cause = deeper.source();
        }
        self.text(field, &chain);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::prelude::*;

    use super::super::escape::tests::EVIL;
    use super::*;

    /// Keeps the lines instead of writing them.
    struct Kept(Form, Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.1.lock().unwrap().push(self.0.line(event));
        }
    }

    fn told(json: bool, say: impl Fn()) -> Vec<String> {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let layer = Kept(Form::new(json), kept.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), say);
        Arc::try_unwrap(kept).unwrap_or_default().into_inner().unwrap()
    }

    fn say_evil() {
        for evil in EVIL {
            let error: &dyn Error = &std::io::Error::other(*evil);
            tracing::info!(field = evil, debug = ?evil, shown = %evil, error = error, n = 3, ok = true, "{evil}");
            tracing::warn!("fixed words");
        }
    }

    #[test]
    fn an_event_is_one_line_whatever_stands_in_it() {
        for json in [false, true] {
            let lines = told(json, say_evil);
            assert_eq!(lines.len(), 2 * EVIL.len());
            for line in lines {
                let one = line.strip_suffix('\n').unwrap();
                assert!(
                    !one.contains(|c: char| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c)),
                    "{one:?}"
                );
            }
        }
    }

    #[test]
    fn every_json_line_is_an_object_that_holds_what_was_said() {
        for (line, evil) in told(true, say_evil).iter().step_by(2).zip(EVIL) {
            let it: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            assert_eq!(
                (&it["message"], &it["field"], &it["error"]),
                (&(*evil).into(), &(*evil).into(), &(*evil).into())
            );
            assert_eq!(
                (&it["n"], &it["ok"], &it["level"], &it["room"]),
                (&3.into(), &true.into(), &"INFO".into(), &"cli".into())
            );
        }
    }

    #[test]
    fn a_line_for_people_has_milliseconds_in_utc_a_level_a_room_and_fields() {
        let lines = told(false, || tracing::warn!(why = "a b", code = "x-1", n = 7, "It went wrong"));
        let (at, rest) = lines[0].split_once(' ').unwrap();
        assert_eq!(at.len(), "2026-11-23T07:28:46.123Z".len());
        assert!(at.ends_with('Z') && at.parse::<jiff::Timestamp>().is_ok(), "{at}");
        assert_eq!(rest, " WARN cli: It went wrong why=\"a b\" code=x-1 n=7\n");
    }
}
