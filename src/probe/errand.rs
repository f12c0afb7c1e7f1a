//! What one request tells the hooks of the client that all requests share.
//!
//! A client without a pool connects, looks names up and shakes hands within the
//! task that asks, so a value of that task reaches the hooks. What runs beside
//! it, once the connection stands, asks for nothing of an errand.

use std::sync::Arc;

use super::client::Only;
use super::marks::{Marks, Trace};
use super::names::Resolver;
use super::verify::Dates;
use crate::domain::request::Fence;

/// One request on its way.
#[derive(Clone)]
pub struct Errand {
    pub trace: Trace,
    pub dates: Dates,
    /// None where nobody is asked, or none is configured.
    pub resolver: Option<Resolver>,
    /// The host of the proxy, which is asked for by the same way.
    pub proxy: Option<String>,
    /// Which addresses of the endpoint are used; a proxy's are all.
    pub only: Only,
    /// Which addresses of the endpoint's name may be connected to, at that port;
    /// without one, any.
    pub fence: Option<(Arc<Fence>, u16)>,
}

tokio::task_local! {
    static UNDER_WAY: Errand;
}

impl Errand {
    /// A connection whose addresses are chosen by whoever opens it.
    pub fn bare(trace: &Trace) -> Self {
        Self {
            trace: trace.clone(),
            dates: Dates::Judged,
            resolver: None,
            proxy: None,
            only: Only::Any,
            fence: None,
        }
    }

    /// Runs `work`, whose hooks find this.
    pub async fn run<T>(self, work: impl Future<Output = T>) -> T {
        UNDER_WAY.scope(self, work).await
    }

    /// The one under way in this task.
    pub fn current() -> Option<Self> {
        UNDER_WAY.try_with(Clone::clone).ok()
    }

    /// How strictly the certificate of the one under way is read.
    pub fn dates() -> Dates {
        UNDER_WAY.try_with(|it| it.dates).unwrap_or(Dates::Judged)
    }

    /// Leaves a mark of the one under way.
    pub fn note(note: impl FnOnce(&mut Marks)) {
        // Nobody waits for marks of what is on no errand.
        let _ = UNDER_WAY.try_with(|it| it.trace.note(note));
    }
}
