//! Who may report by itself, and to whom it is handed.

use std::pin::Pin;
use std::sync::Arc;

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::crew::Crew;
use crate::domain::endpoint::Id;
use crate::domain::kind::{Received, Report};
use crate::domain::request::Value;
use crate::publish::push::{By, Reports};

pub(super) struct Post {
    crew: Arc<Crew>,
    /// Of this process alone: what a comparison takes tells nothing of a token.
    salt: [u8; 32],
}

impl Post {
    pub(super) fn new(crew: Arc<Crew>) -> Self {
        Self { crew, salt: rand::random() }
    }

    fn digest(&self, token: &str) -> [u8; 32] {
        Sha256::new().chain_update(self.salt).chain_update(token).finalize().into()
    }
}

impl Reports for Post {
    fn may(&self, id: &Id, token: &str, by: By) -> bool {
        let endpoint = self.crew.worker(id).map(|it| it.endpoint());
        let push = endpoint.as_ref().and_then(|it| it.kind.push());
        let expected = match push.map(|it| &it.token) {
            Some(Value::Secret(token)) => token.expose_secret(),
            Some(Value::Plain(_) | Value::Template(_)) | None => "",
        };
        // Always both, and always to their ends.
        let same = is_same(&self.digest(token), &self.digest(expected));
        same && !expected.is_empty() && push.is_some_and(|it| by == By::Header || it.token_in_query)
    }

    fn report(&self, id: Id, report: Report) -> Pin<Box<dyn Future<Output = Received> + Send + '_>> {
        Box::pin(async move {
            let Some(worker) = self.crew.worker(&id) else { return Received::Unauthorised };
            worker.report(report).await
        })
    }
}

fn is_same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.iter().zip(other).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
}
