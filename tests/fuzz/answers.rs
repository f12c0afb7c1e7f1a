//! Whole answers over a connection in memory, to a flow that looks at everything.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use porchlight::clock::{Clock, SystemClock};
use porchlight::config::{Config, Surroundings};
use porchlight::domain::endpoint::Endpoint;
use porchlight::domain::flow::Depth;
use porchlight::probe::own::OwnHealth;
use porchlight::probe::{Outbound, Prober, Wire};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use url::Url;

use crate::{TRIES, fuzz};

const FILE: &str = r##"
[[account]]
id = "probe"
username = { env = "SECRET" }
password = { env = "SECRET" }
[[component]]
id = "web"
name = "Web"
[[endpoint]]
id = "login"
component = "web"
url = "http://127.0.0.1:1/login"
account = "probe"
every = "15m"
deadline = "2s"
[[endpoint.step]]
name = "page"
redirects = 3
capture.page = { form = "form" }
capture.token = { json = "$.token" }
capture.meta = { css = "meta[name=csrf]", attribute = "content" }
capture.id = { regex = 'id=(\w+)' }
capture.header = { header = "x-token" }
capture.cookie = { cookie = "sid" }
status = ["2xx", "3xx", "4xx", "5xx"]
css = { "form" = true }
degraded_when = ["size(body) > 1000", "headers.exists(it, it == 'x')", "elapsed > ms('1s')"]
[[endpoint.step]]
name = "sign-in"
redirects = 3
url = "/a/{{token}}/{{header}}?q={{id}}"
headers = { x-meta = "{{meta}}{{cookie}}" }
form = { of = "page", username = "{{username}}", password = "{{password}}", echo = "{{token}}" }
expect = ["json.code == 0 && json.user.roles.exists(it, it == 'a')"]
[[endpoint.step]]
name = "me"
method = "POST"
json = { t = "{{token}}", h = "{{header}}" }
"##;
const SECRET: &str = "5ecret-of-the-fuzz";

fn endpoint() -> Endpoint {
    let around = Surroundings { env: &|_| Some(SECRET.to_owned()), ..Surroundings::none() };
    match Config::parse(FILE, "config.toml", &around, jiff::Timestamp::UNIX_EPOCH) {
        Ok((config, _)) => config.endpoints.into_iter().next().unwrap(),
        Err(faults) => panic!("{faults}"),
    }
}

/// Answers every request with the same bytes.
struct Echo(Arc<Vec<u8>>);

impl Wire for Echo {
    fn connect(&self, _: &Url) -> Option<DuplexStream> {
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let bytes = self.0.clone();
        tokio::spawn(async move {
            let mut head = [0; 16 * 1024];
            let _ = theirs.read(&mut head).await;
            let _ = theirs.write_all(&bytes).await;
        });
        Some(ours)
    }

    fn run(&self, connection: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(connection);
    }
}

#[test]
fn answers_are_judged_within_bounds() {
    let endpoint = endpoint();
    fuzz("answers", TRIES, move |bytes| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let probed = runtime.unwrap().block_on(async {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
            let own = Arc::new(OwnHealth::new(clock.clone()));
            let outbound = Outbound::answered_by(Arc::new(Echo(Arc::new(bytes.to_vec()))));
            let prober = Prober::new(outbound, own, clock, Arc::default());
            prober.probe(&endpoint, Depth::Whole, Duration::from_secs(60)).await
        });
        // The answer may say it, but only after the request has told it: these never were told.
        let shown = format!("{:?}", probed.evidence);
        assert!(!shown.contains(SECRET), "{shown}");
    });
}
