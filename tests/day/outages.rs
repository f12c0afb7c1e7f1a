//! Real outages at random: the long ones are found, where they began, and no other is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::house::{House, Time, live};
use crate::town::{EVERY, Outage, Streets, Town, Trouble};

/// Between a first failure and its confirmation, and the deadlines of both.
const CONFIRMATION: Duration = Duration::from_secs(5 + 2 * 10);
/// Outages of one target lie at least so far apart, so that each is told by itself.
const CALM: Duration = Duration::from_secs(600);
/// A knock begins a little before its target looks at the time.
const SLACK: Duration = Duration::from_secs(1);

fn plan(seed: u64, each: usize) -> Vec<Outage> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut at = Duration::from_secs(300);
    (0..each)
        .map(|_| {
            let from = at + CALM + Duration::from_millis(random.random_range(0..900_000));
            let to = from + Duration::from_millis(random.random_range(1_000..600_000));
            at = to;
            Outage { from, to, trouble: Trouble::ALL[random.random_range(0..Trouble::ALL.len())] }
        })
        .collect()
}

/// The spans of each target that were told as down.
fn told(dir: &std::path::Path) -> BTreeMap<String, Vec<(Duration, Duration)>> {
    let connection = rusqlite::Connection::open(dir.join("porchlight.db")).unwrap();
    let sql = "SELECT name, from_ms, to_ms FROM span JOIN endpoint ON endpoint.id = span.endpoint WHERE health = 2 ORDER BY from_ms";
    let mut query = connection.prepare(sql).unwrap();
    let at = |ms: i64| Time::of(Timestamp::from_millisecond(ms).unwrap());
    let rows = query.query_map([], |row| {
        Ok((row.get(0)?, at(row.get(1)?), row.get::<_, Option<i64>>(2)?.map_or(Duration::MAX, at)))
    });
    let mut spans: BTreeMap<String, Vec<(Duration, Duration)>> = BTreeMap::new();
    for row in rows.unwrap() {
        let (name, from, to): (String, _, _) = row.unwrap();
        spans.entry(name).or_default().push((from, to));
    }
    spans
}

/// What was heard of a target around an outage: when, and the outcome's code.
fn heard(dir: &std::path::Path, target: usize, outage: &Outage) -> Vec<(Duration, u8)> {
    let connection = rusqlite::Connection::open(dir.join("porchlight.db")).unwrap();
    let sql =
        "SELECT at_ms, outcome FROM result JOIN endpoint ON endpoint.id = result.endpoint WHERE name = ?1";
    let mut query = connection.prepare(sql).unwrap();
    let at = |ms: i64| Time::of(Timestamp::from_millisecond(ms).unwrap());
    let rows = query.query_map([format!("t{target}")], |row| Ok((at(row.get(0)?), row.get(1)?))).unwrap();
    let around = outage.from.saturating_sub(EVERY * 2)..outage.to + EVERY * 2;
    rows.map(Result::unwrap).filter(|it: &(Duration, u8)| around.contains(&it.0)).collect()
}

fn outages(targets: usize, each: usize) {
    let began = Instant::now();
    let seed = rand::random_range(0..1_000_000_u64);
    let seed = std::env::var("SEED").ok().and_then(|it| it.parse().ok()).unwrap_or(seed);
    println!("seed {seed}");
    let dir = tempfile::tempdir().unwrap();
    let time = Arc::new(Time::default());
    let outages: Vec<Vec<Outage>> =
        (0..targets).map(|target| plan(seed + u64::try_from(target).unwrap(), each)).collect();
    let end = outages.iter().flatten().map(|it| it.to).max().unwrap() + CALM;
    let town = Arc::new(Town { time: time.clone(), outages });
    live(async {
        let (site, components, endpoints) = town.endpoints();
        let streets = Arc::new(Streets(town.clone()));
        let house = House::open(dir.path(), &time, streets, (site, components, &endpoints)).await;
        tokio::time::sleep(end).await;
        house.close().await;
    });
    let told = told(dir.path());
    let (mut long, mut found, mut late) = (0, 0, Duration::ZERO);
    for (target, outages) in town.outages.iter().enumerate() {
        let spans = told.get(&format!("t{target}")).cloned().unwrap_or_default();
        for (from, to) in &spans {
            let real = outages.iter().any(|it| it.from <= *from + SLACK && *from < it.to);
            assert!(real, "seed {seed}: t{target} was told down from {from:?} to {to:?}, and was not");
        }
        for outage in outages {
            let told = spans.iter().find(|(from, _)| (outage.from..outage.to).contains(&(*from + SLACK)));
            if outage.to - outage.from > EVERY + CONFIRMATION {
                long += 1;
                let heard = heard(dir.path(), target, outage);
                assert!(
                    told.is_some(),
                    "seed {seed}: t{target} was down and nobody was told: {outage:?}, of {spans:?}, heard {heard:?}"
                );
            }
            if let Some((from, _)) = told {
                found += 1;
                late = late.max(from.saturating_sub(outage.from));
            }
        }
    }
    println!(
        "{} outages, {found} found, all {long} of the long ones; begun at most {late:?} late; in {:.1} s",
        targets * each,
        began.elapsed().as_secs_f64()
    );
    assert!(late <= EVERY + SLACK, "seed {seed}: one began {late:?} late");
}

#[test]
fn a_hundred_random_outages_are_found_where_they_began() {
    outages(20, 5);
}

#[test]
#[ignore = "takes long: tests/run soak"]
fn soak_a_thousand_random_outages_are_found_where_they_began() {
    outages(100, 10);
}
