//! Without harm: whatever we do, the account at the other end is not locked and the host not flooded.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use porchlight::clock::SystemClock;
use porchlight::domain::endpoint::{Endpoint, Id};
use porchlight::domain::flow::Depth;
use porchlight::domain::outcome::Outcome;
use porchlight::domain::per_host::PerHost;
use porchlight::probe::own::OwnHealth;
use porchlight::probe::{Manners, Outbound, Prober};

use crate::support::{Daemon, free_port, get, health, wait_until};
use crate::target::{Target, page};

/// How a door treats a password.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    LetsIn,
    Refuses,
    /// The failure says nothing of the password.
    Breaks,
    /// Never answers.
    Hangs,
}

/// A login that locks its account after three failures and counts.
struct Login {
    target: Target,
    posts: Arc<AtomicUsize>,
    pages: Arc<AtomicUsize>,
    locked: Arc<AtomicBool>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Login {
    fn new(door: Door) -> Self {
        let (posts, pages) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (locked, heads) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (posted, paged, shut, seen) = (posts.clone(), pages.clone(), locked.clone(), heads.clone());
        let target = Target::new(move |mut stream| {
            let head = head(&mut stream);
            let post = head.starts_with("POST");
            seen.lock().unwrap().push(head);
            let answer = if !post {
                paged.fetch_add(1, Ordering::AcqRel);
                page("200 OK", "<form id=login><input name=password type=password></form>")
            } else {
                let nth = posted.fetch_add(1, Ordering::AcqRel) + 1;
                if door != Door::LetsIn && 3 <= nth {
                    shut.store(true, Ordering::Release);
                }
                match door {
                    Door::LetsIn => page("200 OK", "welcome"),
                    Door::Refuses => page("401 Unauthorized", "wrong password"),
                    Door::Breaks => page("500 Internal Server Error", "sorry"),
                    Door::Hangs => {
                        std::thread::sleep(Duration::from_secs(120));
                        return;
                    }
                }
            };
            let _ = stream.write_all(answer.as_bytes());
        });
        Self { target, posts, pages, locked, heads }
    }

    fn posts(&self) -> usize {
        self.posts.load(Ordering::Acquire)
    }

    /// Two endpoints that log in with one account.
    fn config(&self, dir: &Path) -> String {
        let secret = dir.join("password");
        std::fs::write(&secret, "MARKED-hunter2").unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        let endpoint = |id: &str| {
            format!(
                "[[endpoint]]\nid = \"{id}\"\ncomponent = \"web\"\nurl = \"http://{}/login\"\n\
                 account = \"probe\"\nevery = \"5m\"\ndeadline = \"5s\"\n\
                 [[endpoint.step]]\nname = \"page\"\n\
                 [[endpoint.step]]\nname = \"sign in\"\nmethod = \"POST\"\n\
                 form = {{ username = \"{{{{username}}}}\", password = \"{{{{password}}}}\" }}\n",
                self.target.addr
            )
        };
        format!(
            "[[component]]\nid = \"web\"\nname = \"Web\"\n\
             [[account]]\nid = \"probe\"\nusername = \"prober\"\npassword = {{ file = {:?} }}\n{}{}",
            secret.display().to_string(),
            endpoint("one"),
            endpoint("two")
        )
    }
}

fn head(stream: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    let mut byte = [0_u8; 1];
    while !seen.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        seen.push(byte[0]);
    }
    String::from_utf8_lossy(&seen).into_owned()
}

