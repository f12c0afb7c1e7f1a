//! The asking half against a writer on a thread of its own.

use super::testing::{Running, at, draw, endpoint, goes_down, goes_up, id, result, success};
use super::*;
use crate::domain::judge::{JudgeState, judge};
use crate::domain::outcome::{Outcome, UnknownReason};
use crate::domain::span::Health;

async fn waits_for(store: &Store, fits: impl FnMut(&Storing) -> bool) -> Storing {
    *store.storing().wait_for(fits).await.unwrap()
}

/// The endpoints and seconds of all results, in the order of the log.
async fn log(store: &Store) -> Vec<(String, i64)> {
    let read = |tx: &Tx<'_>| {
        let mut select = tx
            .connection()
            .prepare("SELECT name, at_ms / 1000 FROM result JOIN endpoint ON endpoint.id = endpoint ORDER BY result.id")
            .unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        Ok(rows.collect::<Result<_, _>>().unwrap())
    };
    store.transact(read).await.unwrap()
}

#[tokio::test]
async fn acknowledged_means_another_connection_sees_it() {
    let running = Running::new();
    let reader = Reader::open(running.dir.path()).unwrap();
    for second in 1..=20 {
        assert_eq!(running.store.record(goes_down("web", second)).await, Recorded::Stored);
        assert_eq!(reader.count_results().unwrap(), second.unsigned_abs());
    }
    assert_eq!(draw(&reader.history(&id("web")).unwrap()), "D1-");
    assert!(reader.history(&id("nobody")).unwrap().is_empty());
}

#[tokio::test]
async fn whatever_waits_shares_the_next_commit() {
    let running = Running::new();
    running.store.sabotage(Sabotage::Hang);
    let records = (0..200).map(|second| running.store.record(success("web", second)));
    let release = async { running.store.sabotage(Sabotage::None) };
    let answers = tokio::join!(join_all(records), release).0;
    assert!(answers.iter().all(|&it| it == Recorded::Stored));
    assert!(running.store.commits() <= 2, "{} commits", running.store.commits());
    assert_eq!(log(&running.store).await.len(), 200);
}

#[tokio::test]
async fn a_failing_store_keeps_recordings_and_their_order_until_it_recovers() {
    let running = Running::new();
    let store = &running.store;
    assert_eq!(store.record(goes_up("web", 1)).await, Recorded::Stored);
    store.sabotage(Sabotage::FailCommits);
    for second in 2..=40 {
        assert_eq!(store.record(success("web", second)).await, Recorded::Waiting);
    }
    assert_eq!(store.record(goes_down("web", 41)).await, Recorded::Waiting);
    let told = *store.storing().borrow();
    assert_eq!(told, Storing::Fails { since: at(2), waiting: 40, lost: 0 });
    store.sabotage(Sabotage::None);
    waits_for(store, |it| *it == Storing::Works).await;
    assert_eq!(store.record(success("web", 42)).await, Recorded::Stored);
    let seconds: Vec<i64> = log(store).await.into_iter().map(|(_, second)| second).collect();
    assert_eq!(seconds, (1..=42).collect::<Vec<_>>());
    let loaded = store.load(&[endpoint("web", &[])], at(0)).unwrap();
    assert_eq!(draw(&loaded[0].history), "U1-41 D41-");
}

#[tokio::test]
async fn beyond_the_backlog_the_oldest_results_are_lost_and_counted_but_no_transition() {
    let running = Running::with_backlog(10);
    let store = &running.store;
    store.sabotage(Sabotage::FailCommits);
    store.record(goes_up("web", 1)).await;
    store.record(goes_down("web", 2)).await;
    for second in 3..=25 {
        store.record(success("web", second)).await;
    }
    let told = *store.storing().borrow();
    // Ten results, and the transitions that are left of two recordings, in one.
    assert_eq!(told, Storing::Fails { since: at(1), waiting: 11, lost: 15 });
    assert_eq!(store.lost(), 15);
    store.sabotage(Sabotage::None);
    waits_for(store, |it| *it == Storing::Works).await;
    let seconds: Vec<i64> = log(store).await.into_iter().map(|(_, second)| second).collect();
    assert_eq!(seconds, (16..=25).collect::<Vec<_>>());
    let loaded = store.load(&[endpoint("web", &[])], at(0)).unwrap();
    assert_eq!(draw(&loaded[0].history), "U1-2 D2-");
}

