//! Keeps the rendered bodies true: renders when the facts change, when time
//! alone changes what they say, and often enough that no body runs out.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Publisher;
use super::render::{RenderError, Rendered, render};
use crate::clock::Clock;
use crate::domain::facts::Facts;
use crate::domain::moment::{Moment, between};

/// A body is never older than this, whatever happens.
const OFTEN: Duration = Duration::from_secs(15);
/// Changes within this of a rendering share the next one.
const COALESCE: Duration = Duration::from_millis(50);
/// After a failure to render, the next try.
const RETRY: Duration = Duration::from_secs(1);

/// Renders until `stop`. It ends by itself only if the facts are gone.
pub async fn keep(
    publisher: Arc<Publisher>,
    mut facts: watch::Receiver<Arc<Facts>>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    loop {
        let known = facts.borrow_and_update().clone();
        let now = clock.now();
        publisher.meters.came_by(now);
        let publishing = Arc::clone(&publisher);
        let rendered = tokio::task::spawn_blocking(move || {
            let rendered = render(&known, now)?;
            let rest = until_next(&rendered, now);
            publishing.publish(known, rendered)?;
            Ok::<_, RenderError>(rest)
        });
        let rendered = rendered.await;
        let took = clock.now().mono.saturating_sub(now.mono);
        publisher.meters.render.time(took);
        let rest = match rendered {
            Ok(Ok(rest)) => {
                publisher.meters.rendered_at.set(now.wall.as_second());
                rest.saturating_sub(took)
            }
            Ok(Err(error)) => {
                publisher.meters.render_failed.inc();
                tracing::error!(
                    "The page could not be rendered; what was rendered runs out by itself: {error}"
                );
                RETRY
            }
            Err(_) => return,
        };
        // A rendering that takes long is not followed at once by another.
        let pause = COALESCE.max(took);
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => (),
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = facts.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(rest.saturating_sub(pause)) => (),
        }
    }
}

/// Half the life of the body at most, so that its successor is there in time.
fn until_next(rendered: &Rendered, now: Moment) -> Duration {
    let life = rendered.valid_until.mono.saturating_sub(now.mono);
    let change = rendered.next_change.map_or(OFTEN, |at| between(now.wall, at));
    OFTEN.min(life / 2).min(change)
}
