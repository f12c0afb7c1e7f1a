//! The spine: what happens, and in what order, when a bell rings.
//!
//! Bell → probe → judge → record → facts. Telling follows by itself: whoever
//! renders watches the facts.

pub mod alarms;
mod certificates;
pub mod codes;
pub mod gates;
pub mod knocks;
pub mod logins;
pub mod mailbox;
pub mod pauses;
mod reports;
mod rest;
mod telling;
mod within;
pub mod witness;

use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::depth;
use crate::domain::endpoint::{Endpoint, EndpointId};
use crate::domain::facts::Facts;
use crate::domain::flow::{Depth, Flow};
use crate::domain::judge::{JudgeState, Judgement, judge};
use crate::domain::outcome::{Outcome, UnknownReason};
use crate::domain::probe::ProbeResult;
use crate::domain::redact::Shown;
use crate::domain::span::{Health, Transition};
use crate::notes::Notes;
use crate::probe::manners;
use crate::probe::pauses::Pause;
use crate::probe::{Probed, Prober};
use crate::schedule::bell::Bell;
use crate::schedule::cadence::{CONFIRM_AFTER, CONFIRM_SPREAD, fresh_for, phase};
use crate::store::{Recorded, Recording, Store};
use knocks::Knocks;
use mailbox::Mailbox;
use rest::Rest;
pub use telling::{follow_storing, resumed};
use witness::Witness;

/// How far back history is kept in memory: what the pages draw, and a day for zones.
pub const IN_MEMORY: Duration = Duration::from_secs(91 * 86_400);

/// For a flow to log out when we stop: more than it gives itself, less than
/// `app/stop.rs` gives all that works.
const LOGGING_OUT: Duration = Duration::from_secs(2);

/// Whatever knocks: the prober, or a world that a simulation made up. The box
/// is one allocation beside the hundreds of a real knock.
pub trait Knock: Send + Sync {
    fn probe<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        depth: Depth,
        fresh_for: Duration,
    ) -> Pin<Box<dyn Future<Output = Probed> + Send + 'a>>;

    /// Why nobody knocks there now, if a host told us to stay away, and which.
    fn pause(&self, _endpoint: &Endpoint) -> Option<(String, Pause)> {
        None
    }
}

impl Knock for Prober {
    fn probe<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        depth: Depth,
        fresh_for: Duration,
    ) -> Pin<Box<dyn Future<Output = Probed> + Send + 'a>> {
        Box::pin(Self::probe(self, endpoint, depth, fresh_for))
    }

    fn pause(&self, endpoint: &Endpoint) -> Option<(String, Pause)> {
        Self::pause(self, endpoint)
    }
}

/// What all workers share.
pub struct Spine {
    pub prober: Box<dyn Knock>,
    pub store: Store,
    pub facts: watch::Sender<Arc<Facts>>,
    pub clock: Arc<dyn Clock>,
    pub meters: knocks::Meters,
    /// What operators are told.
    pub notes: Arc<Notes>,
}

/// Knocks at one endpoint whenever its bell rings. It outlives a change of the
/// endpoint's definition, so that nothing of what it knows is lost.
pub struct Worker {
    spine: Arc<Spine>,
    pub bell: Arc<Bell>,
    /// What it knocks at from the next round on.
    endpoint: Mutex<Arc<Endpoint>>,
    /// Where its part of [`Facts::endpoints`] was found last.
    place: AtomicUsize,
    judged: Mutex<JudgeState>,
    witness: Witness,
    /// Transitions the store has not answered for; told with the next one it does.
    untold: Mutex<Vec<Transition>>,
    rest: Mutex<Rest>,
    /// Held by whoever knocks: its own round, or a person who asks.
    knocking: tokio::sync::Mutex<()>,
    /// Held while a result is judged, recorded and told, and while the endpoint
    /// gets another id: no result goes under an id that is just being given up.
    settling: Arc<tokio::sync::Mutex<()>>,
    /// What the endpoint reports by itself.
    mailbox: Mailbox,
    /// When it was last heard, monotonic, of one that reports; since our start
    /// when it was heard before that.
    heard: Mutex<Option<Duration>>,
    /// The certificate that was last told of, and how many days before its end.
    told: Mutex<Option<(Shown, u32)>>,
    /// What is counted, under the id it was last counted for.
    knocks: Mutex<(EndpointId, Arc<Knocks>)>,
}

/// When a worker ends.
#[derive(Clone)]
pub struct Until {
    /// The daemon stops: the probe in flight is cut short.
    pub stop: CancellationToken,
    /// The endpoint is no longer watched: the round in flight is finished.
    pub leave: CancellationToken,
}

impl Until {
    pub async fn over(&self) {
        tokio::select! {
            () = self.stop.cancelled() => (),
            () = self.leave.cancelled() => (),
        }
    }
}