fn porchlight(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_porchlight"));
    command.arg("--config").arg(dir.join("config.toml")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Everything a person and an unsteady machine may do in a few minutes.
fn pester(dir: &Path, login: &Login, daemon: &mut Daemon) {
    wait_until("both endpoints were knocked at", || {
        let status = said(&porchlight(dir, &["status", "--json"]));
        (status.matches("\"last\": {").count() == 2).then_some(())
    });
    for _ in 0..20 {
        porchlight(dir, &["probe", "one"]);
    }
    porchlight(dir, &["probe", "two"]);
    porchlight(dir, &["reload"]);
    for _ in 0..3 {
        daemon.kill();
        // Nobody runs: the command keeps the budget.
        porchlight(dir, &["probe", "one"]);
        let before = login.pages.load(Ordering::Acquire);
        *daemon = Daemon::start(dir, &login.config(dir));
        wait_until("it knocks after a restart", || {
            (before < login.pages.load(Ordering::Acquire)).then_some(())
        });
    }
    porchlight(dir, &["probe", "two"]);
}

/// T68.
#[test]
fn an_account_that_is_refused_is_tried_once_and_then_only_when_a_person_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let login = Login::new(Door::Refuses);
    let mut daemon = Daemon::start(dir.path(), &login.config(dir.path()));
    pester(dir.path(), &login, &mut daemon);
    assert_eq!(login.posts(), 1, "{}", daemon.log());
    assert!(!login.locked.load(Ordering::Acquire));
    let listed = said(&porchlight(dir.path(), &["login", "list"]));
    for word in ["probe", "credentials_rejected", "porchlight login resume probe", "refused"] {
        assert!(listed.contains(word), "{word}: {listed}");
    }
    let resumed = said(&porchlight(dir.path(), &["login", "resume", "probe"]));
    assert!(resumed.contains("may log in again"), "{resumed}");
    let probed = said(&porchlight(dir.path(), &["probe", "one"]));
    assert!(probed.contains("budget"), "a person's word does not outbid the lock: {probed}");
    assert_eq!(login.posts(), 1);
    assert!(!daemon.log().contains("MARKED-hunter2"));
}

#[test]
fn a_stop_is_told_once_and_another_password_lifts_it_by_a_reload_but_not_by_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let login = Login::new(Door::Refuses);
    let config = login.config(dir.path());
    let mut daemon = Daemon::start(dir.path(), &config);
    let lines = |daemon: &Daemon| -> Vec<String> {
        let says = |it: &&str| it.contains("login resume probe");
        daemon.log().lines().filter(says).map(str::to_owned).collect()
    };
    wait_until("it is told", || (!lines(&daemon).is_empty()).then_some(()));
    first_result(dir.path());
    assert_eq!(lines(&daemon).len(), 1, "{}", daemon.log());
    assert!(lines(&daemon)[0].contains("To the operator: account `probe`"), "{:?}", lines(&daemon));
    daemon.kill();
    std::fs::write(dir.path().join("password"), "another").unwrap();
    daemon = Daemon::start(dir.path(), &config);
    wait_until("whoever restarts it hears what is to be done", || (lines(&daemon).len() == 2).then_some(()));
    assert!(lines(&daemon)[1].contains("after a restart"), "{:?}", lines(&daemon));
    let listed = said(&porchlight(dir.path(), &["login", "list"]));
    assert!(listed.contains("NO (credentials_rejected); porchlight login resume probe"), "{listed}");
    std::fs::write(dir.path().join("password"), "a third").unwrap();
    let reloaded = said(&porchlight(dir.path(), &["reload"]));
    wait_until("a reload with another password lifts it", || {
        daemon.log().contains("The account `probe` changed, so it may log in again").then_some(())
    });
    let listed = said(&porchlight(dir.path(), &["login", "list"]));
    assert!(!listed.contains("NO ("), "{reloaded} {listed}");
    assert_eq!(login.posts(), 1, "within its budget, as ever");
}

#[test]
fn a_login_that_fails_is_not_tried_again_by_clicks_restarts_reloads_or_a_second_endpoint() {
    let dir = tempfile::tempdir().unwrap();
    let login = Login::new(Door::Breaks);
    let mut daemon = Daemon::start(dir.path(), &login.config(dir.path()));
    pester(dir.path(), &login, &mut daemon);
    assert_eq!(login.posts(), 1, "at most one failing login in a quarter of an hour: {}", daemon.log());
    assert!(5 < login.pages.load(Ordering::Acquire), "the page is looked at all the same");
}

