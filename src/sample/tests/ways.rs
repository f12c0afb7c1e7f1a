//! Every way in, by browser and by app, whole and broken.

use super::*;

/// A door that asks who one is, tried with the right answers.
struct Tried {
    status: u16,
    body: String,
    /// Whether `/me` then knows us.
    knows_us: bool,
}

impl Running {
    async fn json(&self, path: &str, body: Value) -> Answer {
        ask(self.main, &format!("POST {path} HTTP/1.1"), &[JSON], &body.to_string()).await.unwrap()
    }

    async fn account(&self) -> Value {
        ask(self.control, "GET /api/account HTTP/1.1", &[], "").await.unwrap().json()
    }

    async fn code(&self, channel: &str) -> String {
        self.get("/api/phone").await.json()[channel].as_str().unwrap_or("none").to_owned()
    }

    fn totp(&self) -> String {
        let secret = totp_rs::Secret::try_from_base32(TOTP).unwrap();
        let now = u64::try_from(self.clock.lock().unwrap().as_second()).unwrap();
        totp_rs::Builder::new().with_secret(secret).build_noncompliant().generate(now).to_string()
    }

    async fn app_tried(&self, answer: Answer) -> Tried {
        let token = answer.json()["token"].as_str().unwrap_or_default().to_owned();
        let bearer = format!("Authorization: Bearer {token}");
        let me = ask(self.main, "GET /me HTTP/1.1", &[&bearer], "").await.unwrap();
        Tried { status: answer.status, body: answer.body, knows_us: me.status == 200 }
    }

    async fn web_tried(&self, answer: Answer) -> Tried {
        let session = if answer.status == 303 { answer.cookie("sample_session") } else { String::new() };
        let knows_us = self.me(&session).await.status == 200;
        Tried { status: answer.status, body: answer.body, knows_us }
    }

    async fn by_app(&self, door: Door) -> Tried {
        let last = match door {
            Door::App | Door::SignIn => self.api_login("/api/app/login", PASSWORD).await,
            Door::Totp => {
                let body = json!({ "username": USERNAME, "password": PASSWORD });
                let first = self.json("/api/app/totp", body).await;
                let ticket = first.json()["ticket"].clone();
                self.json("/api/app/totp/code", json!({ "ticket": ticket, "code": self.totp() })).await
            }
            Door::Sms | Door::Email => {
                let (name, field, to) = channel(door);
                self.json(&format!("/api/app/{name}/code"), json!({ field: to })).await;
                let code = self.code(name).await;
                self.json(&format!("/api/app/{name}"), json!({ field: to, "code": code })).await
            }
            Door::Page | Door::Version => unreachable!("nobody signs in here"),
        };
        self.app_tried(last).await
    }

    async fn by_web(&self, door: Door) -> Tried {
        let last = match door {
            Door::SignIn | Door::App => self.sign_in(PASSWORD).await,
            Door::Totp => {
                let page = self.get("/totp").await;
                let (token, visit) = (page.csrf_token(), page.cookie("sample_visit"));
                let body = format!("csrf_token={token}&username={USERNAME}&password={PASSWORD}");
                let second = self.form("/totp", &visit, &body).await;
                let ticket = second.body.split("name=\"ticket\" value=\"").nth(1).unwrap_or_default();
                let ticket = ticket.split('"').next().unwrap();
                let body = format!("csrf_token={token}&ticket={ticket}&code={}", self.totp());
                self.form("/totp/code", &visit, &body).await
            }
            Door::Sms | Door::Email => {
                let (name, field, to) = channel(door);
                let page = self.get(&format!("/{name}")).await;
                let (token, visit) = (page.csrf_token(), page.cookie("sample_visit"));
                let body = format!("csrf_token={token}&{field}={to}");
                let second = self.form(&format!("/{name}/code"), &visit, &body).await;
                let code = second.body.split("class=\"code\">").nth(1).unwrap_or("none");
                let code = code.split('<').next().unwrap();
                self.form(&format!("/{name}"), &visit, &format!("{body}&code={code}")).await
            }
            Door::Page | Door::Version => unreachable!("nobody signs in here"),
        };
        self.web_tried(last).await
    }
}

fn channel(door: Door) -> (&'static str, &'static str, &'static str) {
    if door == Door::Sms { ("sms", "phone", PHONE) } else { ("email", "email", EMAIL) }
}

const WAYS: [Door; 4] = [Door::SignIn, Door::Sms, Door::Email, Door::Totp];

#[tokio::test]
async fn every_way_leads_in_by_browser_and_by_app() {
    let wallet = Running::start().await;
    for door in WAYS {
        let tried = wallet.by_web(door).await;
        assert_eq!((tried.status, tried.knows_us), (303, true), "{door:?}: {}", tried.body);
        wallet.pass(1);
        let tried = wallet.by_app(door).await;
        assert_eq!((tried.status, tried.knows_us), (200, true), "{door:?}: {}", tried.body);
        wallet.pass(1);
    }
    let account = wallet.account().await;
    assert_eq!(
        (&account["logins"], &account["wrong"], &account["sessions"]),
        (&json!(8), &json!(0), &json!(8))
    );
}