#[tokio::test]
async fn work_that_is_called_off_never_happens() {
    let running = Running::new();
    let store = &running.store;
    let add = |name: &'static str| move |tx: &Tx<'_>| tx.row_of(&id(name));
    store.sabotage(Sabotage::Hang);
    let called_off = store.transact_within(Duration::from_millis(50), add("late")).await;
    assert!(matches!(called_off, Err(StoreError::NoAnswer)), "{called_off:?}");
    store.sabotage(Sabotage::None);
    store.transact_within(Duration::from_secs(60), add("early")).await.unwrap();
    let known = store.transact(|tx| endpoints::read(tx.connection())).await.unwrap();
    let known: Vec<&str> = known.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(known, ["early"]);
}

#[tokio::test]
async fn a_hanging_store_holds_an_asker_up_only_until_its_patience_ends() {
    let running = Running::new();
    let store = &running.store;
    store.sabotage(Sabotage::Hang);
    assert_eq!(store.record(success("web", 1)).await, Recorded::Unanswered);
    assert!(matches!(*store.storing().borrow(), Storing::Fails { waiting: 1, .. }));
    assert_eq!(store.record(success("web", 2)).await, Recorded::Unanswered);
    store.sabotage(Sabotage::None);
    waits_for(store, |it| *it == Storing::Works).await;
    assert_eq!(log(store).await.len(), 2);
}

#[tokio::test]
async fn a_recording_that_can_never_be_stored_does_not_hold_the_others_up() {
    let running = Running::new();
    let store = &running.store;
    let poison = |tx: &Tx<'_>| {
        let trigger = "CREATE TRIGGER poison BEFORE INSERT ON result WHEN NEW.at_ms = 13000
                       BEGIN SELECT raise(ABORT, 'poison'); END";
        tx.connection().execute_batch(trigger).unwrap();
        Ok(())
    };
    store.transact(poison).await.unwrap();
    assert_eq!(store.record(success("web", 13)).await, Recorded::Waiting);
    store.sabotage(Sabotage::Hang);
    let records = (10..=20).map(|second| store.record(success("web", second)));
    let release = async { store.sabotage(Sabotage::None) };
    let answers = tokio::join!(join_all(records), release).0;
    assert_eq!(answers.iter().filter(|&&it| it == Recorded::Stored).count(), 10);
    assert_eq!(log(store).await.len(), 10);
    assert_eq!(store.lost(), 2);
    assert_eq!(*store.storing().borrow(), Storing::Works);
}

