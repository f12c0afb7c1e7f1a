//! The workers that are posted now, each at one endpoint, through every reload.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::watch::watch_over;
use crate::domain::endpoint::{Endpoint, EndpointId};
use crate::domain::judge::JudgeState;
use crate::pipeline::{Spine, Until, Worker};
use crate::probe::Probed;
use crate::schedule::Entry;
use crate::schedule::bell::Bell;

pub struct Crew {
    spine: Arc<Spine>,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// Where all of them knock.
    there: Handle,
    posts: Mutex<HashMap<EndpointId, Post>>,
}

struct Post {
    worker: Arc<Worker>,
    /// Cancelled when the endpoint is no longer watched.
    leave: CancellationToken,
    /// Cancelled when the worker's last round is over.
    ended: CancellationToken,
}

impl Crew {
    pub fn new(spine: Arc<Spine>, stop: CancellationToken, tasks: TaskTracker, there: Handle) -> Self {
        Self { spine, stop, tasks, there, posts: Mutex::default() }
    }

    /// The worker that watches an endpoint now.
    pub fn worker(&self, id: &EndpointId) -> Option<Arc<Worker>> {
        self.posts().get(id).filter(|post| !post.leave.is_cancelled()).map(|post| Arc::clone(&post.worker))
    }

    /// All that watch now, in no order.
    pub fn workers(&self) -> Vec<Arc<Worker>> {
        let posts = self.posts();
        posts.values().filter(|post| !post.leave.is_cancelled()).map(|it| Arc::clone(&it.worker)).collect()
    }

    /// The worker of an endpoint, also one that is in its last round there.
    pub(super) fn known(&self, id: &EndpointId) -> Option<Arc<Worker>> {
        self.posts().get(id).map(|post| Arc::clone(&post.worker))
    }

    /// Forgets those whose last round is over.
    pub(super) fn forget_ended(&self) {
        self.posts().retain(|_, post| !post.ended.is_cancelled());
    }

    /// Knocks at once, for a person who asks.
    pub async fn visit(&self, worker: Arc<Worker>) -> Result<(Arc<Endpoint>, Probed), JoinError> {
        self.tasks.spawn_on(async move { worker.visit().await }, &self.there).await
    }

    /// Posts a new worker.
    pub fn post(&self, endpoint: Arc<Endpoint>, state: JudgeState) -> Entry {
        let bell = Arc::new(Bell::new());
        let worker =
            Arc::new(Worker::new(Arc::clone(&self.spine), Arc::clone(&endpoint), Arc::clone(&bell), state));
        let post = self.begin(worker, None);
        self.posts().insert(endpoint.id.clone(), post);
        Entry { endpoint, bell }
    }

    /// Gives the worker of `old` another definition, perhaps under another id,
    /// and takes it back if it was leaving; none when there is none.
    pub(super) fn repost(&self, old: &EndpointId, endpoint: Arc<Endpoint>) -> Option<Entry> {
        let mut post = self.posts().remove(old)?;
        post.worker.redefine(Arc::clone(&endpoint));
        if post.leave.is_cancelled() {
            // It knows all that its last round still learns; never two rounds at once.
            post = self.begin(Arc::clone(&post.worker), Some(post.ended));
        }
        let bell = Arc::clone(&post.worker.bell);
        self.posts().insert(endpoint.id.clone(), post);
        Some(Entry { endpoint, bell })
    }

    /// Lets the worker finish its round and go.
    pub(super) fn dismiss(&self, id: &EndpointId) {
        if let Some(post) = self.posts().get(id) {
            post.leave.cancel();
        }
    }

    fn begin(&self, worker: Arc<Worker>, after: Option<CancellationToken>) -> Post {
        let (leave, ended) = (CancellationToken::new(), CancellationToken::new());
        let until = Until { stop: self.stop.clone(), leave: leave.clone() };
        let guard = ended.clone().drop_guard();
        let (watched, tasks) = (Arc::clone(&worker), self.tasks.clone());
        let work = async move {
            let _guard = guard;
            if let Some(before) = after {
                before.cancelled().await;
            }
            watch_over(watched, until, tasks).await;
        };
        self.tasks.spawn_on(work, &self.there);
        Post { worker, leave, ended }
    }

    fn posts(&self) -> MutexGuard<'_, HashMap<EndpointId, Post>> {
        // A panic elsewhere leaves the map whole: every step is one call.
        self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
