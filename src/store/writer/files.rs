//! Care of the files while they are written: whether they still bear their names,
//! how long the log is, and room on a full disk.

use rusqlite::Connection;

use super::Writer;
use crate::store::error::{Doing, StoreError};
use crate::store::identity::Identity;
use crate::store::job::{Entry, Job};
use crate::store::{open, pressure};

impl Writer {
    /// Goes on only while what is written gets into the files that bear our names.
    pub(super) fn hold_on(&mut self) -> Result<(), StoreError> {
        match self.identity.check() {
            Err(StoreError::LogVanished { .. }) => self.renew_the_log(),
            checked => checked,
        }
    }

    /// The write-ahead log lost its name. We still hold it, so its content is
    /// folded into the database, and a new one is begun.
    fn renew_the_log(&mut self) -> Result<(), StoreError> {
        let lost = || StoreError::LogVanished { path: self.identity.path.clone() };
        let (frames, folded): (i64, i64) = self
            .connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get(1)?, row.get(2)?)))
            .doing("saving the write-ahead log")?;
        if frames != folded {
            return Err(lost());
        }
        // The old connection must be gone first: two in one process share the lost
        // files. Nothing is written to what stands in for it, for the files do not
        // match until the new one is open.
        let nothing = Connection::open_in_memory().doing("letting go of the lost log")?;
        drop(std::mem::replace(&mut self.connection, nothing));
        self.rows.borrow_mut().clear();
        self.connection = open::writing(&self.identity.path)?;
        self.connection.busy_timeout(open::WRITER_BUSY).doing("preparing the connection")?;
        self.identity = Identity::of(&self.identity.path)?;
        tracing::warn!(
            "The write-ahead log of the database was removed while it was in use; nothing of it is lost, \
             but leave the files beside the database alone"
        );
        Ok(())
    }

    /// What nobody asks for: whether the files are still there, how long the log
    /// is, and whether the ballast can be laid again.
    pub(super) fn look_around(&mut self) {
        let looked = self.hold_on();
        let vanished = matches!(looked, Err(StoreError::Vanished { .. }));
        if self.shared.found(|known| known.vanished = vanished)
            && let Err(error) = &looked
        {
            tracing::error!(error = error.as_dyn(), "Nothing can be stored until the file is back");
        }
        self.ballast.retake();
        pressure::tell_of_a_long_log(&self.identity.path, &mut self.told_of_the_log);
    }

    /// With the ballast given up: the log goes into the database, and what is too
    /// old goes out of it, so that its room can be used again.
    pub(super) fn relieve(&mut self, batch: &[Job]) {
        let now = batch.iter().find_map(|job| match job {
            Job::Record(Entry { result: Some(result), .. }) => Some(result.at.wall),
            _ => None,
        });
        let keep = self.shared.keep();
        let pruned = match now.zip(keep) {
            Some((now, keep)) => pressure::prune_at_once(&self.connection, now, keep),
            None => Ok(0),
        };
        match pruned.and_then(|pruned| self.chore("TRUNCATE").map(|()| pruned)) {
            Ok(pruned) => tracing::info!("Made room in the database: {pruned} old rows are gone"),
            Err(error) => tracing::warn!(error = error.as_dyn(), "Could not make room in the database"),
        }
    }
}
