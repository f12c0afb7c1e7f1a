//! A healthy day, and a thousand outages: nothing false, nothing missed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use porchlight::domain::endpoint::{Cadence, Endpoint};
use porchlight::schedule::cadence::{CONFIRM_AFTER, CONFIRM_SPREAD};

use crate::chance::Chance;
use crate::check::{open, spans};
use crate::config;
use crate::doors::{How, Outage};
use crate::house::{Lived, Stay, live};
use crate::model::DOWN;
use crate::world::EPOCH_MS;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// What tokio's timer rounds to, twice.
const TIMER: Duration = Duration::from_millis(2);
/// The latest answer of a page, in milliseconds.
const LATEST: u64 = 300;

/// A room in memory where there is one.
fn room() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { tempfile::tempdir_in(shm).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// One of ten is asked over TLS; the others are hosts of their own.
fn endpoint(door: usize, every: Duration) -> Endpoint {
    let url = match door % 10 {
        0 => format!("https://127.0.0.1/login/{door}"),
        _ => format!("http://10.1.{}.{}/login/{door}", door / 250, door % 250 + 1),
    };
    Endpoint {
        cadence: Cadence::Every(every),
        ..Endpoint::get(config::id(&format!("e{door}")), config::component_id(door % 3), url.parse().unwrap())
    }
}

/// Knocks at `doors` healthy pages for `length`; whatever is no success is a fault.
fn healthy(doors: usize, every: Duration, length: Duration) {
    let room = room();
    let stay = Stay {
        seed: 1,
        endpoints: (0..doors).map(|door| endpoint(door, every)).collect(),
        outages: vec![Vec::new(); doors],
        length,
        latest: LATEST,
    };
    let lived = live(stay, room.path());
    let (stored, refused) = results(room.path());
    let rate = f64::from(u32::try_from(lived.knocks).unwrap()) / lived.took.as_secs_f64();
    eprintln!(
        "{doors} endpoints every {every:?} for {length:?}: {} bells, {} dropped, {} knocks, {stored} stored, \
         {} not a success; {:.1} s, {rate:.0} knocks/s",
        lived.rounds,
        lived.dropped,
        lived.knocks,
        refused.values().sum::<u32>(),
        lived.took.as_secs_f64(),
    );
    assert_eq!(refused, BTreeMap::new(), "outcomes that are no success, by code");
    counted(&lived, stored);
    assert_eq!(lived.dropped, 0, "a healthy page is never too slow for its next bell");
    // Bells on the phase, one at the start, and the first word confirmed at once.
    let due = length.as_secs() / every.as_secs();
    for (door, seen) in lived.seen.iter().enumerate() {
        assert!((due + 1..=due + 2).contains(&seen.requests), "door {door}: {seen:?}, {due} due");
        assert!(seen.longest <= every * 3 / 2 + TIMER, "door {door} was left alone: {seen:?}");
    }
    let connection = open(room.path());
    for door in 0..doors {
        let stored = spans(&connection, &format!("e{door}"));
        assert!(matches!(stored.as_slice(), [(0, _, None)]), "door {door} was told as {stored:?}");
    }
}

/// Every bell that was answered, and every confirmation, is one request and one row.
fn counted(lived: &Lived, stored: u64) {
    let requests: u64 = lived.seen.iter().map(|it| it.requests).sum();
    assert_eq!(stored, lived.knocks, "one result a knock");
    assert_eq!(stored, requests, "one request a knock");
    assert!(lived.rounds <= stored, "{} bells answered, {stored} results", lived.rounds);
    assert_eq!(lived.beside, 0, "never two knocks at one door");
}

/// How many results there are, and how many of each code that is no success.
fn results(dir: &Path) -> (u64, BTreeMap<u8, u32>) {
    let connection = open(dir);
    let mut select = connection.prepare("SELECT outcome, count(*) FROM result GROUP BY outcome").unwrap();
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let all: BTreeMap<u8, u32> = select.query_map([], read).unwrap().map(Result::unwrap).collect();
    let stored = all.values().copied().map(u64::from).sum();
    (stored, all.into_iter().filter(|(code, _)| *code != 0).collect())
}

#[test]
fn a_day_of_a_few_endpoints_is_nothing_but_successes() {
    healthy(10, MINUTE, DAY);
}

#[test]
fn a_few_minutes_of_a_thousand_endpoints_are_nothing_but_successes() {
    healthy(1_000, MINUTE, MINUTE * 10);
}

#[test]
#[ignore = "takes long: tests/run soak"]
fn soak_a_day_of_a_thousand_endpoints_is_nothing_but_successes() {
    // Less often than each 30 s as by default, for half the time: `DAY_EVERY=30`.
    let every = std::env::var("DAY_EVERY").ok().and_then(|it| it.parse().ok()).unwrap_or(60);
    healthy(1_000, Duration::from_secs(every), DAY);
}

const OUTAGE_DOORS: usize = 50;
const OUTAGES_EACH: usize = 20;
const LENGTHS: [u64; 7] = [1, 10, 30, 60, 120, 300, 601];

/// A page's outages: lengths spread over their logarithm, calm between them.
fn outages(chance: &mut Chance, every: Duration) -> Vec<Outage> {
    let mut at = MINUTE * 5;
    let one = |_| {
        at += every * 4 + chance.secs(30, 300);
        let bin = usize::try_from(chance.between(0, 6)).unwrap();
        let length = chance.secs(LENGTHS[bin], LENGTHS[bin + 1]);
        let how = chance.pick(&[How::Refuses, How::Swallows, How::Errs]);
        let outage = Outage { from: at, to: at + length, how };
        at += length;
        outage
    };
    (0..OUTAGES_EACH).map(one).collect()
}

#[test]
fn every_outage_longer_than_an_interval_and_a_confirmation_is_found_and_none_is_invented() {
    let mut chance = Chance::of(4, "outages");
    let plan: Vec<(Endpoint, Vec<Outage>)> = (0..OUTAGE_DOORS)
        .map(|door| {
            let every = Duration::from_secs(chance.pick(&[10, 15, 20, 30, 45, 60]));
            let deadline = Duration::from_secs(chance.pick(&[2, 5, 8]));
            (Endpoint { deadline, ..endpoint(door, every) }, outages(&mut chance, every))
        })
        .collect();
    let last = plan.iter().filter_map(|it| it.1.last()).map(|it| it.to).max().unwrap();
    let room = room();
    let stay = Stay {
        seed: 4,
        endpoints: plan.iter().map(|it| it.0.clone()).collect(),
        outages: plan.iter().map(|it| it.1.clone()).collect(),
        length: last + MINUTE * 5,
        latest: LATEST,
    };
    let lived = live(stay, room.path());
    let (stored, failed) = results(room.path());
    counted(&lived, stored);
    let (mut found, mut faults) = (Table::default(), Vec::new());
    let connection = open(room.path());
    for (endpoint, outages) in &plan {
        let down: Vec<(Duration, Duration)> = spans(&connection, endpoint.id.as_str())
            .into_iter()
            .filter(|it| it.0 == DOWN)
            .map(|(_, from, to)| (since(from), since(to.unwrap())))
            .collect();
        let heard = |it: &Outage| heard(&connection, endpoint, it);
        faults.extend(compared(endpoint, outages, down, &mut found, &heard));
    }
    eprintln!("{found}");
    eprintln!(
        "{} knocks, {} not a success, {} rings dropped, {:.1} s",
        lived.knocks,
        failed.values().sum::<u32>(),
        lived.dropped,
        lived.took.as_secs_f64()
    );
    assert_eq!(found.all(), OUTAGE_DOORS * OUTAGES_EACH);
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn since(wall: i64) -> Duration {
    Duration::from_millis(u64::try_from(wall - EPOCH_MS).unwrap())
}

/// The codes of what was stored of an endpoint during an outage.
fn heard(connection: &rusqlite::Connection, endpoint: &Endpoint, it: &Outage) -> Vec<u8> {
    let sql = "SELECT outcome FROM result JOIN endpoint ON endpoint.id = endpoint
               WHERE name = ?1 AND at_ms BETWEEN ?2 AND ?3";
    let mut select = connection.prepare(sql).unwrap();
    let wall = |time: Duration| EPOCH_MS + i64::try_from(time.as_millis()).unwrap();
    let during = (endpoint.id.as_str(), wall(it.from), wall(it.to));
    select.query_map(during, |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Holds what was told of one endpoint against what was.
fn compared(
    endpoint: &Endpoint,
    outages: &[Outage],
    mut down: Vec<(Duration, Duration)>,
    found: &mut Table,
    heard: &dyn Fn(&Outage) -> Vec<u8>,
) -> Vec<String> {
    let Cadence::Every(every) = endpoint.cadence else { unreachable!() };
    let mut faults = Vec::new();
    for it in outages {
        // How long the first failing knock may take.
        let fails = match it.how {
            How::Swallows => endpoint.deadline,
            How::Refuses | How::Errs => Duration::from_millis(LATEST),
        };
        let must = every + CONFIRM_AFTER + CONFIRM_SPREAD + fails + TIMER < it.to - it.from;
        let told = down.iter().position(|span| it.from <= span.0 && span.0 < it.to);
        let told = told.map(|index| down.remove(index));
        found.count(it.to - it.from, must, told.is_some());
        let Some((from, to)) = told else {
            if must {
                faults.push(format!(
                    "`{}` (every {every:?}): missed {it:?}, heard {:?}",
                    endpoint.id,
                    heard(it)
                ));
            }
            continue;
        };
        let (late, over) = (from - it.from, to.saturating_sub(it.to));
        found.latest(late, over, every);
        if every + TIMER < late {
            faults.push(format!("`{}` (every {every:?}): begins {late:?} late: {it:?}", endpoint.id));
        }
        // The end is the first success; what was asked before the end may last its deadline.
        if to + endpoint.deadline < it.to || every + endpoint.deadline + TIMER < over {
            faults.push(format!("`{}` (every {every:?}): ends at {to:?}: {it:?}", endpoint.id));
        }
    }
    faults.extend(down.iter().map(|span| format!("`{}` was never down at {span:?}", endpoint.id)));
    faults
}

/// Found and missed, by length.
#[derive(Default)]
struct Table {
    /// All, those that must be found, and those found, of each length.
    rows: [[usize; 4]; 6],
    /// The worst start and end, in intervals.
    late: f64,
    over: f64,
}

impl Table {
    fn count(&mut self, length: Duration, must: bool, found: bool) {
        let row = LENGTHS[1..].iter().position(|&to| length.as_secs() < to).unwrap();
        let [all, musts, met, others] = &mut self.rows[row];
        *all += 1;
        *musts += usize::from(must);
        *met += usize::from(must && found);
        *others += usize::from(!must && found);
    }

    fn latest(&mut self, late: Duration, over: Duration, every: Duration) {
        self.late = self.late.max(late.as_secs_f64() / every.as_secs_f64());
        self.over = self.over.max(over.as_secs_f64() / every.as_secs_f64());
    }

    fn all(&self) -> usize {
        self.rows.iter().map(|row| row[0]).sum()
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "length      outages  must be found  of them found  found of the others")?;
        for (index, [all, musts, met, others]) in self.rows.iter().enumerate() {
            let length = format!("{}..{} s", LENGTHS[index], LENGTHS[index + 1]);
            writeln!(f, "{length:<11} {all:>7}  {musts:>13}  {met:>13}  {others:>19}")?;
        }
        write!(
            f,
            "told begin at most {:.2} intervals after the true one, told end {:.2} after",
            self.late, self.over
        )
    }
}
