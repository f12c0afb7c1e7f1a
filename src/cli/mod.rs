//! The command line: serve (default), check, probe.

mod check;
mod exit;
mod probe;
mod serve;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::clock::{Clock, SystemClock};
use crate::config::{self, CertificateFault, Config, Fault, Surroundings};
use crate::serve::tls;
pub use exit::Exit;

const AFTER_HELP: &str = "\
Examples:
  porchlight                          serve with ./config.toml (it watches a bundled sample wallet)
  porchlight --config bank.toml check say what is wrong with a file, without starting
  porchlight probe login-page         knock once now and show each phase

Exit codes:
  0   all is well
  1   something failed that nobody foresaw; the last line says what
  2   the command line was not understood, or names an endpoint that is not there
  3   probe: the door did not open (failure)
  4   probe: nothing could be learnt (unknown)
  65  the database is damaged, newer than this program, or not ours
  69  an address to listen on is taken, or not ours to use
  73  the data directory cannot be written
  75  another porchlight uses the same data
  78  the config has faults";

/// May I log in now? Knocks at login endpoints on schedule, keeps their
/// history, and serves a status page that tells the truth.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
struct Arguments {
    /// The file that says what to watch
    #[arg(long, short, global = true, default_value = "config.toml", value_name = "FILE")]
    config: PathBuf,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Knock on schedule and serve the page (the default)
    Serve {
        /// How much to log: error, warn, info, debug, or a filter like `porchlight::probe=debug`
        #[arg(long, default_value = "info", value_name = "FILTER")]
        log: String,
    },
    /// Say everything that is wrong with the config, and what would be right
    Check {
        /// Print a JSON object instead of sentences
        #[arg(long)]
        json: bool,
    },
    /// Knock at one endpoint once, now, and show each phase and assertion (nothing is stored)
    Probe {
        /// The endpoint's id in the config
        id: String,
        /// Print a JSON object instead of sentences
        #[arg(long)]
        json: bool,
    },
}

pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // One provider for the whole process, before anything can ask for another.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let file = &arguments.config;
    let done = match arguments.command.unwrap_or(Command::Serve { log: "info".into() }) {
        Command::Serve { log } => serve::serve(file, &log),
        Command::Check { json } => check::check(file, json),
        Command::Probe { id, json } => probe::probe(file, &id, json),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(error) => {
            tell_error(&error);
            Exit::of(&error).into()
        }
    }
}

/// The config and its warnings, or every fault in it as one error.
fn load(file: &Path) -> anyhow::Result<(Config, Vec<Fault>)> {
    let text = config::read(file)?;
    let surroundings = Surroundings {
        env: &|name| environment(name),
        file: &config::read_secret,
        sample: &crate::sample::secret,
        certificate: &look_at_certificate,
        dir: file.parent().unwrap_or(Path::new("")),
    };
    let now = SystemClock::new().now().wall;
    Ok(Config::parse(&text, &file.display().to_string(), &surroundings, now)?)
}

/// As [`Surroundings`] wants it.
fn look_at_certificate(
    files: &config::TlsFiles,
    host: Option<&str>,
    now: jiff::Timestamp,
) -> Result<Vec<CertificateFault>, CertificateFault> {
    let told = |it: tls::Fault| CertificateFault { in_key: it.in_key, message: it.message, help: it.help };
    let files = tls::Files { certificate: files.certificate.clone(), key: files.key.clone() };
    let doubts = files.examine(host, now).map_err(told)?;
    Ok(doubts.into_iter().map(told).collect())
}

#[expect(clippy::disallowed_methods, reason = "the one place where `{ env = … }` is looked up for Config")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// One line to standard output. A reader that hung up is not an error of ours.
fn tell(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn tell_error(error: &anyhow::Error) {
    let mut lines = std::io::stderr().lock();
    let _ = writeln!(lines, "porchlight: {error:#}");
}
