//! The door of the house: who may come in, for how long, and how many at once.

mod cap;
mod converse;
mod crowd;
mod forwarded;
mod host;
pub mod tls;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use cap::{CONNECTION_CAP, connection_cap};
use converse::{LIMITS, Visit};
use crowd::Crowd;
pub use crowd::Meters;
pub use forwarded::TrustedProxies;
pub use host::Hosts;
use tls::Tls;

/// After a failed accept (no descriptors, say) the loop rests this long.
const REST: Duration = Duration::from_millis(50);

/// What stands behind a listener, and what is asked of those who come.
pub struct Door {
    pub router: Router,
    /// Which names may be asked for; none where anybody's will do.
    pub hosts: Option<Hosts>,
    pub proxies: TrustedProxies,
    /// None for plain HTTP.
    pub tls: Option<Arc<Tls>>,
    pub meters: Arc<Meters>,
}

/// Open to all, in plain HTTP.
impl From<Router> for Door {
    fn from(router: Router) -> Self {
        Self { router, hosts: None, proxies: TrustedProxies::default(), tls: None, meters: Arc::default() }
    }
}

/// Serves what is behind `door` until `stop`, to `cap` connections at once;
/// each is a task of `tasks`.
pub async fn serve(
    listener: TcpListener,
    door: impl Into<Door>,
    cap: usize,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let door = Arc::new(door.into());
    let speaker = Arc::new(converse::speaker(tasks.clone()));
    let crowd = Arc::new(Crowd::new(cap).counted(Arc::clone(&door.meters)));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("A connection could not be accepted: {error}");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let place = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            place = crowd.enter() => place,
        };
        // Small answers go out at once; a failure here costs 40 ms, not the answer.
        let _ = stream.set_nodelay(true);
        let (door, speaker, stop) = (door.clone(), speaker.clone(), stop.clone());
        tasks.spawn(async move {
            let visit = Visit { door, seat: place.seat.clone(), peer: peer.ip(), stop, limits: LIMITS };
            converse::receive(stream, &speaker, visit).await;
            drop(place);
        });
    }
}
