//! A day of healthy targets: nothing but successes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::house::{House, Time, live};
use crate::town::{EVERY, Streets, Town};

const DAY: Duration = Duration::from_secs(86_400);

/// Every result of a day, by outcome.
fn day_of(targets: usize) {
    let began = Instant::now();
    let dir = tempfile::tempdir().unwrap();
    let time = Arc::new(Time::default());
    let town = Town::well(&time, targets);
    live(async {
        let (site, components, endpoints) = town.endpoints();
        let streets = Arc::new(Streets(town.clone()));
        let house = House::open(dir.path(), &time, streets, (site, components, &endpoints)).await;
        tokio::time::sleep(DAY).await;
        house.close().await;
    });
    let connection = rusqlite::Connection::open(dir.path().join("porchlight.db")).unwrap();
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let results = count("SELECT count(*) FROM result");
    let others = count("SELECT count(*) FROM result WHERE outcome <> 0 AND outcome <> 118");
    let downs = count("SELECT count(*) FROM span WHERE health = 2");
    println!("{results} results of {targets} targets in a day, in {:.1} s", began.elapsed().as_secs_f64());
    let expected = i64::try_from(targets).unwrap() * i64::try_from(DAY.as_secs() / EVERY.as_secs()).unwrap();
    assert_eq!((others, downs), (0, 0), "results that are no success, and spans that are down");
    assert!(
        (expected..=expected + 2 * i64::try_from(targets).unwrap()).contains(&results),
        "{results} of {expected}"
    );
}

#[test]
fn a_day_of_healthy_targets_has_nothing_but_successes() {
    day_of(20);
}

#[test]
#[ignore = "takes long: tests/run soak"]
fn soak_a_day_of_a_thousand_healthy_targets_has_nothing_but_successes() {
    day_of(1000);
}
