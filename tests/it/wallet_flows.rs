//! The sample wallet, signed in to by every way it has, and each way it can
//! break told apart by class.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use porchlight::clock::{Clock, ManualClock};
use porchlight::domain::endpoint::Endpoint;
use porchlight::domain::flow::Depth;
use porchlight::probe::own::OwnHealth;
use porchlight::probe::{Outbound, Prober};
use porchlight::sample::{Breaker, Door, Mode, SampleWallet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::knock::told;
use crate::support::get;

/// After signing in with a browser.
const INSIDE: &str = r##"
[[endpoint.step]]
name = "me"
url = "/me"
css = { "#account" = true }
[[endpoint.step]]
name = "log-out"
url = "/logout"
method = "POST"
status = 303
always = true
"##;

/// After signing in with the app.
const INSIDE_APP: &str = r#"
[[endpoint.step]]
name = "me"
url = "/me"
headers = { authorization = "Bearer {{token}}" }
[[endpoint.step]]
name = "log-out"
url = "/logout"
method = "POST"
headers = { authorization = "Bearer {{token}}" }
status = 303
always = true
"#;

/// With a code that is sent to the reader's phone or mailbox, by browser.
const CODE_WEB: &str = r#"
[[endpoint.step]]
name = "page"
url = "/CHANNEL"
capture.page = { form = "form#login" }
[[endpoint.step]]
name = "send"
form = { of = "page", csrf_token = "{{page.csrf_token}}", FIELD = "{{username}}" }
capture.entry = { form = "form#login" }
capture.code = { css = ".phone .code" }
[[endpoint.step]]
name = "sign-in"
form = { of = "entry", FIELD = "{{username}}", code = "{{code}}" }
status = 303
"#;

/// The same by app.
const CODE_APP: &str = r#"
[[endpoint.step]]
name = "send"
url = "/api/app/CHANNEL/code"
method = "POST"
json = { FIELD = "{{username}}" }
contains = "sent"
[[endpoint.step]]
name = "arrival"
url = "/api/phone"
capture.code = { json = "$.CHANNEL" }
[[endpoint.step]]
name = "sign-in"
url = "/api/app/CHANNEL"
method = "POST"
json = { FIELD = "{{username}}", code = "{{code}}" }
capture.token = { json = "$.token" }
"#;

const TOTP_APP: &str = r#"
[[endpoint.step]]
name = "password"
url = "/api/app/totp"
method = "POST"
json = { username = "{{username}}", password = "{{password}}" }
capture.ticket = { json = "$.ticket" }
[[endpoint.step]]
name = "sign-in"
url = "/api/app/totp/code"
method = "POST"
json = { ticket = "{{ticket}}", code = "{{totp}}" }
capture.token = { json = "$.token" }
"#;

const SHIPPED: &str = include_str!("../../config.toml");

/// Endpoints of the shipped file, whose flows operators start from.
const WEB: &str = "web-signin";
const APP: &str = "app-signin";
const TOTP_WEB: &str = "two-step-signin";

/// A way in: the door that breaks, what the account is called there, and the steps.
#[derive(Clone, Copy)]
struct Way {
    door: Door,
    username: &'static str,
    by: By,
    /// Or the id of the shipped endpoint that has them.
    steps: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Browser,
    App,
}

const WAYS: [Way; 8] = [
    Way { door: Door::SignIn, username: "username", by: By::Browser, steps: WEB },
    Way { door: Door::App, username: "username", by: By::App, steps: APP },
    Way { door: Door::Sms, username: "phone", by: By::Browser, steps: CODE_WEB },
    Way { door: Door::Sms, username: "phone", by: By::App, steps: CODE_APP },
    Way { door: Door::Email, username: "email", by: By::Browser, steps: CODE_WEB },
    Way { door: Door::Email, username: "email", by: By::App, steps: CODE_APP },
    Way { door: Door::Totp, username: "username", by: By::Browser, steps: TOTP_WEB },
    Way { door: Door::Totp, username: "username", by: By::App, steps: TOTP_APP },
];
const BY_BROWSER: Way = WAYS[0];
const BY_APP: Way = WAYS[1];

/// Ways to break, and what is said of each: by browser, and by app.
const MODES: &[(Mode, &str, &str)] = &[
    (Mode::Works, "success", "success"),
    (Mode::ServerError, "failure/http_5xx", "failure/http_5xx"),
    (Mode::Slow, "failure/timeout_ttfb", "failure/timeout_ttfb"),
    (Mode::Drip, "failure/timeout_body", "failure/timeout_body"),
    (Mode::Refuse, "failure/reset", "failure/reset"),
    (Mode::WrongPage, "failure/form_missing", "failure/token_missing"),
    (Mode::Maintenance, "failure/maintenance_page", "failure/maintenance_page"),
    (Mode::Locked, "unknown/account_locked", "unknown/account_locked"),
    (Mode::Redirect, "failure/redirect_unexpected", "failure/redirect_unexpected"),
    (Mode::Blocked, "unknown/blocked", "unknown/blocked"),
    (Mode::Throttled, "unknown/throttled", "unknown/throttled"),
    // T70.
    (Mode::NoForm, "failure/form_missing", ""),
    (Mode::NoToken, "failure/token_missing", ""),
    (Mode::Rejected, "unknown/credentials_rejected", "unknown/credentials_rejected"),
    // T71.
    (Mode::Challenge, "unknown/challenge", "unknown/challenge"),
    // T72.
    (Mode::Expired, "unknown/credential_expired", "unknown/credential_expired"),
    // T73.
    (Mode::BrokenSession, "failure/session_broken", "failure/session_broken"),
    (Mode::CodeLost, "failure/token_missing", "failure/token_missing"),
];

/// Where a door says something else, because of what stands there.
fn exception(way: Way, mode: Mode) -> Option<&'static str> {
    match (way.door, way.by, mode) {
        // Posting to it is all there is; a page without its form is another door.
        (Door::SignIn, _, Mode::WrongPage) => Some("failure/redirect_unexpected | failure/assertion"),
        // The first step only asks that it was sent.
        (Door::Sms | Door::Email, By::App, Mode::WrongPage) => Some("failure/assertion"),
        // Nobody has said who he is where the page itself is locked.
        (Door::Sms | Door::Email | Door::Totp, By::Browser, Mode::Locked) => Some("failure/http_4xx"),
        _ => None,
    }
}

