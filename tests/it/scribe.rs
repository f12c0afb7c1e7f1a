//! A process that only stores: results numbered from 1, each told on its standard
//! output once it is acknowledged. Others kill it, starve it, cut its power.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use porchlight::domain::endpoint::Id;
use porchlight::domain::moment::Moment;
use porchlight::domain::outcome::Outcome;
use porchlight::domain::probe::ProbeResult;
use porchlight::store::{BACKLOG, Options, Recorded, Recording, Sabotage, Store};
use rusqlite::Connection;

const DIR: &str = "SCRIBE_DIR";
const COUNT: &str = "SCRIBE_COUNT";
const NORMAL: &str = "SCRIBE_SYNC_NORMAL";
const ACKNOWLEDGED: &str = "acknowledged ";

/// The first number's time; each later one is a millisecond later.
const SINCE: i64 = 1_795_000_000_000;

#[test]
#[ignore = "a child of other tests"]
fn scribe() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let count: i64 = std::env::var(COUNT).unwrap().parse().unwrap();
    let (store, writer) = Store::open(&Options { dir: dir.into(), backlog: BACKLOG }).unwrap();
    let writer = std::thread::spawn(|| writer.run());
    if std::env::var(NORMAL).is_ok() {
        store.sabotage(Sabotage::SyncNormal);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let say = |number: i64, recorded: Recorded| {
            if recorded == Recorded::Stored {
                // Nobody listens any more when the power is cut.
                let _ = writeln!(std::io::stdout().lock(), "{ACKNOWLEDGED}{number}");
            }
        };
        // Five share a commit; they are taken in in their order.
        for number in (1..=count).step_by(5) {
            let one = |offset| store.record(recording(number + offset));
            let all = tokio::join!(one(0), one(1), one(2), one(3), one(4));
            for (offset, recorded) in (0..).zip([all.0, all.1, all.2, all.3, all.4]) {
                say(number + offset, recorded);
            }
        }
    });
    store.close();
    writer.join().unwrap();
}

fn recording(number: i64) -> Recording {
    let wall = Timestamp::from_millisecond(SINCE + number).unwrap();
    let result = ProbeResult {
        at: Moment { wall, mono: Duration::from_millis(number.unsigned_abs()) },
        total: Duration::from_millis(20),
        outcome: Outcome::Success,
        http_status: Some(200),
        fresh_for: Duration::from_secs(30),
    };
    Recording { endpoint: Id::parse("web").unwrap(), result, transitions: vec![] }
}

/// One that runs, and what it has told so far.
pub struct Scribe {
    pub child: Child,
    acknowledged: Arc<Mutex<Vec<i64>>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Scribe {
    /// `before` are a program and its arguments that run it, such as strace.
    pub fn start(data: &Path, count: i64, before: &[&str], sync_normal: bool) -> Self {
        let mut words: Vec<String> = before.iter().map(|&it| it.to_owned()).collect();
        words.push(std::env::current_exe().unwrap().display().to_string());
        words.extend(["--exact", "scribe::scribe", "--ignored", "--nocapture"].map(str::to_owned));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).env(DIR, data).env(COUNT, count.to_string());
        if sync_normal {
            command.env(NORMAL, "1");
        }
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&acknowledged);
        let reader = std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                // The test harness writes its own words on the same line as the first.
                if let Some((_, number)) = line.split_once(ACKNOWLEDGED) {
                    told.lock().unwrap().push(number.trim().parse().unwrap());
                }
            }
        });
        Self { child, acknowledged, reader: Some(reader) }
    }

    pub fn acknowledged(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Waits for its end; says whether it ended well, and all that it told.
    pub fn wait(mut self) -> (bool, Vec<i64>) {
        let ended = self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        let told = std::mem::take(&mut *self.acknowledged.lock().unwrap());
        (ended.success(), told)
    }

    pub fn kill(mut self) -> Vec<i64> {
        let _ = self.child.kill();
        self.wait().1
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The numbers that are stored, in the order of the log; the file must be sound.
pub fn stored(database: &Path) -> Vec<i64> {
    let connection = Connection::open(database).unwrap();
    let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let mut select = connection.prepare("SELECT at_ms FROM result JOIN endpoint ON endpoint.id = endpoint WHERE name = 'web' ORDER BY result.id").unwrap();
    let rows = select.query_map([], |row| row.get::<_, i64>(0)).unwrap();
    rows.map(|at| at.unwrap() - SINCE).collect()
}

#[test]
fn what_it_tells_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let (well, told) = Scribe::start(dir.path(), 50, &[], false).wait();
    assert!(well);
    assert_eq!(told, (1..=50).collect::<Vec<_>>());
    assert_eq!(stored(&dir.path().join("porchlight.db")), told);
}
