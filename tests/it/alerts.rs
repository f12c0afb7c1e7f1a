//! The shipped alert rules in a real Prometheus: each fires when its fault is
//! made, and all are quiet when all is well.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::pki::Pki;
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
        // Only how long a fault must last differs from what is shipped.
        let hasty = |line: &str| match line.trim_start().starts_with("for: ") {
            true => "        for: 5s".to_owned(),
            false => line.to_owned(),
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

    /// The names of the alerts that fire.
    fn firing(&self) -> BTreeSet<String> {
        let alerts =
            self.ask("/api/v1/alerts").unwrap_or_default()["alerts"].as_array().cloned().unwrap_or_default();
        let firing = alerts.iter().filter(|it| it["state"] == "firing");
        firing.map(|it| it["labels"]["alertname"].as_str().unwrap_or_default().to_owned()).collect()
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
    let (pki, ending, broken) =
        (Pki::new(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let secure = runtime.block_on(pki.serve_either(["good", "ends-in-five-days"], ending.clone()));
    let breaking = broken.clone();
    let target = Target::new(move |mut stream| {
        read_head(&mut stream);
        let status = if breaking.load(Ordering::Acquire) { "503 Service Unavailable" } else { "200 OK" };
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
    let only = |name: &str| BTreeSet::from([name.to_owned()]);

    broken.store(true, Ordering::Release);
    let beside = prometheus.fires("PorchlightDown", || broken.store(false, Ordering::Release));
    assert_eq!(beside, only("PorchlightDown"));

    ending.store(true, Ordering::Release);
    let beside = prometheus.fires("PorchlightCertificate", || ending.store(false, Ordering::Release));
    assert_eq!(beside, only("PorchlightCertificate"));

    // Another process holds the database and does not let go.
    let holder = rusqlite::Connection::open(dir.path().join("data/porchlight.db")).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let beside = prometheus.fires("PorchlightNotStored", || holder.execute_batch("ROLLBACK").unwrap());
    assert!(
        beside
            .is_disjoint(&BTreeSet::from(["PorchlightDown".to_owned(), "PorchlightCertificate".to_owned()]))
    );

    daemon.signal("STOP");
    let beside = prometheus.fires("PorchlightNotKnocking", || daemon.signal("CONT"));
    assert_eq!(beside, only("PorchlightNotKnocking"));
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
    for alert in ["PorchlightDown", "PorchlightNotKnocking", "PorchlightNotStored", "PorchlightCertificate"] {
        assert!(RULES.contains(&format!("alert: {alert}\n")));
    }
}
