//! A power cut: a file system on a loop device that forgets what was not flushed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::scribe::{Scribe, stored};
use crate::support::wait_until;

const CUTS: usize = 8;

/// A mounted ext4 of its own, unmounted with the test.
struct Disk {
    dir: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        let disk = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(disk.mounted()).unwrap();
        let image = disk.image();
        std::fs::File::create(&image).unwrap().set_len(96 << 20).unwrap();
        run("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()]);
        disk.mount();
        disk
    }

    fn image(&self) -> PathBuf {
        self.dir.path().join("image")
    }

    fn mounted(&self) -> PathBuf {
        self.dir.path().join("disk")
    }

    fn mount(&self) {
        run("mount", &["-o", "loop", self.image().to_str().unwrap(), self.mounted().to_str().unwrap()]);
    }

    /// From here on nothing more gets to the disk, and its journal is not flushed:
    /// the call EXT4_IOC_SHUTDOWN with its second kind of end.
    fn cut_the_power(&self) {
        let call = "my $how = pack('L', 2); open(my $dir, '<', $ARGV[0]) or die $!; ioctl($dir, 0x8004587D, $how) or die $!";
        run("perl", &["-e", call, self.mounted().to_str().unwrap()]);
    }

    fn unmount(&self) {
        run("umount", &[self.mounted().to_str().unwrap()]);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.mounted()).status();
    }
}

fn run(program: &str, arguments: &[&str]) {
    let done = Command::new(program).args(arguments).output().unwrap();
    assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
}

/// How many acknowledged results a power cut takes while they are written.
fn lost_by_a_cut(sync_normal: bool) -> usize {
    let disk = Disk::new();
    let data = disk.mounted().join("data");
    let scribe = Scribe::start(&data, 1_000_000, &[], sync_normal);
    wait_until("it writes", || (scribe.acknowledged() >= 20).then_some(()));
    std::thread::sleep(Duration::from_millis(rand::random_range(100..1000)));
    // Counted before the cut. A flush that is under way when the call comes may be
    // answered well though the journal it waited for is thrown away; whoever loses
    // power for real does not live to hear that answer.
    let acknowledged = scribe.acknowledged();
    disk.cut_the_power();
    scribe.kill();
    disk.unmount();
    disk.mount();
    let stored = stored(&data.join("porchlight.db"));
    starts_again(&data);
    disk.unmount();
    assert_eq!(stored, (1..).take(stored.len()).collect::<Vec<_>>(), "a hole");
    acknowledged.saturating_sub(stored.len())
}

/// What the cut left is no damage to us.
fn starts_again(data: &Path) {
    assert!(Scribe::start(data, 0, &[], false).wait().0);
}

#[test]
#[ignore = "needs root: tests/run root"]
fn root_a_power_cut_loses_nothing_acknowledged() {
    let lost: Vec<usize> = (0..CUTS).map(|_| lost_by_a_cut(false)).collect();
    assert_eq!(lost, [0; CUTS]);
}

#[test]
#[ignore = "needs root: tests/run root"]
fn root_a_power_cut_takes_what_was_acknowledged_before_its_flush() {
    let lost: Vec<usize> = (0..CUTS).map(|_| lost_by_a_cut(true)).collect();
    assert!(lost.iter().any(|&lost| lost > 0), "the test above has no teeth: {lost:?}");
}