impl Worker {
    pub fn new(spine: Arc<Spine>, endpoint: Arc<Endpoint>, bell: Arc<Bell>, state: JudgeState) -> Self {
        let knocks = spine.meters.begin(&endpoint.id, &bell);
        let heard = state.has_heard().then(|| spine.clock.now().mono);
        Self {
            mailbox: Mailbox::default(),
            heard: Mutex::new(heard),
            told: Mutex::default(),
            knocks: Mutex::new((endpoint.id.clone(), knocks)),
            spine,
            endpoint: Mutex::new(endpoint),
            place: AtomicUsize::default(),
            bell,
            judged: Mutex::new(state),
            witness: Witness::default(),
            untold: Mutex::default(),
            rest: Mutex::default(),
            knocking: tokio::sync::Mutex::default(),
            settling: Arc::default(),
        }
    }

    pub fn endpoint(&self) -> Arc<Endpoint> {
        Arc::clone(&self.endpoint.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From the next round on it knocks at this one. For another id the caller
    /// holds [`Worker::settled`].
    pub fn redefine(&self, endpoint: Arc<Endpoint>) {
        *self.endpoint.lock().unwrap_or_else(PoisonError::into_inner) = endpoint;
    }

    /// Waits until no result is on its way to the store, and keeps it so.
    pub async fn settled(&self) -> tokio::sync::OwnedMutexGuard<()> {
        Arc::clone(&self.settling).lock_owned().await
    }

    /// One knock for a person, never beside a round of our own. Nothing is stored.
    pub async fn visit(&self) -> (Arc<Endpoint>, Probed) {
        let _alone = self.knocking.lock().await;
        let endpoint = self.endpoint();
        let fresh_for = fresh_for(&endpoint, self.spine.clock.now().wall);
        let probed = self.spine.prober.probe(&endpoint, Depth::Whole, fresh_for).await;
        self.sound(&endpoint, &probed.result);
        (endpoint, probed)
    }

    /// The `select!` chooses what to do next; a round runs outside it, so that
    /// stopping never cuts one in half between the probe and its record.
    pub async fn run(&self, until: &Until) {
        self.mailbox.open();
        let _closing = reports::Closing(&self.mailbox);
        loop {
            tokio::select! {
                biased;
                () = until.over() => return,
                letter = self.mailbox.take() => {
                    Box::pin(self.hear(letter)).await;
                    continue;
                }
                () = self.bell.answer() => (),
            }
            self.spine.meters.lateness.time(self.bell.lateness());
            if self.resting().is_some() {
                self.bell.done();
                continue;
            }
            // Boxed, so that a worker that waits does not hold the room a request needs.
            let confirm = Box::pin(self.round(&until.stop, Depth::Whole)).await;
            if let Some(depth) = confirm
                && self.wait_to_confirm(until).await
            {
                Box::pin(self.round(&until.stop, depth)).await;
            }
            self.bell.done();
        }
    }

    /// One journey of one probe. Says how deep a confirmation goes when its first
    /// failure, or its first word of all, wants one.
    async fn round(&self, stop: &CancellationToken, depth: Depth) -> Option<Depth> {
        let endpoint = self.endpoint();
        let probed = match endpoint.kind.push() {
            Some(push) => self.silence(&endpoint, push),
            None => Some(self.probe(stop, depth).await),
        };
        let probed = probed?;
        let ending = certificates::ending(&probed, self.spine.clock.now().wall);
        let confirm = self.settle(probed).await.1;
        if let Some(ending) = ending {
            self.warn(ending).await;
        }
        confirm
    }

    /// Judges, records and tells; what became of it, and how deep a confirmation
    /// goes when one is wanted.
    async fn settle(&self, probed: Probed) -> (Recorded, Option<Depth>) {
        // It asks from when it answered; a rest is counted from when the knock began.
        let took = self.spine.clock.now().mono.saturating_sub(probed.result.at.mono);
        let asked = manners::rest(probed.result.http_status, probed.retry_after);
        let asked = asked.map(|it| it.saturating_add(took));
        let Probed { mut result, evidence, .. } = probed;
        let _settling = self.settling.lock().await;
        // It may have been renamed while we knocked.
        let endpoint = self.endpoint();
        let judged = *self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let longer = self.rest().after(&endpoint, &judged, &result, asked);
        let usual = result.fresh_for;
        result.fresh_for = usual.saturating_add(longer);
        let before = judged.health;
        let Judgement { state, transitions, confirm } = self.judge(&endpoint, &result);
        if state.health != Health::Down {
            // A rest breaks no streak; but that nobody may ask makes nothing known to be well.
            result.fresh_for = usual;
        }
        let confirm = confirm.then(|| confirmation(&endpoint, result.outcome));
        self.say(&endpoint.id, &transitions, result.outcome);
        self.sound(&endpoint, &result);
        self.witness.heard(&self.spine.store, &endpoint.id, &evidence, (before, &transitions));
        let recording = Recording {
            endpoint: endpoint.id.clone(),
            result: result.clone(),
            transitions: transitions.clone(),
        };
        let recorded = self.spine.store.record(recording).await;
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        untold.extend(transitions);
        match recorded {
            Recorded::Stopped => (recorded, None),
            // Not heard: what is shown runs out by itself.
            Recorded::Unanswered => (recorded, confirm),
            Recorded::Stored | Recorded::Waiting => {
                self.tell(&endpoint.id, &result, state, std::mem::take(&mut *untold));
                (recorded, confirm)
            }
        }
    }

    /// Results of one kind that are still wanted before health changes, and to what.
    pub fn wanted(&self) -> Option<(u32, Health)> {
        let state = *self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        state.wanted(self.endpoint().thresholds)
    }

    async fn probe(&self, stop: &CancellationToken, depth: Depth) -> Probed {
        let _alone = self.knocking.lock().await;
        let endpoint = self.endpoint();
        let at = self.spine.clock.now();
        let fresh_for = fresh_for(&endpoint, at.wall);
        // Now, not when the bell rang: it may have begun while somebody else knocked.
        let notices = Arc::clone(&self.spine.facts.borrow().notices);
        let depth = depth::allowed(depth, &endpoint, &notices, at.wall);
        let cut = cut(&endpoint, stop);
        tokio::select! {
            biased;
            () = cut => Probed::of(ProbeResult {
                at,
                total: self.spine.clock.now().mono.saturating_sub(at.mono),
                outcome: Outcome::Unknown(UnknownReason::Stopping),
                http_status: None,
                fresh_for,
            }),
            probed = self.spine.prober.probe(&endpoint, depth, fresh_for) => {
                self.count(&endpoint.id, &probed);
                probed
            }
        }
    }

    fn count(&self, id: &EndpointId, probed: &Probed) {
        let mut knocks = self.knocks.lock().unwrap_or_else(PoisonError::into_inner);
        if knocks.0 != *id {
            *knocks = (id.clone(), self.spine.meters.begin(id, &self.bell));
        }
        knocks.1.count(probed);
        drop(knocks);
        if let Some(error) = &probed.error {
            tracing::debug!("`{id}` gave no whole answer: {error}");
        }
    }

    fn judge(&self, endpoint: &Endpoint, result: &ProbeResult) -> Judgement {
        let mut state = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let judgement = judge(*state, endpoint.thresholds, result);
        *state = judgement.state;
        judgement
    }

    /// When the schedule logs in there again, if a maintenance keeps it from that.
    pub fn no_login_until(&self) -> Option<Timestamp> {
        let notices = Arc::clone(&self.spine.facts.borrow().notices);
        depth::no_login_until(&self.endpoint(), &notices, self.spine.clock.now().wall)
    }

    /// What of a result an operator must hear of at once.
    fn sound(&self, endpoint: &Endpoint, result: &ProbeResult) {
        let pause = self.spine.prober.pause(endpoint);
        alarms::sound(&self.spine.notes, &endpoint.id, result, pause);
    }

    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False when there is no confirmation: we go, or were asked to stay away
    /// until about the next round.
    async fn wait_to_confirm(&self, until: &Until) -> bool {
        let wait = CONFIRM_AFTER + phase(&self.endpoint().id, CONFIRM_SPREAD);
        let rest = self.rest().until.saturating_sub(self.spine.clock.now().mono);
        if self.bell.due_in().is_some_and(|due| wait < rest && due <= rest) {
            return false;
        }
        let wait = wait.max(rest);
        tokio::select! {
            biased;
            () = until.over() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }
}

/// A login that failed is never confirmed by another one.
fn confirmation(endpoint: &Endpoint, outcome: Outcome) -> Depth {
    match outcome {
        Outcome::Failure(_) if endpoint.logs_in() => Depth::Harmless,
        _ => Depth::Whole,
    }
}

/// When a probe in flight is cut short. One that may have to log out ends by
/// itself when we stop, and is given the time for that.
async fn cut(endpoint: &Endpoint, stop: &CancellationToken) {
    stop.cancelled().await;
    if endpoint.flow().is_some_and(Flow::cleans_up) {
        tokio::time::sleep(LOGGING_OUT).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::endpoint::Id;
    use crate::domain::outcome::FailureClass;
    use crate::domain::request::Value;
    use crate::domain::template::{Part, Template};

    /// The budget would hold another login, too; this one is not even asked for.
    #[test]
    fn a_login_that_failed_is_confirmed_without_a_login() {
        let id = Id::parse("web").unwrap();
        let page = Endpoint::get(id.clone(), id, "https://wallet.example.com/".parse().unwrap());
        let mut login = page.clone();
        let name = Value::Template(Template(vec![Part::Username]));
        login.flow_mut().unwrap().first.request.query.push(("name".to_owned(), name));
        for class in [FailureClass::Http5xx, FailureClass::Assertion, FailureClass::AcceptsWrongPassword] {
            assert_eq!(confirmation(&login, Outcome::Failure(class)), Depth::Harmless, "{class:?}");
            assert_eq!(confirmation(&page, Outcome::Failure(class)), Depth::Whole, "{class:?}");
        }
        assert_eq!(confirmation(&login, Outcome::Success), Depth::Whole);
    }
}
