//! The budget of logins, shared by all who knock: decided in memory, written
//! down before a password is sent, and read again at the next start.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::within;
use crate::clock::Clock;
use crate::domain::endpoint::Id;
use crate::domain::login_budget::{Attempt, Ended, HOUR, Limits, TooSoon, UNDER_WAY, may_log_in};
use crate::domain::moment::Moment;
use crate::domain::note::{Key, Subject, Told};
use crate::domain::outcome::UnknownReason;
use crate::domain::redact::Redactor;
use crate::meter::Counter;
use crate::notes::Notes;
use crate::probe::logins::{Came, Door, Held, Logins, NOBODY, Soon, Ticket};
use crate::store::{self, LoginRow, StopRow, Store, StoreError};

/// So long a login waits for another one to end, or for the last seconds of a
/// window: rounds an exact window apart come a moment too early as often as not.
const PATIENCE: Duration = Duration::from_secs(10);
/// Attempts of every account at every origin are kept under this.
const EVERY: &str = store::EVERY;

pub struct LoginBudget {
    store: Store,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
    ended: Notify,
    notes: Arc<Notes>,
    pub meters: Meters,
}

#[derive(Default)]
pub struct Meters {
    pub let_in: Counter,
    pub refused: Counter,
    /// Sent, and nobody knows how it ended.
    pub not_known: Counter,
    /// Granted and given back.
    pub not_sent: Counter,
    /// For want of budget, or because logins are stopped.
    pub held: Counter,
}

impl Meters {
    /// Each with its wire name.
    pub fn read(&self) -> Vec<(&'static str, u64)> {
        vec![
            (Ended::LetIn.wire(), self.let_in.get()),
            (Ended::Refused.wire(), self.refused.get()),
            (Ended::NotKnown.wire(), self.not_known.get()),
            ("not_sent", self.not_sent.get()),
            ("held", self.held.get()),
        ]
    }
}

#[derive(Default)]
struct Known {
    numbers: u64,
    attempts: HashMap<Door, Vec<Kept>>,
    stops: HashMap<Door, Stop>,
    /// What each was last asked with: for telling when the next may be.
    limits: HashMap<Door, Limits>,
}

struct Kept {
    number: u64,
    /// None until it is written down.
    row: Option<i64>,
    attempt: Attempt,
    under_way: bool,
}

/// No login until a person says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    pub reason: UnknownReason,
    pub since: Timestamp,
}

/// What is known of one account at one origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginsAt {
    pub door: Door,
    /// Of the last hour, oldest first.
    pub attempts: Vec<(Timestamp, Ended)>,
    pub stop: Option<Stop>,
    /// The next login may not be sooner; none when it may be now.
    pub not_before: Option<Timestamp>,
}

enum Decided {
    Granted(u64),
    Wait(Duration),
    /// Until one that is under way has ended.
    Await(TooSoon),
    Held(Held),
}

impl LoginBudget {
    /// Goes on where the last process stopped.
    pub async fn open(store: Store, clock: Arc<dyn Clock>, notes: Arc<Notes>) -> Result<Self, StoreError> {
        let (attempts, stops) =
            store.transact(|tx| Ok((store::known_logins(tx)?, store::known_stops(tx)?))).await?;
        let now = clock.now();
        let mut known = Known::default();
        for LoginRow { row, origin, account, at, ended } in attempts {
            let kept =
                Kept { number: 0, row: Some(row), attempt: Attempt::found(at, ended, now), under_way: false };
            known.attempts.entry(Door { origin, account }).or_default().push(kept);
        }
        for StopRow { origin, account, reason, since } in stops {
            let (door, stop) = (Door { origin, account }, Stop { reason, since });
            tell(&notes, &door, stop);
            known.stops.insert(door, stop);
        }
        let meters = Meters::default();
        Ok(Self { store, clock, known: Mutex::new(known), ended: Notify::new(), notes, meters })
    }

    /// What was tried in the last hour and what is stopped, by account.
    pub fn list(&self) -> Vec<LoginsAt> {
        let now = self.clock.now();
        let known = self.known();
        let mut doors: Vec<&Door> = known.attempts.keys().chain(known.stops.keys()).collect();
        doors.sort_by(|a, b| (&a.account, &a.origin).cmp(&(&b.account, &b.origin)));
        doors.dedup();
        let at = |door: &Door| {
            let recent = known.attempts.get(door).into_iter().flatten();
            let recent: Vec<Attempt> = recent.map(|it| it.attempt).filter(|it| it.age(now) < HOUR).collect();
            let too_soon = known.limits.get(door).and_then(|it| may_log_in(&recent, *it, now).err());
            LoginsAt {
                door: door.clone(),
                attempts: recent.iter().map(|it| (it.at, it.ended)).collect(),
                stop: known.stops.get(door).copied(),
                not_before: too_soon.map(|it| now.after(it.wait).wall),
            }
        };
        doors.into_iter().map(at).filter(|it| !it.attempts.is_empty() || it.stop.is_some()).collect()
    }

