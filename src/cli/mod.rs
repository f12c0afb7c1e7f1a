//! The command line: what each command is asked with, and what it exits with.

mod above;
mod alone;
mod backup;
mod check;
mod evidence;
mod exhibit;
mod exit;
mod init;
mod log;
mod login;
mod man;
mod manual;
mod notice;
mod pause;
mod probe;
mod reload;
mod schema;
mod serve;
mod status;
mod table;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::clock::{Clock, SystemClock};
use crate::config::{self, CertificateFault, Config, Fault, Surroundings};
use crate::control::{Answer, AskError, Refusal};
use crate::serve::tls;
use above::Place;
pub use exit::Exit;

/// So long the reader of standard error may be busy with something else.
const LAST_WORD: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

const AFTER_HELP: &str = "\
Examples:
  porchlight                          serve with ./config.toml (it watches a bundled sample wallet)
  porchlight init                     write a first config of your own
  porchlight --config bank.toml check say what is wrong with a file, without starting
  porchlight probe login-page         knock once now and show each phase
  porchlight evidence login-page      what the last failing probe saw
  porchlight status                   how the running daemon is
  porchlight reload                   let it read the config anew
  porchlight backup monday.db         copy the database, also while porchlight runs

Exit codes:
  0   all is well
  1   something failed that nobody foresaw; the last line says what
  2   the command line was not understood, or names an endpoint or a pause that is not there
  3   probe: the door did not open (failure)
  4   probe: nothing could be learnt (unknown)
  5   status: the daemon runs, but is not ready
  65  the database or backup is damaged, newer than this program, or not ours
  66  there is no such database or backup; or no evidence is kept of that endpoint
  69  an address to listen on is taken, or not ours to use; or no daemon runs
  73  the data directory or the file to write cannot be written, has no room, or is there already
  75  another porchlight uses the same data
  77  only the user that runs porchlight, or root, may talk to it
  78  the config has faults";

