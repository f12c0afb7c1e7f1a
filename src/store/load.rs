//! Everything needed to go on after a restart. Reads only.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::Connection;

use super::error::{Doing, StoreError};
use super::newest::{self, Newest, Seen};
use super::reader::Reader;
use super::{endpoints, open, spans};
use crate::domain::endpoint::{Endpoint, EndpointId};
use crate::domain::judge::JudgeState;
use crate::domain::span::Span;

/// What is stored of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    pub endpoint: EndpointId,
    /// The spans that reach beyond the time asked for, oldest first; ends with
    /// the open one. Empty before anything is known.
    pub history: Vec<Span>,
    /// Resumed: the time until the next result will be told as unknown.
    pub state: JudgeState,
    /// The last result that said something about the endpoint.
    pub last_known: Option<Seen>,
    /// The last result, whatever it said.
    pub last: Option<Seen>,
}

/// One entry for each of `endpoints`, in their order; a renamed one finds the
/// history of its former id, whether or not the renaming is stored already.
pub(super) fn load(dir: &Path, endpoints: &[Endpoint], since: Timestamp) -> Result<Vec<Loaded>, StoreError> {
    let mut connection = open::for_reading(dir)?;
    // One snapshot, though the writer may be at work.
    let snapshot = connection.transaction().doing("starting to read")?;
    let mut known = endpoints::read(&snapshot)?;
    for (old, new) in endpoints::renames(&known, endpoints) {
        for it in known.iter_mut().filter(|it| it.id == old) {
            it.id = new.clone();
        }
    }
    let newest = newest::read(&snapshot)?;
    let known: HashMap<&EndpointId, &endpoints::Known> = known.iter().map(|it| (&it.id, it)).collect();
    let one = |endpoint: &Endpoint| match known.get(&endpoint.id) {
        Some(it) => resume(&snapshot, &newest, it, since),
        None => Ok(unknown(&endpoint.id)),
    };
    endpoints.iter().map(one).collect()
}

/// What was last known of `endpoints`, for a look without a daemon.
pub fn last_known(dir: &Path, endpoints: &[Endpoint]) -> Result<Vec<Loaded>, StoreError> {
    // Ours, and of a version we know; it is closed again at once.
    Reader::open(dir)?;
    load(dir, endpoints, Timestamp::MAX)
}

fn unknown(endpoint: &EndpointId) -> Loaded {
    Loaded {
        endpoint: endpoint.clone(),
        history: Vec::new(),
        state: JudgeState::new(),
        last_known: None,
        last: None,
    }
}

fn resume(
    connection: &Connection,
    newest: &Newest,
    known: &endpoints::Known,
    since: Timestamp,
) -> Result<Loaded, StoreError> {
    let last_known = newest.known(known.row)?;
    let state = match spans::open(connection, known.row)? {
        Some((open, before_silence)) => {
            let last_at = last_known.map_or(open.from, |last| last.at);
            JudgeState::resumed(open, before_silence, last_at)
        }
        None => JudgeState::new(),
    };
    Ok(Loaded {
        endpoint: known.id.clone(),
        history: spans::history(connection, known.row, since)?,
        state,
        last_known,
        last: newest.any(known.row)?,
    })
}