    /// Whether nobody may log in there until a person says so.
    pub fn is_stopped(&self, door: &Door) -> bool {
        self.known().stops.contains_key(door)
    }

    /// Accounts, and at how many doors they log in no more.
    pub fn stopped(&self) -> Vec<(String, usize)> {
        let mut stopped = BTreeMap::new();
        for door in self.known().stops.keys() {
            *stopped.entry(door.account.clone()).or_default() += 1;
        }
        stopped.into_iter().collect()
    }

    /// Lets an account log in again; says how many stops there were.
    pub async fn resume(&self, account: &str) -> Result<usize, StoreError> {
        let name = account.to_owned();
        within::moments(&self.store, move |tx| store::lift_stops(tx, &name)).await?;
        let mut known = self.known();
        let before = known.stops.len();
        known.stops.retain(|door, _| door.account != account);
        self.notes.clear_all(|key| match &key.subject {
            Subject::Account(id) => id.as_str() == account,
            Subject::Host(_) => account == NOBODY && key.told == Told::WrongPasswordStopped,
            _ => false,
        });
        Ok(before - known.stops.len())
    }

    fn decide(&self, door: &Door, limits: Limits) -> Decided {
        let now = self.clock.now();
        let mut known = self.known();
        known.forget_old(now);
        known.limits.insert(door.clone(), limits);
        if let Some(stop) = known.stops.get(door) {
            return Decided::Held(stop.held(door));
        }
        let everybody = Door { origin: EVERY.to_owned(), account: EVERY.to_owned() };
        let of = [door, &everybody];
        let kept = of.iter().filter_map(|door| known.attempts.get(door)).flatten();
        let (mut all, mut as_if_ended) = (Vec::new(), Vec::new());
        for kept in kept {
            let under_way = kept.under_way && kept.attempt.age(now) < UNDER_WAY;
            all.push(kept.attempt);
            as_if_ended.extend((!under_way).then_some(kept.attempt));
        }
        let Err(too_soon) = may_log_in(&all, limits, now) else {
            known.numbers += 1;
            let number = known.numbers;
            let kept = Kept { number, row: None, attempt: Attempt::made(now), under_way: true };
            known.attempts.entry(door.clone()).or_default().push(kept);
            return Decided::Granted(number);
        };
        if too_soon.wait <= PATIENCE {
            Decided::Wait(too_soon.wait)
        } else if may_log_in(&as_if_ended, limits, now).is_ok() {
            Decided::Await(too_soon)
        } else {
            Decided::Held(over_budget(door, too_soon))
        }
    }

    async fn grant(&self, door: Door, limits: Limits) -> Result<Ticket, Held> {
        let until = self.clock.now().mono.saturating_add(PATIENCE);
        loop {
            // Before it is decided, so that an end between the two is not missed.
            let ended = self.ended.notified();
            let left = until.saturating_sub(self.clock.now().mono);
            match self.decide(&door, limits) {
                Decided::Granted(number) => return self.write_down(door, number).await,
                Decided::Wait(wait) if wait <= left => tokio::time::sleep(wait).await,
                Decided::Await(too_soon) => {
                    if left.is_zero() || tokio::time::timeout(left, ended).await.is_err() {
                        return Err(over_budget(&door, too_soon));
                    }
                }
                Decided::Wait(wait) => return Err(over_budget(&door, TooSoon { wait, failing: true })),
                Decided::Held(held) => return Err(held),
            }
        }
    }

    /// On the disk before the password is sent; without that, no login.
    async fn write_down(&self, door: Door, number: u64) -> Result<Ticket, Held> {
        let (origin, account, at) = (door.origin.clone(), door.account.clone(), self.clock.now().wall);
        let written =
            within::moments(&self.store, move |tx| store::add_login(tx, &origin, &account, at)).await;
        let mut known = self.known();
        let kept = known.attempts.entry(door.clone()).or_default();
        match written {
            Ok(row) => {
                for kept in kept.iter_mut().filter(|it| it.number == number) {
                    kept.row = Some(row);
                }
                Ok(Ticket { door, number })
            }
            Err(error) => {
                // One that may yet be written down counts; it never happens.
                let undecided = matches!(error, StoreError::TooSlow);
                kept.retain(|it| undecided || it.number != number);
                drop(known);
                self.ended.notify_waiters();
                let said = format!("the login could not be written down, so it was not tried: {error}");
                Err(Held { reason: UnknownReason::OwnStorage, said })
            }
        }
    }

