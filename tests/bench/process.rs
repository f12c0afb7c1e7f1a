//! Processes we started: what they use, and how they end.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

/// What `utime` and `stime` count in; Linux has shown them so on every machine for decades.
const TICKS_PER_SECOND: f64 = 100.0;
/// Twice what the daemon grants itself for an orderly end.
const END: Duration = Duration::from_secs(10);

/// A child that ends with its handle.
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts it with everything it says going to `log`.
    pub fn spawn(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("opening {}", log.display()))?;
        command.stdout(log.try_clone()?).stderr(log).stdin(Stdio::piped());
        let child = command.spawn().with_context(|| format!("starting {:?}", command.get_program()))?;
        Ok(Self { child })
    }

    /// CPU seconds used so far, by all of its threads.
    pub fn cpu(&self) -> anyhow::Result<f64> {
        let text = self.proc("stat")?;
        // The name of the program, in brackets, may hold anything.
        let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        // utime and stime are the 14th and 15th field, the state is the third.
        let ticks: Vec<u32> = fields.skip(11).take(2).map_while(|it| it.parse().ok()).collect();
        let [user, system] = ticks.as_slice() else { bail!("reading the CPU time out of {text:?}") };
        Ok((f64::from(*user) + f64::from(*system)) / TICKS_PER_SECOND)
    }

    /// Resident memory in MB.
    pub fn resident(&self) -> anyhow::Result<f64> {
        let text = self.proc("status")?;
        let line = text.lines().find_map(|it| it.strip_prefix("VmRSS:")).unwrap_or_default();
        let kilobytes: u32 = line.trim().trim_end_matches(" kB").parse().context("reading VmRSS")?;
        Ok(f64::from(kilobytes) / 1024.0)
    }

    /// Asks it to end, by closing its standard input and by a signal, and waits.
    pub fn end(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        kill_process(Pid::from_child(&self.child), Signal::TERM).context("asking a process to end")?;
        self.wait()
    }

    /// Ends it by closing its standard input, which is what our bare programs watch.
    pub fn hang_up(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        self.wait()
    }

    /// An error once it has ended by itself.
    pub fn must_live(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("it ended by itself with {status}"),
            None => Ok(()),
        }
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        let asked = Instant::now();
        while asked.elapsed() < END {
            if let Some(status) = self.child.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                bail!("it ended with {status}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("it did not end within {} s", END.as_secs())
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
