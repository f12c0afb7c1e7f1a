//! What no lint can see, read from the source: every line knows its room.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A room, the other rooms it may name, and words that may not stand in it.
const ROOMS: &[(&str, &[&str], &[&str])] = &[
    (
        "src/domain",
        &[],
        &["tokio", "serde", "toml", "tracing", "rand::", "async fn", "std::fs", "std::net", "Instant"],
    ),
    ("src/clock.rs", &["domain"], &["tokio", "tracing"]),
    ("src/meter.rs", &[], &["tokio", "tracing"]),
    ("src/expr", &[], &["tokio", "std::fs", "Instant"]),
    ("src/config", &["domain", "expr"], &["tokio"]),
    ("src/words", &["domain"], &["tokio"]),
    ("src/notes.rs", &["clock", "domain"], &["tokio", "serde"]),
    ("src/exhibit.rs", &["domain"], &["tokio", "tracing"]),
    ("src/control", &["exhibit"], &[]),
    ("src/schedule", &["clock", "domain"], &[]),
    ("src/probe", &["clock", "domain", "expr", "meter"], &[]),
    ("src/store", &["domain", "meter"], &[]),
    ("src/publish", &["clock", "domain", "meter", "words"], &[]),
    ("src/observe", &["domain", "meter", "pipeline"], &[]),
    ("src/serve", &["meter"], &[]),
    ("src/service.rs", &[], &[]),
    ("src/sample", &[], &[]),
    ("src/pipeline", &["clock", "domain", "exhibit", "meter", "notes", "probe", "schedule", "store"], &[]),
    ("src/pipeline.rs", &["clock", "domain", "exhibit", "meter", "notes", "probe", "schedule", "store"], &[]),
];

/// A word and the only rooms where it may stand.
const OWNERS: &[(&str, &[&str])] = &[
    ("tokio_cron_scheduler", &["src/schedule"]),
    ("rusqlite", &["src/store"]),
    ("reqwest", &["src/probe"]),
    ("askama", &["src/publish", "src/sample"]),
    ("axum", &["src/publish", "src/serve", "src/sample", "src/observe"]),
    ("DeTable", &["src/config"]),
    ("toml::", &["src/config"]),
    ("SELECT ", &["src/store"]),
    // Everything is spawned on the tracker that `app` owns.
    ("tokio::spawn", &[]),
    ("fluent_bundle", &["src/words"]),
    ("hickory_resolver", &["src/probe"]),
    ("rustls::", &["src/probe", "src/serve", "src/cli"]),
    ("hyper::", &["src/serve", "src/probe", "src/sample"]),
    ("sd_notify", &["src/service.rs"]),
    ("listenfd", &["src/service.rs"]),
    ("comfy_table", &["src/cli"]),
    ("tracing_appender", &["src/cli"]),
    ("scraper", &["src/expr"]),
    ("html5ever", &["src/expr"]),
    ("serde_json_path", &["src/expr"]),
    ("use ::regex", &["src/expr"]),
    ("regex::Regex", &["src/expr"]),
    ("use ::cel", &["src/expr"]),
    ("x509_parser", &["src/probe"]),
    ("UnixListener", &["src/control"]),
    ("UnixStream", &["src/control"]),
    ("croner", &["src/schedule", "src/config"]),
    ("thread::Builder", &["src/app"]),
    ("Timestamp::now", &["src/clock.rs"]),
    ("SystemTime::now", &["src/clock.rs"]),
];

/// Split a file long before this; tests aside.
const LONGEST_FILE: usize = 400;

#[test]
fn every_line_knows_its_room() {
    let mut faults = Vec::new();
    for (room, others, strangers) in ROOMS {
        let own = room.trim_start_matches("src/").trim_end_matches(".rs");
        for (place, line) in lines(Path::new(room)) {
            let named = line.split("crate::").skip(1);
            let named = named.map(|it| it.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap());
            for other in named.filter(|it| *it != own && !others.contains(it)) {
                faults.push(format!("{place}: {room} does not know `{other}`"));
            }
            for stranger in strangers.iter().filter(|it| line.contains(**it)) {
                faults.push(format!("{place}: `{stranger}` has no business in {room}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_technology_has_one_home() {
    let mut faults = Vec::new();
    for (word, homes) in OWNERS {
        for (place, line) in lines(Path::new("src")) {
            if line.contains(word) && !homes.iter().any(|home| place.starts_with(home)) {
                faults.push(format!("{place}: `{word}` lives in {}", homes.join(", ")));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_file_opens_with_its_duty_and_stays_short() {
    let mut faults = Vec::new();
    for file in rust_files(Path::new("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let place = file.display();
        if !text.starts_with("//! ") {
            faults.push(format!("{place}: opens without a `//!` sentence"));
        }
        let length = code_lines(&text).count();
        if length > LONGEST_FILE {
            faults.push(format!("{place}: {length} lines without its tests; split it"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Where something may wait in line, and the bound that holds it.
const QUEUES: &[(&str, &str, &str)] = &[
    ("src/app/start.rs", "mpsc::channel(schedule::CHANGES)", "schedule::CHANGES"),
    ("src/pipeline/mailbox.rs", "VecDeque", "WAITING"),
    ("src/sample/tickets.rs", "VecDeque", "MAX_TICKETS"),
    ("src/store/queue.rs", "VecDeque", "the backlog and WORKS"),
    ("src/store/reader.rs", "sync_channel", "nothing is ever sent"),
];

#[test]
fn no_queue_is_without_a_bound() {
    let mut faults = Vec::new();
    let mut met = HashSet::new();
    for (place, line) in lines(Path::new("src")) {
        // One value, or only the newest: bounded by what they are.
        let rest = line.replace("oneshot::channel", "").replace("watch::channel", "");
        let queues =
            ["VecDeque", "LinkedList", "channel(", "channel::<", "channel}", "channel;", "unbounded"];
        if !queues.iter().any(|queue| rest.contains(queue)) {
            continue;
        }
        let known = QUEUES.iter().find(|(file, what, _)| place.starts_with(file) && rest.contains(what));
        match known {
            Some((file, ..)) => _ = met.insert(*file),
            None => faults.push(format!("{place}: what bounds this? Say it in QUEUES: {line}")),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(met.len(), QUEUES.len(), "QUEUES names a place that is no more");
}

/// The lines of code in a room, each with its place; comments and tests left out.
fn lines(room: &Path) -> Vec<(String, String)> {
    let files = if room.is_dir() { rust_files(room) } else { vec![room.to_owned()] };
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_default();
        for (number, line) in code_lines(&text) {
            found.push((format!("{}:{number}", file.display()), line.to_owned()));
        }
    }
    found
}

/// Numbered lines before the tests, without comments.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    // A test module in the same file ends the code; `mod tests;` and the like do not.
    let inline =
        text.find("#[cfg(test)]\nmod tests {").or_else(|| text.find("#[cfg(test)]\npub mod tests {"));
    text[..inline.unwrap_or(text.len())]
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line))
}

/// Test modules in files of their own are not part of a room.
fn rust_files(room: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(room).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") && !is_test(&path) {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn is_test(path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let in_tests = path.parent().is_some_and(|dir| dir.ends_with("tests"));
    in_tests || name == "tests" || name == "testing" || name == "fixture" || name.ends_with("_tests")
}
