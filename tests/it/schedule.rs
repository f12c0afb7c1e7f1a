//! The schedule as the doors hear it: everyone once at the start, and not twice.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{Daemon, MANNERLESS, wait_until};
use crate::target::{Target, page};

const ENDPOINTS: usize = 20;

/// Reads a request's head and gives its path.
fn path_of(stream: &mut impl std::io::Read) -> String {
    let mut seen = Vec::new();
    let mut byte = [0_u8; 1];
    while !seen.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        seen.push(byte[0]);
    }
    String::from_utf8_lossy(&seen).split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn at_the_start_everyone_is_knocked_and_confirmed_once_cron_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let heard: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    let hears = heard.clone();
    let target = Target::new(move |mut stream| {
        let path = path_of(&mut stream);
        *hears.lock().unwrap().entry(path).or_default() += 1;
        let _ = stream.write_all(page("200 OK", "fine").as_bytes());
    });
    let mut config = format!("{MANNERLESS}[[component]]\nid = \"web\"\nname = \"Web\"\n");
    for index in 0..ENDPOINTS {
        config.push_str(&format!(
            "[[endpoint]]\nid = \"e{index}\"\ncomponent = \"web\"\nurl = \"http://{}/e{index}\"\nevery = \"60s\"\n",
            target.addr
        ));
    }
    // The next first of July or first of January, whichever is further from now.
    let month = if jiff::Zoned::now().month() < 7 { 1 } else { 7 };
    config.push_str(&format!(
        "[[endpoint]]\nid = \"cron\"\ncomponent = \"web\"\nurl = \"http://{}/cron\"\nschedule = \"0 0 1 {month} *\"\n",
        target.addr
    ));
    let began = Instant::now();
    let _daemon = Daemon::start(dir.path(), &config);
    wait_until("everyone was knocked", || (heard.lock().unwrap().len() == ENDPOINTS + 1).then_some(()));
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    std::thread::sleep(Duration::from_secs(20).saturating_sub(began.elapsed()));
    let heard = heard.lock().unwrap().clone();
    assert!(heard.values().all(|&knocks| knocks == 2), "{heard:?}");
}
