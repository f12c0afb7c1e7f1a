//! What the system says of this process, read from /proc when asked.

use std::time::Duration;

/// A clock tick of `/proc/self/stat`; Linux shows 100 a second to every program.
const TICKS: u64 = 100;

/// None of what could not be read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Process {
    pub cpu: Option<Duration>,
    pub resident_bytes: Option<u64>,
    pub open_files: Option<usize>,
    pub most_files: Option<u64>,
    pub threads: Option<u64>,
}

impl Process {
    pub fn read() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|it| it.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let open_files = std::fs::read_dir("/proc/self/fd").map(Iterator::count).ok();
        Self {
            cpu: cpu(&stat),
            resident_bytes: field("VmRSS").map(|it| it * 1024),
            // Looking takes one itself.
            open_files: open_files.map(|it| it.saturating_sub(1)),
            most_files: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
            threads: field("Threads"),
        }
    }
}

/// User and system time, the 14th and 15th field; the name before them may hold anything.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let (user, system) = (fields.next()?.parse::<u64>().ok()?, fields.next()?.parse::<u64>().ok()?);
    Some(Duration::from_millis((user + system) * 1000 / TICKS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_behind_any_name() {
        let stat = "42 (a ) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0";
        assert_eq!(cpu(stat), Some(Duration::from_secs(2)));
        assert_eq!(cpu(""), None);
    }

    #[test]
    fn this_process_can_be_read() {
        let it = Process::read();
        assert!(it.cpu.is_some() && it.resident_bytes.is_some_and(|it| it > 100_000));
        assert!(it.open_files.is_some_and(|it| it > 2) && it.threads.is_some_and(|it| it > 0));
    }
}
