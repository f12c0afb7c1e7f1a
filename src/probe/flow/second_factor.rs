//! A code of the second factor: had before the login begins, and sent once.

use super::walk::Walk;
use crate::domain::flow::Step;
use crate::domain::outcome::UnknownReason;
use crate::domain::template::Part;
use crate::probe::codes::{self, Reserved};
use crate::probe::marks;

pub(super) fn sends_a_code(step: &Step) -> bool {
    step.request.has(|part| matches!(part, Part::Totp))
}

impl Walk<'_> {
    /// Reserves a code of the second factor, waiting for the next where this
    /// one was used; says why there is none in time.
    pub(super) async fn reserve_code(&mut self) -> Result<(), (UnknownReason, String)> {
        let account = self.flow.account.as_ref();
        let Some((account, totp)) = account.and_then(|it| Some((it, it.totp.as_ref()?))) else {
            return Ok(());
        };
        // Twice, should the account be used by somebody else at the same time.
        for _ in 0..2 {
            let (time_step, lasts) = codes::step(totp, self.kit.clock.now().wall);
            if self.reserved == Some(time_step) {
                return Ok(());
            }
            let began = time_step.saturating_mul(u64::from(totp.period.max(1)));
            let reserved = self.kit.codes.reserve(&account.id, began).await;
            if let Reserved::NotWritten(why) = reserved {
                let said = format!("the code could not be written down as used, so it was not sent: {why}");
                return Err((UnknownReason::OwnStorage, said));
            }
            if reserved == Reserved::Fresh {
                let Some(code) = codes::code(account, time_step) else {
                    let said = "the secret of the second factor is not base32".to_owned();
                    return Err((UnknownReason::Budget, said));
                };
                self.shows.add(&code);
                (self.code, self.reserved) = (Some(code.into()), Some(time_step));
                return Ok(());
            }
            let now = marks::now();
            if self.deadline < now + lasts {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(lasts) => (),
                () = self.kit.stop.cancelled() => break,
            }
            let waited = marks::now().duration_since(now);
            self.waited += waited;
            self.deadline += waited;
        }
        let said = "this period's code was used already, and the next one comes after the deadline; \
                    a login less often, or a longer deadline, gets one of its own";
        Err((UnknownReason::Budget, said.to_owned()))
    }
}
