//! Logins in steps, against real sockets and the sample wallet.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use porchlight::clock::{Clock, SystemClock};
use porchlight::config::{Config, Surroundings};
use porchlight::domain::endpoint::Endpoint;
use porchlight::domain::flow::Depth;
use porchlight::probe::own::OwnHealth;
use porchlight::probe::{Outbound, Probed, Prober};
use porchlight::sample::{self, SampleWallet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::knock::told;

/// As the config file has it: the endpoint with these lines, relative to `base`.
pub fn endpoint(base: &str, lines: &str) -> Endpoint {
    endpoints(&file(base, lines)).remove(0)
}

/// A whole file around the lines of one endpoint, with the sample's account.
pub fn file(base: &str, lines: &str) -> String {
    format!(
        r#"
        [sample]
        [[account]]
        id = "sample"
        username = {{ sample = "username" }}
        password = {{ sample = "password" }}
        totp = {{ env = "TOTP" }}
        [[component]]
        id = "web"
        name = "Web"
        [[endpoint]]
        id = "login"
        component = "web"
        url = "{base}"
        {lines}"#
    )
}

pub fn endpoints(file: &str) -> Vec<Endpoint> {
    let around = Surroundings {
        env: &|_| Some("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned()),
        file: &|_| Err(std::io::Error::other("no files here")),
        sample: &sample::secret,
        certificate: &|_, _, _| Ok(vec![]),
        dir: Path::new("/nowhere"),
        listen: None,
    };
    match Config::parse(file, "config.toml", &around, jiff::Timestamp::now()) {
        Ok((config, _)) => config.endpoints,
        Err(faults) => panic!("{faults}"),
    }
}

pub fn prober(outbound: Outbound) -> (Prober, Arc<OwnHealth>) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let own = Arc::new(OwnHealth::new(clock.clone()));
    (Prober::new(outbound, own.clone(), clock, Arc::default()), own)
}

pub async fn knock_at(prober: &Prober, own: &OwnHealth, endpoint: &Endpoint, depth: Depth) -> Probed {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let probing = prober.probe(endpoint, depth, Duration::from_secs(180));
    let mut probing = std::pin::pin!(probing);
    loop {
        tokio::select! {
            _ = ticks.tick() => own.tick(),
            probed = &mut probing => return probed,
        }
    }
}

async fn knock(endpoint: &Endpoint) -> Probed {
    let (prober, own) = prober(Outbound::new());
    knock_at(&prober, &own, endpoint, Depth::Whole).await
}

/// The sample wallet in this process, gone with the test.
struct Wallet {
    addr: SocketAddr,
    _stop: tokio_util::sync::DropGuard,
}

async fn wallet() -> Wallet {
    let any = || SocketAddr::from(([127, 0, 0, 1], 0));
    let clock = SystemClock::new();
    let bound = SampleWallet::bind(any(), any(), Arc::new(move || clock.now().wall)).await.unwrap();
    let (addr, stop) = (bound.local_addr(), CancellationToken::new());
    tokio::spawn(bound.serve(stop.clone(), TaskTracker::new()));
    Wallet { addr, _stop: stop.drop_guard() }
}

/// The manual's example.
const SIGN_IN: &str = r#"
    account = "sample"
    every = "5s"
    [[endpoint.step]]
    name = "page"
    url = "/login"
    capture.page = { form = "form" }
    [[endpoint.step]]
    name = "sign-in"
    form = { of = "page", username = "{{username}}", password = "{{password}}" }
    status = 303
    [[endpoint.step]]
    name = "me"
    url = "/me"
    contains = "sample"
    [[endpoint.step]]
    name = "log-out"
    url = "/logout"
    method = "POST"
    status = 303
    always = true"#;

fn steps(probed: &Probed) -> Vec<String> {
    probed.evidence.steps.iter().map(|it| format!("{} {}", it.name, told(it.outcome))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_walked_through_as_a_person_does_it() {
    let wallet = wallet().await;
    let probed = knock(&endpoint(&format!("http://{}/", wallet.addr), SIGN_IN)).await;
    assert_eq!(told(probed.result.outcome), "success", "{:?} {:?}", probed.error, probed.evidence);
    assert_eq!(steps(&probed), ["page success", "sign-in success", "me success", "log-out success"]);
    assert_eq!((probed.evidence.step.as_deref(), probed.error.as_ref().map(|it| it.as_str())), (None, None));
    assert_eq!(probed.result.http_status, Some(200), "of the last step in order");
}
