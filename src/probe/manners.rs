//! How we behave at somebody's door: so often, so many at once, and not at all
//! while its host wants us away.
//!
//! | case | rule |
//! | --- | --- |
//! | requests to one host and port, over all endpoints | 5 a second and 6 connections at once, as configured |
//! | a request that must wait for that | waits its turn; its latency and deadline begin after it |
//! | whose turn would come in more than 30 s | is not sent; unknown (budget) |
//! | whose host paused us before its turn came, redirects included | is not sent; unknown, as the pause is |
//! | the same, of a flow that is logged in | is sent: what was begun is brought to its end, and logged out |
//! | an answer 503 with `Retry-After` | that endpoint rests so long, 10 minutes at most |
//!
//! The pauses: `pauses.rs`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use super::http::Answer;
use super::logins::Held;
use super::pauses::Pauses;
use super::retry_after::retry_after;
use super::{Kit, Login, marks};
use crate::domain::kind::Kind;
use crate::domain::moment::Moment;
use crate::domain::outcome::UnknownReason;
use crate::domain::per_host::PerHost;

/// So long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);
/// A 503 keeps us away no longer: a maintenance that is over must be seen.
const REST_MOST: Duration = Duration::from_secs(600);
/// Hosts remembered before those that nobody needs are forgotten.
const HOSTS: usize = 4096;
/// Requests that may follow each other at once, after a quiet while.
const BURST: u32 = 2;

/// What all knocks at one host share.
#[derive(Default)]
pub struct Manners {
    /// None: as often as asked.
    per_host: Mutex<Option<PerHost>>,
    hosts: Mutex<HashMap<String, Host>>,
    pub pauses: Pauses,
}

#[derive(Debug, Default)]
struct Host {
    /// When the next request may be sent, monotonic.
    next: Duration,
    connections: Option<Arc<Semaphore>>,
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

    /// Waits until a request may be sent there; says why not when that would
    /// take too long, or when the host wants us away.
    pub async fn turn(
        &self,
        place: &str,
        login: Login,
        now: impl Fn() -> Moment + Send,
    ) -> Result<Turn, Held> {
        let per_host = *self.per_host.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(per_host) = per_host else { return Ok(Turn { waited: Duration::ZERO, _connection: None }) };
        let busy = || Held {
            reason: UnknownReason::Budget,
            said: format!(
                "{place} is asked for more than {} requests a second and {} connections at once; \
                 raise per_host in [probe], or knock there less often",
                per_host.requests_per_second, per_host.connections
            ),
        };
        let (wait, connections) = self.line_up(place, per_host, now().mono).ok_or_else(busy)?;
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
        // Whoever stood in line while the host sent somebody away goes, too.
        match self.pauses.running(place, now().mono).filter(|_| login != Login::After) {
            Some(pause) => Err(pause.held(place)),
            None => Ok(Turn { waited: wait, _connection: Some(connection) }),
        }
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

    fn hosts(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    fn is_needed(&self, now: Duration) -> bool {
        let in_use = self.connections.as_ref().is_some_and(|it| Arc::strong_count(it) > 1);
        in_use || now < self.next
    }
}

/// The hosts that are knocked at, as far as they are written.
pub fn places(kind: &Kind) -> Vec<String> {
    let lower = |at: &dyn ToString| at.to_string().to_ascii_lowercase();
    match kind {
        Kind::Http(flow) => flow.steps().map(|step| place(&step.request.url)).collect(),
        Kind::Tcp(tcp) => vec![lower(&tcp.at)],
        Kind::Tls(tls) => vec![lower(&tls.at)],
        Kind::Smtp(smtp) => vec![lower(&smtp.at)],
        Kind::Dns(_) | Kind::Push(_) => Vec::new(),
    }
}

/// How long an endpoint rests after an answer; none when it was not asked to.
pub fn rest(status: Option<u16>, retry_after: Option<Duration>) -> Option<Duration> {
    retry_after.filter(|_| status == Some(503)).map(|it| it.min(REST_MOST))
}

impl Kit {
    /// Waits for the turn of one request.
    pub(super) async fn turn(&self, url: &Url, login: Login) -> Result<Turn, Held> {
        self.turn_at(&place(url), login).await
    }

    /// The same for what has no address of the web.
    pub(super) async fn turn_at(&self, place: &str, login: Login) -> Result<Turn, Held> {
        let began = marks::now();
        let turn = self.manners.turn(place, login, || self.clock.now()).await;
        turn.map(|turn| Turn { waited: marks::now().duration_since(began), ..turn })
    }

    /// Takes in how a host wants to be treated.
    pub(super) async fn hear(&self, url: &Url, answer: &mut Answer) {
        let now = self.clock.now();
        if let Some(seen) = &answer.seen {
            let said = seen.headers.iter().filter(|(name, _)| name == "retry-after").map(|(_, value)| value);
            answer.retry_after = retry_after(said.map(String::as_str), now.wall);
        }
        self.manners.pauses.heard(&place(url), answer.outcome, answer.retry_after, now).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::outcome::Outcome;

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
        let now = || Moment { wall: jiff::Timestamp::UNIX_EPOCH, mono: Duration::ZERO };
        let turn = || manners.turn("a:1", Login::Before, now);
        let turns = [turn().await, turn().await];
        let mut third = std::pin::pin!(turn());
        assert!(tokio::time::timeout(Duration::from_millis(50), third.as_mut()).await.is_err());
        drop(turns);
        assert!(third.await.is_ok());
    }

    #[tokio::test]
    async fn whoever_stands_in_line_goes_when_the_host_sends_one_away() {
        let manners = Manners::of(PerHost { requests_per_second: 5, connections: 1 });
        let now = || Moment { wall: jiff::Timestamp::UNIX_EPOCH, mono: Duration::ZERO };
        let first = manners.turn("a:1", Login::Before, now).await;
        let mut second = std::pin::pin!(manners.turn("a:1", Login::Before, now));
        assert!(tokio::time::timeout(Duration::from_millis(50), second.as_mut()).await.is_err());
        let throttled = Outcome::Unknown(UnknownReason::Throttled);
        manners.pauses.heard("a:1", throttled, None, now()).await;
        drop(first);
        let held = second.await.err().map(|it| it.reason);
        assert_eq!(held, Some(UnknownReason::Throttled));
        assert!(manners.turn("a:1", Login::After, now).await.is_ok(), "but who is in logs out");
        assert!(manners.turn("b:1", Login::Before, now).await.is_ok());
    }

    #[test]
    fn a_host_is_its_name_and_its_port() {
        let of = |url: &str| place(&Url::parse(url).unwrap());
        assert_eq!(of("https://Bank.example/login"), "bank.example:443");
        assert_eq!(of("http://bank.example/"), "bank.example:80");
        assert_eq!(of("http://[::1]:8080/"), "[::1]:8080");
    }
}
