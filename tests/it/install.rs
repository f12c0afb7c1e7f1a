//! Faults of the first day: each gets one sentence, with the mend, and its exit code.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::free_port;

/// What would be innards of ours in a sentence for an operator.
const INNARDS: &[&str] =
    &["panicked", "backtrace", "Os {", "kind:", "Error(", "Error {", "Some(", "None", "::", "Sqlite"];

/// A directory that everybody may enter, with a config in it.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new(config: &str) -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        place.mode(".", 0o755);
        fs::write(place.path("config.toml"), config).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    fn run(&self, program: &mut Command) -> Output {
        program.arg("--config").arg(self.path("config.toml")).current_dir(self.dir.path());
        program.stdin(Stdio::null()).output().unwrap()
    }

    /// Starts, and expects to be told in a sentence what is wrong.
    fn told(&self, code: i32, words: &[&str]) {
        told(&self.run(&mut porchlight()), code, words, 2);
    }

    /// The same for a user who is not root.
    fn told_as_nobody(&self, code: i32, words: &[&str]) {
        told(&self.run(&mut nobody(self)), code, words, 2);
    }

    /// The same for a fault in the file, which is drawn as well.
    fn told_of_the_file(&self, words: &[&str]) {
        told(&self.run(&mut porchlight()), 78, words, 12);
    }
}

fn porchlight() -> Command {
    Command::new(env!("CARGO_BIN_EXE_porchlight"))
}

/// Root may do everything, so root's tests ask as somebody else.
fn nobody(place: &Place) -> Command {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if !is_root {
        return porchlight();
    }
    // The program may lie where nobody may look.
    let copy = place.path("porchlight");
    fs::copy(env!("CARGO_BIN_EXE_porchlight"), &copy).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    command.args(["--bounding-set=-all", "--inh-caps=-all"]).arg(copy);
    command
}

fn told(output: &Output, code: i32, words: &[&str], lines: usize) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!((1..=lines).contains(&said.trim_end().lines().count()), "{said}");
    assert!(said.starts_with("porchlight: "), "{said}");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
    for innards in INNARDS {
        assert!(!said.contains(innards), "{innards}: {said}");
    }
}

fn listening(address: &str) -> String {
    format!("[server]\nlisten = \"{address}\"\n")
}

fn free() -> String {
    listening(&format!("127.0.0.1:{}", free_port()))
}

#[test]
fn an_address_that_cannot_be_had() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().map(|it| (it.to_string(), taken)).unwrap();
    Place::new(&listening(&taken.0))
        .told(69, &[&taken.0, "another program", "`server.listen` in the config", "ss -ltnp"]);
    Place::new(&listening("192.0.2.1:8080")).told(69, &["does not have that address", "ip address"]);
    let first = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    let first: u16 = first.trim().parse().unwrap_or_default();
    if 1 < first {
        let privileged = listening(&format!("127.0.0.1:{}", first - 1));
        Place::new(&privileged).told_as_nobody(69, &["this user may not listen there", "higher port"]);
    }
}

#[test]
fn an_address_that_a_flag_gave_is_mended_at_the_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let place = Place::new(&free());
    told(&place.run(porchlight().args(["--listen", &address])), 69, &["change `--listen`"], 2);
    told(&place.run(porchlight().env("PORCHLIGHT_LISTEN", &address)), 69, &["change `PORCHLIGHT_LISTEN`"], 2);
}

#[test]
fn a_data_directory_that_is_not_ours() {
    for (name, mode) in [("of somebody else", 0o700), ("that is read only", 0o555)] {
        let place = Place::new(&free());
        fs::create_dir(place.path("data")).unwrap();
        place.mode("data", mode);
        place.told_as_nobody(73, &["data", "must belong to the user"]);
        assert_eq!(fs::read_dir(place.path("data")).unwrap().count(), 0, "{name}");
    }
    let place = Place::new(&free());
    fs::write(place.path("data"), "a file").unwrap();
    place.told(73, &["data", "directory"]);
}

