//! Is it us? Canaries that die, a portal that answers for everybody, and a LAN beside them.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use porchlight::domain::outcome::UnknownReason;

use crate::support::{Daemon, get, health, wait_until};
use crate::target::{Target, page, read_head};

const WELL: u8 = 0;
/// Hangs up without a word.
const DEAD: u8 = 1;
/// Answers with its own page, whoever is asked for.
const PORTAL: u8 = 2;

/// What stands behind one network: its endpoint and its three canaries, all of
/// which do as they are told.
struct Uplink {
    does: Arc<AtomicU8>,
    endpoint: Target,
    canaries: Vec<(Target, Arc<AtomicU8>)>,
}

fn door(does: &Arc<AtomicU8>, says: &'static str) -> Target {
    let does = Arc::clone(does);
    Target::new(move |mut stream| {
        if does.load(Ordering::Acquire) == DEAD {
            return;
        }
        read_head(&mut stream);
        let says = if does.load(Ordering::Acquire) == PORTAL { "please sign in to this Wi-Fi" } else { says };
        let _ = stream.write_all(page("200 OK", says).as_bytes());
    })
}

impl Uplink {
    fn new() -> Self {
        let does = Arc::new(AtomicU8::new(WELL));
        let canary = || {
            let own = Arc::new(AtomicU8::new(WELL));
            (door(&own, "nonce 4f1c9a"), own)
        };
        Self { endpoint: door(&does, "welcome"), does, canaries: (0..3).map(|_| canary()).collect() }
    }

    fn all(&self, does: u8) {
        self.does.store(does, Ordering::Release);
        self.canaries(3, does);
    }

    fn canaries(&self, how_many: usize, does: u8) {
        for (_, it) in self.canaries.iter().take(how_many) {
            it.store(does, Ordering::Release);
        }
    }

    fn network(&self, id: &str) -> String {
        let canary =
            |it: &(Target, _)| format!("{{ url = \"http://{}/\", contains = \"4f1c9a\" }}", it.0.addr);
        let canaries: Vec<String> = self.canaries.iter().map(canary).collect();
        format!("[[network]]\nid = {id:?}\ncanaries = [{}]\n", canaries.join(", "))
    }

    /// An endpoint that takes any page for a good one, as many do.
    fn endpoint(&self, id: &str, more: &str) -> String {
        let url = self.endpoint.url();
        format!(
            "[[component]]\nid = {id:?}\nname = {id:?}\n[[endpoint]]\nid = {id:?}\ncomponent = {id:?}\nurl = {url:?}\n\
             every = \"5s\"\ndeadline = \"2s\"\n{more}"
        )
    }
}

