//! Logins in steps, against real sockets and the sample wallet.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

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
use crate::target::Target;

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
        totp = {{ secret = {{ env = "TOTP" }}, period = 300 }}
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
        sample: &sample::secret,
        ..Surroundings::none()
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

/// With the watchdog ticking beside it, as in the daemon.
pub async fn knock_at(prober: &Prober, own: &Arc<OwnHealth>, endpoint: &Endpoint, depth: Depth) -> Probed {
    crate::support::ticking(own, prober.probe(endpoint, depth, Duration::from_secs(180))).await
}

pub async fn knock(endpoint: &Endpoint) -> Probed {
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

/// A target that answers by what it is asked, and remembers it.
pub struct Door {
    pub target: Target,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Door {
    /// `answer` gets the whole request; an empty answer is never given: it hangs.
    pub fn new(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = asked.clone();
        let target = Target::new(move |mut stream| {
            let request = whole(&mut stream);
            if request.is_empty() {
                return;
            }
            seen.lock().unwrap().push(request.clone());
            let answer = answer(&request);
            if answer.is_empty() {
                // Until the other side has had enough.
                let _ = stream.read(&mut [0]);
                return;
            }
            let _ = stream.write_all(answer.as_bytes());
        });
        Self { target, asked }
    }

    pub fn url(&self, host: &str) -> String {
        format!("http://{host}:{}/", self.target.addr.port())
    }

    pub fn here(&self) -> String {
        self.url("127.0.0.1")
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// `GET /me` and the like.
    pub fn lines(&self) -> Vec<String> {
        let line = |it: &String| it.split(" HTTP/").next().unwrap_or_default().to_owned();
        self.asked().iter().map(line).collect()
    }
}

/// A request with its body.
fn whole(stream: &mut impl Read) -> String {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|it| it.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if length.unwrap_or(0_usize) <= body.len() {
                return text;
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return text,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

/// An answer with these header lines and this body.
pub fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

pub fn redirect(status: &str, to: &str) -> String {
    answer(status, &format!("Location: {to}\r\n"), "")
}

/// Steps that log in and out at a door, with these lines between.
fn around(between: &str) -> String {
    format!(
        r#"
        account = "sample"
        every = "5s"
        deadline = "2s"
        [[endpoint.step]]
        name = "page"
        url = "/login"
        [[endpoint.step]]
        name = "sign-in"
        url = "/in"
        form = {{ user = "{{{{username}}}}", password = "{{{{password}}}}" }}
        {between}
        [[endpoint.step]]
        name = "log-out"
        url = "/out"
        method = "POST"
        always = true"#
    )
}

const ME: &str = "[[endpoint.step]]\nname = \"me\"\nurl = \"/me\"";

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_capture_reaches_the_next_step() {
    let door = Door::new(|request| match request {
        it if it.starts_with("GET /page") => answer(
            "200 OK",
            "x-token: of-header\r\nSet-Cookie: sid=of-cookie; HttpOnly\r\n",
            r#"<p id="a">of css</p><i data-x="of-attribute"></i><form action="/in?x=1"><input type="hidden" name="csrf" value="of &amp; form"></form>id=of-regex;"#,
        ),
        it if it.starts_with("POST /json") => answer("200 OK", "", r#"{"deep":[{"token":"of-json"}]}"#),
        _ => answer("200 OK", "", "fine"),
    });
    let lines = r##"
        [[endpoint.step]]
        name = "page"
        url = "/page"
        capture.h = { header = "X-Token" }
        capture.c = { cookie = "sid" }
        capture.s = { css = "#a" }
        capture.a = { css = "i", attribute = "data-x" }
        capture.r = { regex = "id=([a-z-]+);" }
        capture.f = { form = "form" }
        [[endpoint.step]]
        name = "json"
        url = "/json"
        method = "POST"
        json = { all = ["{{h}}", "{{c}}", "{{s}}", "{{a}}", "{{r}}", "{{f.csrf}}"] }
        capture.j = { json = "$.deep[0].token" }
        [[endpoint.step]]
        name = "form"
        form = { of = "f", mine = "{{j}}" }
        headers = { x-after = "{{s}}" }"##;
    let probed = knock(&endpoint(&door.here(), lines)).await;
    assert_eq!(told(probed.result.outcome), "success", "{:?}", probed.error);
    assert_eq!(door.lines(), ["GET /page", "POST /json", "POST /in?x=1"]);
    let asked = door.asked();
    assert!(
        asked[1]
            .ends_with(r#"{"all":["of-header","of-cookie","of css","of-attribute","of-regex","of & form"]}"#),
        "{}",
        asked[1]
    );
    assert!(asked[2].ends_with("csrf=of+%26+form&mine=of-json"), "{}", asked[2]);
    assert!(asked[2].contains("x-after: of css\r\n") && asked[2].contains("cookie: sid=of-cookie\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_sent_with_what_a_browser_would_send() {
    let door = Door::new(|request| match request {
        it if it.starts_with("GET /page") => answer(
            "200 OK",
            "",
            r#"<base href="/auth/"><table><tr><form id="login" action="do" method="post"><td><input type="hidden" name="csrf" value="c"></td></form></tr></table><input type="hidden" name="far" value="f" form="login">"#,
        ),
        _ => answer("200 OK", "", "fine"),
    });
    let lines = r##"
        [[endpoint.step]]
        name = "page"
        url = "/page"
        capture.f = { form = "#login" }
        [[endpoint.step]]
        name = "form"
        form = { of = "f", mine = "m" }"##;
    let probed = knock(&endpoint(&door.here(), lines)).await;
    assert_eq!(told(probed.result.outcome), "success", "{:?}", probed.error);
    assert_eq!(door.lines(), ["GET /page", "POST /auth/do"]);
    assert!(door.asked()[1].ends_with("csrf=c&far=f&mine=m"), "{}", door.asked()[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captcha_in_the_place_of_the_form_is_a_challenge() {
    for (page, expected) in [
        ("<h1>请完成滑块验证后继续访问</h1>", "unknown/challenge"),
        ("<p>请输入验证码<form id=other><input type=password></form>", "failure/form_missing"),
        ("<h1>hello</h1>", "failure/form_missing"),
    ] {
        let door = Door::new(move |_| answer("200 OK", "Content-Type: text/html; charset=utf-8\r\n", page));
        let lines = "[[endpoint.step]]\nname = \"page\"\ncapture.f = { form = \"#login\" }\n[[endpoint.step]]\nname = \"in\"\nform = { of = \"f\" }";
        let probed = knock(&endpoint(&door.here(), lines)).await;
        assert_eq!(told(probed.result.outcome), expected, "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn single_sign_on_comes_back_from_another_origin_without_the_password() {
    let app = Door::new(|request| match request {
        it if it.starts_with("GET /me?code=1") => answer("200 OK", "", "welcome"),
        _ => answer("404 None", "", ""),
    });
    let back = format!("{}me?code=1", app.here());
    for (status, expected) in [("302 Found", "success"), ("307 Temporary", "failure/redirect_blocked")] {
        let to = redirect(status, &back);
        let sso = Door::new(move |_| to.clone());
        let lines = format!(
            r#"
            account = "sample"
            every = "5s"
            [[endpoint.step]]
            name = "sign-in"
            url = "{}in"
            form = {{ user = "{{{{username}}}}", password = "{{{{password}}}}" }}
            redirects = 1
            [[endpoint.step]]
            name = "me"
            url = "/me?code=1""#,
            sso.here()
        );
        let probed = knock(&endpoint(&app.here(), &lines)).await;
        assert_eq!(told(probed.result.outcome), expected, "{status}: {:?}", probed.error);
        assert!(app.asked().iter().all(|it| !it.contains("password")), "{:?}", app.asked());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_step_that_failed_is_named_with_what_was_looked_for() {
    for (capture, uses, expected, said) in [
        (
            r##"capture.t = { css = "#token" }"##,
            "{{t}}",
            "failure/token_missing",
            "step \"page\": `t` could not be captured from css #token, which is not there",
        ),
        (
            r#"capture.t = { json = "$.a" }"#,
            "{{t}}",
            "failure/token_missing",
            "step \"page\": `t` could not be captured from json $.a, since the answer is not JSON",
        ),
        (
            r#"capture.t = { form = "form#login" }"#,
            "{{t.csrf}}",
            "failure/form_missing",
            "step \"page\": the form `t` (form#login) could not be read: the page has none",
        ),
        (
            r#"capture.t = { form = "form.other" }"#,
            "{{t.csrf}}",
            "failure/token_missing",
            "step \"next\": nothing was captured as {{t.csrf}}",
        ),
    ] {
        let door = Door::new(|_| answer("200 OK", "", r#"<form class="other"></form>"#));
        let lines = format!(
            "[[endpoint.step]]\nname = \"page\"\n{capture}\n[[endpoint.step]]\nname = \"next\"\nheaders = {{ x = \"{uses}\" }}"
        );
        let probed = knock(&endpoint(&door.here(), &lines)).await;
        assert_eq!(told(probed.result.outcome), expected, "{capture}");
        let error = probed.error.map(|it| it.to_string()).unwrap_or_default();
        assert!(error.starts_with(said), "{error}");
        assert!(
            probed.evidence.step.as_deref().is_some_and(|it| said.contains(it)),
            "{:?}",
            probed.evidence.step
        );
        assert_eq!(door.asked().len(), 1, "{capture}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_does_not_hold_is_told_from_a_page_that_is_down() {
    let followed = format!("{ME}\nredirects = 1");
    let wants = format!("{ME}\ncontains = \"balance\"");
    let gone = format!("{ME}\nstatus = 401");
    let says_so = format!("{ME}\ncontains = \"重新登录\"");
    let password_form =
        |to: &str| format!("<form action='{to}'><input name=u><input type=password name=p></form>");
    for (me, step, expected) in [
        (answer("401 Unauthorized", "", ""), ME, "failure/session_broken"),
        (answer("403 Forbidden", "", ""), ME, "failure/session_broken"),
        (redirect("302 Found", "/login?next=/me"), ME, "failure/session_broken"),
        (redirect("302 Found", "/login?next=/me"), followed.as_str(), "failure/session_broken"),
        (redirect("302 Found", "/error"), ME, "failure/redirect_unexpected"),
        (answer("500 Oh", "", ""), ME, "failure/http_5xx"),
        (answer("200 OK", "", "hello"), ME, "success"),
        (redirect("302 Found", "https://sso.example.com/cas/login?x"), ME, "failure/session_broken"),
        (answer("200 OK", "", r#"{"code":401,"msg":"请重新登录"}"#), ME, "failure/session_broken"),
        (answer("200 OK", "", "<script>alert('请先登录')</script>"), ME, "failure/session_broken"),
        (answer("200 OK", "", &password_form("/in")), ME, "failure/session_broken"),
        (answer("200 OK", "", &password_form("/in")), wants.as_str(), "failure/session_broken"),
        (answer("200 OK", "", &password_form("/account/password")), ME, "success"),
        (answer("200 OK", "", "hello"), wants.as_str(), "failure/assertion"),
        (redirect("302 Found", "/password/expired"), ME, "unknown/credential_expired"),
        (answer("401 Unauthorized", "", "请重新登录"), gone.as_str(), "success"),
        (answer("200 OK", "", "请重新登录"), says_so.as_str(), "success"),
    ] {
        let said = me.lines().next().unwrap_or_default().to_owned();
        let door = Door::new(move |request| match request {
            it if it.starts_with("GET /me") => me.clone(),
            _ => answer("200 OK", "", "page"),
        });
        let probed = knock(&endpoint(&door.here(), &around(step))).await;
        assert_eq!(told(probed.result.outcome), expected, "{said}: {:?}", probed.error);
        assert_eq!(door.lines().last().map(String::as_str), Some("POST /out"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_follows_every_login_and_nothing_else() {
    // Before the login was sent there is nothing to log out of.
    let door = Door::new(|_| answer("500 Oh", "", ""));
    let probed = knock(&endpoint(&door.here(), &around(ME))).await;
    assert_eq!(told(probed.result.outcome), "failure/http_5xx");
    assert_eq!(door.lines(), ["GET /login"]);
    // A hanging page after it uses up the time of the flow, and not that for logging out.
    let door = Door::new(|request| match request {
        it if it.starts_with("GET /me") => String::new(),
        _ => answer("200 OK", "", "page"),
    });
    let wanted = endpoint(&door.here(), &around(ME));
    let began = Instant::now();
    let probed = knock(&wanted).await;
    assert_eq!(told(probed.result.outcome), "failure/timeout_ttfb", "{:?}", probed.error);
    assert_eq!(door.lines(), ["GET /login", "POST /in", "GET /me", "POST /out"]);
    assert!(wanted.deadline <= probed.result.total, "{:?}", probed.result.total);
    // The door for logging out hangs: bounded, and no latency.
    let door = Door::new(|request| match request {
        it if it.starts_with("POST /out") => String::new(),
        it if it.starts_with("GET /me") => answer("500 Oh", "", ""),
        _ => answer("200 OK", "", "page"),
    });
    let probed = knock(&endpoint(&door.here(), &around(ME))).await;
    assert_eq!(told(probed.result.outcome), "failure/http_5xx", "the first failure decides");
    assert!(probed.result.total < Duration::from_secs(5), "{:?}", probed.result.total);
    assert!(began.elapsed() < Duration::from_secs(40));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_has_a_deadline_of_its_own() {
    let door = Door::new(|request| match request {
        it if it.starts_with("GET /me") => String::new(),
        _ => answer("200 OK", "", "page"),
    });
    let mut wanted = endpoint(&door.here(), &around(&format!("{ME}\ndeadline = \"200ms\"")));
    wanted.deadline = Duration::from_secs(60);
    let probed = knock(&wanted).await;
    assert_eq!(told(probed.result.outcome), "failure/timeout_ttfb", "{:?}", probed.error);
    assert!(probed.result.total < Duration::from_secs(20), "{:?}", probed.result.total);
    assert_eq!(probed.evidence.step.as_deref(), Some("me"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_harmless_round_sends_nothing_of_the_account() {
    let door = Door::new(|_| answer("200 OK", "", "page"));
    let confirm = format!("{ME}\n[[endpoint.step]]\nname = \"look\"\nurl = \"/look\"\nconfirm = true");
    let wanted = endpoint(&door.here(), &around(&confirm));
    let (prober, own) = prober(Outbound::new());
    let probed = knock_at(&prober, &own, &wanted, Depth::Harmless).await;
    assert_eq!(told(probed.result.outcome), "unknown/budget", "{:?}", probed.error);
    assert_eq!(door.lines(), ["GET /login", "GET /look"]);
    assert!(!door.asked().concat().contains(sample::PASSWORD));
    let whole = knock_at(&prober, &own, &wanted, Depth::Whole).await;
    assert_eq!(told(whole.result.outcome), "success", "{:?}", whole.error);
    assert_eq!(door.lines()[2..], ["GET /login", "POST /in", "GET /me", "POST /out"]);
    let down = Door::new(|_| answer("500 Oh", "", ""));
    let wanted = endpoint(&down.here(), &around(ME));
    let probed = knock_at(&prober, &own, &wanted, Depth::Harmless).await;
    assert_eq!(told(probed.result.outcome), "failure/http_5xx");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_the_second_factor_is_sent_once() {
    let door = Door::new(|_| answer("200 OK", "", "page"));
    let wanted = endpoint(
        &door.here(),
        &around("[[endpoint.step]]\nname = \"code\"\nurl = \"/code\"\nform = { code = \"{{totp}}\" }"),
    );
    let (prober, own) = prober(Outbound::new());
    let first = knock_at(&prober, &own, &wanted, Depth::Whole).await;
    assert_eq!(told(first.result.outcome), "success", "{:?}", first.error);
    let sent = door
        .asked()
        .iter()
        .filter_map(|it| it.split_once("code=").map(|(_, it)| it.to_owned()))
        .collect::<Vec<_>>();
    assert!(sent.len() == 1 && sent[0].len() == 6 && sent[0].chars().all(|c| c.is_ascii_digit()), "{sent:?}");
    let second = knock_at(&prober, &own, &wanted, Depth::Whole).await;
    assert_eq!(told(second.result.outcome), "unknown/budget", "{:?}", second.error);
    assert!(second.error.is_some_and(|it| it.as_str().starts_with("this period's code was used already")));
    assert_eq!(door.lines().iter().filter(|it| *it == "POST /code").count(), 1);
    let sent = door.lines().iter().filter(|it| *it == "POST /in").count();
    assert_eq!(sent, 1, "without a code no login begins, since it would count as one that failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_code_was_used_waits_for_the_next_which_is_no_latency() {
    let door = Door::new(|_| answer("200 OK", "", "page"));
    let mut wanted = endpoint(
        &door.here(),
        &around("[[endpoint.step]]\nname = \"code\"\nurl = \"/code\"\nform = { code = \"{{totp}}\" }"),
    );
    let account = wanted.flow_mut().and_then(|it| it.account.as_mut()).unwrap();
    account.totp.as_mut().unwrap().period = 3;
    wanted.deadline = Duration::from_secs(20);
    let (prober, own) = prober(Outbound::new());
    for _ in 0..3 {
        let began = Instant::now();
        let probed = knock_at(&prober, &own, &wanted, Depth::Whole).await;
        assert_eq!(told(probed.result.outcome), "success", "{:?}", probed.error);
        let (took, total) = (began.elapsed(), probed.result.total);
        assert!(total <= took && total < Duration::from_millis(1500), "{total:?} of {took:?}");
    }
    let asked = door.asked();
    let codes: Vec<&str> = asked.iter().filter_map(|it| Some(it.split_once("code=")?.1)).collect();
    assert_eq!(codes.len(), 3);
    assert!(codes[0] != codes[1] && codes[1] != codes[2], "{codes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_logs_out_first() {
    let stop = CancellationToken::new();
    let told_to_stop = stop.clone();
    let door = Door::new(move |request| match request {
        it if it.starts_with("GET /me") => {
            told_to_stop.cancel();
            String::new()
        }
        _ => answer("200 OK", "", "page"),
    });
    let mut wanted = endpoint(&door.here(), &around(ME));
    wanted.deadline = Duration::from_secs(60);
    let (prober, own) = prober(Outbound::new());
    let prober = prober.until(stop);
    let began = Instant::now();
    let probed = knock_at(&prober, &own, &wanted, Depth::Whole).await;
    assert_eq!(told(probed.result.outcome), "unknown/stopping");
    assert_eq!(door.lines().last().map(String::as_str), Some("POST /out"));
    assert!(began.elapsed() < Duration::from_secs(30), "it did not wait for the deadline");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hostile_page_sends_ends_in_a_class() {
    let forms = "<form><input type=hidden name=a value=b></form>".repeat(10_000);
    let attribute = format!("<form id=login><input type=hidden name=a value={}></form>", "x".repeat(1 << 20));
    let cookies: String = (0..90).map(|it| format!("Set-Cookie: c{it}={}\r\n", "v".repeat(3_000))).collect();
    let deep = "<div>".repeat(100_000);
    for (name, headers, body, capture, expected) in [
        ("forms", String::new(), forms, r#"capture.t = { form = "form" }"#, "failure/form_missing"),
        ("attribute", String::new(), attribute, r#"capture.t = { form = "form" }"#, "failure/form_missing"),
        (
            "a large value",
            String::new(),
            "y".repeat(1 << 20),
            r#"capture.t = { regex = "(y+)" }"#,
            "failure/token_missing",
        ),
        ("cookies", cookies, "ok".to_owned(), r#"capture.t = { regex = "(ok)" }"#, "success"),
        ("depth", String::new(), deep, r#"capture.t = { css = "div" }"#, "failure/token_missing"),
        (
            "a header's bytes",
            "x-bad: a\u{85}b\u{ff}\r\n".to_owned(),
            String::new(),
            r#"capture.t = { header = "x-bad" }"#,
            "success",
        ),
        (
            "an escape in a header",
            "x-bad: a\u{1b}[31m\r\n".to_owned(),
            String::new(),
            r#"capture.t = { header = "x-bad" }"#,
            "failure/protocol",
        ),
    ] {
        let door = Door::new(move |_| answer("200 OK", &headers, &body));
        let uses = if capture.contains("form") { "{{t.a}}" } else { "{{t}}" };
        let lines = format!(
            "deadline = \"20s\"\n[[endpoint.step]]\nname = \"page\"\n{capture}\n[[endpoint.step]]\nname = \"next\"\nquery = {{ x = \"{uses}\" }}"
        );
        let probed = knock(&endpoint(&door.here(), &lines)).await;
        assert_eq!(told(probed.result.outcome), expected, "{name}: {:?}", probed.error);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_lets_in_by_a_redirect_too_and_ends_the_session() {
    let wallet = wallet().await;
    let base = format!("http://{}/login", wallet.addr);
    let lines = r#"
    account = "sample"
    every = "5s"
    [[endpoint.step]]
    name = "page"
    capture.page = { form = "form" }
    [[endpoint.step]]
    name = "sign-in"
    form = { of = "page", username = "{{username}}", password = "{{password}}" }
    redirects = 1
    contains = "sample"
    [[endpoint.step]]
    name = "log-out"
    url = "/logout"
    method = "POST"
    [[endpoint.step]]
    name = "gone"
    url = "/me"
    status = 401
    always = true"#;
    let lines = lines.replace("method = \"POST\"", "method = \"POST\"\nstatus = 303");
    let probed = knock(&endpoint(&base, &lines)).await;
    assert_eq!(told(probed.result.outcome), "success", "{:?} {:?}", probed.error, probed.evidence);
}
