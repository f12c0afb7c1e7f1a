//! What Porchlight costs, measured beside bare programs in the same minute: `cargo bench`.
//!
//! Absolute figures follow the machine's mood; ratios of interleaved rounds do
//! not, so wherever a bare program can do the same, it takes turns with ours.
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark stands outside the house: it reads the time, spawns, and holds bare clients against ours"
)]

mod backup;
mod bare;
mod changes;
mod commits;
mod daemon;
mod disk;
mod first_byte;
mod lateness;
mod load;
mod memory;
mod minute;
mod page;
mod probes;
mod process;
mod reload;
mod report;
mod start;
mod steps;
mod target;
mod tls;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use report::Row;

const HELP: &str = "\
cargo bench                     measure everything; takes about fifteen minutes
cargo bench -- page memory      only these (any part of a name)
cargo bench -- --json           print JSON instead of a table
cargo bench -- --list           say what there is";

/// One thing to measure: its name for the filter, a sentence, and how.
struct Bench {
    name: &'static str,
    about: &'static str,
    run: fn(&Lab) -> anyhow::Result<Vec<Row>>,
}

const BENCHES: &[Bench] = &[
    Bench { name: "page", about: "front page requests a second against a bare server", run: page::run },
    Bench {
        name: "probes",
        about: "CPU seconds per 1000 stored probes against a bare prober",
        run: probes::run,
    },
    Bench {
        name: "tls",
        about: "CPU seconds per 1000 stored probes with a fresh handshake against a bare TLS client",
        run: tls::run,
    },
    Bench { name: "steps", about: "what a step of a flow costs in CPU and memory", run: steps::run },
    Bench {
        name: "first-byte",
        about: "error of the reported first byte against a target with an exact delay",
        run: first_byte::run,
    },
    Bench { name: "disk", about: "bytes on disk per result", run: disk::run },
    Bench { name: "memory", about: "resident memory with 10, 500 and 2000 endpoints", run: memory::run },
    Bench { name: "start", about: "from the start of the process to the first page", run: start::run },
    Bench { name: "lateness", about: "how late probes start, and whether they drift", run: lateness::run },
    Bench {
        name: "minute",
        about: "how late 5000 endpoints start that are due once a minute",
        run: minute::run,
    },
    Bench { name: "commits", about: "how long a result waits until it is on the disk", run: commits::run },
    Bench { name: "backup", about: "a backup of 1.1 GB beside a daemon at work", run: backup::run },
    Bench { name: "reload", about: "how long a reload takes with 2000 endpoints", run: reload::run },
    Bench { name: "changes", about: "the slowest request while the status changes", run: changes::run },
];

/// Where a run keeps its files: beside the build, so on a disk and not in memory.
struct Lab {
    dir: tempfile::TempDir,
}

impl Lab {
    /// A directory of this name, made when it is not there.
    fn room(&self, name: &str) -> anyhow::Result<PathBuf> {
        let room = self.dir.path().join(name);
        std::fs::create_dir_all(&room).with_context(|| format!("making {}", room.display()))?;
        Ok(room)
    }
}

struct Arguments {
    bench: bool,
    json: bool,
    list: bool,
    wanted: Vec<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // The bare programs are this one, called by itself.
    let done = match words.as_slice() {
        ["--bare-server", port, file] => bare::server(port, Path::new(file)).map(|()| ExitCode::SUCCESS),
        ["--bare-tls", address, count, roots, what] => {
            tls::prober(address, count, Path::new(roots), what).map(|()| ExitCode::SUCCESS)
        }
        ["--bare-prober", url, count, file] => {
            bare::prober(url, count, Path::new(file)).map(|()| ExitCode::SUCCESS)
        }
        words => read(words).and_then(|arguments| measure(&arguments)),
    };
    done.unwrap_or_else(|error| {
        progress(format_args!("{error:#}"));
        ExitCode::FAILURE
    })
}

fn read(words: &[&str]) -> anyhow::Result<Arguments> {
    let mut arguments = Arguments { bench: false, json: false, list: false, wanted: Vec::new() };
    for word in words {
        match *word {
            // Cargo says so when it is `cargo bench`.
            "--bench" => arguments.bench = true,
            "--json" => arguments.json = true,
            "--list" => arguments.list = true,
            flag if flag.starts_with('-') => bail!("`{flag}` is not understood\n{HELP}"),
            name => arguments.wanted.push(name.to_owned()),
        }
    }
    Ok(arguments)
}

fn measure(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let wanted = |bench: &&Bench| {
        arguments.wanted.is_empty() || arguments.wanted.iter().any(|it| bench.name.contains(it.as_str()))
    };
    let benches: Vec<&Bench> = BENCHES.iter().filter(wanted).collect();
    if arguments.list || benches.is_empty() {
        let lines: String = BENCHES.iter().map(|it| format!("{:<10}{}\n", it.name, it.about)).collect();
        tell(lines.trim_end());
        return Ok(if arguments.list { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if !arguments.bench {
        // `cargo test --all-targets` calls every bench once; four minutes are no test.
        progress("nothing is measured except by `cargo bench`");
        return Ok(ExitCode::SUCCESS);
    }
    if cfg!(debug_assertions) {
        progress("this is a debug build: the figures say nothing");
    }
    let lab = Lab { dir: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("making a directory")? };
    let began = std::time::Instant::now();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    progress(format_args!("load of the machine before: {}", load.trim()));
    let (mut rows, mut failed) = (Vec::new(), false);
    for bench in benches {
        progress(format_args!("{}: {}", bench.name, bench.about));
        match (bench.run)(&lab) {
            Ok(measured) => rows.extend(measured),
            Err(error) => {
                failed = true;
                progress(format_args!("{} could not be measured: {error:#}", bench.name));
            }
        }
    }
    progress(format_args!("done after {:.0} s", began.elapsed().as_secs_f64()));
    tell(if arguments.json { report::json(&rows)? } else { report::table(&rows) });
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// One line of what is going on, away from the figures.
fn progress(line: impl std::fmt::Display) {
    // Nobody listening is no reason to stop.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn tell(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
