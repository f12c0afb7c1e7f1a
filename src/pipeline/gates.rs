//! Carries into the facts which networks are lost to us.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Spine;
use crate::domain::network::Lost;

/// Until it ends; whoever renders is woken by every change.
pub async fn follow(spine: Arc<Spine>, mut lost: watch::Receiver<Arc<[Lost]>>, stop: CancellationToken) {
    loop {
        let now = Arc::clone(&lost.borrow_and_update());
        spine.facts.send_if_modified(|facts| {
            let changed = facts.lost != now;
            if changed {
                Arc::make_mut(facts).lose(now);
            }
            changed
        });
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = lost.changed() => if changed.is_err() { return },
        }
    }
}