fn codes(daemon: &Daemon, endpoint: &str) -> Vec<u8> {
    let connection = rusqlite::Connection::open(daemon.dir.join("data/porchlight.db")).unwrap();
    let sql = "SELECT outcome FROM result JOIN endpoint ON endpoint.id = result.endpoint
        WHERE endpoint.name = ?1 ORDER BY result.id";
    let mut query = connection.prepare(sql).unwrap();
    query.query_map([endpoint], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn ours() -> u8 {
    UnknownReason::OwnNetwork.code()
}

fn is_failure(code: &u8) -> bool {
    (1..96).contains(code)
}

fn down_s(daemon: &Daemon, component: &str) -> u64 {
    let summary = daemon.summary();
    let all = summary["components"].as_array().unwrap();
    let it = all.iter().find(|it| it["id"] == component).unwrap();
    it["uptime_90d"]["down_s"].as_u64().unwrap_or_default()
}

fn until_health(daemon: &Daemon, endpoint: &str, wanted: &str) {
    wait_until(&format!("{endpoint} is {wanted}"), || {
        (health(&daemon.summary(), endpoint) == wanted).then_some(())
    });
}

#[test]
fn when_our_network_is_lost_what_fails_there_is_unknown_at_once_and_the_lan_is_judged_on() {
    let (internet, lan) = (Uplink::new(), Uplink::new());
    let dir = tempfile::tempdir().unwrap();
    let config = [
        internet.endpoint("far", ""),
        lan.endpoint("near", "network = \"lan\"\n"),
        internet.network("default"),
        lan.network("lan"),
    ];
    let daemon = Daemon::start(dir.path(), &config.concat());
    until_health(&daemon, "far", "up");
    until_health(&daemon, "near", "up");
    let before = daemon.summary();
    assert_eq!(before["own_network"]["lost_since"], serde_json::Value::Null);

    internet.all(DEAD);
    // Three intervals of silence would be 17 seconds; it must not take the silence.
    let began = std::time::Instant::now();
    until_health(&daemon, "far", "unknown");
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    let summary = daemon.summary();
    assert_eq!(health(&summary, "near"), "up");
    assert_eq!(summary["own_network"]["components"], serde_json::json!(["far"]));
    let since: jiff::Timestamp = summary["own_network"]["lost_since"].as_str().unwrap().parse().unwrap();
    assert!(since <= jiff::Timestamp::now());
    for (path, said) in [("/", "门灯自己的网络有一路不通，无法确认far"), ("/en/", "a network of Porchlight")]
    {
        let page = get(daemon.addr, path).text();
        assert!(page.contains(said), "{path}: {page}");
    }
    let ready = get(daemon.addr, "/readyz");
    assert_eq!(ready.status, 503, "{}", ready.text());
    assert!(ready.text().contains("our own network is down"), "{}", ready.text());

    // The LAN's own outage is one, meanwhile.
    lan.does.store(DEAD, Ordering::Release);
    until_health(&daemon, "near", "down");
    lan.does.store(WELL, Ordering::Release);
    until_health(&daemon, "near", "up");

    // The canaries are back: all is judged again, an outage, too.
    internet.canaries(3, WELL);
    until_health(&daemon, "far", "down");
    internet.does.store(WELL, Ordering::Release);
    until_health(&daemon, "far", "up");
    assert_eq!(daemon.summary()["own_network"]["lost_since"], serde_json::Value::Null);
    assert_eq!(get(daemon.addr, "/readyz").status, 200);
    // From the first word on it was us: before the canaries came back nothing counted as a failure.
    let codes = codes(&daemon, "far");
    let lost = codes.iter().position(|it| *it == ours()).unwrap();
    assert!(codes[..lost].iter().all(|it| *it == 0), "{codes:?}");
    assert!(codes[lost..].iter().skip_while(|it| **it == ours()).any(is_failure), "{codes:?}");
}

#[test]
fn a_lost_network_takes_nothing_off_the_uptime_of_what_is_behind_it() {
    let internet = Uplink::new();
    let dir = tempfile::tempdir().unwrap();
    let config = internet.endpoint("far", "failure_threshold = 1\n") + &internet.network("default");
    let daemon = Daemon::start(dir.path(), &config);
    until_health(&daemon, "far", "up");
    internet.all(DEAD);
    until_health(&daemon, "far", "unknown");
    let lost = codes(&daemon, "far").len();
    wait_until("it goes on knocking", || (lost + 2 < codes(&daemon, "far").len()).then_some(()));
    internet.all(WELL);
    until_health(&daemon, "far", "up");
    let codes = codes(&daemon, "far");
    assert!(codes.contains(&ours()) && !codes.iter().any(is_failure), "{codes:?}");
    assert_eq!(down_s(&daemon, "far"), 0);
    // The operator is told once, and shown by `status` for as long as it holds.
    let told = daemon.log().matches("network `default`: it is us who cannot look").count();
    assert!(told >= 1, "{}", daemon.log());
    wait_until("it is over", || daemon.summary()["own_network"]["lost_since"].is_null().then_some(()));
}

/// T26.
#[test]
fn a_portal_that_answers_for_everybody_is_no_success() {
    let internet = Uplink::new();
    let dir = tempfile::tempdir().unwrap();
    let config = internet.endpoint("far", "") + &internet.network("default");
    let daemon = Daemon::start(dir.path(), &config);
    until_health(&daemon, "far", "up");
    internet.all(PORTAL);
    // Nothing fails, so nobody asks the canaries out of turn: a quarter of a minute.
    until_health(&daemon, "far", "unknown");
    assert_eq!(daemon.summary()["verdict"], "unknown");
    internet.all(WELL);
    until_health(&daemon, "far", "up");
    let codes = codes(&daemon, "far");
    assert!(codes.contains(&ours()) && !codes.iter().any(is_failure), "{codes:?}");
}

#[test]
fn one_dead_canary_of_three_changes_nothing() {
    let internet = Uplink::new();
    internet.canaries(1, DEAD);
    let dir = tempfile::tempdir().unwrap();
    let config = internet.endpoint("far", "") + &internet.network("default");
    let daemon = Daemon::start(dir.path(), &config);
    until_health(&daemon, "far", "up");
    internet.does.store(DEAD, Ordering::Release);
    until_health(&daemon, "far", "down");
    let codes = codes(&daemon, "far");
    assert!(!codes.contains(&ours()), "{codes:?}");
    assert_eq!(daemon.summary()["own_network"]["lost_since"], serde_json::Value::Null);
}

#[test]
fn networks_come_and_go_by_a_reload_and_canaries_are_knocked_at_lightly() {
    let internet = Uplink::new();
    internet.canaries(3, DEAD);
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &internet.endpoint("far", ""));
    until_health(&daemon, "far", "up");
    let knocks =
        || -> usize { internet.canaries.iter().map(|it| it.0.accepted.load(Ordering::Acquire)).sum() };
    assert_eq!(knocks(), 0);
    let file = dir.path().join("config.toml");
    let without = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, without.clone() + &internet.network("default")).unwrap();
    daemon.signal("HUP");
    wait_until("the network is lost", || {
        daemon.summary()["own_network"]["lost_since"].is_string().then_some(())
    });
    let changed = daemon.log().lines().filter(|it| it.contains("network_added")).count();
    assert_eq!(changed, 1, "{}", daemon.log());
    assert!(daemon.log().contains("1 network changed (default)"), "{}", daemon.log());
    // What works is told to work: silence of canaries makes no success a lie.
    assert_eq!(health(&daemon.summary(), "far"), "up");
    std::thread::sleep(Duration::from_secs(5));
    // Each once in a quarter of a minute; twice where the machine was slow.
    assert!((3..=6).contains(&knocks()), "{}", knocks());
    std::fs::write(&file, without).unwrap();
    daemon.signal("HUP");
    wait_until("the network is forgotten", || {
        daemon.summary()["own_network"]["lost_since"].is_null().then_some(())
    });
    let forgotten = knocks();
    internet.does.store(DEAD, Ordering::Release);
    until_health(&daemon, "far", "down");
    assert_eq!(knocks(), forgotten);
}

#[test]
fn a_canary_over_tcp_needs_nothing_but_a_connection() {
    let internet = Uplink::new();
    let canary = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = canary.local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let network = format!("[[network]]\nid = \"default\"\ncanaries = \"tcp://{place}\"\n");
    let daemon = Daemon::start(dir.path(), &(internet.endpoint("far", "") + &network));
    until_health(&daemon, "far", "up");
    drop(canary);
    internet.does.store(DEAD, Ordering::Release);
    until_health(&daemon, "far", "unknown");
    let codes = codes(&daemon, "far");
    assert!(codes.contains(&ours()) && !codes.iter().any(is_failure), "{codes:?}");
}
