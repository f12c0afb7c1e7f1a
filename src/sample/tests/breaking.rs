//! Each door broken in each way it has, and mended.

use super::*;

#[tokio::test]
async fn each_door_breaks_alone_in_each_mode_that_answers_at_once() {
    let wallet = Running::start().await;
    let modes = [
        (Mode::ServerError, 503),
        (Mode::WrongPage, 200),
        (Mode::Maintenance, 200),
        (Mode::Locked, 423),
        (Mode::Redirect, 302),
        (Mode::Blocked, 403),
        (Mode::Throttled, 429),
    ];
    for (mode, status) in modes {
        for broken in Door::ALL {
            wallet.breaker.set(broken, mode);
            for door in Door::ALL {
                let (answer, working) = match door {
                    Door::Page => (wallet.get("/login").await, 200),
                    Door::SignIn => (wallet.api_login("/api/login", PASSWORD).await, 200),
                    Door::App => (wallet.api_login("/api/app/login", PASSWORD).await, 200),
                    Door::Version => (wallet.get("/api/version").await, 200),
                    Door::Sms => (wallet.get("/sms").await, 200),
                    Door::Email => (wallet.get("/email").await, 200),
                    Door::Totp => (wallet.get("/totp").await, 200),
                };
                let expected = if door == broken { status } else { working };
                assert_eq!(answer.status, expected, "{door:?} while {broken:?} is {mode:?}");
                let is_true = answer.body.contains("id=\"login\"")
                    || answer.body.contains("\"ok\":true")
                    || answer.body.contains("\"latest\"");
                assert_eq!(is_true, door != broken, "{door:?} while {broken:?} is {mode:?}");
            }
            wallet.breaker.set(broken, Mode::Works);
        }
    }
}

#[tokio::test]
async fn every_page_says_that_it_is_a_sample() {
    let wallet = Running::start().await;
    for path in ["/login", "/me", "/nowhere"] {
        assert_says_sample(&wallet.get(path).await);
    }
    for mode in [Mode::ServerError, Mode::WrongPage, Mode::Maintenance, Mode::Locked] {
        wallet.breaker.set(Door::Page, mode);
        let answer = wallet.get("/login").await;
        assert_says_sample(&answer);
        assert!(!answer.body.contains("<form"), "{mode:?}");
    }
    let control = ask(wallet.control, "GET / HTTP/1.1", &[], "").await.unwrap();
    assert_says_sample(&control);
}

#[tokio::test]
async fn the_json_doors_break_in_json() {
    let wallet = Running::start().await;
    wallet.breaker.set_all(Mode::ServerError);
    let answer = wallet.api_login("/api/app/login", PASSWORD).await;
    assert_eq!(answer.json(), json!({ "ok": false, "error": "unavailable" }));
    wallet.breaker.set_all(Mode::Locked);
    let answer = wallet.api_login("/api/login", PASSWORD).await;
    assert_eq!(answer.json()["error"], "account_locked");
}

#[tokio::test]
async fn a_slow_door_gives_its_true_answer_late() {
    let wallet = Running::start().await;
    wallet.breaker.set(Door::Page, Mode::Slow);
    let slow = wallet.get("/login");
    tokio::pin!(slow);
    assert!(timeout(site::SLOW / 8, &mut slow).await.is_err(), "nothing comes for a while");
    let answer = slow.await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("id=\"login\""));
}

