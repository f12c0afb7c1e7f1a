//! Keeps virtual time standing still while bytes are on their way.
//!
//! A paused clock goes on to the next timer whenever nothing can run, and does
//! not wait for what the kernel has just made readable. So long as a knock is
//! moving, somebody here is always ready to run: the runtime polls its sockets,
//! and time waits. A knock that waits for time itself (a slow answer, an answer
//! that never comes) is not moving.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What each door's knock is doing; at most one knocks at a door at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Nothing,
    Moving,
    Waiting,
}

pub struct Still {
    doors: Mutex<Doors>,
    begun: Notify,
}

struct Doors {
    /// With the number of its knock.
    doing: Vec<(Doing, u64)>,
    moving: usize,
}

/// A knock under way; over when dropped.
pub struct Moving(Arc<Still>, usize);

impl Still {
    pub fn new(doors: usize) -> Arc<Self> {
        let doors = Doors { doing: vec![(Doing::Nothing, 0); doors], moving: 0 };
        Arc::new(Self { doors: Mutex::new(doors), begun: Notify::new() })
    }

    /// A knock begins; false beside it when another is still under way there.
    pub fn knock(self: &Arc<Self>, door: usize) -> (Moving, bool) {
        let mut doors = self.lock();
        let alone = doors.doing[door].0 == Doing::Nothing;
        doors.doing[door].1 += 1;
        doors.set(door, Doing::Moving);
        self.begun.notify_one();
        (Moving(self.clone(), door), alone)
    }

    /// The door lets time pass before it answers; gives what [`Still::goes_on`] wants.
    pub fn waits(&self, door: usize) -> u64 {
        let mut doors = self.lock();
        if doors.doing[door].0 == Doing::Moving {
            doors.set(door, Doing::Waiting);
        }
        doors.doing[door].1
    }

    /// It answers now, if anybody still waits for that answer.
    pub fn goes_on(&self, door: usize, number: u64) {
        let mut doors = self.lock();
        if doors.doing[door] == (Doing::Waiting, number) {
            doors.set(door, Doing::Moving);
            self.begun.notify_one();
        }
    }

    /// Runs beside all else for as long as virtual time does.
    pub async fn hold(self: Arc<Self>) {
        loop {
            while 0 < self.lock().moving {
                tokio::task::yield_now().await;
            }
            self.begun.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Doors> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Doors {
    fn set(&mut self, door: usize, doing: Doing) {
        let before = std::mem::replace(&mut self.doing[door].0, doing);
        self.moving += usize::from(doing == Doing::Moving);
        self.moving -= usize::from(before == Doing::Moving);
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        self.0.lock().set(self.1, Doing::Nothing);
    }
}