#[test]
fn a_login_that_was_under_way_when_we_were_killed_counts() {
    let dir = tempfile::tempdir().unwrap();
    let login = Login::new(Door::Hangs);
    let mut daemon = Daemon::start(dir.path(), &login.config(dir.path()));
    wait_until("the password is sent", || (login.posts() == 1).then_some(()));
    daemon.kill();
    let listed = said(&porchlight(dir.path(), &["login", "list"]));
    assert!(listed.contains("not_known"), "{listed}");
    let before = login.pages.load(Ordering::Acquire);
    let _daemon = Daemon::start(dir.path(), &login.config(dir.path()));
    wait_until("both are knocked at again", || {
        (before + 2 <= login.pages.load(Ordering::Acquire)).then_some(())
    });
    let probed = said(&porchlight(dir.path(), &["probe", "one"]));
    assert!(probed.contains("budget"), "{probed}");
    assert_eq!(login.posts(), 1);
}

#[test]
fn even_logins_that_succeed_are_twelve_an_hour_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let login = Login::new(Door::LetsIn);
    let mut daemon = Daemon::start(dir.path(), &login.config(dir.path()));
    pester(dir.path(), &login, &mut daemon);
    assert_eq!(login.posts(), 12, "{}", daemon.log());
    let heads = login.heads.lock().unwrap();
    assert!(heads.iter().all(|it| it.contains("user-agent: porchlight/") && it.contains("x-request-id: ")));
    assert!(heads.iter().any(|it| it.contains("; endpoint=two)")));
}

#[test]
fn during_a_maintenance_nobody_logs_in_but_whom_a_person_asked_and_the_status_says_until_when() {
    let dir = tempfile::tempdir().unwrap();
    let login = Login::new(Door::LetsIn);
    let plain = login.config(dir.path());
    let window = |ends: &str| {
        format!(
            "{plain}[[maintenance]]\nid = \"m\"\ntitle = \"Upgrade\"\ncomponents = [\"web\"]\n\
             starts_at = \"2026-01-01 00:00\"\nends_at = \"{ends}\"\n"
        )
    };
    let _daemon = Daemon::start(dir.path(), &window("2126-01-01 00:00"));
    let looked = || login.pages.load(Ordering::Acquire);
    wait_until("both are looked at", || (2 <= looked()).then_some(()));
    wait_until("both results are in", || {
        let status = said(&porchlight(dir.path(), &["status", "--json"]));
        (status.matches("\"reason\": \"budget\"").count() == 2).then_some(())
    });
    assert_eq!(login.posts(), 0);
    let status = said(&porchlight(dir.path(), &["status"]));
    assert_eq!(
        status.matches("maintenance: logs in again from 2125-12-31 16:00:00 UTC on").count(),
        2,
        "{status}"
    );
    let probed = said(&porchlight(dir.path(), &["probe", "one"]));
    assert!(probed.contains("success") && probed.contains("logs nobody in here until then"), "{probed}");
    assert_eq!(login.posts(), 1);
    let file = dir.path().join("config.toml");
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, whole.replace("account = ", "log_in_during_maintenance = true\naccount = "))
        .unwrap();
    let reloaded = said(&porchlight(dir.path(), &["reload"]));
    wait_until("a reload lets them log in", || (3 <= login.posts()).then_some(()));
    let status = said(&porchlight(dir.path(), &["status"]));
    assert!(!status.contains("maintenance: "), "{reloaded} {status}");
}

/// A door that answers every login so, the bodies it was sent, and an endpoint that
/// sends it a wrong password.
fn canary(status: &'static str) -> (Target, Arc<Mutex<Vec<String>>>, String) {
    canary_that_says(status, "so")
}

