//! Telling the operator: what holds now, each told once in the log, marked in
//! `porchlight status` and counted in the metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::domain::moment::Moment;
use crate::domain::note::{Key, Note, Weight};
use crate::domain::redact::Shown;

/// One that comes and goes is told no more often than this.
const QUIET: Duration = Duration::from_secs(30 * 60);
/// Notes at once. Each endpoint has a few kinds at most, and nobody reads a
/// thousand; those beyond are counted.
pub const MOST: usize = 4096;

/// Shared by everybody who has something to tell.
pub struct Notes {
    clock: Arc<dyn Clock>,
    board: Mutex<Board>,
}

/// How it is told in the log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Voice {
    /// When it begins.
    Once,
    /// Each time.
    Again,
    /// Not at all.
    Silent,
}

#[derive(Default)]
struct Board {
    notes: BTreeMap<Key, Pinned>,
    /// Notes that do not hold any more and are still remembered.
    ended: usize,
    /// Told of since the start, and had no room.
    dropped: u64,
}

struct Pinned {
    note: Note,
    /// None once it has ended; it is remembered until it may be told again.
    holds: bool,
    told_at: Duration,
    /// Whether its last beginning was told.
    aloud: bool,
}

impl Notes {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, board: Mutex::default() }
    }

    /// It holds from now on, if it did not before; the detail may change meanwhile.
    pub fn tell(&self, key: Key, detail: Shown) {
        self.pin(key, detail, Voice::Once);
    }

    /// It holds, and is told aloud whether it held before or not: it has become worse.
    pub fn tell_again(&self, key: Key, detail: Shown) {
        self.pin(key, detail, Voice::Again);
    }

    /// It holds and was told aloud before, perhaps by another process.
    pub fn mark(&self, key: Key, detail: Shown) {
        self.pin(key, detail, Voice::Silent);
    }

    fn pin(&self, key: Key, detail: Shown, voice: Voice) {
        let now = self.clock.now();
        let mut board = self.board();
        let board = &mut *board;
        board.forget(now);
        if let Some(pinned) = board.notes.get_mut(&key) {
            pinned.note.detail = detail;
            if voice == Voice::Again {
                pinned.told_at = now.mono;
                begins(&pinned.note);
            }
            if pinned.holds {
                return;
            }
            pinned.holds = true;
            pinned.note.since = now.wall;
            board.ended = board.ended.saturating_sub(1);
            let quiet = now.mono < pinned.told_at.saturating_add(QUIET);
            pinned.aloud = voice != Voice::Once || !quiet;
            if voice == Voice::Once && !quiet {
                pinned.told_at = now.mono;
                begins(&pinned.note);
            }
            return;
        }
        if MOST <= board.notes.len() {
            board.dropped = board.dropped.saturating_add(1);
            if board.dropped == 1 {
                tracing::error!("More than {MOST} things are to be told at once; the rest is not told");
            }
            return;
        }
        let note = Note { key: key.clone(), since: now.wall, detail };
        if voice != Voice::Silent {
            begins(&note);
        }
        board.notes.insert(key, Pinned { note, holds: true, told_at: now.mono, aloud: true });
    }

    /// It does not hold any more, if it did.
    pub fn clear(&self, key: &Key) {
        let mut board = self.board();
        let board = &mut *board;
        if let Some(pinned) = board.notes.get_mut(key).filter(|it| it.holds) {
            pinned.holds = false;
            if pinned.aloud {
                ends(&pinned.note);
            }
            board.ended += 1;
        }
    }

    /// Tells or clears, as `holds` says.
    pub fn set(&self, key: Key, holds: bool, detail: Shown) {
        if holds { self.tell(key, detail) } else { self.clear(&key) }
    }

    /// Clears all of whom `gone` says so: endpoints and accounts that were taken out of the config.
    pub fn clear_all(&self, gone: impl Fn(&Key) -> bool) {
        let keys: Vec<Key> = self.board().notes.keys().filter(|it| gone(it)).cloned().collect();
        keys.iter().for_each(|it| self.clear(it));
    }

    pub fn holds(&self, key: &Key) -> bool {
        self.board().notes.get(key).is_some_and(|it| it.holds)
    }

    /// All that hold now, the heaviest first.
    pub fn list(&self) -> Vec<Note> {
        let board = self.board();
        let mut notes: Vec<Note> =
            board.notes.values().filter(|it| it.holds).map(|it| it.note.clone()).collect();
        notes.sort_by_key(|it| (std::cmp::Reverse(it.key.told.weight()), it.since));
        notes
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // Every step leaves the map whole.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Board {
    /// Lets go of what ended long enough ago to be told anew.
    fn forget(&mut self, now: Moment) {
        if self.ended == 0 {
            return;
        }
        self.notes.retain(|_, it| it.holds || now.mono < it.told_at.saturating_add(QUIET));
        self.ended = self.notes.values().filter(|it| !it.holds).count();
    }
}

