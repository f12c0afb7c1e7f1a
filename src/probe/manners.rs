//! How we behave at somebody's door: so often, so many at once, and when told to
//! stay away, we stay away.
//!
//! | case | rule |
//! | --- | --- |
//! | requests to one host and port, over all endpoints | 5 a second and 6 connections at once, as configured |
//! | a request that must wait for that | waits its turn; its latency and deadline begin after it |
//! | whose turn would come in more than 30 s | is not sent; unknown (budget) |
//! | an answer 429, or one of a bot wall | nobody knocks there for 15 minutes, then 1 hour, then 6 hours |
//! | with a `Retry-After` beside it | for the longer of both |
//! | several such answers at once | one pause |
//! | a success there | the next pause is the first again |
//! | an answer 503 with `Retry-After` | that endpoint rests so long, 10 minutes at most |

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use super::http::Answer;
use super::retry_after::retry_after;
use super::{Kit, marks};
use crate::domain::flow::Flow;
use crate::domain::moment::Moment;
use crate::domain::outcome::{Outcome, UnknownReason};
use crate::domain::per_host::PerHost;
use crate::meter::Counter;

/// So long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long nobody knocks at a host that told us to stay away, time after time.
const PAUSES: [Duration; 3] =
    [Duration::from_secs(15 * 60), Duration::from_secs(3600), Duration::from_secs(6 * 3600)];
/// A 503 keeps us away no longer: a maintenance that is over must be seen.
const REST_MOST: Duration = Duration::from_secs(600);
/// Hosts remembered before those that nobody needs are forgotten.
const HOSTS: usize = 4096;
/// Requests that may follow each other at once, after a quiet while.
const BURST: u32 = 2;

/// What all knocks at one host share.
#[derive(Debug, Default)]
pub struct Manners {
    /// None: as often as asked.
    per_host: Mutex<Option<PerHost>>,
    hosts: Mutex<HashMap<String, Host>>,
    /// Pauses since the start.
    pub paused: Counter,
}

#[derive(Debug, Default)]
struct Host {
    /// When the next request may be sent, monotonic.
    next: Duration,
    connections: Option<Arc<Semaphore>>,
    pause: Option<Pause>,
    /// Pauses since the last success.
    pauses: usize,
}

/// Nobody knocks there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    pub reason: UnknownReason,
    pub since: Timestamp,
    /// Monotonic.
    pub until: Duration,
}

/// Leave to send one request; the connection counts until it is dropped.
pub struct Turn {
    pub waited: Duration,
    _connection: Option<OwnedSemaphorePermit>,
}

/// What is counted as one host: the name and the port, as a browser does.
pub fn place(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}:{port}", url.host_str().unwrap_or_default().to_ascii_lowercase())
}

impl Manners {
    pub fn of(per_host: PerHost) -> Self {
        let manners = Self::default();
        manners.limit(per_host);
        manners
    }

    /// From now on. Requests that have their turn keep it.
    pub fn limit(&self, per_host: PerHost) {
        let mut known = self.per_host.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == Some(per_host) {
            return;
        }
        *known = Some(per_host);
        for host in self.hosts().values_mut() {
            host.connections = None;
        }
    }

    /// Waits until a request may be sent there; says why not when that would take too long.
    pub async fn turn(&self, place: &str, now: Duration) -> Result<Turn, String> {
        let per_host = *self.per_host.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(per_host) = per_host else { return Ok(Turn { waited: Duration::ZERO, _connection: None }) };
        let busy = || {
            format!(
                "{place} is asked for more than {} requests a second and {} connections at once; \
                 raise per_host in [probe], or knock there less often",
                per_host.requests_per_second, per_host.connections
            )
        };
        let (wait, connections) = self.line_up(place, per_host, now).ok_or_else(busy)?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let connection = match Arc::clone(&connections).try_acquire_owned() {
            Ok(connection) => connection,
            Err(_) => {
                let awaited = tokio::time::timeout(PATIENCE, connections.acquire_owned()).await;
                awaited.map_err(|_| busy())?.map_err(|_| busy())?
            }
        };
        Ok(Turn { waited: wait, _connection: Some(connection) })
    }

