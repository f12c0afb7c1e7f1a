//! The config changes under a running daemon: what did not change does not notice.

use std::collections::HashMap;
use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use porchlight::app::{App, ReloadError, Ringing};
use porchlight::clock::{Clock, SystemClock};
use porchlight::config::{Config, Surroundings, read_secret};
use porchlight::probe::Outbound;
use porchlight::store::Sabotage;

use crate::support::{Daemon, MANNERLESS, get, health, wait_until};
use crate::target::{Target, page};

/// What a target hears: the paths in their order, with the time of each.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(String, Instant)>>>);

impl Heard {
    fn count(&self, path: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|(heard, _)| heard == path).count()
    }

    fn all(&self) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for (path, _) in self.0.lock().unwrap().iter() {
            *counts.entry(path.clone()).or_default() += 1;
        }
        counts
    }

    fn times(&self, path: &str) -> Vec<Instant> {
        self.0.lock().unwrap().iter().filter(|(heard, _)| heard == path).map(|(_, at)| *at).collect()
    }
}

/// A target that hears; `delay` is how long each answer takes.
fn hearing(delay: Duration) -> (Target, Heard) {
    let heard = Heard::default();
    let hears = heard.clone();
    let target = Target::new(move |mut stream| {
        let mut seen = Vec::new();
        let mut byte = [0_u8; 1];
        while !seen.ends_with(b"\r\n\r\n") && matches!(std::io::Read::read(&mut stream, &mut byte), Ok(1)) {
            seen.push(byte[0]);
        }
        let path = String::from_utf8_lossy(&seen).split(' ').nth(1).unwrap_or_default().to_owned();
        hears.0.lock().unwrap().push((path, Instant::now()));
        std::thread::sleep(delay);
        let _ = stream.write_all(page("200 OK", "fine").as_bytes());
    });
    (target, heard)
}

const WEB: &str = "[[component]]\nid = \"web\"\nname = { zh = \"网页登录\", en = \"Web\" }\n";

fn endpoint(target: &Target, id: &str, path: &str, every: &str) -> String {
    format!(
        "[[endpoint]]\nid = {id:?}\ncomponent = \"web\"\nurl = \"http://{}{path}\"\nevery = {every:?}\n",
        target.addr
    )
}

/// Puts another config in the place of the daemon's.
pub fn rewrite(daemon: &Daemon, config: &str) {
    let whole = format!(
        "{config}\n[server]\nlisten = \"{}\"\n[store]\ndata = {:?}\n",
        daemon.addr,
        daemon.dir.join("data").display().to_string()
    );
    let new = daemon.dir.join("config.new");
    std::fs::write(&new, whole).unwrap();
    std::fs::rename(new, daemon.dir.join("config.toml")).unwrap();
}