#[tokio::test]
async fn a_dripping_door_sends_its_head_and_does_not_end() {
    let wallet = Running::start().await;
    wallet.breaker.set(Door::Version, Mode::Drip);
    let mut stream = send(wallet.main, "GET /api/version HTTP/1.1", &[], "").await.unwrap();
    let mut seen = String::new();
    // Chunks of one byte each: five of them prove that it is dripping.
    while seen.matches("\r\n1\r\n").count() < 5 {
        let mut bytes = [0; 256];
        let count = timeout(PATIENCE, stream.read(&mut bytes)).await.expect("bytes in time").unwrap();
        assert_ne!(count, 0, "it ended after {seen}");
        seen.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    assert!(seen.starts_with("HTTP/1.1 200"), "{seen}");
}

#[tokio::test]
async fn one_refusing_door_resets_the_connection_and_the_others_answer() {
    let wallet = Running::start().await;
    wallet.breaker.set(Door::SignIn, Mode::Refuse);
    let error =
        ask(wallet.main, "POST /login HTTP/1.1", &[FORM], "username=x").await.err().expect("no answer");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(wallet.get("/login").await.status, 200);
}

#[tokio::test]
async fn with_all_doors_refusing_the_port_is_closed_until_mended() {
    let wallet = Running::start().await;
    let mut idle = TcpStream::connect(wallet.main).await.unwrap();
    // Answered once, so that it is surely accepted and kept alive.
    idle.write_all(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_ne!(idle.read(&mut [0; 4096]).await.unwrap(), 0);

    for _ in 0..3 {
        assert_eq!(wallet.order("all", "refuse").await.status, 200);
        let error = TcpStream::connect(wallet.main).await.expect_err("no connection");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);

        assert_eq!(wallet.order("version", "works").await.status, 200);
        assert_eq!(wallet.get("/api/version").await.status, 200);
        let error = ask(wallet.main, "GET /login HTTP/1.1", &[], "").await.err().expect("no answer");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);

        wallet.order("all", "works").await;
        assert_eq!(wallet.get("/login").await.status, 200);
    }
    let error = timeout(PATIENCE, idle.read(&mut [0; 16])).await.expect("an end").expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn the_break_api_tells_and_sets_modes_and_says_what_is_possible() {
    let wallet = Running::start().await;
    let answer = wallet.order("app", "error503").await;
    let modes = json!({
        "page": "works", "signin": "works", "app": "error503", "version": "works",
        "sms": "works", "email": "works", "totp": "works"
    });
    assert_eq!((answer.status, answer.json()), (200, modes.clone()));
    let answer = ask(wallet.control, "GET /api/break HTTP/1.1", &[], "").await.unwrap();
    assert_eq!(answer.json(), modes);

    let answer = wallet.order("app", "explode").await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.json()["error"],
        "the mode must be one of works, error503, slow, drip, refuse, wrong_page, maintenance, locked, \
         redirect, blocked, throttled, no_form, no_token, rejected, challenge, expired, broken_session, \
         wrong_password_accepted, code_lost"
    );
    let answer = wallet.order("window", "works").await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.json()["error"],
        "the door must be one of page, signin, app, version, sms, email, totp, all"
    );
    let answer = wallet.order("version", "no_form").await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.json()["error"],
        "the door version cannot be no_form; it can be works, error503, slow, drip, refuse, wrong_page, \
         maintenance, locked, redirect, blocked, throttled"
    );
    assert_eq!(wallet.breaker.modes().app, Mode::ServerError, "a bad order changes nothing");
    let answer = ask(wallet.control, "POST /api/break HTTP/1.1", &[JSON], "[]").await.unwrap();
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn the_break_page_works_with_plain_forms() {
    let wallet = Running::start().await;
    let answer =
        ask(wallet.control, "POST /break HTTP/1.1", &[FORM], "door=page&mode=maintenance").await.unwrap();
    assert_eq!((answer.status, answer.has_header("location: /")), (303, true));
    let page = ask(wallet.control, "GET / HTTP/1.1", &[], "").await.unwrap();
    assert_eq!(page.body.matches("aria-pressed=\"true\"").count(), 7, "{}", page.body);
    assert_eq!(page.body.matches("<form method=\"post\" action=\"/break\">").count(), 8);
    let answer = ask(wallet.control, "POST /break HTTP/1.1", &[FORM], "door=page&mode=odd").await.unwrap();
    assert_eq!(answer.status, 400);
}

/// “Works” mends the door, but whoever was told to go away comes back later.
#[tokio::test]
async fn the_break_page_says_beside_what_sends_us_away_how_to_call_us_back() {
    let wallet = Running::start().await;
    let page = || async { ask(wallet.control, "GET / HTTP/1.1", &[], "").await.unwrap().body };
    let said = format!("<code>porchlight pause end {}</code>", wallet.main);
    assert_eq!(page().await.matches(&said).count(), 2, "beside all doors, in both languages");
    for (mode, count) in [(Mode::Throttled, 4), (Mode::Blocked, 4), (Mode::ServerError, 2)] {
        wallet.breaker.set(Door::Page, mode);
        assert_eq!(page().await.matches(&said).count(), count, "{mode:?}");
    }
}

#[tokio::test]
async fn hostile_pages_cannot_break_anything() {
    let wallet = Running::start().await;
    let form = "door=all&mode=refuse";
    for header in
        ["Host: example.com", "Sec-Fetch-Site: cross-site", "Origin: https://example.com", "Origin: null"]
    {
        let answer = ask(wallet.control, "POST /break HTTP/1.1", &[FORM, header], form).await.unwrap();
        assert_eq!(answer.status, 403, "{header}");
    }
    let text = "Content-Type: text/plain";
    let body = json!({ "door": "all", "mode": "refuse" }).to_string();
    let answer = ask(wallet.control, "POST /api/break HTTP/1.1", &[text], &body).await.unwrap();
    assert_eq!(answer.status, 400, "only JSON, which other sites cannot send unasked");
    assert_eq!(wallet.breaker.modes(), Modes::default());
}
