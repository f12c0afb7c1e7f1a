//! The asking side: one question, one answer, in bounded time.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::door::Near;
use super::wire::{Answer, Answered, Question, VERSION};

/// A status of the most endpoints allowed is a few megabytes.
const ANSWER_LIMIT: u64 = 64 << 20;
/// A daemon that takes this long for anything has hung.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error(
        "no porchlight runs with the data directory {}; start one, or name its directory with --data",
        dir.display()
    )]
    NoDaemon { dir: PathBuf },
    #[error("only the user that runs this porchlight, or root, may talk to it ({})", dir.display())]
    NotAllowed { dir: PathBuf },
    #[error("the porchlight of {} did not answer within {} s", dir.display(), PATIENCE.as_secs())]
    NoAnswer { dir: PathBuf },
    #[error("talking to the porchlight of {}", dir.display())]
    Broken { dir: PathBuf, source: io::Error },
    #[error(
        "the running porchlight answers in words this one does not know (protocol {VERSION});          use the program it was started with, or restart it"
    )]
    OtherVersion,
}

/// Asks the daemon whose data directory this is. Blocks.
pub fn ask(dir: &Path, question: &Question) -> Result<Answer, AskError> {
    let line = talk(dir, question).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => {
            AskError::NoDaemon { dir: dir.to_owned() }
        }
        io::ErrorKind::PermissionDenied => AskError::NotAllowed { dir: dir.to_owned() },
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => AskError::NoAnswer { dir: dir.to_owned() },
        _ => AskError::Broken { dir: dir.to_owned(), source },
    })?;
    let answered: Answered = serde_json::from_slice(&line).map_err(|_| AskError::OtherVersion)?;
    if answered.v == VERSION { Ok(answered.answer) } else { Err(AskError::OtherVersion) }
}

fn talk(dir: &Path, question: &Question) -> io::Result<Vec<u8>> {
    let near = Near::to(dir)?;
    let mut stream = UnixStream::connect(near.path())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // Who is refused is told so before it has asked.
    let asked = question.line().map_err(io::Error::other).and_then(|line| stream.write_all(&line));
    let mut line = Vec::new();
    let read = BufReader::new(stream.take(ANSWER_LIMIT)).read_until(b'\n', &mut line);
    if line.last() == Some(&b'\n') {
        return Ok(line);
    }
    asked.and(read)?;
    Err(io::Error::from(io::ErrorKind::UnexpectedEof))
}
