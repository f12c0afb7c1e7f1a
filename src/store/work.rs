//! A closure that waits to be a transaction, with its value until the commit.

use tokio::sync::oneshot;

use super::error::StoreError;
use super::job::Work;
use super::tx::Tx;

/// Packs a closure for the writer; the answer comes after the commit.
pub(super) fn transaction<T, F>(work: F) -> (Box<dyn Work>, oneshot::Receiver<Result<T, StoreError>>)
where
    T: Send + 'static,
    F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
{
    let (answer, awaited) = oneshot::channel();
    (Box::new(Transaction { stage: Stage::Waits(work), answer }), awaited)
}

struct Transaction<T, F> {
    stage: Stage<T, F>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

enum Stage<T, F> {
    Waits(F),
    Runs,
    Done(Result<T, StoreError>),
}

impl<T, F> Work for Transaction<T, F>
where
    T: Send,
    F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, tx: &Tx<'_>) -> bool {
        let Stage::Waits(work) = std::mem::replace(&mut self.stage, Stage::Runs) else { return false };
        let done = work(tx);
        let keep = done.is_ok();
        self.stage = Stage::Done(done);
        keep
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let answer = match (self.stage, committed) {
            // Its own failure says more than that of the commit.
            (Stage::Done(Err(error)), _) | (_, Err(error)) => Err(error),
            (Stage::Done(done), Ok(())) => done,
            (Stage::Waits(_) | Stage::Runs, Ok(())) => Err(StoreError::Stopped),
        };
        // Whoever asked may have gone; the work is committed all the same.
        let _ = self.answer.send(answer);
    }
}
