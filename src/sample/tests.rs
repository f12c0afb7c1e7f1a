//! Drives the running wallet over real TCP.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;

mod breaking;
mod ways;

/// Much longer than anything here takes; only a fault reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A wallet of its own for each test, with a clock that the test moves.
struct Running {
    main: SocketAddr,
    control: SocketAddr,
    breaker: Breaker,
    clock: Arc<Mutex<Timestamp>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Running {
    async fn start() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let start = "2026-05-01T08:00:00Z".parse::<Timestamp>().unwrap();
        let clock = Arc::new(Mutex::new(start));
        let now: Now = {
            let clock = Arc::clone(&clock);
            Arc::new(move || *clock.lock().unwrap())
        };
        let wallet = SampleWallet::bind(any, any, now).await.unwrap();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let running = Self {
            main: wallet.local_addr(),
            control: wallet.control_addr(),
            breaker: wallet.breaker(),
            clock,
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        tasks.spawn(wallet.serve(stop, tasks.clone()));
        running
    }

    fn pass(&self, minutes: i64) {
        let mut now = self.clock.lock().unwrap();
        *now += SignedDuration::from_mins(minutes);
    }

    async fn get(&self, path: &str) -> Answer {
        ask(self.main, &format!("GET {path} HTTP/1.1"), &[], "").await.unwrap()
    }

    async fn api_login(&self, path: &str, password: &str) -> Answer {
        let body = json!({ "username": USERNAME, "password": password }).to_string();
        ask(self.main, &format!("POST {path} HTTP/1.1"), &[JSON], &body).await.unwrap()
    }

    async fn form(&self, path: &str, cookie: &str, body: &str) -> Answer {
        ask(self.main, &format!("POST {path} HTTP/1.1"), &[FORM, &format!("Cookie: {cookie}")], body)
            .await
            .unwrap()
    }

    /// Opens the login page and sends its form.
    async fn sign_in(&self, password: &str) -> Answer {
        let page = self.get("/login").await;
        let token = page.csrf_token();
        let body = format!("csrf_token={token}&username={USERNAME}&password={password}");
        self.form("/login", &page.cookie("sample_visit"), &body).await
    }

    async fn me(&self, cookie: &str) -> Answer {
        ask(self.main, "GET /me HTTP/1.1", &[&format!("Cookie: {cookie}")], "").await.unwrap()
    }

    /// Puts an order to the break API.
    async fn order(&self, door: &str, mode: &str) -> Answer {
        let body = json!({ "door": door, "mode": mode }).to_string();
        ask(self.control, "PUT /api/break HTTP/1.1", &[JSON], &body).await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

const JSON: &str = "Content-Type: application/json";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn csrf_token(&self) -> &str {
        let (_, rest) = self.body.split_once("name=\"csrf_token\" value=\"").expect("a csrf field");
        rest.split_once('"').unwrap().0
    }

    /// `name=value` as the answer set it.
    fn cookie(&self, name: &str) -> String {
        let set = format!("set-cookie: {name}=");
        let line = self.head.lines().find(|line| line.starts_with(&set)).expect("the cookie");
        line["set-cookie: ".len()..].split(';').next().unwrap().to_owned()
    }

    fn has_header(&self, line: &str) -> bool {
        self.head.lines().any(|held| held == line)
    }
}

/// One request on a connection of its own. The `Host` is the address asked,
/// unless the headers name another.
async fn ask(addr: SocketAddr, line: &str, headers: &[&str], body: &str) -> std::io::Result<Answer> {
    timeout(PATIENCE, async {
        let mut stream = send(addr, line, headers, body).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").ok_or(ErrorKind::UnexpectedEof)?;
        let status = head[9..12].parse().unwrap();
        Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
    })
    .await
    .expect("an answer in time")
}

async fn send(addr: SocketAddr, line: &str, headers: &[&str], body: &str) -> std::io::Result<TcpStream> {
    let mut text = format!("{line}\r\nConnection: close\r\n");
    if !headers.iter().any(|header| header.starts_with("Host:")) {
        text.push_str(&format!("Host: {addr}\r\n"));
    }
    for header in headers {
        text.push_str(&format!("{header}\r\n"));
    }
    if !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str(&format!("\r\n{body}"));
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(text.as_bytes()).await?;
    Ok(stream)
}

fn assert_says_sample(answer: &Answer) {
    assert!(answer.body.contains("示例") && answer.body.to_lowercase().contains("sample"), "{}", answer.body);
    assert!(answer.has_header("server: sample-wallet"), "{}", answer.head);
}

#[tokio::test]
async fn signing_in_looking_and_signing_out_work() {
    let wallet = Running::start().await;
    let signed_in = wallet.sign_in(PASSWORD).await;
    assert_eq!(signed_in.status, 303);
    assert!(signed_in.has_header("location: /me"));
    let session = signed_in.cookie("sample_session");

    let me = wallet.me(&session).await;
    assert_eq!(me.status, 200);
    assert!(me.body.contains("id=\"account\"") && me.body.contains(USERNAME));
    assert_says_sample(&me);

    let signed_out = wallet.form("/logout", &session, "").await;
    assert_eq!((signed_out.status, signed_out.has_header("location: /login")), (303, true));
    assert_eq!(wallet.me(&session).await.status, 401);
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let wallet = Running::start().await;
    let session = wallet.sign_in(PASSWORD).await.cookie("sample_session");
    wallet.pass(29);
    assert_eq!(wallet.me(&session).await.status, 200);
    wallet.pass(1);
    assert_eq!(wallet.me(&session).await.status, 401);
}

#[tokio::test]
async fn nobody_is_signed_in_without_a_session() {
    let wallet = Running::start().await;
    assert_eq!(wallet.get("/me").await.status, 401);
    assert_eq!(wallet.me("sample_session=").await.status, 401);
    assert_eq!(wallet.me("sample_session=made-up").await.status, 401);
}

#[tokio::test]
async fn a_form_without_the_token_of_its_visit_is_refused() {
    let wallet = Running::start().await;
    let (mine, yours) = (wallet.get("/login").await, wallet.get("/login").await);
    let form = |token: &str| format!("csrf_token={token}&username={USERNAME}&password={PASSWORD}");

    let cookie = mine.cookie("sample_visit");
    assert_eq!(wallet.form("/login", &cookie, &form("")).await.status, 403);
    assert_eq!(wallet.form("/login", &cookie, &form(yours.csrf_token())).await.status, 403);
    assert_eq!(wallet.form("/login", "none=1", &form(mine.csrf_token())).await.status, 403);
    assert_eq!(wallet.form("/login", &cookie, "username=sample&password=x").await.status, 403);
    assert_eq!(wallet.form("/login", &cookie, "nonsense").await.status, 400);
    let good = wallet.form("/login", &cookie, &form(mine.csrf_token())).await;
    assert_eq!(good.status, 303);
    let again = wallet.form("/login", &cookie, &form(mine.csrf_token())).await;
    assert_eq!(again.status, 403, "a form signs in once");
}

#[tokio::test]
async fn a_second_tab_does_not_spoil_the_first() {
    let wallet = Running::start().await;
    let first = wallet.get("/login").await;
    let cookie = format!("theme=dark; {}", first.cookie("sample_visit"));
    let second = ask(wallet.main, "GET /login HTTP/1.1", &[&format!("Cookie: {cookie}")], "").await.unwrap();
    assert_eq!(first.csrf_token(), second.csrf_token());
    wallet.pass(60);
    let later = ask(wallet.main, "GET /login HTTP/1.1", &[&format!("Cookie: {cookie}")], "").await.unwrap();
    assert_ne!(first.csrf_token(), later.csrf_token());
}

#[tokio::test]
async fn three_wrong_passwords_lock_the_account_for_half_an_hour_on_every_way_in() {
    let wallet = Running::start().await;
    let wrong = wallet.sign_in(WRONG_PASSWORD).await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.body.contains("id=\"login\"") && wrong.body.contains("用户名或密码不对"));
    for path in ["/api/login", "/api/app/login"] {
        let wrong = wallet.api_login(path, WRONG_PASSWORD).await;
        assert_eq!((wrong.status, wrong.json()), (401, json!({ "ok": false, "error": "wrong_password" })));
    }
    let locked = wallet.sign_in(PASSWORD).await;
    assert_eq!(locked.status, 423);
    assert!(
        locked.body.contains("账号已锁定") && locked.body.contains("until 2026-05-01 08:30 UTC"),
        "{}",
        locked.body
    );
    assert_says_sample(&locked);
    let locked = wallet.api_login("/api/app/login", PASSWORD).await;
    assert_eq!(locked.status, 423);
    assert_eq!(
        locked.json(),
        json!({ "ok": false, "error": "account_locked", "until": "2026-05-01T08:30:00Z" })
    );

    wallet.pass(30);
    assert_eq!(wallet.sign_in(PASSWORD).await.status, 303);
}

#[tokio::test]
async fn unknown_names_are_wrong_and_lock_nothing() {
    let wallet = Running::start().await;
    let body = json!({ "username": "probe@invalid", "password": "x" }).to_string();
    for _ in 0..=lockout::MAX_WRONG {
        let answer = ask(wallet.main, "POST /api/login HTTP/1.1", &[JSON], &body).await.unwrap();
        assert_eq!(answer.status, 401);
    }
    assert_eq!(wallet.api_login("/api/login", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn the_api_gives_a_token_that_opens_and_ends_a_session() {
    let wallet = Running::start().await;
    let answer = wallet.api_login("/api/login", PASSWORD).await;
    assert_eq!((answer.status, &answer.json()["ok"]), (200, &json!(true)));
    let bearer = format!("Authorization: Bearer {}", answer.json()["token"].as_str().unwrap());
    let me = ask(wallet.main, "GET /me HTTP/1.1", &[&bearer], "").await.unwrap();
    assert_eq!(me.status, 200);
    ask(wallet.main, "POST /logout HTTP/1.1", &[&bearer], "").await.unwrap();
    let me = ask(wallet.main, "GET /me HTTP/1.1", &[&bearer], "").await.unwrap();
    assert_eq!(me.status, 401);

    let nonsense = ask(wallet.main, "POST /api/login HTTP/1.1", &[JSON], "{").await.unwrap();
    assert_eq!((nonsense.status, &nonsense.json()["error"]), (400, &json!("bad_request")));
}

#[tokio::test]
async fn the_version_door_tells_versions() {
    let wallet = Running::start().await;
    let answer = wallet.get("/api/version").await;
    assert_eq!(answer.json(), json!({ "min": "3.1.0", "latest": "3.2.1", "bad": ["3.2.0"] }));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let wallet = Running::start().await;
    let answer = wallet.api_login("/api/login", &"x".repeat(MAX_BODY_BYTES)).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn it_stops_with_answers_in_progress() {
    let wallet = Running::start().await;
    wallet.breaker.set_all(Mode::Drip);
    let mut dripping = send(wallet.main, "GET /login HTTP/1.1", &[], "").await.unwrap();
    assert_ne!(dripping.read(&mut [0; 4096]).await.unwrap(), 0);
    wallet.stop.cancel();
    wallet.tasks.close();
    timeout(PATIENCE, wallet.tasks.wait()).await.expect("all tasks end");
    assert!(TcpStream::connect(wallet.main).await.is_err());
    wallet.breaker.settled().await;
}

#[tokio::test]
async fn only_loopback_addresses_are_bound() {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let everyone = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let now: Now = Arc::new(|| Timestamp::UNIX_EPOCH);
    for (main, control) in [(everyone, any), (any, everyone)] {
        let error = SampleWallet::bind(main, control, Arc::clone(&now)).await.err().expect("a refusal");
        assert_eq!(error.why.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.addr, everyone);
    }
}

#[test]
fn secrets_have_names() {
    use secrecy::ExposeSecret;
    assert_eq!(secret("password").unwrap().expose_secret(), PASSWORD);
    assert_eq!(secret("username").unwrap().expose_secret(), USERNAME);
    assert_eq!(secret("phone").unwrap().expose_secret(), PHONE);
    assert_eq!(secret("email").unwrap().expose_secret(), EMAIL);
    assert_eq!(secret("totp").unwrap().expose_secret(), TOTP);
    assert!(secret("other").is_none());
}
