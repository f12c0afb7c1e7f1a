//! The sample wallet without a port, for tests on virtual time.

use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;

use super::book::{Standing, Wallet};
use super::breaker::Breaker;
use super::site::Site;
use super::{Now, wallet};

/// Its doors and its memory.
#[derive(Clone)]
pub struct InMemory {
    site: Site,
    wallet: Arc<Wallet>,
    breaker: Breaker,
}

impl InMemory {
    pub fn new(now: Now) -> Self {
        let (breaker, _) = Breaker::new();
        let wallet = Wallet::new(now);
        let site = Site { router: wallet::router(wallet.clone()), breaker: Some(breaker.clone()) };
        Self { site, wallet, breaker }
    }

    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    pub fn standing(&self) -> Standing {
        self.wallet.standing()
    }

    /// Answers what comes over this connection until it ends.
    pub async fn serve(&self, stream: DuplexStream) {
        let site = self.site.clone();
        let service = service_fn(move |request| site.clone().answer(request));
        // A client that has heard enough hangs up in the midst of it.
        drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
    }
}
