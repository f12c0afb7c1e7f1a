//! One conversation for each connection: bounded in size, in time and in number.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::door::Door;
use super::wire::{Answer, Answered, Question, Refusal};

/// A question is a few dozen bytes.
const QUESTION_LIMIT: u64 = 4096;
const PATIENCE: Patience = Patience { question: Duration::from_secs(5), answer: Duration::from_secs(10) };
/// Conversations at once; people and scripts hold a few.
const TALKS: usize = 16;
/// After a failed accept (no descriptors, say) the loop rests this long.
const REST: Duration = Duration::from_millis(50);
/// A refusal fits the socket's buffer; one that does not is not waited for.
const REFUSAL_PATIENCE: Duration = Duration::from_millis(100);

/// How long the other side may take.
#[derive(Clone, Copy)]
struct Patience {
    /// To ask.
    question: Duration,
    /// To read the answer.
    answer: Duration,
}

/// Whoever knows the answers.
pub trait Answers: Send + Sync + 'static {
    /// It comes to an end by itself.
    fn answer(&self, question: Question) -> impl Future<Output = Answer> + Send;
}

/// Answers until `stop`, and then takes the door away.
pub async fn serve<A: Answers>(door: Door, answers: Arc<A>, stop: CancellationToken, tasks: TaskTracker) {
    let places = Arc::new(Semaphore::new(TALKS));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = door.listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("A connection to the control socket could not be accepted: {error}");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            refuse(stream, Refusal::Busy, &format!("{TALKS} others are talking; try again in a moment"))
                .await;
            continue;
        };
        if !is_ours(&stream) {
            refuse(stream, Refusal::NotAllowed, "only the user that runs this daemon, or root, may ask")
                .await;
            continue;
        }
        let (answers, stop) = (Arc::clone(&answers), stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => (),
                () = converse(stream, answers.as_ref(), PATIENCE) => (),
            }
            drop(place);
        });
    }
}

/// The file's mode lets nobody else in; this holds where modes do not.
fn is_ours(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

async fn refuse(mut stream: UnixStream, why: Refusal, said: &str) {
    if let Ok(line) = Answered::line(Answer::refused(why, said)) {
        // Whoever does not listen misses it.
        let _ = tokio::time::timeout(REFUSAL_PATIENCE, stream.write_all(&line)).await;
    }
}

async fn converse(mut stream: UnixStream, answers: &impl Answers, patience: Patience) {
    let (reading, mut writing) = stream.split();
    let answer = match tokio::time::timeout(patience.question, question(reading)).await {
        Ok(Ok(question)) => answers.answer(question).await,
        Ok(Err(said)) => Answer::refused(Refusal::NotUnderstood, said),
        Err(_) => Answer::refused(Refusal::Busy, "no question came in time"),
    };
    let Ok(line) = Answered::line(answer) else { return };
    let written = async {
        writing.write_all(&line).await?;
        writing.shutdown().await
    };
    // Whoever stops reading has hung up.
    let _ = tokio::time::timeout(patience.answer, written).await;
}

async fn question(stream: impl tokio::io::AsyncRead + Unpin) -> Result<Question, String> {
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream.take(QUESTION_LIMIT));
    reader.read_until(b'\n', &mut line).await.map_err(|why| format!("the question broke off ({why})"))?;
    if line.last() != Some(&b'\n') {
        return Err(format!("a question is one line of at most {QUESTION_LIMIT} bytes"));
    }
    Question::read(&line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const SOON: Duration = Duration::from_millis(100);

    /// Answers with more than any socket's buffer holds.
    struct Endless;

    impl Answers for Endless {
        async fn answer(&self, _: Question) -> Answer {
            Answer::refused(Refusal::Failed, "x".repeat(16 << 20))
        }
    }

    async fn ends(theirs: UnixStream, patience: Patience) -> bool {
        tokio::time::timeout(100 * SOON, converse(theirs, &Endless, patience)).await.is_ok()
    }

    #[tokio::test]
    async fn who_never_asks_is_let_go_and_told() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        assert!(ends(theirs, Patience { question: SOON, ..PATIENCE }).await);
        let mut said = String::new();
        ours.read_to_string(&mut said).await.unwrap();
        assert!(said.contains("no question came in time"), "{said}");
    }

    #[tokio::test]
    async fn who_never_reads_is_let_go() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(&Question::Status.line().unwrap()).await.unwrap();
        assert!(ends(theirs, Patience { answer: SOON, ..PATIENCE }).await);
    }

    #[tokio::test]
    async fn a_question_without_an_end_is_refused_and_not_kept() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let asking = async { ours.write_all(&vec![b'a'; 1 << 20]).await };
        let (ended, _) = tokio::join!(ends(theirs, PATIENCE), asking);
        assert!(ended);
        let mut said = String::new();
        let _ = ours.read_to_string(&mut said).await;
        assert!(said.is_empty() || said.contains("one line of at most 4096 bytes"), "{said}");
    }

    #[tokio::test]
    async fn the_door_is_its_owners_alone_and_goes_when_it_is_done() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        for dir in [dir.path(), deep.as_path()] {
            // A dead daemon's is replaced.
            drop(std::os::unix::net::UnixListener::bind(dir.join("elsewhere")));
            let door = Door::open(dir).unwrap();
            let path = door.path().to_owned();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            drop(door);
            assert!(!path.exists());
        }
        std::fs::write(dir.path().join(crate::control::SOCKET_FILE), "mine").unwrap();
        let refused = Door::open(dir.path()).unwrap_err().to_string();
        assert!(refused.contains("is in the way"), "{refused}");
    }
}
