//! The sample wallet, signed in to by every way it has, and each way it can
//! break told apart by class.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use porchlight::clock::{Clock, ManualClock};
use porchlight::config::{Config, Surroundings};
use porchlight::domain::endpoint::Endpoint;
use porchlight::domain::flow::Depth;
use porchlight::probe::own::OwnHealth;
use porchlight::probe::{Outbound, Prober};
use porchlight::sample::{self, Breaker, Door, Mode, SampleWallet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::knock::told;
use crate::support::get;

const CASES: &[(&str, &str)] = &[
    ("signin", WEB),
    ("app", APP),
    ("sms", SMS_WEB),
    ("sms", SMS_APP),
    ("email", EMAIL_WEB),
    ("email", EMAIL_APP),
    ("totp", TOTP_WEB),
    ("totp", TOTP_APP),
];

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

const WEB: &str = r#"
[[endpoint.step]]
name = "page"
url = "/login"
capture.page = { form = "form#login" }
[[endpoint.step]]
name = "sign-in"
form = { of = "page", csrf_token = "{{page.csrf_token}}", username = "{{username}}", password = "{{password}}" }
status = 303
"#;

const APP: &str = r#"
[[endpoint.step]]
name = "sign-in"
url = "/api/app/login"
method = "POST"
json = { username = "{{username}}", password = "{{password}}" }
capture.token = { json = "$.token" }
"#;

const SMS_WEB: &str = r#"
[[endpoint.step]]
name = "page"
url = "/sms"
capture.page = { form = "form#login" }
[[endpoint.step]]
name = "send"
form = { of = "page", csrf_token = "{{page.csrf_token}}", phone = "{{username}}" }
capture.entry = { form = "form#login" }
capture.code = { css = ".phone .code" }
[[endpoint.step]]
name = "sign-in"
form = { of = "entry", phone = "{{username}}", code = "{{code}}" }
status = 303
"#;

const SMS_APP: &str = r#"
[[endpoint.step]]
name = "send"
url = "/api/app/sms/code"
method = "POST"
json = { phone = "{{username}}" }
contains = "sent"
[[endpoint.step]]
name = "arrival"
url = "/api/phone"
capture.code = { json = "$.sms" }
[[endpoint.step]]
name = "sign-in"
url = "/api/app/sms"
method = "POST"
json = { phone = "{{username}}", code = "{{code}}" }
capture.token = { json = "$.token" }
"#;

const EMAIL_WEB: &str = r#"
[[endpoint.step]]
name = "page"
url = "/email"
capture.page = { form = "form#login" }
[[endpoint.step]]
name = "send"
form = { of = "page", csrf_token = "{{page.csrf_token}}", email = "{{username}}" }
capture.entry = { form = "form#login" }
capture.code = { css = ".phone .code" }
[[endpoint.step]]
name = "sign-in"
form = { of = "entry", email = "{{username}}", code = "{{code}}" }
status = 303
"#;

const EMAIL_APP: &str = r#"
[[endpoint.step]]
name = "send"
url = "/api/app/email/code"
method = "POST"
json = { email = "{{username}}" }
[[endpoint.step]]
name = "arrival"
url = "/api/phone"
capture.code = { json = "$.email" }
[[endpoint.step]]
name = "sign-in"
url = "/api/app/email"
method = "POST"
json = { email = "{{username}}", code = "{{code}}" }
capture.token = { json = "$.token" }
"#;

const TOTP_WEB: &str = r#"
[[endpoint.step]]
name = "page"
url = "/totp"
capture.page = { form = "form#login" }
[[endpoint.step]]
name = "password"
form = { of = "page", csrf_token = "{{page.csrf_token}}", username = "{{username}}", password = "{{password}}" }
capture.second = { form = "form#totp" }
[[endpoint.step]]
name = "sign-in"
form = { of = "second", code = "{{totp}}" }
status = 303
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
    (Mode::NoForm, "failure/form_missing", ""),
    (Mode::NoToken, "failure/token_missing", ""),
    (Mode::Rejected, "unknown/credentials_rejected", "unknown/credentials_rejected"),
    (Mode::Challenge, "unknown/challenge", "unknown/challenge"),
    (Mode::Expired, "unknown/credential_expired", "unknown/credential_expired"),
    (Mode::BrokenSession, "failure/session_broken", "failure/session_broken"),
    (Mode::CodeLost, "failure/token_missing", "failure/token_missing"),
];