#[tokio::test]
async fn each_way_breaks_in_each_manner_of_its_own() {
    let wallet = Running::start().await;
    for door in WAYS {
        let by_app = if door == Door::SignIn { Door::App } else { door };
        for (mode, web, app, says) in [
            (Mode::Rejected, 401, 401, "wrong"),
            (Mode::Challenge, 200, 403, "captcha"),
            (Mode::Expired, 200, 403, "expired"),
            (Mode::BrokenSession, 303, 200, "token"),
        ] {
            wallet.breaker.set_all(mode);
            let tried = wallet.by_web(door).await;
            assert_eq!((tried.status, tried.knows_us), (web, false), "{door:?} {mode:?} {}", tried.body);
            assert!(web == 303 || tried.body.contains(says), "{door:?} {mode:?} {}", tried.body);
            wallet.pass(16);
            let tried = wallet.by_app(by_app).await;
            assert_eq!((tried.status, tried.knows_us), (app, false), "{door:?} {mode:?} {}", tried.body);
            assert!(tried.body.contains(says), "{door:?} {mode:?} {}", tried.body);
            wallet.pass(16);
        }
    }
}

#[tokio::test]
async fn a_wrong_password_and_a_wrong_code_are_refused_until_the_door_lets_anybody_in() {
    let wallet = Running::start().await;
    let tries = async || {
        let mut told = Vec::new();
        told.push(wallet.api_login("/api/app/login", WRONG_PASSWORD).await.status);
        told.push(wallet.sign_in(WRONG_PASSWORD).await.status);
        wallet.pass(16);
        for door in [Door::Sms, Door::Email] {
            let (name, field, to) = channel(door);
            let body = json!({ field: to, "code": "none" });
            told.push(wallet.json(&format!("/api/app/{name}"), body).await.status);
        }
        wallet.pass(16);
        let body = json!({ "username": USERNAME, "password": PASSWORD });
        let ticket = wallet.json("/api/app/totp", body).await.json()["ticket"].clone();
        let body = json!({ "ticket": ticket, "code": "none" });
        told.push(wallet.json("/api/app/totp/code", body).await.status);
        wallet.pass(16);
        told
    };
    assert_eq!(tries().await, [401; 5]);
    wallet.breaker.set_all(Mode::WrongPasswordAccepted);
    assert_eq!(tries().await, [200, 303, 200, 200, 200]);
}

#[tokio::test]
async fn wrong_codes_lock_the_account_as_wrong_passwords_do() {
    let wallet = Running::start().await;
    for _ in 0..lockout::MAX_WRONG {
        let body = json!({ "phone": PHONE, "code": "none" });
        assert_eq!(wallet.json("/api/app/sms", body).await.status, 401);
    }
    assert_eq!(wallet.by_app(Door::Totp).await.status, 400, "no ticket was given");
    assert_eq!(wallet.by_web(Door::Email).await.status, 423);
    assert_eq!(wallet.account().await["locked_until"], "2026-05-01T08:30:00Z");
    let unlocked = ask(wallet.control, "POST /api/unlock HTTP/1.1", &[JSON], "{}").await.unwrap();
    assert_eq!((unlocked.status, &unlocked.json()["locked_until"]), (200, &Value::Null));
    assert_eq!(wallet.by_web(Door::Email).await.status, 303);
}

#[tokio::test]
async fn a_lost_code_never_arrives() {
    let wallet = Running::start().await;
    wallet.breaker.set_all(Mode::CodeLost);
    for door in [Door::Sms, Door::Email] {
        let tried = wallet.by_web(door).await;
        assert_eq!(tried.status, 401, "{}", tried.body);
        assert!(tried.body.contains("No new message"), "{}", tried.body);
        assert_eq!(wallet.code(channel(door).0).await, "none");
    }
}

#[tokio::test]
async fn pages_lose_their_form_or_its_token() {
    let wallet = Running::start().await;
    for path in ["/login", "/sms", "/email", "/totp"] {
        wallet.breaker.set_all(Mode::NoForm);
        let page = wallet.get(path).await;
        assert_eq!((page.status, page.body.contains("<form")), (200, false), "{}", page.body);
        assert_says_sample(&page);
        wallet.breaker.set_all(Mode::NoToken);
        let page = wallet.get(path).await;
        assert!(
            page.body.contains("<form id=\"login\"") && !page.body.contains("csrf_token"),
            "{}",
            page.body
        );
        wallet.breaker.set_all(Mode::Works);
        let page = wallet.get(path).await;
        assert!(
            page.body.contains("<form id=\"login\"") && page.body.contains("csrf_token"),
            "{}",
            page.body
        );
    }
}

#[tokio::test]
async fn sessions_pile_up_until_they_are_logged_out() {
    let wallet = Running::start().await;
    let mut sessions = Vec::new();
    for count in 1..=4 {
        sessions.push(wallet.sign_in(PASSWORD).await.cookie("sample_session"));
        assert_eq!(wallet.account().await["sessions"], count);
    }
    let page = ask(wallet.control, "GET / HTTP/1.1", &[], "").await.unwrap();
    assert!(page.body.contains("<b id=\"sessions\">4</b>"), "{}", page.body);
    for session in sessions {
        wallet.form("/logout", &session, "").await;
    }
    assert_eq!(wallet.account().await["sessions"], 0);
}
