//! The invariants that can be seen while it runs, each by its name.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use porchlight::domain::endpoint::Endpoint;
use porchlight::domain::facts::{EndpointFacts, Facts, Storing};
use porchlight::domain::moment::Moment;
use porchlight::domain::span::{Health, Span};
use porchlight::domain::summary::{LONGEST_TRUTH, Summary, summarize};
use porchlight::store::{DATABASE_FILE, Store};
use rusqlite::{Connection, OpenFlags};

use crate::bugs::Bug;
use crate::config::component_id;
use crate::model::{Code, DOWN, Fold, UNKNOWN, Window};
use crate::plan::{LENGTH, Real};
use crate::world::{self, Answered, World};

const STOPPING: u8 = 118;
/// What a body may outlive an announced start or end.
const GRACE_MS: i64 = 2_000;

/// The door of an endpoint's id: `e3-2` is door 3.
pub fn door_of(name: &str) -> usize {
    name.trim_start_matches('e').split('-').next().unwrap().parse().unwrap()
}

/// Breaks the database itself, for the bugs that live there.
pub fn plant(world: &World, dir: &Path) {
    let sql = match world.bug {
        Some(Bug::StoredTwice) => {
            "CREATE TRIGGER IF NOT EXISTS twice AFTER INSERT ON result WHEN NEW.id % 50 = 0 BEGIN
             INSERT INTO result (endpoint, at_ms, outcome, total_us)
             VALUES (NEW.endpoint, NEW.at_ms, NEW.outcome, NEW.total_us); END"
        }
        Some(Bug::SpanHole) => {
            "CREATE TRIGGER IF NOT EXISTS hole AFTER INSERT ON span BEGIN
             UPDATE span SET to_ms = to_ms - 1000
             WHERE endpoint = NEW.endpoint AND to_ms = NEW.from_ms AND from_ms < to_ms - 1000; END"
        }
        _ => return,
    };
    Connection::open(dir.join(DATABASE_FILE)).unwrap().execute_batch(sql).unwrap();
}

/// What the database holds, read row by row and folded from the first result on.
pub struct Audit {
    through: i64,
    /// Answers not yet met in the log, by door, wall time and length.
    waiting: HashMap<(usize, i64, i64), VecDeque<usize>>,
    indexed: usize,
    /// Answers found in the log, by life.
    stored: HashMap<usize, u64>,
    pub folds: Vec<Fold>,
}

struct Row {
    id: i64,
    door: usize,
    at_ms: i64,
    outcome: u8,
    total_us: i64,
}

impl Audit {
    pub fn new() -> Self {
        Self { through: 0, waiting: HashMap::new(), indexed: 0, stored: HashMap::new(), folds: Vec::new() }
    }

    /// Folds what was stored since the last look.
    pub fn catch_up(&mut self, world: &World, connection: &Connection) {
        self.folds.resize(world.plan.doors.len(), Fold::default());
        let answers: Vec<Answered> = world.lock().answers[self.indexed..].to_vec();
        for (index, it) in (self.indexed..).zip(&answers) {
            let us = i64::try_from(it.total.as_micros()).unwrap();
            let key = (it.door, it.at.wall.as_millisecond(), us);
            self.waiting.entry(key).or_default().push_back(index);
        }
        self.indexed += answers.len();
        for row in rows(connection, self.through) {
            self.through = row.id;
            if row.outcome == STOPPING {
                continue;
            }
            let met =
                self.waiting.get_mut(&(row.door, row.at_ms, row.total_us)).and_then(VecDeque::pop_front);
            let Some(met) = met else {
                world.check(false, "I2", || {
                    format!("row {} is nobody's answer, or the second of one", row.id)
                });
                continue;
            };
            let it = world.lock().answers[met].clone();
            world.check(it.outcome.code() == row.outcome, "I6", || {
                format!("door {} answered {:?} and {} was stored", it.door, it.outcome, row.outcome)
            });
            *self.stored.entry(it.life).or_default() += 1;
            let door = &world.plan.doors[it.door];
            self.folds[it.door].hear(it.heard(), door.failure, door.success);
        }
    }
}

