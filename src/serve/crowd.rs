//! Who is here: a place for each connection, and room for the next by showing out the quietest.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::meter::{Counter, Gauge};

/// When the crowd is full, this part of it is shown out at once, so that looking
/// through all of it is paid for by many newcomers.
const SHOWN_OUT_PART: usize = 16;
/// When nobody is quiet, the crowd is looked through again after this.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// All connections of one listener.
///
/// | the crowd is | the next connection |
/// | --- | --- |
/// | not full | gets a place |
/// | full, some are without a request under way | the quietest sixteenth is closed, it gets a place |
/// | full of requests under way | waits in the system's backlog until one ends |
pub struct Crowd {
    cap: usize,
    began: Instant,
    next: AtomicU64,
    seats: Mutex<HashMap<u64, Arc<Seat>>>,
    left: Notify,
    pub meters: Arc<Meters>,
}

/// What a listener counts of those who come.
#[derive(Debug, Default)]
pub struct Meters {
    /// Here now.
    pub open: Gauge,
    pub came: Counter,
    /// Asked to go, because others needed the place.
    pub shown_out: Counter,
    /// Requests that named somebody else, or nobody.
    pub refused: Counter,
}

/// What is known of one connection.
pub struct Seat {
    began: Instant,
    /// Microseconds after `began` at which it came, or its last answer was ready.
    quiet_since: AtomicU64,
    /// Requests under way.
    busy: AtomicUsize,
    answered: AtomicBool,
    shown_out: AtomicBool,
    go: Notify,
}

/// A seat that is taken; it is free again when this is dropped.
pub struct Place {
    crowd: Arc<Crowd>,
    number: u64,
    pub seat: Arc<Seat>,
}

/// A request under way.
pub struct Busy(Arc<Seat>);

impl Crowd {
    pub fn new(cap: usize) -> Self {
        let seats = Mutex::default();
        let (left, meters) = (Notify::new(), Arc::default());
        Self { cap, began: Instant::now(), next: AtomicU64::new(0), seats, left, meters }
    }

    /// Counts on meters that others read.
    pub fn counted(self, meters: Arc<Meters>) -> Self {
        Self { meters, ..self }
    }

    /// A place, as soon as there is one.
    pub async fn enter(self: &Arc<Self>) -> Place {
        loop {
            if let Some(place) = self.try_enter() {
                return place;
            }
            self.show_out();
            // Whether anybody left or nobody could, it is looked at again.
            let _ = tokio::time::timeout(LOOK_AGAIN, self.left.notified()).await;
        }
    }

    fn try_enter(self: &Arc<Self>) -> Option<Place> {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if self.cap <= seats.len() {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let seat = Arc::new(Seat::new(self.began));
        seats.insert(number, seat.clone());
        self.meters.came.inc();
        self.meters.open.add(1);
        Some(Place { crowd: self.clone(), number, seat })
    }

    /// Asks those to go that have been without a request for longest. Those
    /// asked before are given time to do so.
    fn show_out(&self) {
        let seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if seats.values().any(|it| it.shown_out.load(Ordering::Acquire)) {
            return;
        }
        let mut quiet: Vec<(u64, &Arc<Seat>)> = seats
            .values()
            .filter(|it| !it.is_busy())
            .map(|it| (it.quiet_since.load(Ordering::Acquire), it))
            .collect();
        let enough = (self.cap / SHOWN_OUT_PART).max(1);
        if enough < quiet.len() {
            quiet.select_nth_unstable_by_key(enough - 1, |(since, _)| *since);
            quiet.truncate(enough);
        }
        for (_, seat) in quiet {
            seat.shown_out.store(true, Ordering::Release);
            seat.go.notify_one();
            self.meters.shown_out.inc();
        }
    }
}

impl Seat {
    fn new(began: Instant) -> Self {
        let seat = Self {
            began,
            quiet_since: AtomicU64::new(0),
            busy: AtomicUsize::new(0),
            answered: AtomicBool::new(false),
            shown_out: AtomicBool::new(false),
            go: Notify::new(),
        };
        seat.quiet_since.store(seat.now(), Ordering::Release);
        seat
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// A whole request has come; it is under way until this is dropped.
    pub fn busy(self: &Arc<Self>) -> Busy {
        self.busy.fetch_add(1, Ordering::AcqRel);
        Busy(self.clone())
    }

    pub fn is_busy(&self) -> bool {
        0 < self.busy.load(Ordering::Acquire)
    }

    /// Whether it ever sent a whole request.
    pub fn has_asked(&self) -> bool {
        self.is_busy() || self.answered.load(Ordering::Acquire)
    }

    /// Resolves when others need the place.
    pub async fn shown_out(&self) {
        self.go.notified().await;
    }

    /// Resolves when no request was under way for this long.
    pub async fn quiet_for(&self, patience: Duration) {
        loop {
            let since = Duration::from_micros(self.quiet_since.load(Ordering::Acquire));
            let left = match self.is_busy() {
                true => patience,
                false => (since + patience).saturating_sub(self.began.elapsed()),
            };
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.quiet_since.store(self.0.now(), Ordering::Release);
        self.0.answered.store(true, Ordering::Release);
        self.0.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.meters.open.add(-1);
        self.crowd.seats.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
        self.crowd.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(10);

    #[tokio::test]
    async fn the_next_gets_the_place_of_the_one_that_is_quiet_for_longest() {
        let crowd = Arc::new(Crowd::new(3));
        let mut places = Vec::new();
        for _ in 0..3 {
            places.push(crowd.enter().await);
            tokio::time::sleep(STEP).await;
        }
        // The first works, the second asked a moment ago, so the third is the quietest.
        let busy = places[0].seat.busy();
        drop(places[1].seat.busy());
        let quietest = places.remove(2);
        let leaving = async {
            quietest.seat.shown_out().await;
            drop(quietest);
        };
        let (_next, ()) = tokio::join!(crowd.enter(), leaving);
        assert!(!places[0].seat.shown_out.load(Ordering::Acquire));
        assert!(!places[1].seat.shown_out.load(Ordering::Acquire));
        drop(busy);
    }

    #[tokio::test]
    async fn nobody_is_shown_out_in_the_midst_of_a_request() {
        let crowd = Arc::new(Crowd::new(1));
        let place = crowd.enter().await;
        let busy = place.seat.busy();
        assert!(tokio::time::timeout(100 * STEP, crowd.enter()).await.is_err());
        assert!(!place.seat.shown_out.load(Ordering::Acquire));
        drop(busy);
        let leaving = async {
            place.seat.shown_out().await;
            drop(place);
        };
        let (_next, ()) = tokio::join!(crowd.enter(), leaving);
    }

    #[tokio::test]
    async fn quiet_is_counted_from_the_last_answer() {
        let crowd = Arc::new(Crowd::new(1));
        let place = crowd.enter().await;
        let began = Instant::now();
        tokio::time::sleep(5 * STEP).await;
        let busy = place.seat.busy();
        let work = async {
            tokio::time::sleep(20 * STEP).await;
            drop(busy);
        };
        tokio::join!(place.seat.quiet_for(10 * STEP), work);
        assert!(35 * STEP <= began.elapsed(), "{:?}", began.elapsed());
    }
}
