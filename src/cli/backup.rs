//! `porchlight backup` and `porchlight restore`: a checked copy out, a checked copy in.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::{Exit, Place, counted, tell};
use crate::clock::{Clock, SystemClock};
use crate::store::{self, Copied, DATABASE_FILE, Progress, StoreError};

pub fn backup(place: &Place, file: &Path, json: bool) -> anyhow::Result<Exit> {
    let dir = place.named_data_dir()?;
    let (copied, took) = watched(|watch| store::backup(&dir, file, watch))?;
    report("backed up", (&dir.join(DATABASE_FILE), file), copied, took, json);
    Ok(Exit::Well)
}

pub fn restore(place: &Place, file: &Path, json: bool) -> anyhow::Result<Exit> {
    let dir = place.named_data_dir()?;
    let (copied, took) = watched(|watch| store::restore(file, &dir, watch))?;
    report("restored", (file, &dir.join(DATABASE_FILE)), copied, took, json);
    Ok(Exit::Well)
}

/// Runs a copy with a line that says how far it is, for a person who looks.
fn watched(
    copy: impl FnOnce(&mut dyn FnMut(Progress)) -> Result<Copied, StoreError>,
) -> Result<(Copied, Duration), StoreError> {
    let clock = SystemClock::new();
    let began = clock.now().mono;
    let person = std::io::stderr().is_terminal();
    let mut told = None;
    let mut watch = |progress: Progress| {
        let percent = progress.done * 100 / progress.of.max(1);
        if person && told.replace(percent) != Some(percent) {
            rewrite(&format!("copying: {percent} %"));
        }
    };
    let copied = copy(&mut watch);
    if person {
        rewrite("");
    }
    Ok((copied?, clock.now().mono.saturating_sub(began)))
}

/// Puts `line` where the last one was.
fn rewrite(line: &str) {
    let mut terminal = std::io::stderr().lock();
    let _ = write!(terminal, "\r\x1b[K{line}");
    let _ = terminal.flush();
}

fn report(done: &str, (from, to): (&Path, &Path), copied: Copied, took: Duration, json: bool) {
    let seconds = took.as_secs_f64();
    if json {
        return tell(json!({
            "from": from.display().to_string(),
            "to": to.display().to_string(),
            "bytes": copied.bytes,
            "results": copied.results,
            "schema": copied.schema,
            "seconds": seconds,
        }));
    }
    let kib = copied.bytes.div_ceil(1024);
    let size = if kib < 10_240 { format!("{kib} KiB") } else { format!("{} MiB", kib / 1024) };
    tell(format_args!(
        "{done} {} to {}: {size}, {}, checked, in {seconds:.1} s",
        from.display(),
        to.display(),
        counted(copied.results, "result")
    ));
}