fn porchlight(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_porchlight"));
    command.arg("--config").arg(dir.join("config.toml")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn reloads(daemon: &Daemon, config: &str) -> String {
    rewrite(daemon, config);
    let output = porchlight(&daemon.dir, &["reload"]);
    assert_eq!(output.status.code(), Some(0), "{}\n{}", said(&output), daemon.log());
    said(&output)
}

/// What the database holds, asked beside the running daemon.
fn sql(dir: &Path, query: &str) -> String {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = rusqlite::Connection::open_with_flags(dir.join("data/porchlight.db"), flags).unwrap();
    database.busy_timeout(Duration::from_secs(5)).unwrap();
    let mut select = database.prepare(query).unwrap();
    let rows = select.query_map([], |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
    let text = |value| match value {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => panic!("{other:?}"),
    };
    rows.map(|row| text(row.unwrap())).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_bad_file_keeps_the_old_config_running_and_every_fault_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (target, heard) = hearing(Duration::ZERO);
    let daemon = Daemon::start(dir.path(), &format!("{WEB}{}", endpoint(&target, "a", "/a", "1s")));
    rewrite(&daemon, &format!("{WEB}[[endpoint]]\nid = \"b\"\nurll = \"x\"\nevery = \"soon\"\n"));
    let output = porchlight(dir.path(), &["reload"]);
    assert_eq!(output.status.code(), Some(78), "{}", said(&output));
    for word in ["the old config keeps running", "urll", "soon"] {
        assert!(said(&output).contains(word), "{word}: {}", said(&output));
    }
    daemon.signal("HUP");
    wait_until("the log says it as well", || {
        (daemon.log().matches("The old config keeps running").count() == 2).then_some(())
    });
    // One event, one line: nothing drawn is in the log.
    let log = daemon.log();
    let told = |line: &&str| line.contains("config.toml:") && line.contains("urll");
    assert_eq!(log.lines().filter(told).count(), 2, "{log}");
    assert!(!log.contains("\\n") && !log.contains("-->"), "{log}");
    let before = heard.count("/a");
    wait_until("the old endpoint is knocked at", || (before + 2 <= heard.count("/a")).then_some(()));
    std::fs::remove_file(dir.path().join("config.toml")).unwrap();
    let output =
        porchlight(dir.path(), &["--data", &dir.path().join("data").display().to_string(), "reload"]);
    assert_eq!(output.status.code(), Some(78), "{}", said(&output));
    wait_until("it is up", || (health(&daemon.summary(), "a") == "up").then_some(()));
}

#[test]
fn only_what_changed_restarts_and_everything_follows() {
    let dir = tempfile::tempdir().unwrap();
    let (target, heard) = hearing(Duration::ZERO);
    let of = |parts: &[(&str, &str)]| {
        let endpoints = parts.iter().map(|(id, path)| endpoint(&target, id, path, "60s"));
        format!("{WEB}{}", endpoints.collect::<String>())
    };
    let daemon = Daemon::start(dir.path(), &of(&[("same", "/same"), ("new", "/old"), ("gone", "/gone")]));
    // Each is confirmed once.
    wait_until("everyone is known", || {
        let counts = heard.all();
        ["/same", "/old", "/gone"].iter().all(|path| counts.get(*path) == Some(&2)).then_some(())
    });
    // Another order, one of another definition, one less and one more.
    let told = reloads(&daemon, &of(&[("more", "/more"), ("new", "/new"), ("same", "/same")]));
    for part in ["1 endpoint restarted (new)", "1 added (more)", "1 removed (gone)", "1 unchanged"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let began = Instant::now();
    wait_until("what is new is knocked at", || {
        (1 <= heard.count("/new") && heard.count("/more") == 2).then_some(())
    });
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    // Long enough for a knock too many to come.
    std::thread::sleep(Duration::from_secs(6));
    let counts = heard.all();
    let expected = [("/same", 2), ("/old", 2), ("/gone", 2), ("/more", 2), ("/new", 1)];
    assert_eq!(counts, expected.map(|(path, count)| (path.to_owned(), count)).into(), "{}", daemon.log());
    let summary = daemon.summary();
    assert_eq!(["more", "new", "same", "gone"].map(|id| health(&summary, id)), ["up", "up", "up", ""]);
    let changes = sql(dir.path(), "SELECT what || ' ' || subject || ' ' || detail FROM change ORDER BY id");
    for change in ["endpoint_added more", "endpoint_changed new request", "endpoint_removed gone"] {
        assert_eq!(changes.matches(change).count(), 1, "{change}: {changes}");
    }
    assert_eq!(changes.matches("component_added web").count(), 1, "{changes}");
}

#[test]
fn the_rhythm_of_what_did_not_change_is_not_disturbed() {
    let dir = tempfile::tempdir().unwrap();
    let (target, heard) = hearing(Duration::ZERO);
    let of = |path: &str| {
        format!("{WEB}{}{}", endpoint(&target, "beat", "/beat", "2s"), endpoint(&target, "other", path, "2s"))
    };
    let daemon = Daemon::start(dir.path(), &of("/0"));
    wait_until("the first word is confirmed", || (4 <= heard.count("/beat")).then_some(()));
    let from = heard.count("/beat");
    for round in 1..=20 {
        reloads(&daemon, &of(&format!("/{round}")));
        // A restart would put the next beat off, or knock too soon.
        std::thread::sleep(Duration::from_millis(500));
    }
    wait_until("some beats more", || (from + 6 <= heard.count("/beat")).then_some(()));
    let times = heard.times("/beat");
    for pair in times[from - 1..].windows(2) {
        let gap = pair[1].duration_since(pair[0]).as_secs_f64();
        assert!((gap - 2.0).abs() < 0.8, "{gap} s between two beats");
    }
}

#[test]
fn a_renamed_endpoint_keeps_its_history_and_loses_no_result_in_flight() {
    let dir = tempfile::tempdir().unwrap();
    let (target, heard) = hearing(Duration::from_millis(1500));
    let daemon = Daemon::start(dir.path(), &format!("{WEB}{}", endpoint(&target, "old", "/x", "60s")));
    wait_until("it is known", || (health(&daemon.summary(), "old") == "up").then_some(()));
    let before = sql(dir.path(), "SELECT group_concat(from_ms) FROM span");
    // Its next knock is on its way while it is renamed.
    reloads(&daemon, &format!("{WEB}{}", endpoint(&target, "old", "/y", "60s")));
    wait_until("the new definition is knocked at", || (heard.count("/y") == 1).then_some(()));
    let renamed = format!("{WEB}{}was = [\"old\"]\n", endpoint(&target, "young", "/y", "60s"));
    let told = reloads(&daemon, &renamed);
    assert!(told.contains("1 renamed (old to young)"), "{told}");
    wait_until("all that was heard is stored", || {
        let stored = sql(
            dir.path(),
            "SELECT count(*) FROM result JOIN endpoint e ON e.id = endpoint WHERE e.name = 'young'",
        );
        (stored == heard.0.lock().unwrap().len().to_string()).then_some(())
    });
    assert_eq!(sql(dir.path(), "SELECT group_concat(name) FROM endpoint"), "young");
    assert_eq!(sql(dir.path(), "SELECT group_concat(from_ms) FROM span"), before);
    assert_eq!(health(&daemon.summary(), "young"), "up");
    // Away and back: history and health go on.
    reloads(&daemon, &format!("{WEB}{}", endpoint(&target, "else", "/else", "60s")));
    reloads(&daemon, &renamed);
    wait_until("it is known again", || (health(&daemon.summary(), "young") == "up").then_some(()));
    let young =
        "SELECT count(*) FROM span JOIN endpoint e ON e.id = endpoint WHERE e.name = 'young' AND health = 0";
    assert_ne!(sql(dir.path(), young), "0");
}

#[test]
fn twenty_reloads_in_a_row_lose_no_result_and_leave_no_worker_behind() {
    const ENDPOINTS: usize = 10;
    let dir = tempfile::tempdir().unwrap();
    let (target, heard) = hearing(Duration::from_millis(300));
    // Every round another half of them is there, and some change their path.
    let of = |round: usize| {
        let here = (0..ENDPOINTS).filter(|index| round == 0 || !(index + round).is_multiple_of(2));
        let each = here
            .map(|index| endpoint(&target, &format!("e{index}"), &format!("/e{index}?{}", round / 3), "1s"));
        format!("{MANNERLESS}{WEB}{}", each.collect::<String>())
    };
    let mut daemon = Daemon::start(dir.path(), &of(0));
    wait_until("knocking has begun", || (ENDPOINTS <= heard.0.lock().unwrap().len()).then_some(()));
    for round in 1..=20 {
        rewrite(&daemon, &of(round));
        if round % 2 == 0 {
            daemon.signal("HUP");
            daemon.signal("HUP");
        } else {
            let output = porchlight(dir.path(), &["reload"]);
            assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        }
    }
    assert!(porchlight(dir.path(), &["reload"]).status.success());
    let from: usize = heard.0.lock().unwrap().len();
    let began = Instant::now();
    std::thread::sleep(Duration::from_secs(6));
    let knocks = heard.0.lock().unwrap().len() - from;
    let seconds = began.elapsed().as_secs_f64();
    // Five endpoints, one knock a second each; the first ones and confirmations besides.
    let most = 5.0 * seconds * 1.5 + 10.0;
    assert!(f64::from(u32::try_from(knocks).unwrap()) < most, "{knocks} knocks in {seconds} s");
    daemon.signal("TERM");
    assert!(daemon.child.wait().unwrap().success(), "{}", daemon.log());
    let stored: usize = sql(dir.path(), "SELECT count(*) FROM result").parse().unwrap();
    let heard = heard.0.lock().unwrap().len();
    // What was in flight when it stopped may be told as unknown without having been heard.
    assert!(heard <= stored && stored <= heard + ENDPOINTS, "{heard} heard, {stored} stored");
}

#[test]
fn the_page_speaks_of_the_new_site_as_soon_as_the_reload_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let (target, _) = hearing(Duration::ZERO);
    let of = |site: &str| format!("[site]\nname = {site:?}\n{WEB}{}", endpoint(&target, "a", "/a", "60s"));
    let daemon = Daemon::start(dir.path(), &of("First House"));
    assert!(get(daemon.addr, "/en/c/web").text().contains("First House"));
    reloads(&daemon, &of("Second House"));
    for path in ["/", "/en/", "/c/web", "/en/c/web", "/api/v1/summary.json"] {
        let text = get(daemon.addr, path).text();
        assert!(!text.contains("First House"), "{path}: {text}");
        assert!(path.contains("json") || text.contains("Second House"), "{path}: {text}");
    }
}

#[test]
fn what_cannot_change_while_running_is_kept_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let (target, _) = hearing(Duration::ZERO);
    let config = format!("{WEB}{}", endpoint(&target, "a", "/a", "60s"));
    let daemon = Daemon::start(dir.path(), &config);
    let data = dir.path().join("data").display().to_string();
    let moved = format!(
        "{config}\n[server]\nlisten = \"127.0.0.1:1\"\n[store]\ndata = \"elsewhere\"\n[sample]\n[metrics]\nlisten = \"127.0.0.1:2\"\n"
    );
    std::fs::write(dir.path().join("config.toml"), moved).unwrap();
    let output = porchlight(dir.path(), &["--data", &data, "reload"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for key in ["server.listen", "store.data", "sample", "metrics"] {
        let sentence = format!("`{key}` changed: restart porchlight to apply it");
        assert_eq!(said(&output).matches(&sentence).count(), 1, "{sentence}: {}", said(&output));
    }
    assert_eq!(get(daemon.addr, "/").status, 200);
    assert!(!dir.path().join("elsewhere").exists());
}

#[test]
fn every_change_is_told_components_and_notices_too() {
    let dir = tempfile::tempdir().unwrap();
    let (target, _) = hearing(Duration::ZERO);
    let way = endpoint(&target, "a", "/a", "60s");
    let notice = |starts: &str| {
        format!(
            "[[maintenance]]\nid = \"past\"\ntitle = \"T\"\ncomponents = [\"web\"]\n\
             starts_at = \"{starts}\"\nends_at = \"2020-01-01T04:00:00Z\"\n"
        )
    };
    let daemon = Daemon::start(dir.path(), &format!("{WEB}{way}{}", notice("2020-01-01T02:00:00Z")));
    let more: String = (0..9).map(|n| format!("[[component]]\nid = \"c{n}\"\nname = \"C{n}\"\n")).collect();
    let news = "[[announcement]]\nid = \"news\"\ntitle = \"News\"\n";
    let renamed = WEB.replace("\"Web\"", "\"Browser\"");
    let told = reloads(&daemon, &format!("{renamed}{more}{way}{news}{}", notice("2020-01-01T01:00:00Z")));
    assert!(told.contains("10 components changed (") && told.contains(", …)"), "{told}");
    assert!(told.contains("1 notice changed (news)"), "{told}");
    let log = daemon.log();
    let lines: Vec<&str> = log.lines().filter(|it| it.contains("The configuration changed")).collect();
    let stored = sql(dir.path(), "SELECT count(*) FROM change WHERE id > 3").parse::<usize>().unwrap();
    assert_eq!((lines.len(), stored), (12, 12), "{log}");
    for (what, subject) in
        [("component_changed", "web"), ("component_added", "c8"), ("notice_published", "news")]
    {
        let told = lines.iter().filter(|it| it.contains(what) && it.contains(&format!("subject={subject}")));
        assert_eq!(told.count(), 1, "{what} {subject}: {log}");
    }
    let json = porchlight(dir.path(), &["reload", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["refused"], serde_json::json!(["past"]), "{json}");
}

#[test]
fn a_stop_while_it_starts_ends_it_cleanly() {
    for _ in 0..10 {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        let port = crate::support::free_port();
        std::fs::write(
            &file,
            format!(
                "{WEB}[[endpoint]]\nid = \"a\"\ncomponent = \"web\"\nurl = \"http://127.0.0.1:1/\"\n\
                 [server]\nlisten = \"127.0.0.1:{port}\"\n[store]\ndata = {:?}\n",
                dir.path().join("data").display().to_string()
            ),
        )
        .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_porchlight"));
        command.arg("--config").arg(&file).stdout(std::process::Stdio::null());
        let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
        // From when the data directory is there it listens to signals, and may still be starting.
        wait_until("it starts", || dir.path().join("data").exists().then_some(()));
        assert!(Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert!(!dir.path().join("data/porchlight.sock").exists());
    }
}

#[test]
fn a_second_stop_signal_stops_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(dir.path(), WEB);
    // A visitor who asks for more than the system holds, and reads none of it,
    // holds the stop up for its grace.
    let mut visitor = std::net::TcpStream::connect(daemon.addr).unwrap();
    visitor.write_all("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3_000).as_bytes()).unwrap();
    let (mut held, mut room) = (vec![0], vec![0; 32 << 20]);
    wait_until("the system holds no more", || {
        held.push(visitor.peek(&mut room).unwrap());
        held.iter().rev().take(10).collect::<HashSet<_>>().len().eq(&1).then_some(())
    });
    daemon.signal("TERM");
    wait_until("it is stopping", || daemon.log().contains("a second signal stops at once").then_some(()));
    daemon.signal("TERM");
    assert_eq!(daemon.child.wait().unwrap().code(), Some(1), "{}", daemon.log());
    assert!(daemon.log().contains("stopped at once by a second signal"), "{}", daemon.log());
}

#[test]
fn a_store_that_does_not_answer_makes_the_reload_fail_whole() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let (target, _) = hearing(Duration::ZERO);
    let parse = |id: &str| {
        let text = format!(
            "{WEB}{}[server]\nlisten = \"127.0.0.1:{}\"\n[store]\ndata = \"data\"\n",
            endpoint(&target, id, "/", "60s"),
            crate::support::free_port()
        );
        let around = Surroundings { file: &read_secret, dir: dir.path(), ..Surroundings::none() };
        Config::parse(&text, "config.toml", &around, SystemClock::new().now().wall).unwrap().0
    };
    runtime.block_on(async {
        let clock = Arc::new(SystemClock::new());
        let app = App::start(parse("old"), Outbound::new(), clock, Ringing::ByHand).await.unwrap();
        let watched = || {
            let facts = app.spine.facts.borrow().clone();
            facts.endpoints.iter().map(|it| it.endpoint.id.to_string()).collect::<Vec<_>>()
        };
        app.spine.store.sabotage(Sabotage::Hang);
        let failed = app.live.reload(parse("new")).await;
        assert!(matches!(failed, Err(ReloadError::Store(_))), "{failed:?}");
        assert_eq!(watched(), ["old"]);
        app.spine.store.sabotage(Sabotage::None);
        // Nothing of it happens later either.
        let done = app.live.reload(parse("third")).await.unwrap();
        assert_eq!((done.added.len(), done.removed.len()), (1, 1), "{done:?}");
        assert_eq!(watched(), ["third"]);
        app.stop().await.unwrap();
    });
    assert_eq!(sql(dir.path(), "SELECT name FROM endpoint ORDER BY name"), "old\nthird");
}
