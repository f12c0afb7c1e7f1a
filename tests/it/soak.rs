//! An hour of everyday trouble: what the daemon holds must not grow.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Daemon, MANNERLESS, free_port, get, request};
use crate::target::{Target, page, read_head};

/// `SOAK_MINUTES` makes it shorter or longer.
const MINUTES: u64 = 60;
const ENDPOINTS: usize = 40;
const EVERY_SAMPLE: Duration = Duration::from_secs(5);
/// What an hour may add: the spans of some 2,000 changes of health are 0.1 MiB;
/// a leak of one request's or one probe's kilobyte would be hundreds.
const GROWTH: f64 = 3.0;
/// Descriptors come and go with probes and visitors; a leak would be thousands.
const MORE_FILES: f64 = 20.0;
const MORE_THREADS: f64 = 4.0;
/// Connections that say nothing, renewed every minute.
const IDLERS: usize = 50;

#[derive(Clone, Copy)]
struct Sample {
    resident: f64,
    files: f64,
    threads: f64,
}

#[test]
#[ignore = "takes an hour: tests/run soak"]
fn soak_an_hour_of_trouble_adds_no_memory_no_file_and_no_thread() {
    let minutes = std::env::var("SOAK_MINUTES").ok().and_then(|it| it.parse().ok()).unwrap_or(MINUTES);
    let broken = Arc::new(AtomicBool::new(false));
    let state = broken.clone();
    let target = Target::new(move |mut stream| {
        use std::io::Write;
        read_head(&mut stream);
        let status = if state.load(Ordering::Acquire) { "503 Service Unavailable" } else { "200 OK" };
        let _ = stream.write_all(page(status, "the password, please").as_bytes());
    });
    let dir = tempfile::tempdir().unwrap();
    let metrics = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut daemon = Daemon::start(dir.path(), &config(&target, metrics));
    let written = std::fs::read_to_string(dir.path().join("config.toml")).unwrap();

    let mut samples = Vec::new();
    let mut idlers: Vec<TcpStream> = Vec::new();
    let began = Instant::now();
    for minute in 0..minutes {
        // Half of every four minutes it is broken, so that health changes and the page with it.
        broken.store(minute % 4 >= 2, Ordering::Release);
        // Every minute another definition of one endpoint is loaded, while visitors come.
        let changed = written
            .replace("degraded_after = \"900ms\"", &format!("degraded_after = \"{}ms\"", 900 + minute % 2));
        std::fs::write(dir.path().join("config.toml"), changed).unwrap();
        daemon.signal("HUP");
        idlers.clear();
        idlers.extend((0..IDLERS).filter_map(|_| TcpStream::connect(daemon.addr).ok()));
        while began.elapsed() < Duration::from_secs(60) * u32::try_from(minute + 1).unwrap() {
            let sampled = Instant::now();
            while sampled.elapsed() < EVERY_SAMPLE {
                visit(&daemon);
                std::thread::sleep(Duration::from_millis(50));
            }
            assert!(daemon.child.try_wait().unwrap().is_none(), "it ended by itself: {}", daemon.log());
            assert!(get(metrics, "/metrics").text().contains("porchlight_storing"));
            samples.push(sample(&daemon));
        }
        let now = samples.last().unwrap();
        println!(
            "soak: {:>3} of {minutes} min   {:.1} MiB   {} files   {} threads",
            minute + 1,
            now.resident,
            now.files,
            now.threads
        );
    }
    // The first sixth warms it up.
    let sixth = samples.len() / 6;
    let (early, late) = (&samples[sixth..2 * sixth], &samples[samples.len() - sixth..]);
    let grown = |of: fn(&Sample) -> f64| mean(late, of) - mean(early, of);
    let (memory, files, threads) = (grown(|it| it.resident), grown(|it| it.files), grown(|it| it.threads));
    println!(
        "soak: from the second to the last sixth {memory:+.2} MiB, {files:+.1} files, {threads:+.1} threads; \
         {:.1} MiB in the end",
        mean(late, |it| it.resident)
    );
    assert!(memory < GROWTH, "{memory} MiB more");
    assert!(files < MORE_FILES, "{files} files more");
    assert!(threads < MORE_THREADS, "{threads} threads more");
    let log = daemon.log();
    assert!(!log.contains("panicked"), "{log}");
    assert!(
        !log.contains("ERROR"),
        "{}",
        log.lines().filter(|it| it.contains("ERROR")).collect::<Vec<_>>().join("\n")
    );
}

/// A reader of each kind, one that hangs up at once, and one that asks for nothing we have.
fn visit(daemon: &Daemon) {
    for path in ["/", "/en/", "/c/web", "/api/v1/summary.json", "/livez"] {
        assert_eq!(get(daemon.addr, path).status, 200, "{path}");
    }
    let _ = TcpStream::connect(daemon.addr);
    assert_eq!(request(daemon.addr, "GET", "/nowhere", "", "").unwrap().status, 404);
}

fn sample(daemon: &Daemon) -> Sample {
    let proc = format!("/proc/{}", daemon.pid());
    let status = std::fs::read_to_string(format!("{proc}/status")).unwrap();
    let field = |name: &str| -> f64 {
        let line = status.lines().find_map(|it| it.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    let files = u32::try_from(std::fs::read_dir(format!("{proc}/fd")).unwrap().count()).unwrap();
    Sample { resident: field("VmRSS:") / 1024.0, files: files.into(), threads: field("Threads:") }
}

fn mean(samples: &[Sample], of: fn(&Sample) -> f64) -> f64 {
    samples.iter().map(of).sum::<f64>() / f64::from(u32::try_from(samples.len()).unwrap())
}

fn config(target: &Target, metrics: SocketAddr) -> String {
    let mut text = format!(
        "{MANNERLESS}[metrics]\nlisten = \"{metrics}\"\n[[component]]\nid = \"web\"\nname = \"Web\"\n"
    );
    for number in 0..ENDPOINTS {
        let limit = if number == 0 { "degraded_after = \"900ms\"\n" } else { "" };
        text.push_str(&format!(
            "[[endpoint]]\nid = \"e{number}\"\ncomponent = \"web\"\nurl = {:?}\nevery = \"1s\"\n\
             deadline = \"950ms\"\n{limit}contains = \"password\"\n",
            target.url()
        ));
    }
    text
}
