//! The invariants that are seen when all is over: knocks counted at the door,
//! and outages found.

use std::path::Path;
use std::time::Duration;

use crate::check::{open, spans};
use crate::model::DOWN;
use crate::plan::{Event, Mode};
use crate::world::{Knocked, World};

/// How long a round waits for the store at most, and a little.
const PATIENCE: Duration = Duration::from_millis(5_200);
const CONFIRM: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(5));

pub fn all(world: &World, dir: &Path) {
    let lives = world.lock().lives.len();
    for life in 0..lives {
        let doors = world.lock().lives[life].doors.clone();
        for (door, every) in doors {
            let knocks: Vec<Knocked> = {
                let world = world.lock();
                world.knocks.iter().filter(|it| it.life == life && it.door == door).cloned().collect()
            };
            not_too_often(world, &knocks, every);
            often_enough(world, life, (door, every), &knocks);
        }
    }
    outages_are_found(world, dir);
}

/// I3: one round an interval, and a confirmation only where one is wanted.
fn not_too_often(world: &World, knocks: &[Knocked], every: Duration) {
    let mut rounds: Vec<Duration> = Vec::new();
    let mut before: Option<&Knocked> = None;
    for knock in knocks {
        let confirms = before.is_some_and(|it| {
            let stalled = world.lock().stalled(it.ended, knock.began);
            let after = knock.began.saturating_sub(it.ended);
            it.confirm && CONFIRM.0 <= after && after <= CONFIRM.1 + PATIENCE + stalled
        });
        if !confirms {
            rounds.push(knock.began);
        }
        before = Some(knock).filter(|_| !confirms);
    }
    if world.lock().has_lost {
        // What the judge remembers is not what is stored: confirmations cannot be told from rounds.
        return;
    }
    for (index, &from) in rounds.iter().enumerate() {
        let to = from + every * 3;
        let count = rounds[index..].iter().take_while(|&&it| it < to).count();
        let stalls = world.lock().stalls.iter().filter(|it| from <= it.1 + every && it.0 < to).count();
        // Four ticks touch three intervals; a start may knock once before its phase.
        world.check(count <= 5 + stalls, "I3", || {
            let door = knocks[0].door;
            format!("{count} rounds at door {door} within {:?} of {from:?}, every {every:?}", every * 3)
        });
    }
}

/// I4: an interval and a half of time in which we ran, and what a round may take.
fn often_enough(world: &World, life: usize, (door, every): (usize, Duration), knocks: &[Knocked]) {
    let deadline = world.plan.doors[door].deadline;
    let round = (deadline + PATIENCE) * 2 + CONFIRM.1 + Duration::from_secs(2);
    let life = world.lock().lives[life].clone();
    let starts = knocks.iter().map(|it| it.began);
    let times: Vec<Duration> = [life.from].into_iter().chain(starts).chain([life.to]).collect();
    for pair in times.windows(2) {
        let stalled = world.lock().stalled(pair[0], pair[1]);
        let gap = pair[1].saturating_sub(pair[0]).saturating_sub(stalled);
        world.check(gap <= every * 3 / 2 + round, "I4", || {
            format!("door {door}, every {every:?}, was left alone for {gap:?} from {:?} on", pair[0])
        });
    }
}

/// I7: what was really down for long enough, while nothing ailed us, is on record.
fn outages_are_found(world: &World, dir: &Path) {
    let set_back = |it: &(Duration, Event)| matches!(it.1, Event::Step(by) if by < -3_000_000);
    if world.plan.events.iter().any(set_back) || world.lock().has_lost {
        return;
    }
    let connection = open(dir);
    let entries = world.lock().config.entries.clone();
    for entry in &entries {
        let door = &world.plan.doors[entry.door];
        // One that was renamed while it was away is still on record by its former name.
        let stored = entry.names.iter().rev().map(|name| spans(&connection, name));
        let stored = stored.into_iter().find(|it| !it.is_empty()).unwrap_or_default();
        for (index, &(from, real)) in door.story.iter().enumerate() {
            let to = door.story.get(index + 1).map_or(crate::plan::LENGTH, |next| next.0);
            let life = world.lock().lives.iter().find(|it| it.from <= from && to <= it.to).cloned();
            let Some(life) = life else { continue };
            let Some(&(_, every)) = life.doors.iter().find(|it| it.0 == entry.door) else { continue };
            let needed = (every * 3 / 2 + door.deadline) * door.failure + Duration::from_secs(20);
            if !real.is_down() || door.poisoned || to - from < needed || ails(world, from, to) {
                continue;
            }
            let wall = world.lock().wall_at(from);
            let latest = wall + i64::try_from((every * 3 / 2 + door.deadline * 2).as_millis()).unwrap();
            let found = stored.iter().any(|&(code, begun, ended)| {
                code == DOWN && begun <= latest && ended.is_none_or(|ended| latest < ended)
            });
            world.check(found, "I7", || format!("{entry:?} was down from {from:?} to {to:?}: {stored:?}"));
        }
    }
}

/// Whether anything was wrong with us around then.
fn ails(world: &World, from: Duration, to: Duration) -> bool {
    let mut mode = Mode::Works;
    let near = from.saturating_sub(Duration::from_secs(200));
    for &(at, event) in &world.plan.events {
        let ill = match event {
            Event::Store(next) => {
                let was = std::mem::replace(&mut mode, next);
                was != Mode::Works || next != Mode::Works
            }
            Event::Read => mode != Mode::Works,
            _ => true,
        };
        if ill && near <= at && at <= to {
            return true;
        }
    }
    false
}