#[test]
fn a_database_that_is_not_to_be_used() {
    let place = Place::new(&free());
    fs::create_dir(place.path("data")).unwrap();
    fs::write(place.path("data/porchlight.db"), "a letter to a friend ".repeat(500)).unwrap();
    place.told(65, &["porchlight.db is damaged", "restore a backup"]);
    fs::remove_file(place.path("data/porchlight.db")).unwrap();
    let made = rusqlite::Connection::open(place.path("data/porchlight.db")).unwrap();
    made.execute_batch("CREATE TABLE recipe(name TEXT)").unwrap();
    drop(made);
    place.told(65, &["another program", "choose another data directory"]);
}

#[test]
fn a_config_that_is_not_one() {
    let missing = Place::new("");
    fs::remove_file(missing.path("config.toml")).unwrap();
    missing.told(78, &["there is no config file", "`--config FILE`", "`porchlight init`"]);
    fs::create_dir(missing.path("config.toml")).unwrap();
    missing.told(78, &["is a directory", "`--config FILE`"]);
    let place = Place::new("");
    fs::write(place.path("config.toml"), b"[site]\nname = \"\xb5\xc6\"\n").unwrap();
    place.told(78, &["not UTF-8 from line 2, column 9", "save it as UTF-8"]);
    let place = Place::new(&free());
    place.mode("config.toml", 0o600);
    place.told_as_nobody(78, &["this user may not read", "config.toml"]);
    // Cut off in the midst of a line, as by a full disk.
    Place::new("[site]\nname = { zh = \"示例\", e").told_of_the_file(&["config.toml:2", "this is not TOML"]);
}

#[test]
fn a_config_with_a_wrong_word() {
    Place::new("[site]\nzone = \"Asia/Shangai\"\n")
        .told_of_the_file(&["did you mean \"Asia/Shanghai\"?", "porchlight manual site.zone"]);
    let secret = |file: &str| {
        format!(
            "strict = true\n[[component]]\nid = \"web\"\nname = \"Web\"\n[[endpoint]]\nid = \"login\"\ncomponent = \"web\"\n\
             url = \"http://127.0.0.1:1/\"\nheaders = {{ authorization = {{ file = \"{file}\" }} }}\n"
        )
    };
    Place::new(&secret("gone"))
        .told_of_the_file(&["gone cannot be read", "porchlight manual endpoint.headers"]);
    let place = Place::new(&secret("open"));
    fs::write(place.path("open"), "hunter2").unwrap();
    place.mode("open", 0o644);
    place.told_of_the_file(&["every user of this machine may read", "chmod 600"]);
    let said = place.run(&mut porchlight());
    assert!(!String::from_utf8_lossy(&said.stderr).contains("hunter2"));
}

#[test]
fn an_empty_config_is_refused_and_one_that_watches_nothing_is_told() {
    Place::new("# nothing\n").told_of_the_file(&["the file says nothing", "porchlight init"]);
    let place = Place::new("[site]\n");
    let output = place.run(porchlight().arg("check"));
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("add a [[component]]"));
}

#[test]
#[ignore = "mounts a tiny file system, so it needs root"]
fn root_a_disk_without_space() {
    let place = Place::new(&free());
    fs::create_dir(place.path("data")).unwrap();
    let _mounted = Tiny::on(place.path("data"));
    fs::write(place.path("data/ballast"), [0; 32 << 10]).unwrap_or_default();
    let output = place.run(&mut porchlight());
    told(&output, 73, &["data"], 2);
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    assert!(said.contains("full") || said.contains("space"), "{said}");
}

/// A file system of 32 KiB, gone with the test.
struct Tiny(PathBuf);

impl Tiny {
    fn on(at: PathBuf) -> Self {
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", "size=32k", "tmpfs"]).arg(&at).status();
        assert!(done.unwrap().success());
        Self(at)
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(Path::new(&self.0)).status();
    }
}
