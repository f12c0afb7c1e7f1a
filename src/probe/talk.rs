//! Hearing and saying a few lines, whatever the other side does: bounded in size and in time.

use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::bare::{Bare, Fault, Stream};
use super::{classify, http, marks};
use crate::domain::evidence::BODY_KEPT;
use crate::domain::outcome::FailureClass;
use crate::domain::request::Value;

/// All that is heard in one knock; a greeting has a few hundred bytes.
const HEARD_LIMIT: usize = 64 << 10;
const CHUNK: usize = 4 << 10;
/// Of what was heard in the place of what was waited for.
const TOLD: usize = 100;

/// What was said to us so far.
#[derive(Default)]
pub(super) struct Heard {
    bytes: Vec<u8>,
    /// Where what has not been looked at begins.
    at: usize,
    first_at: Option<Instant>,
    /// Where what was heard since something is waited for begins.
    since: usize,
}

impl Heard {
    pub(super) fn first_at(&self) -> Option<Instant> {
        self.first_at
    }

    /// For an operator: the beginning of it, without what we sent in secret.
    pub(super) fn shown<'v>(&self, sent: impl Iterator<Item = &'v Value>) -> String {
        let mut text = String::from_utf8_lossy(&self.bytes).into_owned();
        for value in sent {
            if let Value::Secret(_) = value {
                let secret = http::plain(value).trim();
                if !secret.is_empty() {
                    text = text.replace(secret, "…");
                }
            }
        }
        let end = (0..=BODY_KEPT.min(text.len())).rev().find(|it| text.is_char_boundary(*it)).unwrap_or(0);
        text.truncate(end);
        text
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn since(&self) -> &[u8] {
        self.bytes.get(self.since..).unwrap_or_default()
    }

    fn told(&self) -> String {
        let all = String::from_utf8_lossy(&self.bytes);
        if all.is_empty() {
            return "nothing".to_owned();
        }
        let last: Vec<char> = all.chars().rev().take(TOLD).collect();
        format!("{:?}", last.into_iter().rev().collect::<String>())
    }
}

/// A connection, and what was heard over it.
pub(super) struct Talk<'h> {
    stream: Box<dyn Stream>,
    heard: &'h mut Heard,
}

impl<'h> Talk<'h> {
    pub(super) fn new(stream: impl Stream + 'static, heard: &'h mut Heard) -> Self {
        Self { stream: Box::new(stream), heard }
    }

    /// The same connection, safe from here on. What was said before that and
    /// not looked at may be somebody else's: it is refused.
    pub(super) async fn secured(self, bare: &Bare<'_>, name: &str) -> Result<Self, Fault> {
        if !self.heard.rest().is_empty() {
            return Err(Fault::of(FailureClass::Protocol, "words in the clear came before TLS began"));
        }
        let stream = bare.secure(self.stream, name).await?;
        Ok(Self { stream: Box::new(stream), heard: self.heard })
    }

    pub(super) async fn send(&mut self, bare: &Bare<'_>, bytes: &[u8]) -> Result<(), Fault> {
        let stream = &mut self.stream;
        let sending = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        let sending = async { sending.await.map_err(|error| broken(bare, &error)) };
        bare.by_the_deadline(sending).await
    }

    /// Waits until `text` was said.
    pub(super) async fn until_text(&mut self, bare: &Bare<'_>, text: &str) -> Result<(), Fault> {
        let wanted = text.as_bytes();
        self.heard.since = self.heard.at;
        loop {
            if let Some(found) = find(self.heard.rest(), wanted) {
                self.heard.at += found + wanted.len();
                return Ok(());
            }
            // What cannot be its beginning any more is passed over.
            let rest = self.heard.rest();
            let keep = rest.len().min(wanted.len().saturating_sub(1));
            let over = rest.len() - keep;
            self.heard.at += over;
            if !self.more(bare, &format!("{text:?}")).await? {
                return Err(self.closed(&format!("{text:?}")));
            }
        }
    }

    /// Waits for a line that fits, and gives it without its end.
    pub(super) async fn until_line(
        &mut self,
        bare: &Bare<'_>,
        wanted: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Result<String, Fault> {
        self.heard.since = self.heard.at;
        loop {
            while let Some(end) = self.heard.rest().iter().position(|it| *it == b'\n') {
                let line = text(self.heard.rest().get(..end).unwrap_or_default());
                self.heard.at += end + 1;
                if fits(&line) {
                    return Ok(line);
                }
            }
            if !self.more(bare, wanted).await? {
                // A last line may have no end.
                let last = text(self.heard.rest());
                if !last.is_empty() && fits(&last) {
                    return Ok(last);
                }
                return Err(self.closed(wanted));
            }
        }
    }

    /// Reads on; false when the other side has said all.
    async fn more(&mut self, bare: &Bare<'_>, wanted: &str) -> Result<bool, Fault> {
        if HEARD_LIMIT <= self.heard.bytes.len() {
            let said = format!("waited for {wanted}, heard {HEARD_LIMIT} bytes of something else");
            return Err(Fault::of(FailureClass::BodyTooLarge, said));
        }
        let mut chunk = [0_u8; CHUNK];
        let deadline = tokio::time::Instant::from_std(bare.deadline);
        let room = CHUNK.min(HEARD_LIMIT - self.heard.bytes.len());
        let chunk = chunk.get_mut(..room).unwrap_or_default();
        let count = match tokio::time::timeout_at(deadline, self.stream.read(chunk)).await {
            Ok(Ok(count)) => count,
            // Many a server hangs up without saying so in TLS.
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => 0,
            Ok(Err(error)) => return Err(broken(bare, &error)),
            Err(_) => return Err(self.late(wanted)),
        };
        if 0 < count && self.heard.first_at.is_none() {
            self.heard.first_at = Some(marks::now());
        }
        self.heard.bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
        Ok(0 < count)
    }

    fn late(&self, wanted: &str) -> Fault {
        let class = match self.heard.since().last() {
            None => FailureClass::TimeoutTtfb,
            Some(b'\n') => return unheard(wanted, &self.heard.told()),
            Some(_) => FailureClass::TimeoutBody,
        };
        Fault::of(class, format!("waited for {wanted} until the deadline, heard {}", self.heard.told()))
    }

    fn closed(&self, wanted: &str) -> Fault {
        if self.heard.since().is_empty() {
            return Fault::of(FailureClass::EmptyReply, format!("waited for {wanted}, but it hung up"));
        }
        unheard(wanted, &self.heard.told())
    }
}

fn broken(bare: &Bare<'_>, error: &std::io::Error) -> Fault {
    Fault { outcome: classify::broken(error, &bare.trace.marks()), said: error.to_string() }
}

/// A line as text, without its end.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\r').to_owned()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return Some(0);
    }
    bytes.windows(wanted.len()).position(|it| it == wanted)
}

/// A dialog whose words did not come.
fn unheard(wanted: &str, said: &str) -> Fault {
    Fault::of(FailureClass::Assertion, format!("waited for {wanted}, heard {said}"))
}
