//! The pauses of hosts, as a person is told of them and ends them.

use super::Live;
use crate::control::{Answer, PauseLine, Refusal};
use crate::domain::moment::Moment;
use crate::pipeline::alarms;
use crate::probe::manners;
use crate::probe::pauses::{Pause, Pauses};

/// What is said when the end of a pause could not be written down.
pub const NOT_KEPT: &str =
    "the pause has ended, but that could not be written down: a restart goes on with it";

/// Where nobody knocks now.
pub fn pause_lines(pauses: &Pauses, now: Moment) -> Vec<PauseLine> {
    let running = pauses.all_running(now.mono).into_iter();
    let line = |(host, pause, nth): (String, Pause, usize)| PauseLine {
        host,
        reason: pause.reason.wire().to_owned(),
        since: format!("{:.0}", pause.since),
        until: format!("{:.0}", pause.ends()),
        left_s: pause.until.saturating_sub(now.mono).as_secs_f64(),
        nth,
    };
    running.map(line).collect()
}

impl Live {
    pub(super) fn pauses(&self) -> Vec<PauseLine> {
        pause_lines(&self.manners.pauses, self.spine.clock.now())
    }

    /// Lets knocks go on at a host, and takes back what was told of its pause.
    pub(super) async fn end_pause(&self, host: &str) -> Answer {
        let ended = self.manners.pauses.end(host, self.spine.clock.now()).await;
        for worker in self.crew.workers() {
            let endpoint = worker.endpoint();
            if manners::places(&endpoint.kind).iter().any(|it| ended.hosts.contains(it)) {
                alarms::end_pause(&self.spine.notes, &endpoint.id);
            }
        }
        if ended.kept {
            Answer::PauseEnded { hosts: ended.hosts }
        } else {
            Answer::refused(Refusal::Failed, NOT_KEPT)
        }
    }
}