/// Where a door says something else, because of what stands there.
fn exception(flow: &str, mode: Mode) -> Option<&'static str> {
    match (flow, mode) {
        // Posting to it is all there is; a page without its form is another door.
        (WEB, Mode::WrongPage) => Some("failure/redirect_unexpected | failure/assertion"),
        // The first step only asks that it was sent.
        (SMS_APP, Mode::WrongPage) => Some("failure/assertion"),
        // Nobody has said who he is where the page itself is locked.
        (SMS_WEB | EMAIL_WEB | TOTP_WEB, Mode::Locked) => Some("failure/http_4xx"),
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

    fn endpoint(&self, steps: &str) -> Endpoint {
        let username = ["phone", "email"].into_iter().find(|it| steps.contains(&format!("{it} = ")));
        let username = username.unwrap_or("username");
        // Who is sent a code has none.
        let has_one = steps.contains("{{password}}");
        let password = if has_one { "password = { sample = \"password\" }" } else { "" };
        let inside = if steps.contains("capture.token") { INSIDE_APP } else { INSIDE };
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
        let around = Surroundings {
            env: &|_| None,
            file: &|_| Err(std::io::Error::other("no files here")),
            sample: &sample::secret,
            certificate: &|_, _, _| Ok(vec![]),
            dir: Path::new("/nowhere"),
            listen: None,
        };
        match Config::parse(&file, "config.toml", &around, Timestamp::now()) {
            Ok((config, _)) => config.endpoints.into_iter().next().unwrap(),
            Err(faults) => panic!("{faults}\n{file}"),
        }
    }

    /// Knocks a quarter of an hour after whatever was before.
    async fn knock(&self, endpoint: &Endpoint) -> (String, String) {
        self.clock.advance(Duration::from_secs(16 * 60));
        let own = Arc::new(OwnHealth::new(self.clock.clone()));
        let prober = Prober::new(Outbound::new(), own.clone(), self.clock.clone(), Arc::default());
        let probed = prober.probe(endpoint, Depth::Whole, Duration::from_secs(180)).await;
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

fn door(name: &str) -> Door {
    Door::ALL.into_iter().find(|it| it.name() == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_in_and_each_way_it_breaks_is_told_apart() {
    let mut wrong = Vec::new();
    let mut tries = tokio::task::JoinSet::new();
    for (name, steps) in CASES {
        tries.spawn(async move {
            let wallet = Running::start().await;
            let endpoint = wallet.endpoint(steps);
            let by_app = steps.contains("capture.token");
            let mut wrong = Vec::new();
            for (mode, web, app) in MODES {
                // A form that is missing is the page's doing, where there is one.
                let broken = match mode {
                    Mode::NoForm | Mode::NoToken if *name == "signin" => Door::Page,
                    _ => door(name),
                };
                let expected = exception(steps, *mode).unwrap_or(if by_app { app } else { web });
                if expected.is_empty() || !broken.has(*mode) {
                    continue;
                }
                wallet.breaker.set_all(Mode::Works);
                wallet.breaker.set(broken, *mode);
                let (verdict, why) = wallet.knock(&endpoint).await;
                if !expected.split(" | ").any(|it| it == verdict) {
                    let by = if by_app { "app" } else { "browser" };
                    wrong.push(format!(
                        "{name} by {by}, {}: must be {expected}, is {verdict} ({why})",
                        mode.name()
                    ));
                }
            }
            wallet.breaker.set_all(Mode::Works);
            let (verdict, why) = wallet.knock(&endpoint).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_ours_never_pile_up() {
    let wallet = Running::start().await;
    for (_, steps) in CASES {
        let endpoint = wallet.endpoint(steps);
        let (verdict, why) = wallet.knock(&endpoint).await;
        assert_eq!(verdict, "success", "{why}");
        assert_eq!(wallet.account().await["sessions"], 0);
    }
    assert_eq!(wallet.account().await["logins"], CASES.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_that_is_accepted_is_an_alarm() {
    let wallet = Running::start().await;
    let mut endpoint = wallet.endpoint(APP);
    endpoint.flow_mut().unwrap().wrong_password = true;
    assert_eq!(wallet.knock(&endpoint).await.0, "success", "it is refused, as it must be");
    wallet.breaker.set(Door::App, Mode::WrongPasswordAccepted);
    assert_eq!(wallet.knock(&endpoint).await.0, "failure/accepts_wrong_password");
    assert_eq!(wallet.account().await["sessions"], 0, "it was logged out again");
    wallet.breaker.set(Door::App, Mode::ServerError);
    assert_eq!(wallet.knock(&endpoint).await.0, "failure/http_5xx", "no refusal either");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_does_not_log_in() {
    let wallet = Running::start().await;
    wallet.breaker.set_all(Mode::BrokenSession);
    let endpoint = wallet.endpoint(WEB);
    let own = Arc::new(OwnHealth::new(wallet.clock.clone()));
    let prober = Prober::new(Outbound::new(), own, wallet.clock.clone(), Arc::default());
    let probed = prober.probe(&endpoint, Depth::Harmless, Duration::from_secs(180)).await;
    assert_eq!(told(probed.result.outcome), "unknown/budget");
    assert_eq!(wallet.account().await["logins"], 0);
}