fn begins(note: &Note) {
    let (told, sentence, todo) = (note.key.told, note.sentence(), note.todo());
    let (note, kind, subject) = (told.wire(), note.key.subject.kind(), note.key.subject.name());
    match told.weight() {
        Weight::Alarm => tracing::error!(note, kind, subject, "To the operator: {sentence}; {todo}"),
        Weight::Trouble => tracing::warn!(note, kind, subject, "To the operator: {sentence}; {todo}"),
        Weight::Notice => tracing::info!(note, kind, subject, "To the operator: {sentence}; {todo}"),
    }
}

fn ends(note: &Note) {
    let (told, kind, subject) = (note.key.told.wire(), note.key.subject.kind(), note.key.subject.name());
    tracing::info!(note = told, kind, subject, "To the operator: no longer so: {}", note.sentence());
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::clock::ManualClock;
    use crate::domain::endpoint::Id;
    use crate::domain::note::Told;

    fn notes() -> (Arc<ManualClock>, Notes) {
        let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
        (clock.clone(), Notes::new(clock))
    }

    fn key(told: Told, id: &str) -> Key {
        Key::of_endpoint(told, &Id::parse(id).unwrap())
    }

    fn aloud(notes: &Notes) -> Vec<bool> {
        notes.board().notes.values().map(|it| it.aloud).collect()
    }

    #[test]
    fn what_holds_is_listed_once_from_its_beginning_and_the_heaviest_first() {
        let (clock, notes) = notes();
        notes.tell(key(Told::Flapping, "web"), Shown::default());
        clock.advance(Duration::from_secs(60));
        notes.tell(key(Told::Flapping, "web"), Shown::fixed("7 times"));
        notes.tell(key(Told::WrongPasswordAccepted, "app"), Shown::default());
        let said: Vec<String> = notes.list().iter().map(Note::sentence).collect();
        assert!(said[0].starts_with("endpoint `app`: a wrong password") && said[1].ends_with("(7 times)"));
        assert_eq!(notes.list()[1].since, Timestamp::UNIX_EPOCH);
        notes.clear(&key(Told::WrongPasswordAccepted, "app"));
        assert_eq!(notes.list().len(), 1);
    }

    #[test]
    fn what_comes_and_goes_is_told_once_in_half_an_hour() {
        let (clock, notes) = notes();
        let mut told = 0;
        for minute in 0..100 {
            notes.tell(key(Told::Flapping, "web"), Shown::default());
            assert!(notes.holds(&key(Told::Flapping, "web")));
            let now = clock.now().mono;
            told += notes.board().notes.values().filter(|it| it.aloud && it.told_at == now).count();
            notes.clear(&key(Told::Flapping, "web"));
            assert!(!notes.holds(&key(Told::Flapping, "web")), "{minute}");
            clock.advance(Duration::from_secs(60));
        }
        assert_eq!(told, 4, "at 0, 30, 60 and 90 minutes");
    }

    #[test]
    fn a_hundred_thousand_notes_are_bounded_and_make_room_when_they_end() {
        let (clock, notes) = notes();
        for number in 0..100_000 {
            notes.tell(key(Told::Blocked, &format!("e{number}")), Shown::default());
        }
        assert_eq!(notes.list().len(), MOST);
        notes.clear_all(|_| true);
        assert!(notes.list().is_empty());
        clock.advance(QUIET);
        notes.tell(key(Told::Blocked, "late"), Shown::default());
        assert_eq!((notes.list().len(), aloud(&notes).len()), (1, 1));
    }
}
