//! The shipped alert rules in a real Prometheus: each fires when its fault is
//! made, and all are quiet when all is well.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::pki::Pki;
use crate::reload::rewrite;
use crate::support::{Daemon, free_port, get, health, request, wait_until};
use crate::target::{Target, page, read_head};

const RULES: &str = include_str!("../../contrib/prometheus/porchlight.rules.yml");

struct Prometheus {
    child: Child,
    addr: SocketAddr,
}

impl Prometheus {
    /// None when it is not installed.
    fn start(dir: &Path, metrics: u16) -> Option<Self> {
        // Only how long a fault must last, and how far back a rate looks, differ from what is shipped.
        let hasty = |line: &str| match line.trim_start().starts_with("for: ") {
            true => "        for: 5s".to_owned(),
            false => line.replace("[5m]", "[20s]").replace("[15m]", "[20s]"),
        };
        let rules: Vec<String> = RULES.lines().map(hasty).collect();
        std::fs::write(dir.join("porchlight.rules.yml"), rules.join("\n")).unwrap();
        let config = format!(
            "global: {{ scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s }}\n\
             rule_files: [porchlight.rules.yml]\n\
             scrape_configs:\n  - job_name: porchlight\n    static_configs: [{{ targets: [\"127.0.0.1:{metrics}\"] }}]\n"
        );
        std::fs::write(dir.join("prometheus.yml"), config).unwrap();
        let port = free_port();
        let log = std::fs::File::create(dir.join("prometheus.log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", dir.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        match child {
            Ok(child) => Some(Self { child, addr: SocketAddr::from(([127, 0, 0, 1], port)) }),
            Err(_) if std::env::var_os("CI").is_none() => {
                println!("skipped: prometheus is missing (Debian package prometheus)");
                None
            }
            Err(error) => panic!("prometheus: {error}"),
        }
    }

    fn ask(&self, path: &str) -> Option<serde_json::Value> {
        let answer = request(self.addr, "GET", path, "", "").ok().filter(|it| it.status == 200)?;
        Some(answer.json()["data"].clone())
    }

    /// The alerts that fire, by name and cause.
    fn firing(&self) -> BTreeSet<String> {
        let alerts =
            self.ask("/api/v1/alerts").unwrap_or_default()["alerts"].as_array().cloned().unwrap_or_default();
        let firing = alerts.iter().filter(|it| it["state"] == "firing");
        let label = |it: &serde_json::Value, name| it["labels"][name].as_str().unwrap_or("-").to_owned();
        firing.map(|it| format!("{} {}", label(it, "alertname"), label(it, "cause"))).collect()
    }

    /// Waits until `name` fires, then mends, then waits until nothing does.
    fn fires(&self, name: &str, mend: impl FnOnce()) -> BTreeSet<String> {
        wait_until(&format!("{name} fires"), || self.firing().contains(name).then_some(()));
        let beside = self.firing();
        mend();
        wait_until(&format!("all is quiet after {name}"), || self.firing().is_empty().then_some(()));
        beside
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn each_alert_fires_at_its_fault_and_is_quiet_when_all_is_well() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (pki, ending, answer) =
        (Pki::new(), Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new("200 OK")));
    let secure = runtime.block_on(pki.serve_either(["good", "ends-in-five-days"], ending.clone()));
    let breaking = answer.clone();
    let target = Target::new(move |mut stream| {
        read_head(&mut stream);
        let status = *breaking.lock().unwrap();
        let _ = std::io::Write::write_all(&mut stream, page(status, "fine").as_bytes());
    });
    let metrics = free_port();
    let Some(prometheus) = Prometheus::start(dir.path(), metrics) else { return };
    let config = format!(
        "[metrics]\nlisten = \"127.0.0.1:{metrics}\"\n\
         [[component]]\nid = \"web\"\nname = \"Web\"\n[[component]]\nid = \"app\"\nname = \"App\"\n\
         [[endpoint]]\nid = \"plain\"\ncomponent = \"web\"\nurl = {:?}\nevery = \"3s\"\ndeadline = \"2s\"\n\
         [[endpoint]]\nid = \"secure\"\ncomponent = \"app\"\nurl = \"https://localhost:{secure}/\"\nevery = \"3s\"\ndeadline = \"2s\"\n",
        target.url()
    );
    let roots = dir.path().join("roots.pem");
    std::fs::write(&roots, pki.pem()).unwrap();
    let daemon = Daemon::start_with(dir.path(), &config, free_port(), |command| {
        command.env("SSL_CERT_FILE", &roots).env_remove("SSL_CERT_DIR");
    });
    let well = |id| health(&daemon.summary(), id) == "up";
    wait_until("both are known to be well", || (well("plain") && well("secure")).then_some(()));
    let rules = || prometheus.ask("/api/v1/rules")?["groups"][0]["rules"].as_array().cloned();
    let evaluated = |it: &serde_json::Value| it["health"] == "ok";
    wait_until("every rule is evaluated", || rules()?.iter().all(evaluated).then_some(()));
    wait_until("all is quiet at first", || prometheus.firing().is_empty().then_some(()));
    let quiet = Instant::now();
    while quiet.elapsed() < Duration::from_secs(15) {
        assert_eq!(prometheus.firing(), BTreeSet::new(), "{}", get(local(metrics), "/metrics").text());
        std::thread::sleep(Duration::from_millis(500));
    }
    let only = |alert: &str| BTreeSet::from([alert.to_owned()]);
    let answers = |status| *answer.lock().unwrap() = status;

    answers("503 Service Unavailable");
    let beside = prometheus.fires("PorchlightDown -", || answers("200 OK"));
    assert_eq!(beside, only("PorchlightDown -"));

    ending.store(true, Ordering::Release);
    let beside = prometheus.fires("PorchlightCertificate -", || ending.store(false, Ordering::Release));
    assert_eq!(beside, only("PorchlightCertificate -"));

    // Another process holds the database and does not let go.
    let database = dir.path().join("data/porchlight.db");
    let holder = rusqlite::Connection::open(&database).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let beside =
        prometheus.fires("PorchlightNotStored failing", || holder.execute_batch("ROLLBACK").unwrap());
    assert_eq!(beside, only("PorchlightNotStored failing"));

    // Another program put a rule into it that no result can keep.
    let refuses = "CREATE TRIGGER refuses BEFORE INSERT ON result BEGIN SELECT raise(ABORT, 'no'); END";
    holder.busy_timeout(Duration::from_secs(30)).unwrap();
    holder.execute_batch(refuses).unwrap();
    let mend = || holder.execute_batch("DROP TRIGGER refuses").unwrap();
    let beside = prometheus.fires("PorchlightNotStored lost", mend);
    assert_eq!(beside, only("PorchlightNotStored lost"));
    drop(holder);

    let away = dir.path().join("data/away.db");
    std::fs::rename(&database, &away).unwrap();
    let mend = || std::fs::rename(&away, &database).unwrap();
    let beside = prometheus.fires("PorchlightNotStored database", mend);
    assert!(beside.iter().all(|it| it.starts_with("PorchlightNotStored ")), "{beside:?}");

    // Four faults that come with the config, and go with it.
    let reload = |more: &str| {
        rewrite(&daemon, &format!("{config}{more}"));
        daemon.signal("HUP");
    };
    let door = |status: &'static str| {
        Target::new(move |mut stream| {
            read_head(&mut stream);
            let _ = std::io::Write::write_all(&mut stream, page(status, "fine").as_bytes());
        })
    };
    // One that was never known to be well is told as unknown, too.
    let silent = "PorchlightNotKnocking unknown";
    let with_silence = |alert: &str| BTreeSet::from([alert.to_owned(), silent.to_owned()]);
    let login = |target: &Target, more: &str| {
        format!(
            "[[component]]\nid = \"login\"\nname = \"Login\"\n\
             [[endpoint]]\nid = \"login\"\ncomponent = \"login\"\nurl = {:?}\nmethod = \"POST\"\n\
             form = {{ name = \"{{{{username}}}}\", password = \"{{{{password}}}}\" }}\n{more}",
            target.url()
        )
    };
    // Told to stay away, we do for longer than a test lasts.
    let away = door("429 Too Many Requests");
    let url = format!("url = {:?}\nevery = \"3s\"\n", away.url());
    reload(&format!(
        "[[component]]\nid = \"away\"\nname = \"Away\"\n[[endpoint]]\nid = \"away\"\ncomponent = \"away\"\n{url}"
    ));
    let beside = prometheus.fires(silent, || reload(""));
    assert_eq!(beside, only(silent));

    let open = door("200 OK");
    reload(&login(&open, "wrong_password = true\n"));
    let beside = prometheus.fires("PorchlightWrongPassword -", || reload(""));
    assert!(beside.is_subset(&with_silence("PorchlightWrongPassword -")), "{beside:?}");

    let shut = door("401 Unauthorized");
    let password = dir.path().join("password");
    std::fs::write(&password, "not the right one").unwrap();
    std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let account = format!(
        "account = \"probe\"\n[[account]]\nid = \"probe\"\nusername = \"prober\"\npassword = {{ file = {:?} }}\n",
        password.display().to_string()
    );
    reload(&login(&shut, &account));
    let beside = prometheus.fires("PorchlightLoginStopped -", || {
        let resume = ["login", "resume", "probe", "--config"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_porchlight"));
        let done = command.args(resume).arg(dir.path().join("config.toml")).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        reload("");
    });
    assert!(beside.is_subset(&with_silence("PorchlightLoginStopped -")), "{beside:?}");

    let nobody: Vec<String> = (0..3).map(|_| format!("\"tcp://127.0.0.1:{}\"", free_port())).collect();
    reload(&format!("[[network]]\nid = \"default\"\ncanaries = [{}]\n", nobody.join(", ")));
    let beside = prometheus.fires("PorchlightNetworkLost -", || reload(""));
    assert!(beside.is_subset(&with_silence("PorchlightNetworkLost -")), "{beside:?}");

    // It runs only by fits and starts, so what was due comes late.
    let late = "PorchlightNotKnocking late";
    wait_until("it fires that knocks come late", || {
        daemon.signal("STOP");
        std::thread::sleep(Duration::from_millis(2500));
        daemon.signal("CONT");
        std::thread::sleep(Duration::from_millis(500));
        prometheus.firing().contains(late).then_some(())
    });
    wait_until("all is quiet after it", || prometheus.firing().is_empty().then_some(()));

    daemon.signal("STOP");
    let absent = "PorchlightNotKnocking absent";
    let beside = prometheus.fires(absent, || daemon.signal("CONT"));
    assert_eq!(beside, only(absent));

    let shipped = RULES.lines().filter(|it| it.trim_start().starts_with("- alert: ")).count();
    assert_eq!(shipped, 11, "each has its part above");
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[test]
fn promtool_accepts_what_is_shipped_and_its_own_tests_pass() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/prometheus");
    for arguments in [
        ["check", "rules", "porchlight.rules.yml"],
        ["check", "config", "prometheus.yml"],
        ["test", "rules", "porchlight.test.yml"],
    ] {
        let done = Command::new("promtool").args(arguments).current_dir(&dir).output();
        if done.is_err() && std::env::var_os("CI").is_none() {
            println!("skipped: promtool is missing (Debian package prometheus)");
            return;
        }
        let done = done.unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
    for alert in [
        "PorchlightDown",
        "PorchlightNotKnocking",
        "PorchlightNotStored",
        "PorchlightCertificate",
        "PorchlightWrongPassword",
        "PorchlightLoginStopped",
        "PorchlightNetworkLost",
    ] {
        assert!(RULES.contains(&format!("alert: {alert}\n")));
    }
}
