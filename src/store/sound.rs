//! Whether the database's files are well. SQLite may write for weeks beside a
//! broken page without noticing, so the whole file is read once in a while.

use std::path::Path;

use super::error::{Doing, StoreError};
use super::open::{self, DATABASE_FILE};
use super::shared::Shared;

/// Takes six seconds a gigabyte, and its snapshot lets the log grow meanwhile.
pub(super) fn check(shared: &Shared, dir: &Path) -> Result<(), StoreError> {
    let answer = open::for_reading(dir).and_then(|connection| {
        connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
            .doing("checking the database")
    });
    let found = match answer {
        Ok(answer) if answer == "ok" => None,
        Ok(what) => Some(StoreError::Damaged { path: dir.join(DATABASE_FILE), what }),
        Err(error) if error.is_damage() => Some(error),
        // It could not be read; that says nothing about it.
        Err(error) => return Err(error),
    };
    shared.found(|known| known.damaged = found.is_some());
    if let Some(error) = found {
        tracing::error!(
            error = error.as_dyn(),
            "The database is DAMAGED. Results are still stored where they can be; make a copy of the data \
             directory now, then stop porchlight and restore a backup"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;
    use crate::domain::readiness::Soundness;
    use crate::store::Recorded;
    use crate::store::testing::{Running, success};

    #[tokio::test]
    async fn a_page_broken_under_us_is_found_by_the_check_and_forgotten_when_it_is_mended() {
        let running = Running::new();
        running.succeed("web", 1..=2000).await;
        running.store.checkpoint().await.unwrap();
        running.store.check().await.unwrap();
        assert_eq!(*running.store.soundness().borrow(), Soundness::default());
        let mut options = std::fs::OpenOptions::new();
        let file = options.read(true).write(true).open(running.dir.path().join(DATABASE_FILE)).unwrap();
        let pages = file.metadata().unwrap().len() / 4096;
        // One of the last full pages of results.
        let (mut page, place) = ([0; 4096], (pages - 3) * 4096);
        file.read_exact_at(&mut page, place).unwrap();
        file.write_all_at(&[0xA5; 4096], place).unwrap();
        running.store.check().await.unwrap();
        assert!(running.store.soundness().borrow().damaged);
        assert_eq!(running.store.record(success("web", 2001)).await, Recorded::Stored);
        file.write_all_at(&page, place).unwrap();
        running.store.check().await.unwrap();
        assert!(!running.store.soundness().borrow().damaged);
    }
}
