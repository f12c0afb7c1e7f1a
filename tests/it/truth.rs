//! Every public byte knows how long it is true: with rendering stopped, and
//! with storing stopped or failing, through the doors of a daemon in this process.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use porchlight::app::{App, Ringing};
use porchlight::clock::{Clock, SystemClock};
use porchlight::config::{Config, Surroundings, read_secret};
use porchlight::probe::Outbound;
use porchlight::store::{DATABASE_FILE, Sabotage};

use crate::support::{Answer, get, wait_until};
use crate::wallet::Wallet;

const PAGES: [&str; 4] = ["/", "/en/", "/c/web", "/en/c/web"];

fn parse(dir: &Path, wallet: &Wallet) -> Config {
    let text = format!(
        "{}\n[server]\nlisten = \"127.0.0.1:{}\"\n[store]\ndata = \"data\"\n",
        wallet.config("1s"),
        crate::support::free_port()
    );
    let around =
        Surroundings { file: &read_secret, sample: &porchlight::sample::secret, dir, ..Surroundings::none() };
    let (config, warnings) =
        Config::parse(&text, "config.toml", &around, SystemClock::new().now().wall).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    config
}

fn verdict(app: &App) -> String {
    get(app.addr, "/api/v1/summary.json").json()["verdict"].as_str().unwrap_or_default().to_owned()
}

/// The verdict's own words, in the page's language.
fn cannot_tell(path: &str, answer: &Answer) -> bool {
    let words = if path.starts_with("/en/") { "We can’t tell" } else { "暂时无法判断" };
    let text = answer.text();
    let h1 = text.split("<h1").nth(1).and_then(|it| it.split("</h1>").next()).unwrap_or_default();
    h1.replace("<wbr>", "").contains(words)
}

/// Runs `work` beside a daemon that is up and known to be well.
fn beside(work: impl FnOnce(&App, &Wallet) + Send) {
    beside_in(tempfile::tempdir().unwrap().path(), work);
}

fn beside_in(dir: &Path, work: impl FnOnce(&App, &Wallet) + Send) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let wallet = Wallet::new();
    let config = parse(dir, &wallet);
    let app = runtime
        .block_on(App::start(config, Outbound::new(), Arc::new(SystemClock::new()), Ringing::OnSchedule))
        .unwrap();
    wait_until("it is known to be well", || (verdict(&app) == "yes").then_some(()));
    work(&app, &wallet);
    runtime.block_on(app.stop()).unwrap();
}

#[test]
fn when_rendering_stops_every_body_turns_by_its_time() {
    beside(|app, _| {
        app.publisher.sabotage();
        let valid_until = get(app.addr, "/api/v1/summary.json").json()["valid_until"].clone();
        let valid_until: jiff::Timestamp = valid_until.as_str().unwrap().parse().unwrap();
        wait_until("the summary cannot tell", || (verdict(app) == "unknown").then_some(()));
        // A second for the rounding of the printed time, and the margin of a busy machine.
        let late = jiff::Timestamp::now().duration_since(valid_until);
        assert!(late < jiff::SignedDuration::from_secs(10), "{late:#} late");
        for path in ["/", "/en/"] {
            let answer = get(app.addr, path);
            assert!(cannot_tell(path, &answer), "{path}: {}", answer.text());
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    });
}

#[test]
fn when_storing_stops_every_body_turns_by_its_time() {
    beside(|app, _| {
        app.spine.store.sabotage(Sabotage::Hang);
        wait_until("the summary cannot tell", || (verdict(app) == "unknown").then_some(()));
        for path in PAGES.into_iter().filter(|it| !it.contains("/c/")) {
            let answer = get(app.addr, path);
            assert!(cannot_tell(path, &answer), "{path}: {}", answer.text());
        }
        for path in PAGES.into_iter().filter(|it| it.contains("/c/")) {
            // Made when asked for, so true until its own endpoint falls silent.
            let lead =
                || get(app.addr, path).text().split("<h1").nth(1)?.split("<h2").next().map(str::to_owned);
            let unknown = || lead().filter(|it| it.contains("state unknown") && !it.contains("state ok"));
            wait_until(&format!("{path} says that there is no data"), unknown);
        }
        // Past the store's patience the results are refused at once; they are still not heard.
        std::thread::sleep(std::time::Duration::from_secs(8));
        assert_eq!(verdict(app), "unknown");
        app.spine.store.sabotage(Sabotage::None);
        wait_until("it is known again", || (verdict(app) == "yes").then_some(()));
    });
}

#[test]
fn when_storing_fails_the_page_goes_on_and_says_so() {
    beside(|app, wallet| {
        app.spine.store.sabotage(Sabotage::FailCommits);
        let said = || get(app.addr, "/api/v1/summary.json").json()["storing"].clone();
        wait_until("the page says so", || (said()["works"] == false).then_some(()));
        wallet.set("app", "error503");
        wait_until("news still come", || (verdict(app) == "partial").then_some(()));
        assert!(said()["waiting"].as_u64().is_some_and(|it| it > 0), "{}", said());
        let ready = get(app.addr, "/readyz");
        assert_eq!(ready.status, 503);
        assert!(ready.text().contains("FAILED  store: results are not being stored"), "{}", ready.text());
        assert_eq!(get(app.addr, "/livez").status, 200);
        app.spine.store.sabotage(Sabotage::None);
        wait_until("it is stored after all", || (said()["works"] == true).then_some(()));
        wait_until("it is ready again", || (get(app.addr, "/readyz").status == 200).then_some(()));
        assert_eq!(said()["lost"], 0);
    });
}

#[test]
fn a_page_broken_under_the_running_daemon_makes_it_not_ready_until_it_is_mended() {
    let dir = tempfile::tempdir().unwrap();
    // Written by a run before, so that it is in the file and not in the log beside it.
    beside_in(dir.path(), |_, _| ());
    let database = dir.path().join("data").join(DATABASE_FILE);
    let connection = rusqlite::Connection::open(&database).unwrap();
    crate::support::many_results(connection, 20_000);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    beside_in(dir.path(), |app, _| {
        let check = || runtime.block_on(app.spine.store.check()).unwrap();
        check();
        assert_eq!(get(app.addr, "/readyz").status, 200);
        let file = std::fs::OpenOptions::new().read(true).write(true).open(&database).unwrap();
        // In the middle of the results, which nobody reads.
        let place = file.metadata().unwrap().len() / 8192 * 4096;
        let mut page = [0; 4096];
        file.read_exact_at(&mut page, place).unwrap();
        file.write_all_at(&[0xA5; 4096], place).unwrap();
        check();
        let ready = get(app.addr, "/readyz");
        assert_eq!(ready.status, 503);
        assert!(ready.text().contains("FAILED  database: the database is damaged; copy"), "{}", ready.text());
        assert!(ready.text().contains("ok      store"), "{}", ready.text());
        assert_eq!(get(app.addr, "/livez").status, 200, "a restart mends nothing");
        assert_eq!(verdict(app), "yes");
        file.write_all_at(&page, place).unwrap();
        check();
        assert_eq!(get(app.addr, "/readyz").status, 200);
    });
}
