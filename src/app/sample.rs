//! Starts the bundled sample wallet beside the daemon that watches it.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::listen::StartError;
use crate::clock::Clock;
use crate::sample::{FrontDoor, SampleWallet};

/// Where the sample wallet listens, and where it can be broken.
#[derive(Debug, Clone, Copy)]
pub struct SampleAddrs {
    pub wallet: SocketAddr,
    pub control: SocketAddr,
}

pub(super) async fn start_sample(
    wanted: &crate::config::Sample,
    clock: &Arc<dyn Clock>,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> Result<SampleAddrs, StartError> {
    let clock = clock.clone();
    let bound = SampleWallet::bind(wanted.listen, wanted.control, Arc::new(move || clock.now().wall)).await;
    let wallet = bound.map_err(|refused| {
        let (what, key) = match refused.door {
            FrontDoor::Wallet => ("the sample wallet", "sample.listen"),
            FrontDoor::Control => ("the page that breaks the sample wallet", "sample.control"),
        };
        StartError::Listen { what, key, addr: refused.addr, why: refused.why }
    })?;
    let addrs = SampleAddrs { wallet: wallet.local_addr(), control: wallet.control_addr() };
    tasks.spawn(wallet.serve(stop.clone(), tasks.clone()));
    Ok(addrs)
}