fn canary_that_says(status: &'static str, says: &'static str) -> (Target, Arc<Mutex<Vec<String>>>, String) {
    let bodies: Arc<Mutex<Vec<String>>> = Arc::default();
    let sent = bodies.clone();
    let target = Target::new(move |mut stream| {
        let head = head(&mut stream);
        let length = head.lines().find_map(|it| it.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        if stream.read_exact(&mut body).is_ok() && !body.is_empty() {
            sent.lock().unwrap().push(String::from_utf8(body).unwrap());
        }
        let _ = stream.write_all(page(status, says).as_bytes());
    });
    let config = format!(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n\
         [[endpoint]]\nid = \"canary\"\ncomponent = \"web\"\nurl = \"http://{}/login\"\nwrong_password = true\n\
         [[endpoint.step]]\nname = \"sign-in\"\nmethod = \"POST\"\n\
         form = {{ name = \"{{{{username}}}}\", word = \"{{{{password}}}}\" }}\n",
        target.addr
    );
    (target, bodies, config)
}

/// What the only result so far says.
fn first_result(dir: &Path) -> String {
    wait_until("it was knocked at", || {
        let status = said(&porchlight(dir, &["status", "--json"]));
        let status: serde_json::Value = serde_json::from_str(&status).ok()?;
        let last = &status["endpoints"][0]["last"];
        last.is_object().then(|| format!("{} {}", last["outcome"], last["reason"]).replace('"', ""))
    })
}

#[test]
fn a_wrong_password_that_is_refused_is_well_and_is_nobodys() {
    let dir = tempfile::tempdir().unwrap();
    let (_target, bodies, config) = canary("401 Unauthorized");
    let metrics = free_port();
    let config = format!("[metrics]\nlisten = \"127.0.0.1:{metrics}\"\n{config}");
    let daemon = Daemon::start(dir.path(), &config);
    assert_eq!(first_result(dir.path()), "success null");
    let probed = said(&porchlight(dir.path(), &["probe", "canary"]));
    assert!(probed.contains("budget"), "once in a quarter of an hour, whoever asks: {probed}");
    let bodies = bodies.lock().unwrap();
    assert_eq!(bodies.len(), 1);
    let (name, word) = bodies[0].strip_prefix("name=probe-").unwrap().split_once("%40invalid&word=").unwrap();
    assert_eq!((name.len(), word.len()), (12, 24), "{}", bodies[0]);
    assert!(!daemon.log().contains(word) && !probed.contains(word));
    assert!(!daemon.log().contains("To the operator"), "{}", daemon.log());
    let counted = get(([127, 0, 0, 1], metrics).into(), "/metrics").text();
    assert!(counted.contains("porchlight_logins_total{ended=\"refused\"} 1\n"), "{counted}");
    assert!(counted.contains("porchlight_logins_total{ended=\"let_in\"} 0\n"), "{counted}");
    assert!(!counted.contains("porchlight_logins_total{ended=\"held\"} 0\n"), "{counted}");
    assert!(!counted.contains("porchlight_logins_stopped{"), "{counted}");
}

/// T25.
#[test]
fn a_wrong_password_that_is_accepted_is_an_alarm_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let (_target, bodies, config) = canary("200 OK");
    let daemon = Daemon::start(dir.path(), &config);
    assert_eq!(first_result(dir.path()), "failure accepts_wrong_password");
    let probed = said(&porchlight(dir.path(), &["probe", "canary"]));
    assert!(probed.contains("accepts_wrong_password"), "it was let in, which locks nobody: {probed}");
    assert_eq!(bodies.lock().unwrap().len(), 2, "and was not confirmed by another");
    let log = daemon.log();
    let told: Vec<&str> = log.lines().filter(|it| it.contains("To the operator")).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains("ERROR") && told[0].contains("wrong password"), "{}", told[0]);
    let status = said(&porchlight(dir.path(), &["status"]));
    assert!(status.contains("wrong password"), "{status}");
}

#[test]
fn a_captcha_before_a_wrong_password_stops_it_and_is_told_once_with_what_helps() {
    let dir = tempfile::tempdir().unwrap();
    let (_target, bodies, config) = canary_that_says("200 OK", "{\"need\":\"captcha\"}");
    let mut daemon = Daemon::start(dir.path(), &config);
    assert_eq!(first_result(dir.path()), "unknown challenge");
    let told = |log: &str| log.lines().filter(|it| it.contains("To the operator")).count();
    let log = daemon.log();
    assert_eq!((told(&log), log.matches("login resume -").count()), (1, 1), "{log}");
    let status = said(&porchlight(dir.path(), &["status"]));
    let note = status.lines().find(|it| it.contains("TROUBLE")).unwrap_or_else(|| panic!("{status}"));
    assert!(note.contains("(challenge)") && note.contains("`porchlight login resume -`"), "{note}");
    let probed = said(&porchlight(dir.path(), &["probe", "canary"]));
    assert!(probed.contains("none is sent until `porchlight login resume -`"), "{probed}");
    daemon.kill();
    daemon = Daemon::start(dir.path(), &config);
    wait_until("whoever restarts it hears of it", || (told(&daemon.log()) == 2).then_some(()));
    let resumed = said(&porchlight(dir.path(), &["login", "resume", "-"]));
    assert!(resumed.contains("`-` may log in again (1 stop lifted)"), "{resumed}");
    let status = said(&porchlight(dir.path(), &["status"]));
    assert!(!status.contains("TROUBLE"), "{status}");
    assert_eq!(bodies.lock().unwrap().len(), 1);
}