    /// How long until the turn of a request that comes now; none when it is too far.
    fn line_up(&self, place: &str, per_host: PerHost, now: Duration) -> Option<(Duration, Arc<Semaphore>)> {
        let mut hosts = self.hosts();
        if HOSTS <= hosts.len() {
            hosts.retain(|_, host| host.is_needed(now));
        }
        let host = hosts.entry(place.to_owned()).or_default();
        let apart = Duration::from_secs(1) / per_host.requests_per_second.max(1);
        let turn = host.next.max(now);
        let wait = turn.saturating_sub(now.saturating_add(apart * (BURST - 1)));
        if PATIENCE < wait {
            return None;
        }
        host.next = turn.saturating_add(apart);
        let most = usize::try_from(per_host.connections.max(1)).unwrap_or(1);
        let connections = host.connections.get_or_insert_with(|| Arc::new(Semaphore::new(most)));
        Some((wait, Arc::clone(connections)))
    }

    /// Takes in what a host said.
    pub fn heard(&self, place: &str, outcome: Outcome, retry_after: Option<Duration>, now: Moment) {
        let reason = match outcome {
            Outcome::Unknown(reason @ (UnknownReason::Throttled | UnknownReason::Blocked)) => reason,
            Outcome::Success | Outcome::Degraded(_) => {
                // One that was under way when the others were told off proves nothing.
                let mut hosts = self.hosts();
                let open = |host: &&mut Host| host.pause.is_none_or(|it| it.until <= now.mono);
                if let Some(host) = hosts.get_mut(place).filter(open) {
                    host.pauses = 0;
                }
                return;
            }
            _ => return,
        };
        let mut hosts = self.hosts();
        let host = hosts.entry(place.to_owned()).or_default();
        if host.pause.is_some_and(|it| now.mono < it.until) {
            return;
        }
        let usual = PAUSES.get(host.pauses).or(PAUSES.last()).copied().unwrap_or_default();
        let length = usual.max(retry_after.unwrap_or_default());
        host.pauses += 1;
        host.pause = Some(Pause { reason, since: now.wall, until: now.mono.saturating_add(length) });
        drop(hosts);
        self.paused.inc();
        let said = if reason == UnknownReason::Throttled { "asked us to slow down" } else { "blocks us" };
        tracing::warn!(
            "{place} {said}: nobody knocks there for {} min; knock less often, or let its operator admit us",
            length.as_secs() / 60
        );
    }

    /// The pause of any of these, the longest.
    pub fn pause(&self, places: impl IntoIterator<Item = String>, now: Duration) -> Option<Pause> {
        let hosts = self.hosts();
        let pauses = places.into_iter().filter_map(|place| hosts.get(&place)?.pause);
        pauses.filter(|it| now < it.until).max_by_key(|it| it.until)
    }

    /// All hosts at which nobody knocks now.
    pub fn pauses(&self, now: Duration) -> Vec<(String, Pause)> {
        let hosts = self.hosts();
        let running = |(place, host): (&String, &Host)| {
            host.pause.filter(|it| now < it.until).map(|pause| (place.clone(), pause))
        };
        let mut pauses: Vec<_> = hosts.iter().filter_map(running).collect();
        pauses.sort_by(|a, b| a.0.cmp(&b.0));
        pauses
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    fn is_needed(&self, now: Duration) -> bool {
        let in_use = self.connections.as_ref().is_some_and(|it| Arc::strong_count(it) > 1);
        in_use || now < self.next || self.pauses > 0
    }
}

/// The hosts that a flow knocks at, as far as they are written.
pub fn places(flow: &Flow) -> impl Iterator<Item = String> {
    flow.steps().map(|step| place(&step.request.url))
}

/// How long an endpoint rests after an answer; none when it was not asked to.
pub fn rest(status: Option<u16>, retry_after: Option<Duration>) -> Option<Duration> {
    retry_after.filter(|_| status == Some(503)).map(|it| it.min(REST_MOST))
}

impl Kit {
    /// Waits for the turn of one request.
    pub(super) async fn turn(&self, url: &Url) -> Result<Turn, String> {
        self.turn_at(&place(url)).await
    }

    /// The same for what has no address of the web.
    pub(super) async fn turn_at(&self, place: &str) -> Result<Turn, String> {
        let began = marks::now();
        let turn = self.manners.turn(place, self.clock.now().mono).await;
        turn.map(|turn| Turn { waited: marks::now().duration_since(began), ..turn })
    }