    async fn note(&self, ticket: Ticket, came: Came) {
        let Ticket { door, number } = ticket;
        let (row, news) = {
            let now = self.clock.now();
            let mut known = self.known();
            let kept = known.attempts.entry(door.clone()).or_default();
            let row = kept.iter().find(|it| it.number == number).and_then(|it| it.row);
            match came {
                Came::NotSent => kept.retain(|it| it.number != number),
                Came::To { ended, .. } => {
                    for kept in kept.iter_mut().filter(|it| it.number == number) {
                        kept.attempt.end(ended, now);
                        kept.under_way = false;
                    }
                }
            }
            let since = self.clock.now().wall;
            let stop = match came {
                Came::To { stop: Some(reason), .. } => Some(Stop { reason, since }),
                _ => None,
            };
            let news = stop.filter(|_| !known.stops.contains_key(&door));
            if let Some(stop) = news {
                known.stops.insert(door.clone(), stop);
            }
            (row, news)
        };
        self.ended.notify_waiters();
        if let Some(stop) = news {
            tell(&self.notes, &door, stop);
        }
        let stop = news.map(|Stop { reason, since }| StopRow {
            origin: door.origin,
            account: door.account,
            reason,
            since,
        });
        let at = self.clock.now().wall;
        let written = within::moments(&self.store, move |tx| {
            match (row, came) {
                (Some(row), Came::NotSent) => store::forget_login(tx, row)?,
                (Some(row), Came::To { ended, .. }) => store::end_login(tx, row, ended, at)?,
                (None, _) => (),
            }
            stop.map_or(Ok(()), |stop| store::stop_logins(tx, &stop))
        });
        if let Err(error) = written.await {
            // After a restart it counts as one whose end is not known: the safe side.
            tracing::warn!("How a login ended could not be written down: {error}");
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A panic elsewhere leaves it whole: no step of ours panics midway.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Logins for LoginBudget {
    fn reserve<'a>(&'a self, door: Door, limits: Limits) -> Soon<'a, Result<Ticket, Held>> {
        Box::pin(async move {
            let granted = self.grant(door, limits).await;
            if granted.is_err() {
                self.meters.held.inc();
            }
            granted
        })
    }

    fn settle<'a>(&'a self, ticket: Ticket, came: Came) -> Soon<'a, ()> {
        match came {
            Came::NotSent => &self.meters.not_sent,
            Came::To { ended: Ended::LetIn, .. } => &self.meters.let_in,
            Came::To { ended: Ended::Refused, .. } => &self.meters.refused,
            Came::To { ended: Ended::NotKnown, .. } => &self.meters.not_known,
        }
        .inc();
        Box::pin(self.note(ticket, came))
    }
}

impl Known {
    fn forget_old(&mut self, now: Moment) {
        self.attempts.retain(|_, kept| {
            kept.retain(|it| it.attempt.age(now) < HOUR);
            !kept.is_empty()
        });
    }
}

impl Stop {
    fn held(self, door: &Door) -> Held {
        let (account, origin) = (&door.account, &door.origin);
        let since = self.since.strftime("%Y-%m-%d %H:%M:%S UTC");
        let what = match self.reason {
            UnknownReason::CredentialsRejected => "was refused with its own password",
            UnknownReason::AccountLocked => "is locked",
            UnknownReason::Challenge => "is asked for more than a password",
            UnknownReason::CredentialExpired => "must change its password",
            _ => "cannot log in",
        };
        let said = if account == NOBODY {
            let reason = self.reason.wire();
            format!(
                "A wrong password met no refusal ({reason}) at {origin} since {since}, and none is sent until `porchlight login resume {NOBODY}`"
            )
        } else {
            format!(
                "The account `{account}` {what} at {origin} since {since}, and logs in no more until `porchlight login resume {account}`"
            )
        };
        Held { reason: self.reason, said }
    }
}

/// What a person is told of a stop.
const STOPS: [(UnknownReason, Told); 4] = [
    (UnknownReason::CredentialsRejected, Told::CredentialsRejected),
    (UnknownReason::AccountLocked, Told::AccountLocked),
    (UnknownReason::Challenge, Told::Challenged),
    (UnknownReason::CredentialExpired, Told::CredentialExpired),
];

/// At a start, too: whoever restarts with another password must hear that a
/// restart alone resumes nothing.
fn tell(notes: &Notes, door: &Door, stop: Stop) {
    let told = STOPS.iter().find(|(reason, _)| *reason == stop.reason).map(|(_, told)| *told);
    let Some(told) = told else { return };
    let shown = |text: &str| Redactor::default().line(text);
    match Id::parse(&door.account) {
        Some(id) => notes.tell(Key::of_account(told, &id), shown(&format!("at {}", door.origin))),
        // A wrong password with nobody's name.
        None => {
            let subject = Subject::Host(shown(&door.origin));
            notes.tell(Key { told: Told::WrongPasswordStopped, subject }, shown(stop.reason.wire()));
        }
    }
}

fn over_budget(door: &Door, too_soon: TooSoon) -> Held {
    let (account, origin, minutes) = (&door.account, &door.origin, too_soon.wait.as_secs().div_ceil(60));
    let why = if too_soon.failing {
        "one that failed, or whose end is not known, is too recent"
    } else {
        "it has logged in as often as it may in an hour"
    };
    let said = match account.as_str() {
        NOBODY => format!("A wrong password may be sent to {origin} again in {minutes} min: {why}"),
        account => format!("The account `{account}` may log in at {origin} again in {minutes} min: {why}"),
    };
    Held { reason: UnknownReason::Budget, said }
}