#[test]
fn no_code_is_sent_twice_not_even_after_a_restart_or_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let (target, bodies, _) = canary("200 OK");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    };
    let config = format!(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n\
         [[account]]\nid = \"probe\"\nusername = \"prober\"\npassword = {{ file = {:?} }}\n\
         totp = {{ secret = {{ file = {:?} }}, period = 300 }}\n\
         [[endpoint]]\nid = \"canary\"\ncomponent = \"web\"\nurl = \"http://{}/\"\naccount = \"probe\"\n\
         [[endpoint.step]]\nname = \"code\"\nmethod = \"POST\"\nform = {{ code = \"{{{{totp}}}}\" }}\n",
        write("password", "MARKED-hunter2"),
        write("totp", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
        target.addr
    );
    let period = || jiff::Timestamp::now().as_second() / 300;
    let first = period();
    let mut daemon = Daemon::start(dir.path(), &config);
    assert_eq!(first_result(dir.path()), "success null");
    daemon.kill();
    // Nobody runs: the command remembers, too.
    let alone = said(&porchlight(dir.path(), &["probe", "canary"]));
    let _daemon = Daemon::start(dir.path(), &config);
    let asked = said(&porchlight(dir.path(), &["probe", "canary"]));
    let sent = bodies.lock().unwrap().clone();
    let different: std::collections::BTreeSet<&String> = sent.iter().collect();
    assert_eq!(different.len(), sent.len(), "{sent:?}");
    if period() == first {
        assert_eq!(sent.len(), 1);
        for probed in [alone, asked] {
            assert!(probed.contains("this period's code was used already"), "{probed}");
        }
    }
}

fn plain(target: &Target, every: &str) -> String {
    format!(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n\
         [[endpoint]]\nid = \"page\"\ncomponent = \"web\"\nurl = \"http://{}/\"\nevery = \"{every}\"\n",
        target.addr
    )
}

/// A target that notes when it is asked, and answers the first time otherwise.
fn asked(first: String) -> (Target, Arc<Mutex<Vec<Instant>>>) {
    let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let noted = times.clone();
    let target = Target::new(move |mut stream| {
        head(&mut stream);
        let mut noted = noted.lock().unwrap();
        noted.push(Instant::now());
        let answer = if noted.len() == 1 { first.clone() } else { page("200 OK", "fine") };
        drop(noted);
        let _ = stream.write_all(answer.as_bytes());
    });
    (target, times)
}

fn saying(status: &str, header: &str) -> String {
    page(status, "wait").replacen("\r\n", &format!("\r\n{header}\r\n"), 1)
}

#[test]
fn a_503_that_asks_for_time_gets_it() {
    let dir = tempfile::tempdir().unwrap();
    let (target, times) = asked(saying("503 Service Unavailable", "Retry-After: 8"));
    let _daemon = Daemon::start(dir.path(), &plain(&target, "1s"));
    wait_until("it is asked again", || (2 <= times.lock().unwrap().len()).then_some(()));
    let times = times.lock().unwrap();
    assert!(Duration::from_secs(8) <= times[1] - times[0], "{:?}", times[1] - times[0]);
}