/// May I log in now? Knocks at login endpoints on schedule, keeps their
/// history, and serves a status page that tells the truth.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(flatten)]
    above: above::Flags,

    #[command(flatten)]
    log: log::Logging,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a checked copy of the database to a new file, beside a running porchlight or without one
    Backup {
        /// The file to make; an existing one is never overwritten
        file: PathBuf,
        /// Print a JSON object instead of a sentence
        #[arg(long)]
        json: bool,
    },
    /// Knock on schedule and serve the page (the default)
    Serve,
    /// Say everything that is wrong with the config, and what would be right
    Check {
        /// Print a JSON object instead of sentences
        #[arg(long)]
        json: bool,
    },
    /// Print what completes this command line in a shell
    Completions {
        /// bash, elvish, fish, powershell or zsh
        #[arg(hide_possible_values = true)]
        shell: Shell,
    },
    /// Show what failing probes of an endpoint saw: the last trouble, and the start of each outage
    Evidence(#[command(flatten)] evidence::Flags),
    /// Write a first config of your own, from three questions or flags
    Init(#[command(flatten)] init::Flags),
    /// What was tried with the accounts that log in; let one log in again
    Login {
        #[command(subcommand)]
        command: LoginCommand,
    },
    /// Print the manual page, as roff
    Man,
    /// Print the config's manual, or what it says of one key
    Manual {
        /// A key such as `every` or `endpoint.every`, or a table
        topic: Option<String>,
    },
    /// What is announced: maintenances and announcements
    Notice {
        #[command(subcommand)]
        command: NoticeCommand,
    },
    /// Hosts at which nobody knocks since they told us to stay away; knock at one again
    Pause {
        #[command(subcommand)]
        command: PauseCommand,
    },
    /// Knock at one endpoint once, now, and show each phase and assertion (nothing is stored)
    Probe {
        /// The endpoint's id in the config
        id: String,
        /// Print a JSON object instead of sentences
        #[arg(long)]
        json: bool,
    },
    /// Let the running daemon read its config anew; only what changed restarts
    Reload {
        /// Print a JSON object instead of sentences
        #[arg(long)]
        json: bool,
    },
    /// Put a backup into a data directory without a database, while no porchlight uses it
    Restore {
        /// The backup, or a copy that was made before an upgrade
        file: PathBuf,
        /// Print a JSON object instead of a sentence
        #[arg(long)]
        json: bool,
    },
    /// Print the config's JSON Schema, for editors
    Schema,
    /// Show how the running daemon is: components, endpoints, next bells, its own health
    Status {
        /// Print a JSON object instead of a table
        #[arg(long)]
        json: bool,
        /// Show it again every other second until interrupted
        #[arg(long, conflicts_with = "json")]
        watch: bool,
    },
}

#[derive(Debug, Subcommand)]
enum LoginCommand {
    /// Print what was tried in the last hour, and which account may not log in
    List {
        /// Print a JSON object instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Let an account log in again that was refused, locked, challenged or out of date
    Resume {
        /// The account's id in the config
        account: String,
        /// Print a JSON object instead of a sentence
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum PauseCommand {
    /// Print which hosts are paused, why, and until when
    List {
        /// Print a JSON object instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Knock at a host again that lets us in again; should it not, its next pause is the first
    End {
        /// The host as `pause list` names it; without its port, all its ports
        host: String,
        /// Print a JSON object instead of a sentence
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum NoticeCommand {
    /// Print them all, with what has become of each
    List {
        /// Print a JSON object instead of a table
        #[arg(long)]
        json: bool,
    },
}

pub fn main() -> ExitCode {
    let matches = Arguments::command().get_matches();
    let arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let place = match arguments.above.settle(&matches) {
        Ok(place) => place,
        Err(why) => {
            tell_error(&anyhow::anyhow!(why));
            return Exit::Misunderstood.into();
        }
    };
    let place = &place;
    // One provider for the whole process, before anything can ask for another.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let done = match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::serve(place, &arguments.log),
        Command::Backup { file: to, json } => backup::backup(place, &to, json),
        Command::Check { json } => check::check(place, json),
        Command::Completions { shell } => man::completions(shell, Arguments::command()),
        Command::Evidence(flags) => evidence::evidence(place, &flags),
        Command::Init(flags) => init::init(flags, place),
        Command::Login { command: LoginCommand::List { json } } => login::list(place, json),
        Command::Login { command: LoginCommand::Resume { account, json } } => {
            login::resume(place, &account, json)
        }
        Command::Man => man::man(Arguments::command()),
        Command::Manual { topic } => Ok(manual::manual(topic.as_deref())),
        Command::Notice { command: NoticeCommand::List { json } } => notice::list(place, json),
        Command::Pause { command: PauseCommand::List { json } } => pause::list(place, json),
        Command::Pause { command: PauseCommand::End { host, json } } => pause::end(place, &host, json),
        Command::Probe { id, json } => probe::probe(place, &id, json),
        Command::Reload { json } => reload::reload(&place.data_dir(), json),
        Command::Restore { file: from, json } => backup::restore(place, &from, json),
        Command::Schema => schema::schema(),
        Command::Status { json, watch } => status::status(place, json, watch),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(error) => {
            let error = place.blame(error);
            tell_error(&error);
            Exit::of(&error).into()
        }
    }
}

/// The config and its warnings, or every fault in it as one error.
fn load(place: &Place) -> anyhow::Result<(Config, Vec<Fault>)> {
    let file = place.config.as_path();
    let text = config::read(file)?;
    let surroundings = Surroundings {
        env: &|name| environment(name),
        file: &config::read_secret,
        sample: &crate::sample::secret,
        certificate: &look_at_certificate,
        dir: file.parent().unwrap_or(Path::new("")),
        listen: place.listen.map(|(listen, _)| listen),
    };
    let now = SystemClock::new().now().wall;
    let (mut config, warnings) = Config::parse(&text, &file.display().to_string(), &surroundings, now)?;
    place.apply(&mut config);
    Ok((config, warnings))
}

/// An answer to another question, or to none.
fn unexpected(answer: Answer) -> anyhow::Error {
    match answer {
        Answer::Refused { why: Refusal::NotAllowed, said } => RefusedError(printable(&said)).into(),
        Answer::Refused { said, .. } => anyhow::anyhow!("the running porchlight says: {}", printable(&said)),
        _ => AskError::OtherVersion.into(),
    }
}

/// Whoever runs the daemon does not want us to ask.
#[derive(Debug, thiserror::Error)]
#[error("the running porchlight says: {0}")]
struct RefusedError(String);

/// What others sent may carry control characters; a terminal must not obey them.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
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

/// `1 endpoint`, `2 endpoints`.
fn counted(count: impl ToString, what: &str) -> String {
    let count = count.to_string();
    if count == "1" { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// One line to standard output. A reader that hung up is not an error of ours.
fn tell(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn tell_error(error: &anyhow::Error) {
    let stderr = std::io::stderr();
    // One who holds it open and does not read must not keep us from ending.
    let mut room = [PollFd::new(&stderr, PollFlags::OUT)];
    if matches!(poll(&mut room, Some(&LAST_WORD)), Ok(0)) {
        return;
    }
    let mut lines = stderr.lock();
    let _ = writeln!(lines, "porchlight: {error:#}");
}