async fn join_all<T: Send + 'static>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut answers = Vec::new();
    // Each is asked once before any is awaited.
    for one in &mut all {
        std::future::poll_fn(|context| {
            assert!(one.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    }
    for one in all {
        answers.push(one.await);
    }
    answers
}

#[tokio::test]
async fn a_transaction_that_fails_undoes_itself_and_nothing_else() {
    let running = Running::new();
    let store = &running.store;
    store.sabotage(Sabotage::Hang);
    let failing = store.transact(|tx| {
        tx.row_of(&id("ghost"))?;
        Err::<(), _>(StoreError::TooSlow)
    });
    let release = async { store.sabotage(Sabotage::None) };
    let (before, failed, after, ()) =
        tokio::join!(store.record(success("web", 1)), failing, store.record(success("web", 2)), release);
    assert_eq!((before, after), (Recorded::Stored, Recorded::Stored));
    assert!(matches!(failed, Err(StoreError::TooSlow)));
    // The ghost's row is gone and so must be what the writer knew of it.
    assert_eq!(store.record(success("ghost", 3)).await, Recorded::Stored);
    let names: Vec<String> = log(store).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["web", "web", "ghost"]);
}

#[tokio::test]
async fn a_transaction_whose_commit_fails_says_so() {
    let running = Running::new();
    running.store.sabotage(Sabotage::FailCommits);
    let failed = running.store.transact(|tx| tx.row_of(&id("web"))).await;
    assert!(matches!(failed, Err(StoreError::NotCommitted { .. })), "{failed:?}");
    assert_eq!(*running.store.storing().borrow(), Storing::Works);
}

#[tokio::test]
async fn after_close_what_waited_is_stored_and_nothing_more_is_taken() {
    let running = Running::new();
    let store = running.store.clone();
    store.sabotage(Sabotage::Hang);
    let last = store.record(success("web", 1));
    let close = async {
        store.close();
        store.sabotage(Sabotage::None);
    };
    assert_eq!(tokio::join!(last, close).0, Recorded::Stored);
    assert_eq!(store.record(success("web", 2)).await, Recorded::Stopped);
    assert!(matches!(store.transact(|_| Ok(())).await, Err(StoreError::Stopped)));
    assert!(matches!(store.checkpoint().await, Err(StoreError::Stopped)));
    let dir = running.stop();
    assert_eq!(Reader::open(dir.path()).unwrap().count_results().unwrap(), 1);
}

#[tokio::test]
async fn a_store_closed_while_it_fails_ends_all_the_same() {
    let running = Running::new();
    running.store.sabotage(Sabotage::FailCommits);
    assert_eq!(running.store.record(success("web", 1)).await, Recorded::Waiting);
    running.stop();
}

#[tokio::test]
async fn a_database_that_is_taken_away_acknowledges_nothing() {
    let running = Running::new();
    assert_eq!(running.store.record(success("web", 1)).await, Recorded::Stored);
    std::fs::remove_file(running.dir.path().join(DATABASE_FILE)).unwrap();
    assert_eq!(running.store.record(success("web", 2)).await, Recorded::Waiting);
    assert!(matches!(*running.store.storing().borrow(), Storing::Fails { .. }));
}

#[tokio::test]
async fn a_clock_400_days_ahead_prunes_nothing_that_is_not_almost_due() {
    const DAY: i64 = 86_400;
    let running = Running::new();
    let store = &running.store;
    let keep = Duration::from_secs(86_400);
    for day in 0..5 {
        store.record(goes_up("web", day * DAY)).await;
        store.record(goes_down("web", day * DAY + 100)).await;
    }
    let rows = async || log(store).await.len();
    // A first prune has nothing to go by and takes nothing; later ones follow the clock.
    for hour in 0..=72 {
        store.prune(at(2 * DAY + hour * 3600), keep).await.unwrap();
    }
    assert_eq!(rows().await, 2);
    assert_eq!(store.load(&[endpoint("web", &[])], at(0)).unwrap()[0].history.len(), 10);
    store.record(goes_up("web", 5 * DAY)).await;
    // The clock jumps and stays there for a day.
    for hour in 0..24 {
        store.prune(at(405 * DAY + hour * 3600), keep).await.unwrap();
    }
    assert_eq!(rows().await, 1, "what was due a day later at most");
    assert_eq!(store.load(&[endpoint("web", &[])], at(0)).unwrap()[0].history.len(), 11);
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let running = Running::new();
    let unknown = result(50, Outcome::Unknown(UnknownReason::Throttled));
    let unknown = Recording { endpoint: id("web"), result: unknown, transitions: vec![] };
    for recording in
        [goes_up("web", 10), goes_down("web", 20), success("web", 40), unknown, success("app", 5)]
    {
        assert_eq!(running.store.record(recording).await, Recorded::Stored);
    }
    let endpoints = [endpoint("web", &[]), endpoint("app", &[]), endpoint("new", &[])];
    let before = running.store.load(&endpoints, at(0)).unwrap();
    let running = running.restart();
    let loaded = running.store.load(&endpoints, at(20)).unwrap();

    let [web, app, new] = &loaded[..] else { panic!("{loaded:?}") };
    assert_eq!(draw(&web.history), "D20-");
    assert_eq!(web.last_known.map(|it| it.at), Some(at(40)));
    assert_eq!(web.last.map(|it| it.outcome), Some(Outcome::Unknown(UnknownReason::Throttled)));
    let down = Transition { health: Health::Down, from: at(20) };
    assert_eq!(web.state, JudgeState::resumed(down, None, at(40)));
    assert!(app.history.is_empty());
    assert_eq!(app.last_known.map(|it| it.at), Some(at(5)));
    assert_eq!((&new.state, new.last), (&JudgeState::new(), None));
    for (before, after) in before.iter().zip(&loaded) {
        assert_eq!(
            (before.state, before.last, before.last_known),
            (after.state, after.last, after.last_known)
        );
    }
}

#[tokio::test]
async fn a_silence_remembers_the_health_before_it() {
    let running = Running::new();
    let mut state = JudgeState::new();
    let web = endpoint("web", &[]);
    // Up at 10; silent; at 1000 one failure: unknown since 10, though the
    // span of being up began at 10 as well and is replaced.
    let failure = Outcome::Failure(crate::domain::outcome::FailureClass::Reset);
    for (second, outcome) in [(10, Outcome::Success), (1000, failure)] {
        let result = result(second, outcome);
        let thresholds = crate::domain::endpoint::Thresholds { failure: 2, success: 1 };
        let judgement = judge(state, thresholds, &result);
        state = judgement.state;
        let recording = Recording { endpoint: id("web"), result, transitions: judgement.transitions };
        assert_eq!(running.store.record(recording).await, Recorded::Stored);
    }
    let running = running.restart();
    let loaded = running.store.load(&[web], at(0)).unwrap();
    assert_eq!(draw(&loaded[0].history), "?10-");
    let silence = Transition { health: Health::Unknown, from: at(10) };
    assert_eq!(loaded[0].state, JudgeState::resumed(silence, Some(Health::Up), at(1000)));
}