fn rows(connection: &Connection, through: i64) -> Vec<Row> {
    let sql = "SELECT result.id, name, at_ms, outcome, total_us FROM result
               JOIN endpoint ON endpoint.id = endpoint WHERE result.id > ?1 ORDER BY result.id";
    let mut select = connection.prepare(sql).unwrap();
    let read = |row: &rusqlite::Row<'_>| {
        let name: String = row.get(1)?;
        let door = door_of(&name);
        Ok(Row { id: row.get(0)?, door, at_ms: row.get(2)?, outcome: row.get(3)?, total_us: row.get(4)? })
    };
    select.query_map([through], read).unwrap().map(Result::unwrap).collect()
}

type Stored = Vec<(Code, i64, Option<i64>)>;

pub fn spans(connection: &Connection, name: &str) -> Stored {
    let sql = "SELECT health, from_ms, to_ms FROM span JOIN endpoint ON endpoint.id = endpoint
               WHERE name = ?1 ORDER BY from_ms";
    let mut select = connection.prepare(sql).unwrap();
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    select.query_map([name], read).unwrap().map(Result::unwrap).collect()
}

pub fn open(dir: &Path) -> Connection {
    let path = dir.join(DATABASE_FILE);
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// When a life is over: what is on the disk now is all that counts.
pub fn life_end(world: &World, dir: &Path) {
    let connection = open(dir);
    let mut audit = Audit::new();
    audit.catch_up(world, &connection);
    let kept: std::collections::HashSet<(usize, i64)> =
        rows(&connection, 0).into_iter().map(|row| (row.door, row.at_ms)).collect();
    let told: Vec<(usize, i64)> = world.lock().told.iter().copied().collect();
    let mut gone: Vec<_> = told.into_iter().filter(|it| !kept.contains(it)).collect();
    gone.sort_unstable();
    let lost = world.lock().lost;
    world.check(u64::try_from(gone.len()).unwrap() <= lost, "I1", || {
        format!("told as stored and gone: {gone:?}")
    });
    let names: Vec<String> = {
        let mut select = connection.prepare("SELECT name FROM endpoint ORDER BY id").unwrap();
        select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let mut said = String::new();
    for name in &names {
        let stored = spans(&connection, name);
        said.push_str(&format!(" {name}:{}:{:?}", stored.len(), stored.last()));
        well_formed(world, name, &stored);
        same(world, "I11", name, &stored, &audit.folds[door_of(name)]);
    }
    world.note(|| format!("on the disk through {}:{said}", audit.through));
    world.lock().live = audit.folds;
}

/// I8: no overlap, no hole, always another health, and only the last goes on.
fn well_formed(world: &World, name: &str, stored: &Stored) {
    for pair in stored.windows(2) {
        let [(before, _, to), (after, from, _)] = pair else { continue };
        let holds = *to == Some(*from) && before != after;
        world.check(holds, "I8", || format!("{name}: {pair:?}"));
    }
    let open = stored.last().is_none_or(|(_, _, to)| to.is_none());
    world.check(open, "I8", || format!("{name} ends with {:?}", stored.last()));
}

fn same(world: &World, invariant: &str, name: &str, stored: &Stored, fold: &Fold) {
    if world.lock().has_lost {
        return;
    }
    let begun: Vec<(Code, i64)> = stored.iter().map(|&(code, from, _)| (code, from)).collect();
    world.check(begun == fold.spans, invariant, || {
        let differs = begun.iter().zip(&fold.spans).position(|(one, other)| one != other);
        let from = differs.unwrap_or(begun.len().min(fold.spans.len())).saturating_sub(1);
        let (one, other) = (begun.get(from..), fold.spans.get(from..));
        format!("{name}: from span {from} on it is {one:?}, the fold of the log says {other:?}")
    });
}

/// At rest: everything answered is told and stored, so all views must agree.
pub fn at_rest(world: &World, store: &Store, facts: &Facts, dir: &Path, audit: &mut Audit) {
    if *store.storing().borrow() != Storing::Works {
        return;
    }
    let lost = if world.has(Bug::LostUncounted) { 0 } else { store.lost() };
    let life = {
        let mut inner = world.lock();
        inner.has_lost |= store.lost() > 0;
        let last = |door| inner.answers.iter().rev().find(|it| it.door == door && it.life == inner.life);
        let told = |it: &Arc<EndpointFacts>| {
            let last = last(door_of(it.endpoint.id.as_str()));
            last.is_none_or(|last| it.last.is_some_and(|told| told.at == last.at.wall))
        };
        if inner.in_flight.iter().any(|&it| it > 0) || !facts.endpoints.iter().all(told) {
            return;
        }
        inner.life
    };
    let connection = open(dir);
    audit.catch_up(world, &connection);
    let answered = world.lock().answers.iter().filter(|it| it.life == life).count();
    let stored = audit.stored.get(&life).copied().unwrap_or_default();
    world.check(u64::try_from(answered).unwrap() == stored + lost, "I1", || {
        format!("{answered} results in this life, {stored} stored and {lost} counted as lost")
    });
    for known in &facts.endpoints {
        let name = known.endpoint.id.as_str();
        let told: Stored = known.history.iter().map(coded).collect();
        same(world, "I11", name, &told, &audit.folds[door_of(name)]);
        same(world, "I11", name, &spans(&connection, name), &audit.folds[door_of(name)]);
    }
}

fn coded(span: &Span) -> (Code, i64, Option<i64>) {
    (span.health.code(), span.from.as_millisecond(), span.to.map(|it| it.as_millisecond()))
}

/// A reader comes by.
pub fn read(world: &World, store: &Store, facts: &Facts) {
    let now = world.moment();
    let shown = bugged(world, facts);
    let summary = summarize(&shown, now);
    world.note(|| said(&summary));
    if *store.storing().borrow() == Storing::Works {
        let told = facts.endpoints.iter().filter_map(|it| Some((it, it.last?)));
        let told = told.map(|(it, last)| (door_of(it.endpoint.id.as_str()), last.at.as_millisecond()));
        world.lock().told.extend(told.collect::<Vec<_>>());
    }
    bounded(world, facts);
    honest(world, facts, &summary, now);
    believable(world, facts, &summary, now);
    notices(world, facts, &summary, now);
    counted(world, facts, &summary, now);
    if LENGTH <= world.time() {
        come_right(world, &summary);
    }
}

fn bugged(world: &World, facts: &Facts) -> Facts {
    let mut shown = facts.clone();
    if world.has(Bug::GapIsUp) {
        for known in &mut shown.endpoints {
            for span in Arc::make_mut(&mut Arc::make_mut(known).history) {
                if span.health == Health::Unknown {
                    span.health = Health::Up;
                }
            }
        }
    }
    shown
}

fn said(summary: &Summary) -> String {
    let parts = summary.components.iter().flat_map(|it| &it.parts);
    let health: Vec<&str> = parts.map(|part| part.health.wire()).collect();
    format!("reads {} {}", summary.verdict.wire(), health.join(" "))
}

/// I14: what is kept in memory grows with what happened to health, not with time.
fn bounded(world: &World, facts: &Facts) {
    let inner = world.lock();
    let changes: usize = inner.live.iter().map(|it| it.spans.len() + 2).sum();
    let (backlog, has_lost) = (world.plan.backlog, inner.has_lost);
    drop(inner);
    let kept: usize = facts.endpoints.iter().map(|it| it.history.len()).sum();
    world.check(has_lost || kept <= changes, "I14", || format!("{kept} spans kept of {changes}"));
    if let Storing::Fails { waiting, .. } = facts.storing {
        let room = u64::try_from(backlog + 2 * changes).unwrap();
        world.check(waiting <= room, "I14", || format!("{waiting} results wait in room for {room}"));
    }
}

/// How old the last thing really known of a door is, as far as anyone can
/// know: after a restart only the wall clock tells.
fn age(world: &World, endpoint: &Endpoint, now: Moment) -> Option<(Duration, Duration)> {
    let (door, inner) = (door_of(endpoint.id.as_str()), world.lock());
    let known = inner.answers.iter().rev().find(|it| it.door == door && it.heard().says.is_some())?;
    if known.life == inner.life {
        let mono = inner.time() - inner.base;
        return Some((mono.saturating_sub(known.at.mono), known.fresh_for));
    }
    // The file may have another interval than when it was knocked at; that of now counts.
    let age = Duration::try_from(now.wall.duration_since(known.at.wall)).ok()?;
    Some((age, world::fresh_for(endpoint)))
}

/// No data is never green, and nothing is told of what fell silent.
fn honest(world: &World, facts: &Facts, summary: &Summary, now: Moment) {
    let known = |it: &EndpointFacts| age(world, &it.endpoint, now).is_some_and(|(age, fresh)| age < fresh);
    let parts: Vec<_> = summary.components.iter().flat_map(|it| &it.parts).collect();
    for it in &facts.endpoints {
        let told = parts.iter().find(|part| part.endpoint == it.endpoint.id).map(|part| part.health);
        let holds = told == Some(Health::Unknown) || known(it);
        world.check(holds, "silence", || format!("{} is told as {told:?} unheard", it.endpoint.id));
    }
    let green = ["yes", "slow", "maintenance_soon", "recovering"].contains(&summary.verdict.wire());
    let mut ways = facts.endpoints.iter().filter(|it| it.endpoint.component != component_id(2));
    let any = ways.any(|it| known(it));
    world.check(!green || any, "verdict", || format!("{} without data", summary.verdict.wire()));
}

/// `valid_until`: what is told now is still true then.
fn believable(world: &World, facts: &Facts, summary: &Summary, now: Moment) {
    let left = summary.valid_until.mono.saturating_sub(now.mono);
    world.check(left <= LONGEST_TRUTH, "valid_until", || format!("{left:?} is too long"));
    for known in facts.endpoints.iter().filter(|it| it.is_fresh(now)) {
        let (age, fresh) = age(world, &known.endpoint, now).unwrap_or_default();
        world.check(left <= fresh.saturating_sub(age), "valid_until", || {
            format!("{} falls silent within {left:?}: {age:?} of {fresh:?}", known.endpoint.id)
        });
    }
    let (wall, left) = (now.wall.as_millisecond(), i64::try_from(left.as_millis()).unwrap());
    let record = world.lock().record.clone();
    for edge in record.iter().flat_map(|it| [it.starts, it.end()]).filter(|&edge| wall < edge) {
        world.check(left <= edge - wall + GRACE_MS, "valid_until", || {
            format!("a maintenance turns in {} ms, the body lives {left} ms", edge - wall)
        });
    }
}

/// The history of one endpoint as it may be told now: stretches of one health.
fn told(known: &EndpointFacts, now: Moment) -> Vec<(Code, i64, i64)> {
    let wall = now.wall.as_millisecond();
    let mut begun: Vec<(Code, i64)> = known.history.iter().map(coded).map(|it| (it.0, it.1)).collect();
    if let (Some(last), Some(&(code, from))) = (known.last, begun.last())
        && last.fresh_until <= now.mono
        && code != UNKNOWN
    {
        let since = last.known_at.as_millisecond().max(from);
        begun.retain(|&(_, from)| from < since);
        begun.push((UNKNOWN, since));
    }
    let ends: Vec<i64> = begun.iter().skip(1).map(|it| it.1).chain([wall]).collect();
    let clipped = begun.into_iter().zip(ends).map(|((code, from), to)| (code, from, to.min(wall)));
    clipped.filter(|&(_, from, to)| from < to).collect()
}

/// When the outage that goes on began: back over what is down or unknown.
fn unwell_since(told: &[(Code, i64, i64)]) -> Option<i64> {
    let tail = told.iter().rev().take_while(|it| it.0 == DOWN || it.0 == UNKNOWN);
    tail.filter(|it| it.0 == DOWN).map(|it| it.1).last()
}

/// The phase of each maintenance, from its window on record and the time.
fn notices(world: &World, facts: &Facts, summary: &Summary, now: Moment) {
    let record = world.lock().record.clone();
    for window in &record {
        let covered = facts.endpoints.iter().filter(|it| covers(window, it));
        let unwell = covered.filter_map(|it| unwell_since(&told(it, now))).min();
        let expected = window.phase(unwell, now.wall.as_millisecond());
        let found = summary.maintenances.iter().find(|(it, _)| it.id.as_str() == window.name);
        let phase = found.map(|(_, phase)| phase.wire());
        world.check(phase == Some(expected), "notices", || format!("{window:?}: {phase:?}, not {expected}"));
        let running = window.holds(now.wall.as_millisecond());
        let status = summary.components.iter().find(|it| it.component.id == component_id(window.component));
        let shown = status.is_some_and(|it| it.status.wire() == "under_maintenance");
        world.check(!running || shown, "notices", || format!("{window:?} runs and is not shown"));
    }
    for it in summary.components.iter().filter(|it| it.status.wire() == "under_maintenance") {
        let component = it.component.id.as_str();
        let holds = record.iter().any(|window| {
            component_id(window.component).as_str() == component && window.holds(now.wall.as_millisecond())
        });
        world.check(holds, "notices", || format!("{component} is shown in maintenance, and is not"));
    }
}

fn covers(window: &Window, known: &EndpointFacts) -> bool {
    known.endpoint.component == component_id(window.component)
}

/// I5: every millisecond is up, down, unknown or announced, and counted once.
fn counted(world: &World, facts: &Facts, summary: &Summary, now: Moment) {
    let record = world.lock().record.clone();
    for component in &summary.components {
        let mut sums = [0_i64; 4];
        let mut whole = 0;
        for known in facts.endpoints.iter().filter(|it| it.endpoint.component == component.component.id) {
            let told = told(known, now);
            whole += told.first().map_or(0, |first| now.wall.as_millisecond() - first.1);
            let covering: Vec<&Window> = record.iter().filter(|it| covers(it, known)).collect();
            for (code, from, to) in told {
                let edges = covering.iter().flat_map(|it| [it.starts, it.end(), it.announced]);
                let mut cuts: Vec<i64> = edges.filter(|&edge| from < edge && edge < to).collect();
                cuts.extend([from, to]);
                cuts.sort_unstable();
                for cut in cuts.windows(2) {
                    let kind = match code {
                        _ if covering.iter().any(|it| it.is_left_out(cut[0])) => 3,
                        0 | 1 => 0,
                        DOWN => 1,
                        _ => 2,
                    };
                    sums[kind] += cut[1] - cut[0];
                }
            }
        }
        let uptime = component.uptime[0];
        let found = [uptime.up, uptime.down, uptime.unknown, uptime.maintenance];
        let found = found.map(|it| i64::try_from(it.as_millis()).unwrap());
        world.check(found == sums && sums.iter().sum::<i64>() == whole, "I5", || {
            format!("{}: counted {found:?}, recounted {sums:?} of {whole}", component.component.id)
        });
    }
}

/// I12: whatever happened, after a quarter of an hour of calm what is told is what is.
fn come_right(world: &World, summary: &Summary) {
    for part in summary.components.iter().flat_map(|it| &it.parts) {
        let real = world.plan.doors[door_of(part.endpoint.as_str())].at(LENGTH);
        let holds = match real {
            Real::Up => part.health == Health::Up,
            _ => part.health == Health::Down,
        };
        world.check(holds, "I12", || format!("{} is {real:?}, told as {:?}", part.endpoint, part.health));
    }
}
