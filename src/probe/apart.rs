//! A large page is looked at apart: one that is made for it takes long to read,
//! and no other knock may wait for that.

/// Bodies of so many bytes and more. Below that even the worst takes milliseconds,
/// and most answers of a login are; to hand one over takes some ten microseconds.
const LARGE: usize = 16 << 10;

pub(super) fn is_large(body: Option<&String>) -> bool {
    body.is_some_and(|it| LARGE <= it.len())
}

/// Does it on a thread that may block: the runtime that knocks has two of these,
/// so that pages wait for one another and nothing else does. None when it is over.
pub(super) async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Some(done),
        // As if it had been done here.
        Err(error) => error.try_into_panic().map(|panic| std::panic::resume_unwind(panic)).ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_is_done_apart_holds_nobody_up() {
        let (go, wait) = mpsc::channel();
        let goes_on = async move { go.send(()) };
        let (done, sent) =
            tokio::join!(apart(move || wait.recv_timeout(Duration::from_secs(60)).is_ok()), goes_on);
        assert_eq!((done, sent), (Some(true), Ok(())));
    }
}