/// A wallet on real sockets, whose time is moved by hand.
struct Running {
    main: SocketAddr,
    control: SocketAddr,
    breaker: Breaker,
    clock: Arc<ManualClock>,
    stop: CancellationToken,
}

impl Running {
    async fn start() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let clock = Arc::new(ManualClock::at(Timestamp::now()));
        let its = clock.clone();
        let wallet = SampleWallet::bind(any, any, Arc::new(move || its.now().wall)).await.unwrap();
        let (main, control, breaker) = (wallet.local_addr(), wallet.control_addr(), wallet.breaker());
        let stop = CancellationToken::new();
        tokio::spawn(wallet.serve(stop.clone(), TaskTracker::new()));
        Self { main, control, breaker, clock, stop }
    }

    fn endpoint(&self, way: Way) -> Endpoint {
        let Way { door, username, by, steps } = way;
        if !steps.contains('\n') {
            let shipped = SHIPPED.replace("127.0.0.1:8081/", &format!("{}/", self.main));
            let mut all = crate::flow::endpoints(&shipped);
            let mut endpoint = all.remove(all.iter().position(|it| it.id.as_str() == steps).unwrap());
            endpoint.deadline = Duration::from_secs(2);
            return endpoint;
        }
        let steps = steps.replace("CHANNEL", door.name()).replace("FIELD", username);
        // Who is sent a code has none.
        let has_one = steps.contains("{{password}}");
        let password = if has_one { "password = { sample = \"password\" }" } else { "" };
        let inside = if by == By::App { INSIDE_APP } else { INSIDE };
        let file = format!(
            r#"
[sample]
[[account]]
id = "sample"
username = {{ sample = "{username}" }}
{password}
totp = {{ sample = "totp" }}
[[component]]
id = "web"
name = "Web"
[[endpoint]]
id = "login"
component = "web"
url = "http://{}/"
account = "sample"
every = "5m"
deadline = "2s"
{steps}{inside}"#,
            self.main
        );
        crate::flow::endpoints(&file).remove(0)
    }

    /// Knocks a quarter of an hour after whatever was before.
    async fn knock(&self, endpoint: &Endpoint, depth: Depth) -> (String, String) {
        self.clock.advance(Duration::from_secs(16 * 60));
        let own = Arc::new(OwnHealth::new(self.clock.clone()));
        let prober = Prober::new(Outbound::new(), own, self.clock.clone(), Arc::default());
        let probed = prober.probe(endpoint, depth, Duration::from_secs(180)).await;
        let step = probed.evidence.step.clone().unwrap_or_default();
        let why = format!("step {step:?}, {:?} {:?}", probed.error, probed.evidence.failed);
        (told(probed.result.outcome), why)
    }

    async fn account(&self) -> serde_json::Value {
        let control = self.control;
        tokio::task::spawn_blocking(move || get(control, "/api/account").json()).await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_in_and_each_way_it_breaks_is_told_apart() {
    let mut wrong = Vec::new();
    let mut tries = tokio::task::JoinSet::new();
    for way in WAYS {
        tries.spawn(async move {
            let wallet = Running::start().await;
            let endpoint = wallet.endpoint(way);
            let name = way.door.name();
            let mut wrong = Vec::new();
            for (mode, web, app) in MODES {
                // A form that is missing is the page's doing, where there is one.
                let broken = match mode {
                    Mode::NoForm | Mode::NoToken if way.door == Door::SignIn => Door::Page,
                    _ => way.door,
                };
                let expected = exception(way, *mode).unwrap_or(if way.by == By::App { app } else { web });
                if expected.is_empty() || !broken.has(*mode) {
                    continue;
                }
                wallet.breaker.set_all(Mode::Works);
                wallet.breaker.set(broken, *mode);
                let (verdict, why) = wallet.knock(&endpoint, Depth::Whole).await;
                if !expected.split(" | ").any(|it| it == verdict) {
                    wrong.push(format!(
                        "{name} by {:?}, {}: must be {expected}, is {verdict} ({why})",
                        way.by,
                        mode.name()
                    ));
                }
            }
            wallet.breaker.set_all(Mode::Works);
            let (verdict, why) = wallet.knock(&endpoint, Depth::Whole).await;
            if verdict != "success" || wallet.account().await["sessions"] != 0 {
                wrong.push(format!("{name}: mended it is {verdict} ({why}), {}", wallet.account().await));
            }
            wrong
        });
    }
    while let Some(tried) = tries.join_next().await {
        wrong.extend(tried.unwrap());
    }
    assert!(wrong.is_empty(), "{} verdicts are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// T73.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_ours_never_pile_up() {
    let wallet = Running::start().await;
    for way in WAYS {
        let endpoint = wallet.endpoint(way);
        let (verdict, why) = wallet.knock(&endpoint, Depth::Whole).await;
        assert_eq!(verdict, "success", "{why}");
        assert_eq!(wallet.account().await["sessions"], 0);
    }
    assert_eq!(wallet.account().await["logins"], WAYS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_that_is_accepted_is_an_alarm() {
    let wallet = Running::start().await;
    let mut endpoint = wallet.endpoint(BY_APP);
    endpoint.flow_mut().unwrap().wrong_password = true;
    assert_eq!(wallet.knock(&endpoint, Depth::Whole).await.0, "success", "it is refused, as it must be");
    wallet.breaker.set(Door::App, Mode::WrongPasswordAccepted);
    assert_eq!(wallet.knock(&endpoint, Depth::Whole).await.0, "failure/accepts_wrong_password");
    assert_eq!(wallet.account().await["sessions"], 0, "it was logged out again");
    wallet.breaker.set(Door::App, Mode::ServerError);
    assert_eq!(wallet.knock(&endpoint, Depth::Whole).await.0, "failure/http_5xx", "no refusal either");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_does_not_log_in() {
    let wallet = Running::start().await;
    wallet.breaker.set_all(Mode::BrokenSession);
    let endpoint = wallet.endpoint(BY_BROWSER);
    assert_eq!(wallet.knock(&endpoint, Depth::Harmless).await.0, "unknown/budget");
    assert_eq!(wallet.account().await["logins"], 0);
}