#[test]
fn what_nobody_may_ask_is_not_told_to_be_well_for_longer_than_it_is_known() {
    for away in ["503 Service Unavailable", "429 Too Many Requests"] {
        let dir = tempfile::tempdir().unwrap();
        let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let noted = times.clone();
        let target = Target::new(move |mut stream| {
            head(&mut stream);
            let mut noted = noted.lock().unwrap();
            noted.push(Instant::now());
            let fine = noted.len() <= 3;
            let answer = if fine { page("200 OK", "fine") } else { saying(away, "Retry-After: 50") };
            let _ = stream.write_all(answer.as_bytes());
        });
        let daemon = Daemon::start(dir.path(), &format!("{}deadline = \"1s\"\n", plain(&target, "1s")));
        wait_until("it is up", || (health(&daemon.summary(), "page") == "up").then_some(()));
        wait_until("it wants us away", || is_told_to_wait(dir.path(), "page"));
        wait_until("it is unknown", || (health(&daemon.summary(), "page") == "unknown").then_some(()));
        let since = times.lock().unwrap().last().copied().unwrap().elapsed();
        assert!(since < Duration::from_secs(40), "{away}: a few seconds after the last word: {since:?}");
        assert!(is_told_to_wait(dir.path(), "page").is_some(), "{away}: and it rests still");
    }
}

/// Two endpoints at one host.
fn neighbours(target: &Target) -> String {
    let one = plain(target, "1s");
    let other = one.split_once("[[endpoint]]").unwrap().1.replace("\"page\"", "\"other\"");
    format!("{one}[[endpoint]]{other}")
}

fn is_told_to_wait(dir: &Path, id: &str) -> Option<serde_json::Value> {
    let status: serde_json::Value =
        serde_json::from_str(&said(&porchlight(dir, &["status", "--json"]))).ok()?;
    let endpoints = status["endpoints"].as_array()?.clone();
    endpoints.into_iter().find(|it| it["id"] == id && it["rests_because"].is_string())
}

#[test]
fn a_pause_outlives_a_kill_and_every_endpoint_of_the_host_says_why_it_rests() {
    let dir = tempfile::tempdir().unwrap();
    let (target, times) = asked(saying("429 Too Many Requests", "Retry-After: 1"));
    let config = neighbours(&target);
    let mut daemon = Daemon::start(dir.path(), &config);
    let before = wait_until("both rest", || {
        let page = is_told_to_wait(dir.path(), "page")?;
        is_told_to_wait(dir.path(), "other").map(|_| page["rests_until"].clone())
    });
    // One that was under way with it is no knock of ours any more.
    let asked = times.lock().unwrap().len();
    assert!(asked <= 2, "{asked}");
    for lives in 1..=3 {
        daemon.kill();
        let alone = said(&porchlight(dir.path(), &["probe", "page"]));
        assert!(alone.contains("throttled") && alone.contains("nobody knocks at"), "{alone}");
        daemon = Daemon::start(dir.path(), &config);
        wait_until("it goes on with the pause", || {
            (daemon.log().matches("As before the start, nobody knocks at").count() == lives).then_some(())
        });
    }
    let log = daemon.log();
    assert!(log.matches("To the operator").count() <= asked, "told once: {log}");
    for id in ["page", "other"] {
        let rests = wait_until("it rests", || is_told_to_wait(dir.path(), id));
        assert_eq!(rests["rests_because"], "throttled");
        assert_eq!(rests["rests_until"].as_str().unwrap()[..15], before.as_str().unwrap()[..15], "{rests}");
    }
    let status = said(&porchlight(dir.path(), &["status"]));
    assert_eq!(status.matches("UTC: its host asked us to slow down").count(), 2, "{status}");
    wait_until("bells were rung and not heeded", || {
        let since = times.lock().unwrap().last().copied()?;
        (Duration::from_secs(4) < since.elapsed()).then_some(())
    });
    assert_eq!(times.lock().unwrap().len(), asked);
}

