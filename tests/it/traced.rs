//! Running something under strace, which breaks system calls where it is told.

use std::process::{Child, Command, Stdio};

/// Every call by which SQLite and we change a file.
pub const CHANGES: &[&str] =
    &["pwrite64", "fsync", "fdatasync", "ftruncate", "fallocate", "renameat2", "unlink"];

/// Before a program's words: `inject` is an expression of strace's, such as `fsync:error=EIO:when=3`.
pub fn words(inject: &str) -> Vec<String> {
    ["strace", "-qq", "-f", "-o", "/dev/null", "-e", &format!("inject={inject}")].map(str::to_owned).into()
}

/// A strace that holds on to a running process until it is dropped.
pub struct Tracer(Child);

impl Tracer {
    pub fn attach(pid: u32, inject: &str) -> Self {
        let mut words = words(inject);
        words.extend(["-p".to_owned(), pid.to_string()]);
        let mut command = Command::new(&words[0]);
        let child = command.args(&words[1..]).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let tracer = Self(child);
        let traced = || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let by = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?;
            (by.trim() == tracer.0.id().to_string()).then_some(())
        };
        crate::support::wait_until("strace holds the process", traced);
        tracer
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // Asked to end it lets go of the process; killed it would leave calls half done.
        let _ = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}
