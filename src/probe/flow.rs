//! A login in steps, as a person does it.
//!
//! | step | is taken |
//! | --- | --- |
//! | in order | until one fails; a whole one in full, a harmless one up to the first that sends something of the account's |
//! | `always` | in its place, and after a failure once something of the account's was sent (in a flow without a login, always) |
//! | `confirm` | in a harmless round only |
//!
//! | a flow | outcome |
//! | --- | --- |
//! | a step fails | what the first one that failed says; a later one cannot mend or worsen it |
//! | after the login a step is told 401 or 403, or sent to the login page | `session_broken` |
//! | nothing fails, taken whole | the worst that is no failure; `slow` over all steps |
//! | nothing fails, and the login was left out | unknown: `budget` |
//! | we are stopping | unknown: `stopping`, once it has logged out |
//! | it may not log in now | goes on as a harmless one; if nothing fails, unknown for that reason |
//!
//! Latency is the time from the first step's start to the last one's end, but
//! for what we waited for ourselves and for the time of `always` steps.

mod capture;
mod fill;
mod jar;
mod look;
mod redirect;
mod second_factor;
mod session;
mod told;
mod walk;

use super::{Kit, Knocked};
use crate::domain::endpoint::Endpoint;
use crate::domain::flow::{Depth, Flow};

/// Takes the steps in order until one fails, and then those that clean up.
pub(super) async fn knock(kit: &Kit, endpoint: &Endpoint, flow: &Flow, depth: Depth) -> Knocked {
    let mut walk = walk::Walk::new(kit, endpoint, flow, depth);
    walk.take_steps().await;
    walk.clean_up().await;
    let leave = walk.leave_used();
    let knocked = told::knocked(walk);
    if let Some((pass, left_us)) = leave {
        pass.came_to(knocked.outcome, left_us).await;
    }
    knocked
}
