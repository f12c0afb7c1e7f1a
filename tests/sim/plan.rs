//! What a seed means: doors with a true story, faults, and when they strike.

use std::time::Duration;

use crate::chance::Chance;

/// Virtual time of one seed. Four hours hold some hundred probes of each door,
/// several lives, an hour's maintenance and its end; see the head of `main.rs`.
pub const LENGTH: Duration = Duration::from_secs(4 * 3600);
/// The end is calm, so that everything must have come right again.
pub const CALM: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Stall,
    Crash,
    PowerCut,
    SlowStore,
    FailingStore,
    HangingStore,
    TinyBacklog,
    SmallStep,
    GreatStep,
    Reload,
    Notices,
    OwnFaults,
    Poison,
    Tail,
    Edge,
}

impl Fault {
    pub const ALL: [Self; 15] = [
        Self::Stall,
        Self::Crash,
        Self::PowerCut,
        Self::SlowStore,
        Self::FailingStore,
        Self::HangingStore,
        Self::TinyBacklog,
        Self::SmallStep,
        Self::GreatStep,
        Self::Reload,
        Self::Notices,
        Self::OwnFaults,
        Self::Poison,
        Self::Tail,
        Self::Edge,
    ];
}

/// What a door really does for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Real {
    Up,
    Slow,
    Refuses,
    /// Takes the connection and says nothing.
    Swallows,
    /// The door may be well; it is we who cannot see.
    Ours,
    Throttles,
}

impl Real {
    pub fn is_down(self) -> bool {
        matches!(self, Self::Refuses | Self::Swallows)
    }
}

#[derive(Debug, Clone)]
pub struct Door {
    pub every: Duration,
    pub deadline: Duration,
    pub failure: u32,
    pub success: u32,
    pub component: usize,
    /// From when on it is what; begins at zero.
    pub story: Vec<(Duration, Real)>,
    pub poisoned: bool,
}

impl Door {
    pub fn at(&self, time: Duration) -> Real {
        self.story.iter().rev().find(|(from, _)| *from <= time).map_or(Real::Up, |&(_, real)| real)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Works,
    Slow,
    Fails,
    Hangs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Stall(Duration),
    Crash,
    PowerCut,
    Store(Mode),
    /// Milliseconds.
    Step(i64),
    /// Stop, edit the file, start.
    Reload,
    Read,
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub faults: Vec<Fault>,
    pub doors: Vec<Door>,
    pub events: Vec<(Duration, Event)>,
    pub backlog: usize,
}

pub const COMPONENTS: usize = 3;

impl Plan {
    /// A random subset of the faults, a swarm: few at a time go deeper than all at once.
    pub fn new(seed: u64) -> Self {
        let mut chance = Chance::of(seed, "faults");
        let faults = Fault::ALL.into_iter().filter(|_| chance.one_in(2)).collect();
        Self::with(seed, faults)
    }

    pub fn with(seed: u64, faults: Vec<Fault>) -> Self {
        let has = |fault| faults.contains(&fault);
        let doors = (0..6).map(|index| door(seed, index, &has)).collect();
        let mut events = Vec::new();
        for fault in &faults {
            let mut chance = Chance::of(seed, &format!("{fault:?}"));
            for _ in 0..chance.between(1, 6) {
                let at = chance.secs(30, (LENGTH - CALM).as_secs());
                events.extend(strikes(*fault, at, &mut chance));
            }
        }
        let mut chance = Chance::of(seed, "reads");
        let mut at = Duration::from_secs(10);
        while at < LENGTH {
            events.push((at, Event::Read));
            at += chance.secs(20, 240);
        }
        events.push((LENGTH, Event::Read));
        events.sort_by_key(|(at, _)| *at);
        let backlog = if has(Fault::TinyBacklog) { 12 } else { porchlight::store::BACKLOG };
        Self { seed, faults, doors, events, backlog }
    }
}

fn door(seed: u64, index: usize, has: &impl Fn(Fault) -> bool) -> Door {
    let mut chance = Chance::of(seed, &format!("door {index}"));
    let every = Duration::from_secs(chance.pick(&[10, 15, 20, 30, 45, 60]));
    let deadline = Duration::from_secs(chance.pick(&[2, 5, 8]));
    let mut story = vec![(Duration::ZERO, Real::Up)];
    let mut at = chance.secs(60, 3600);
    while at < LENGTH - CALM {
        let mut kinds = vec![Real::Up, Real::Slow, Real::Refuses, Real::Refuses, Real::Swallows];
        if has(Fault::OwnFaults) {
            kinds.extend([Real::Ours, Real::Ours, Real::Throttles]);
        }
        story.push((at, chance.pick(&kinds)));
        at += chance.secs(5, 600);
        // Mostly well again.
        if !chance.one_in(3) {
            story.push((at, Real::Up));
            at += chance.secs(60, 3600);
        }
    }
    story.push((LENGTH - CALM, chance.pick(&[Real::Up, Real::Up, Real::Refuses])));
    let poisoned = has(Fault::Poison) && index == 0;
    let (failure, success) = chance.pick(&[(2, 2), (2, 2), (3, 2), (1, 1), (2, 3)]);
    Door { every, deadline, failure, success, component: index % COMPONENTS, story, poisoned }
}

/// What one blow of a fault is, and its end where it has one.
fn strikes(fault: Fault, at: Duration, chance: &mut Chance) -> Vec<(Duration, Event)> {
    let end = LENGTH - CALM;
    let mut for_a_while = |mode, longest| {
        let until = (at + chance.secs(1, longest)).min(end);
        vec![(at, Event::Store(mode)), (until, Event::Store(Mode::Works))]
    };
    match fault {
        Fault::SlowStore => for_a_while(Mode::Slow, 900),
        Fault::FailingStore | Fault::TinyBacklog => for_a_while(Mode::Fails, 900),
        Fault::HangingStore => for_a_while(Mode::Hangs, 120),
        Fault::Stall => vec![(at, Event::Stall(chance.ms(1, 120_000)))],
        Fault::Crash => vec![(at, Event::Crash)],
        Fault::PowerCut => vec![(at, Event::PowerCut)],
        Fault::SmallStep => vec![(at, Event::Step(signed(chance, 90_000)))],
        Fault::GreatStep => vec![(at, Event::Step(signed(chance, 86_400_000)))],
        Fault::Reload | Fault::Notices => {
            (0..3).map(|_| (at + chance.secs(0, 900), Event::Reload)).filter(|it| it.0 < end).collect()
        }
        Fault::OwnFaults | Fault::Poison | Fault::Tail | Fault::Edge => Vec::new(),
    }
}

fn signed(chance: &mut Chance, most: u64) -> i64 {
    let step = i64::try_from(chance.between(1, most)).unwrap();
    if chance.one_in(2) { -step } else { step }
}
