//! Counting without waiting: plain atomics that a room owns and bumps. What
//! becomes of the numbers is not its business.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Only ever grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn inc(&self) {
        self.add(1);
    }

    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub fn add(&self, more: i64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts by small numbers, such as the codes of outcomes. 32 bits a slot: at
/// one a second it is full in 136 years.
#[derive(Debug)]
pub struct Slots<const N: usize>([AtomicU32; N]);

impl<const N: usize> Default for Slots<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU32::new(0)))
    }
}

impl<const N: usize> Slots<N> {
    /// A slot that is not there counts nothing.
    pub fn inc(&self, slot: usize) {
        if let Some(slot) = self.0.get(slot) {
            slot.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn get(&self, slot: usize) -> u32 {
        self.0.get(slot).map_or(0, |it| it.load(Ordering::Relaxed))
    }
}

/// Counts values by fixed bounds; the last slot is for what is beyond them all.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// `bounds` ascend; a value equal to a bound is within it.
    pub fn new(bounds: &'static [u64]) -> Self {
        let counts = std::iter::repeat_with(AtomicU64::default).take(bounds.len() + 1).collect();
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    pub fn observe(&self, value: u64) {
        let slot = self.bounds.iter().position(|&bound| value <= bound).unwrap_or(self.bounds.len());
        if let Some(count) = self.counts.get(slot) {
            count.fetch_add(1, Ordering::Relaxed);
            self.sum.fetch_add(value, Ordering::Relaxed);
        }
    }

    /// For a histogram whose bounds are in microseconds.
    pub fn time(&self, took: Duration) {
        self.observe(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Each bound with how many were within it and beyond the one before, the
    /// count beyond all, and the sum. Not one instant, but never more counted
    /// than was seen.
    pub fn read(&self) -> Reading {
        let sum = self.sum.load(Ordering::Relaxed);
        let counts = self.counts.iter().map(|it| it.load(Ordering::Relaxed)).collect();
        Reading { bounds: self.bounds, counts, sum }
    }
}

/// What a histogram held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub bounds: &'static [u64],
    /// One more than there are bounds.
    pub counts: Vec<u64>,
    pub sum: u64,
}

impl Reading {
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Measures how long something takes, never what time it is.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "a length between two instants is never told as a time")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn read(self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_the_first_bound_that_holds_it() {
        let histogram = Histogram::new(&[10, 100]);
        for value in [0, 10, 11, 100, 101, u64::from(u32::MAX)] {
            histogram.observe(value);
        }
        let reading = histogram.read();
        assert_eq!(reading.counts, [2, 2, 2]);
        assert_eq!(reading.count(), 6);
        assert_eq!(reading.sum, 222 + u64::from(u32::MAX));
        histogram.time(Duration::from_micros(50));
        assert_eq!(histogram.read().counts, [2, 3, 2]);
    }

    #[test]
    fn what_many_count_at_once_is_all_counted() {
        let (counter, histogram, slots) = (Counter::default(), Histogram::new(&[1]), Slots::<2>::default());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for value in 0..10_000 {
                        counter.inc();
                        histogram.observe(value % 4);
                        slots.inc(1);
                        slots.inc(2);
                    }
                });
            }
        });
        assert_eq!((counter.get(), slots.get(1), slots.get(2)), (40_000, 40_000, 0));
        assert_eq!(histogram.read().counts, [20_000, 20_000]);
    }

    /// Bars, not a benchmark: a hundred times what it takes.
    #[test]
    fn counting_costs_next_to_nothing() {
        const BOUNDS: &[u64] = &[5, 25, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
        let histogram = Histogram::new(BOUNDS);
        let watch = Stopwatch::start();
        for value in 0..100_000 {
            histogram.observe(value % 12_000);
        }
        assert!(watch.read() < Duration::from_millis(500), "{:?}", watch.read());
    }
}