    /// Takes in how a host wants to be treated.
    pub(super) fn hear(&self, url: &Url, answer: &mut Answer) {
        let now = self.clock.now();
        if let Some(seen) = &answer.seen {
            let said = seen.headers.iter().filter(|(name, _)| name == "retry-after").map(|(_, value)| value);
            answer.retry_after = retry_after(said.map(String::as_str), now.wall);
        }
        self.manners.heard(&place(url), answer.outcome, answer.retry_after, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THROTTLED: Outcome = Outcome::Unknown(UnknownReason::Throttled);

    fn at(seconds: u64) -> Moment {
        let start = Moment { wall: Timestamp::UNIX_EPOCH, mono: Duration::ZERO };
        start.after(Duration::from_secs(seconds))
    }

    fn minutes_of_pause(manners: &Manners, now: Moment) -> u64 {
        let pause = manners.pause(["a:443".to_owned()], now.mono);
        pause.map_or(0, |it| (it.until - now.mono).as_secs() / 60)
    }

    #[test]
    fn each_pause_is_longer_until_a_success() {
        let manners = Manners::default();
        manners.heard("a:443", THROTTLED, None, at(0));
        manners.heard("a:443", THROTTLED, None, at(1));
        assert_eq!(minutes_of_pause(&manners, at(0)), 15, "two at once are one");
        assert_eq!(manners.pauses(at(1).mono).len(), 1);
        assert!(manners.pause(["b:443".to_owned()], at(1).mono).is_none());
        assert_eq!(minutes_of_pause(&manners, at(900)), 0);
        manners.heard("a:443", Outcome::Unknown(UnknownReason::Blocked), None, at(900));
        assert_eq!(minutes_of_pause(&manners, at(900)), 60);
        manners.heard("a:443", Outcome::Success, None, at(901));
        assert_eq!(minutes_of_pause(&manners, at(901)), 59, "what was under way opens nothing");
        manners.heard("a:443", THROTTLED, None, at(10_000));
        manners.heard("a:443", THROTTLED, None, at(100_000));
        assert_eq!(minutes_of_pause(&manners, at(100_000)), 360, "and no longer");
        manners.heard("a:443", Outcome::Success, None, at(200_000));
        manners.heard("a:443", THROTTLED, None, at(200_001));
        assert_eq!(minutes_of_pause(&manners, at(200_001)), 15);
        assert_eq!(manners.paused.get(), 5);
    }

    #[test]
    fn a_longer_wish_is_heeded_and_a_shorter_is_not() {
        for (wish, minutes) in [(60, 15), (3600, 60)] {
            let manners = Manners::default();
            manners.heard("a:443", THROTTLED, Some(Duration::from_secs(wish)), at(0));
            assert_eq!(minutes_of_pause(&manners, at(0)), minutes);
        }
    }

    #[test]
    fn only_a_503_lets_an_endpoint_rest_and_not_for_long() {
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(rest(Some(503), hour), Some(REST_MOST));
        assert_eq!(rest(Some(503), Some(Duration::from_secs(120))), Some(Duration::from_secs(120)));
        assert_eq!(rest(Some(500), hour), None);
        assert_eq!(rest(None, hour), None);
        assert_eq!(rest(Some(503), None), None);
    }

    #[test]
    fn turns_are_taken_in_order_and_the_rate_holds_in_every_second() {
        let manners = Manners::default();
        let per_host = PerHost { requests_per_second: 5, connections: 6 };
        let mut turns = Vec::new();
        let mut refused = 0;
        for comes in 0..400_u64 {
            let now = Duration::from_millis(comes * 10);
            match manners.line_up("a:443", per_host, now) {
                Some((wait, _)) => turns.push(now + wait),
                None => refused += 1,
            }
        }
        assert!(turns.is_sorted());
        assert!(refused > 0, "whose turn is too far does not wait");
        for turn in &turns {
            let within = turns.iter().filter(|it| *turn <= **it && **it < *turn + Duration::from_secs(1));
            assert!(within.count() <= 6, "5 a second, and one at once");
        }
        let fresh = manners.line_up("b:443", per_host, Duration::ZERO).map(|it| it.0);
        assert_eq!(fresh, Some(Duration::ZERO), "another host waits for nothing");
    }

    #[tokio::test]
    async fn no_more_connections_than_allowed_are_open_at_once() {
        let manners = Manners::of(PerHost { requests_per_second: 1000, connections: 2 });
        let turns = [manners.turn("a:1", Duration::ZERO).await, manners.turn("a:1", Duration::ZERO).await];
        let mut third = std::pin::pin!(manners.turn("a:1", Duration::ZERO));
        assert!(tokio::time::timeout(Duration::from_millis(50), third.as_mut()).await.is_err());
        drop(turns);
        assert!(third.await.is_ok());
    }

    #[test]
    fn a_host_is_its_name_and_its_port() {
        let of = |url: &str| place(&Url::parse(url).unwrap());
        assert_eq!(of("https://Bank.example/login"), "bank.example:443");
        assert_eq!(of("http://bank.example/"), "bank.example:80");
        assert_eq!(of("http://[::1]:8080/"), "[::1]:8080");
    }
}
