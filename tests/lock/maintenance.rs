//! Four hours with a maintenance of two: nobody is logged in while it runs, what comes
//! before the login is looked at all the same, and logins go on at their own rhythm.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use porchlight::config::{Config, Surroundings};
use porchlight::domain::component::{Lang, Text};
use porchlight::domain::endpoint::Id;
use porchlight::domain::notice::{Covers, Maintenance};
use porchlight::domain::span::Health;
use porchlight::probe::Wire;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use url::Url;

use crate::house::{House, Time, live};
use crate::lockout::site;

const LOGINS: usize = 40;
const EVERY: u64 = 360;
/// The first window, and one that a person ends before its time.
const FIRST: (u64, u64) = (3600, 10_800);
const SECOND: (u64, u64) = (12_600, 16_200);
const ENDED: u64 = 13_500;
const END: u64 = 16_000;
/// A round that began before a window ends as it began; one waits for its turn at the host.
const UNDER_WAY: u64 = 10;

/// What it was asked: when, how and for which endpoint.
struct Asked {
    second: u64,
    posts: bool,
    path: String,
}

/// A page with a login that lets everybody in.
struct Street {
    time: Arc<Time>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Wire for Street {
    fn connect(&self, _: &Url) -> Option<DuplexStream> {
        let (ours, mut theirs) = tokio::io::duplex(16 * 1024);
        let (time, asked) = (self.time.clone(), self.asked.clone());
        tokio::spawn(async move {
            let mut seen = vec![0; 4096];
            let read = theirs.read(&mut seen).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&seen[..read]).into_owned();
            let mut words = head.split(' ');
            let posts = words.next() == Some("POST");
            let path = words.next().unwrap_or_default().trim_matches('/').to_owned();
            asked.lock().unwrap().push(Asked { second: time.since_start().as_secs(), posts, path });
            let status = if head.starts_with("POST /canary") { "401 Unauthorized" } else { "200 OK" };
            let page = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 5\r\n\r\nfine\n");
            drop(theirs.write_all(page.as_bytes()).await);
        });
        Some(ours)
    }

    fn run(&self, connection: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(connection);
    }
}

fn config() -> Config {
    let endpoint = |id: &str, more: &str| {
        format!(
            "[[endpoint]]\nid = \"{id}\"\ncomponent = \"web\"\nurl = \"http://127.0.0.1:8081/{id}\"\n\
             every = \"{EVERY}s\"\n{more}"
        )
    };
    let steps = "[[endpoint.step]]\nname = \"page\"\n[[endpoint.step]]\nname = \"sign in\"\nmethod = \"POST\"\n\
                 form = { name = \"{{username}}\", word = \"{{password}}\" }\n";
    let mut file = "[[component]]\nid = \"web\"\nname = \"Web\"\n".to_owned();
    let account =
        |id: &str| format!("[[account]]\nid = \"{id}\"\nusername = \"{id}\"\npassword = {{ env = \"P\" }}\n");
    for n in 0..LOGINS {
        file += &account(&format!("a{n}"));
        file += &endpoint(&format!("login{n}"), &format!("account = \"a{n}\"\n{steps}"));
    }
    file += &account("always");
    file += &endpoint("always", &format!("account = \"always\"\nlog_in_during_maintenance = true\n{steps}"));
    let canary = endpoint("canary", &format!("wrong_password = true\n{steps}"));
    file += &canary.replace(&format!("every = \"{EVERY}s\""), "every = \"15m\"");
    let around = Surroundings { env: &|_| Some("hunter2".to_owned()), ..Surroundings::none() };
    let (config, _) = Config::parse(&file, "config.toml", &around, Timestamp::UNIX_EPOCH)
        .unwrap_or_else(|it| panic!("{it}"));
    config
}

fn window(time: &Time, (from, to): (u64, u64), ended: Option<u64>) -> Maintenance {
    let at = |second| time.wall() - time.since_start() + Duration::from_secs(second);
    Maintenance {
        id: Id::parse("m").unwrap(),
        title: Text::One(Lang::En, "upgrade".into()),
        body: None,
        covers: Covers { components: vec![Id::parse("web").unwrap()], endpoints: vec![] },
        starts_at: at(from),
        ends_at: at(to),
        announced_end: at(to),
        published_at: at(0),
        ended_at: ended.map(at),
    }
}