#[test]
fn a_person_ends_a_pause_with_a_daemon_and_without_and_knocks_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let away = Arc::new(AtomicBool::new(true));
    let (noted, wall) = (times.clone(), away.clone());
    let target = Target::new(move |mut stream| {
        head(&mut stream);
        noted.lock().unwrap().push(Instant::now());
        let blocked = wall.load(Ordering::Acquire);
        let answer = if blocked { page("429 Too Many Requests", "wait") } else { page("200 OK", "fine") };
        let _ = stream.write_all(answer.as_bytes());
    });
    let asked = || times.lock().unwrap().len();
    let host = target.addr.to_string();
    let config = neighbours(&target);
    let listed = || -> serde_json::Value {
        let listed = porchlight(dir.path(), &["pause", "list", "--json"]);
        assert!(listed.status.success(), "{}", said(&listed));
        serde_json::from_str(&said(&listed)).unwrap()
    };
    std::fs::write(dir.path().join("config.toml"), &config).unwrap();

    let mut daemon = Daemon::start(dir.path(), &config);
    wait_until("both rest", || is_told_to_wait(dir.path(), "page").and(is_told_to_wait(dir.path(), "other")));
    let pause = &listed()["pauses"][0];
    assert_eq!((pause["host"].as_str(), pause["reason"].as_str()), (Some(&*host), Some("throttled")));
    let ends = format!("porchlight pause end {host}");
    for arguments in [vec!["status"], vec!["probe", "page"]] {
        let told = said(&porchlight(dir.path(), &arguments));
        assert!(told.contains(&ends), "{told}");
    }
    let before = asked();

    for other in ["127.0.0.1:1", "nobody.example", ""] {
        let refused = porchlight(dir.path(), &["pause", "end", other]);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        assert!(
            said(&refused).contains(&format!("no pause of a host `{other}` is known")),
            "{}",
            said(&refused)
        );
    }
    assert_eq!(listed()["pauses"].as_array().map(Vec::len), Some(1));
    assert_eq!(asked(), before, "nothing was sent meanwhile");

    // It does not let us in after all: the next pause is the first again.
    let ended = porchlight(dir.path(), &["pause", "end", &host]);
    assert!(ended.status.success() && said(&ended).contains("knocked at again"), "{}", said(&ended));
    wait_until("it knocks, and is sent away", || (before < asked()).then_some(()));
    let again =
        wait_until("it is paused again", || listed()["pauses"].get(0).filter(|it| it["nth"] == 1).cloned());
    assert!((0.0..=900.0).contains(&again["left_s"].as_f64().unwrap()), "{again}");

    away.store(false, Ordering::Release);
    let ended = porchlight(dir.path(), &["pause", "end", "127.0.0.1", "--json"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&said(&ended)).unwrap()["ended"][0], *host);
    wait_until("both are up", || {
        let summary = daemon.summary();
        (health(&summary, "page") == "up" && health(&summary, "other") == "up").then_some(())
    });
    assert!(said(&porchlight(dir.path(), &["pause", "list"])).contains("No host is paused"));
    let status = said(&porchlight(dir.path(), &["status"]));
    assert!(!status.contains("slow down"), "{status}");
    assert!(daemon.log().contains("A person ended the pause of"), "{}", daemon.log());

    // The same while nobody runs, and the next daemon knows it.
    away.store(true, Ordering::Release);
    wait_until("both rest", || is_told_to_wait(dir.path(), "page").and(is_told_to_wait(dir.path(), "other")));
    daemon.kill();
    assert_eq!(listed()["pauses"][0]["host"], *host);
    assert_eq!(porchlight(dir.path(), &["pause", "end", "nobody.example"]).status.code(), Some(2));
    let before = asked();
    away.store(false, Ordering::Release);
    assert!(porchlight(dir.path(), &["pause", "end", &host]).status.success());
    assert!(listed()["pauses"].as_array().unwrap().is_empty());
    daemon = Daemon::start(dir.path(), &config);
    wait_until("it knocks", || (before < asked()).then_some(()));
    assert!(!daemon.log().contains("As before the start"), "{}", daemon.log());
}

#[test]
fn a_host_that_others_lead_to_is_left_alone_too_when_it_asks_for_that() {
    let dir = tempfile::tempdir().unwrap();
    let (sso, times) = asked(saying("429 Too Many Requests", "Retry-After: 1"));
    let leads = page("302 Found", "").replacen("\r\n", &format!("\r\nLocation: {}\r\n", sso.url()), 1);
    let pages: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let counted = pages.clone();
    let site = Target::new(move |mut stream| {
        head(&mut stream);
        counted.lock().unwrap().push(Instant::now());
        let _ = stream.write_all(leads.as_bytes());
    });
    let config = format!("{}redirects = 1\n", plain(&site, "1s"));
    let daemon = Daemon::start(dir.path(), &config);
    wait_until("it is looked at again", || (4 <= pages.lock().unwrap().len()).then_some(()));
    assert_eq!(times.lock().unwrap().len(), 1, "{}", daemon.log());
    let log = daemon.log();
    assert_eq!(log.matches("To the operator").count(), 1, "{log}");
}

