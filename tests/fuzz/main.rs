//! Everything that reads what a target sends, fed with hostile bytes: no panic,
//! bounded time, bounded memory.
//!
//! Each test first reads the corpus in `tests/corpus/NAME` as it is, and then
//! what bolero makes of it: its bytes are read as a list of changes to a file
//! of the corpus, so that what comes out is nearly right. `FUZZ_SECONDS=60` goes
//! on for longer; `tests/run soak` does.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise, and measures real time"
)]

mod answers;
mod doors;
mod readers;

use std::path::Path;
use std::time::{Duration, Instant};

/// Tries of a test in `tests/run`, beside its corpus.
const TRIES: usize = 1000;
/// Ten times what the slowest file of a corpus takes in a debug build.
const LONGEST: Duration = Duration::from_secs(10);
/// What all tries of a test together may add, in KiB: as much as a few of the largest pages.
const GROWTH: u64 = 128 * 1024;

/// Gives `read` the corpus, and then so many changed files.
fn fuzz(corpus: &str, tries: usize, read: impl Fn(&[u8]) + std::panic::RefUnwindSafe + 'static) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(corpus);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    let files: Vec<Vec<u8>> = files.iter().map(|it| std::fs::read(it).unwrap()).collect();
    assert!(!files.is_empty());
    let before = resident();
    let timed = move |bytes: &[u8]| {
        let began = Instant::now();
        read(bytes);
        let took = began.elapsed();
        assert!(took < LONGEST, "{took:?} for {}", bytes.escape_ascii());
    };
    for file in &files {
        timed(file);
    }
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|it| it.parse().ok());
    let changing = bolero::check!(name = "fuzz").with_max_len(512);
    let changed = move |script: &[u8]| timed(&change(&files, script));
    match seconds {
        Some(seconds) => changing.with_test_time(Duration::from_secs(seconds)).for_each(changed),
        None => changing.with_iterations(tries).for_each(changed),
    }
    let after = resident();
    println!("{corpus}: {before} KiB before, {after} after");
    assert!(after < before + GROWTH, "{corpus}: memory grew from {before} KiB to {after}");
}

/// The first byte chooses a file; each three bytes after it change something.
fn change(files: &[Vec<u8>], script: &[u8]) -> Vec<u8> {
    let (first, rest) = script.split_first().unwrap_or((&0, &[]));
    let mut bytes = files[usize::from(*first) % files.len()].clone();
    for step in rest.chunks_exact(3) {
        let place = (usize::from(step[0]) * 257 + usize::from(step[1])) % (bytes.len() + 1);
        match step[1] % 6 {
            0 if place < bytes.len() => bytes[place] = step[2],
            1 => bytes.insert(place, step[2]),
            2 if place < bytes.len() => drop(bytes.remove(place)),
            3 => bytes.truncate(place.max(bytes.len() / 2)),
            4 => {
                let end = (place + usize::from(step[2])).min(bytes.len());
                let piece = bytes[place..end].to_vec();
                bytes.splice(place..place, piece);
            }
            _ => {
                let odd = [
                    "\u{feff}",
                    "{{password}}",
                    "\r\n",
                    "\0",
                    "<!--",
                    "\\u0000",
                    "%00",
                    "\"",
                    "&#x0;",
                    "]]>",
                ];
                let piece = odd[usize::from(step[2]) % odd.len()];
                bytes.splice(place..place, piece.bytes());
            }
        }
    }
    bytes
}

fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|it| it.starts_with("VmRSS:")).unwrap().to_owned();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