/// Lives through all of it; gives what was asked.
fn four_hours() -> Vec<Asked> {
    let dir = tempfile::tempdir().unwrap();
    let (time, asked) = (Arc::new(Time::default()), Arc::default());
    let config = config();
    let street = Arc::new(Street { time: time.clone(), asked: Arc::clone(&asked) });
    live(async {
        let it = (site(), config.components.clone(), &config.endpoints[..]);
        let house = House::open(dir.path(), &time, street, it).await;
        let until = async |second| {
            tokio::time::sleep(Duration::from_secs(second).saturating_sub(time.since_start())).await;
        };
        house.announce(vec![window(&time, FIRST, None), window(&time, SECOND, None)]);
        let visited = house.crew.worker(&Id::parse("login0").unwrap()).unwrap();
        until(FIRST.0 + 1000).await;
        assert_eq!(house.told("login1"), Health::Up, "it speaks as long as ever");
        let until_when = visited.no_login_until().map(|it| Time::of(it).as_secs());
        assert_eq!(until_when, Some(FIRST.1));
        until(9000).await;
        assert_eq!(house.told("login1"), Health::Unknown, "nobody looked for an hour");
        assert_eq!(house.told("always"), Health::Up);
        let probed = visited.visit().await.1;
        assert_eq!(probed.result.outcome.kind(), "success", "a person asked");
        until(FIRST.1 + EVERY + UNDER_WAY).await;
        for n in 0..LOGINS {
            assert_eq!(house.told(&format!("login{n}")), Health::Up, "login{n}: its first login says it");
        }
        until(ENDED).await;
        assert!(visited.no_login_until().is_some());
        house.announce(vec![window(&time, FIRST, None), window(&time, SECOND, Some(ENDED))]);
        assert!(visited.no_login_until().is_none());
        until(END).await;
        house.close().await;
    });
    Arc::into_inner(asked).map_or_else(Vec::new, |it| it.into_inner().unwrap())
}

#[test]
fn nobody_logs_in_while_a_maintenance_runs_and_everybody_at_his_own_time_after_it() {
    let asked = four_hours();
    let seconds = |path: &str, posts: bool, (from, to): (u64, u64)| -> Vec<u64> {
        let of = asked.iter().filter(|it| it.path == path && it.posts == posts);
        of.map(|it| it.second).filter(|it| (from..to).contains(it)).collect()
    };
    let inside = |window: (u64, u64)| (window.0 + UNDER_WAY, window.1);
    let rounds = usize::try_from((FIRST.1 - FIRST.0) / EVERY).unwrap();
    for n in 0..LOGINS {
        let id = format!("login{n}");
        let by_person = usize::from(n == 0);
        assert_eq!(seconds(&id, true, inside(FIRST)).len(), by_person, "{id} in a maintenance");
        assert_eq!(seconds(&id, true, inside((SECOND.0, ENDED))), [0; 0], "{id} in the second");
        let looked = seconds(&id, false, FIRST).len();
        assert!((rounds - 1..=rounds + 1 + by_person).contains(&looked), "{id} looked {looked} times");
        let (before, after) = (seconds(&id, true, (EVERY, FIRST.0)), seconds(&id, true, (FIRST.1, SECOND.0)));
        assert!(before.len() >= 8 && after.len() >= 4, "{id}: {before:?} {after:?}");
        let place = before[0] % EVERY;
        for it in before.iter().chain(&after) {
            let off = (it + EVERY - place) % EVERY;
            assert!(off.min(EVERY - off) <= UNDER_WAY, "{id} at its own time: {before:?} {after:?}");
        }
        assert!(after[0] < FIRST.1 + EVERY + UNDER_WAY, "{id}: {after:?}");
        assert!(!seconds(&id, true, (ENDED, ENDED + EVERY + UNDER_WAY)).is_empty(), "{id}: ended early");
    }
    assert_eq!(seconds("canary", true, inside(FIRST)), [0; 0], "no wrong password either");
    assert!(!seconds("canary", false, inside(FIRST)).is_empty());
    let always = seconds("always", true, FIRST).len();
    assert!((rounds - 1..=rounds + 1).contains(&always), "its operator wants it so: {always}");
}