#[test]
fn a_429_sends_us_away_and_nobody_knocks_there_not_even_a_person() {
    let dir = tempfile::tempdir().unwrap();
    let (target, times) = asked(saying("429 Too Many Requests", "Retry-After: 1"));
    let daemon = Daemon::start(dir.path(), &plain(&target, "1s"));
    wait_until("it is told", || daemon.log().contains("asks us to slow down").then_some(()));
    let probed = said(&porchlight(dir.path(), &["probe", "page"]));
    assert!(probed.contains("throttled") && probed.contains("nobody knocks at"), "{probed}");
    let means = probed.lines().find(|it| it.trim_start().starts_with("means")).unwrap();
    assert!(["Nothing was sent", "什么都没有发出"].iter().any(|it| means.contains(it)), "{means}");
    wait_until("bells were rung and not heeded", || {
        let since = times.lock().unwrap().first().copied()?;
        (Duration::from_secs(5) < since.elapsed()).then_some(())
    });
    assert_eq!(times.lock().unwrap().len(), 1);
    let log = daemon.log();
    let told: Vec<&str> = log.lines().filter(|it| it.contains("slow down")).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains("To the operator: endpoint `page`") && told[0].contains(" until 20"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_endpoints_of_one_host_knock_in_turn_and_are_no_slower_for_it() {
    let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (noted, now_open, highest) = (times.clone(), open.clone(), most.clone());
    let target = Target::new(move |mut stream| {
        highest.fetch_max(now_open.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
        noted.lock().unwrap().push(Instant::now());
        head(&mut stream);
        std::thread::sleep(Duration::from_millis(20));
        now_open.fetch_sub(1, Ordering::AcqRel);
        let _ = stream.write_all(page("200 OK", "fine").as_bytes());
    });
    let clock = Arc::new(SystemClock::new());
    let own = Arc::new(OwnHealth::new(clock.clone()));
    let manners = Arc::new(Manners::of(PerHost { requests_per_second: 50, connections: 6 }));
    let prober = Arc::new(Prober::new(Outbound::new(), own.clone(), clock, manners));
    let mut knocks = tokio::task::JoinSet::new();
    for number in 0..100 {
        let (prober, url) = (prober.clone(), target.url().parse().unwrap());
        let id = Id::parse(&format!("e{number}")).unwrap();
        let mut endpoint = Endpoint::get(id.clone(), id, url);
        endpoint.degraded_after = Duration::from_secs(5);
        knocks.spawn(async move { prober.probe(&endpoint, Depth::Whole, Duration::ZERO).await });
    }
    let mut totals = Vec::new();
    for probed in crate::support::ticking(&own, knocks.join_all()).await {
        assert_eq!(probed.result.outcome, Outcome::Success);
        totals.push(probed.result.total);
    }
    totals.sort();
    let times = times.lock().unwrap();
    let took = *times.iter().max().unwrap() - *times.iter().min().unwrap();
    assert!(Duration::from_millis(1800) <= took, "50 a second, after the first: {took:?}");
    assert!(most.load(Ordering::Acquire) <= 6, "{most:?} at once");
    assert!(totals[50] < Duration::from_millis(500), "waiting is no latency: {:?}", totals[50]);
}

/// Each expression reads it anew, for a tenth of a second and more.
#[test]
fn a_page_that_takes_long_to_read_is_no_standstill_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    let long = format!("<title>fine</title>{}", "\u{0}&#x0;<".repeat(140_000));
    let target = Target::new(move |mut stream| {
        head(&mut stream);
        let _ = stream.write_all(page("200 OK", &long).as_bytes());
    });
    let expressions = (0..12).map(|nth| format!("'css(\"p{nth}\") == null'")).collect::<Vec<_>>();
    let config = format!(
        "{}deadline = \"20s\"\ndegraded_after = \"19s\"\nexpect = [{}]\n",
        plain(&target, "1h"),
        expressions.join(", ")
    );
    std::fs::write(dir.path().join("config.toml"), config).unwrap();
    let probed = said(&porchlight(dir.path(), &["probe", "page"]));
    assert!(probed.contains("outcome     success"), "{probed}");
}
