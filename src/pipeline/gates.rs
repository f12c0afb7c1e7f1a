//! Carries into the facts which networks are lost to us, and tells the operator.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Spine;
use crate::domain::network::{Lost, NetworkId};
use crate::domain::note::{Key, Subject, Told};
use crate::domain::redact::Redactor;
use crate::notes::Notes;

/// Until it ends; whoever renders is woken by every change.
pub async fn follow(spine: Arc<Spine>, mut lost: watch::Receiver<Arc<[Lost]>>, stop: CancellationToken) {
    loop {
        let now = Arc::clone(&lost.borrow_and_update());
        spine.facts.send_if_modified(|facts| {
            let changed = facts.lost != now;
            if changed {
                Arc::make_mut(facts).lose(Arc::clone(&now));
            }
            changed
        });
        note(&spine.notes, &now);
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = lost.changed() => if changed.is_err() { return },
        }
    }
}

fn note(notes: &Notes, lost: &[Lost]) {
    let key = |it: &NetworkId| Key { told: Told::GateClosed, subject: Subject::Network(it.clone()) };
    let holds = |it: &Key| lost.iter().any(|lost| *it == key(&lost.network));
    notes.clear_all(|it| it.told == Told::GateClosed && !holds(it));
    for it in lost {
        notes.tell(key(&it.network), Redactor::default().line(it.why.sentence()));
    }
}
