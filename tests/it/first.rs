//! The first hour: init, schema, manual, man page, completions, and what overrules the file.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::{free_port, get, wait_until};

fn porchlight(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_porchlight"));
    command.args(arguments).current_dir(dir).stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const ANSWERS: &[&str] = &[
    "init",
    "--name",
    "示例银行 / Sample Bank",
    "--url",
    "https://login.example.com/",
    "--contains",
    "password",
];

#[test]
fn init_writes_a_config_that_is_right_and_says_what_comes_next() {
    let dir = tempfile::tempdir().unwrap();
    let made = porchlight(dir.path(), ANSWERS);
    assert!(made.status.success(), "{}", said(&made));
    assert!(said(&made).contains("porchlight probe login-page"), "{}", said(&made));
    let checked = porchlight(dir.path(), &["check"]);
    assert!(checked.status.success() && !said(&checked).contains("warning"), "{}", said(&checked));
    let text = std::fs::read_to_string(dir.path().join("config.toml")).unwrap();
    assert!((15..=30).contains(&text.lines().count()), "{text}");
    let schema = text.lines().next().unwrap().strip_prefix("#:schema ").unwrap();
    assert!(dir.path().join(schema).exists(), "{schema}");
}

#[test]
fn init_leaves_what_is_there_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    std::fs::write(&file, "mine").unwrap();
    let refused = porchlight(dir.path(), ANSWERS);
    assert_eq!(refused.status.code(), Some(73), "{}", said(&refused));
    assert!(said(&refused).contains("--out FILE"), "{}", said(&refused));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    // A link that leads nowhere is there, too: what it names is not to be made.
    std::os::unix::fs::symlink("elsewhere", dir.path().join("link")).unwrap();
    let refused = porchlight(dir.path(), &[ANSWERS, &["--out", "link"]].concat());
    assert_eq!(refused.status.code(), Some(73), "{}", said(&refused));
    assert!(!dir.path().join("elsewhere").exists());
}

#[test]
fn init_without_a_terminal_names_what_it_was_not_told() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, word) in [
        (vec!["init"], "--name and --url were not given"),
        (vec!["init", "--name", "Bank"], "--url was not given"),
        (
            vec!["init", "--name", "Bank", "--url", "login.example.com"],
            "--url: this address lacks its beginning",
        ),
        (vec!["init", "--name", "", "--url", "https://login.example.com/"], "--name: this text is empty"),
    ] {
        let refused = porchlight(dir.path(), &arguments);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        assert!(said(&refused).contains(word) && said(&refused).lines().count() <= 2, "{}", said(&refused));
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let printed = porchlight(dir.path(), &[ANSWERS, &["--out", "-"]].concat());
    assert!(String::from_utf8_lossy(&printed.stdout).starts_with("#:schema "), "{}", said(&printed));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn init_asks_a_terminal_three_questions_and_asks_again_after_a_wrong_answer() {
    let dir = tempfile::tempdir().unwrap();
    let program = format!("{} init", env!("CARGO_BIN_EXE_porchlight"));
    let mut asked = Command::new("script")
        .args(["-qec", &program, "/dev/null"])
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script, which tests/run installs");
    let answers = "示例银行 / Sample Bank\nlogin.example.com\nhttps://login.example.com/\npassword\n";
    asked.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
    let output = asked.wait_with_output().unwrap();
    assert!(said(&output).contains("this address lacks its beginning"), "{}", said(&output));
    let text = std::fs::read_to_string(dir.path().join("config.toml")).unwrap();
    assert!(
        text.contains("url = \"https://login.example.com/\"") && text.contains("contains = \"password\"")
    );
}

#[test]
fn the_schema_beside_the_shipped_config_is_what_the_program_prints() {
    let printed = porchlight(Path::new("."), &["schema"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shipped = std::fs::read(root.join("porchlight.schema.json")).unwrap_or_default();
    assert!(printed.stdout == shipped, "run: cargo run -- schema > porchlight.schema.json");
    let config = std::fs::read_to_string(root.join("config.toml")).unwrap();
    assert!(config.starts_with("#:schema porchlight.schema.json\n"));
}

#[test]
fn the_schema_takes_what_the_reader_takes_and_refuses_what_it_refuses() {
    let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/schema.py");
    let done = Command::new("python3").arg(judge).arg(env!("CARGO_BIN_EXE_porchlight")).output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
}

#[test]
fn the_manual_is_asked_by_key() {
    let dir = tempfile::tempdir().unwrap();
    let all = porchlight(dir.path(), &["manual"]);
    assert_eq!(String::from_utf8_lossy(&all.stdout), include_str!("../../config.toml"));
    let one = porchlight(dir.path(), &["manual", "endpoint.every"]);
    assert!(said(&one).contains("How often") && said(&one).lines().count() < 6, "{}", said(&one));
    let none = porchlight(dir.path(), &["manual", "endpoint.evry"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(said(&none).contains("did you mean `endpoint.every`?"), "{}", said(&none));
}

#[test]
fn the_man_page_renders_without_a_warning_and_names_every_command_and_code() {
    let dir = tempfile::tempdir().unwrap();
    let page = porchlight(dir.path(), &["man"]);
    assert!(page.status.success());
    let text = String::from_utf8_lossy(&page.stdout).into_owned();
    for word in
        ["porchlight init", "porchlight serve", "\\fB78\\fR", "PORCHLIGHT_LISTEN", "SIGHUP", ".SH FILES"]
    {
        assert!(text.contains(word), "{word}: {text}");
    }
    let file = dir.path().join("porchlight.1");
    std::fs::write(&file, page.stdout).unwrap();
    let man = Command::new("man").arg("--warnings").arg("-l").arg(&file).env("MANWIDTH", "80").output();
    let man = man.expect("man, which tests/run installs");
    assert!(man.stderr.is_empty() && man.status.success(), "{}", said(&man));
}

#[test]
fn completions_are_what_the_shell_can_read() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = porchlight(dir.path(), &["completions", shell]);
        assert!(said(&output).contains("completions") && said(&output).contains("listen"), "{shell}");
    }
    std::fs::write(dir.path().join("c"), porchlight(dir.path(), &["completions", "bash"]).stdout).unwrap();
    let read = Command::new("bash").arg("-n").arg(dir.path().join("c")).output().unwrap();
    assert!(read.status.success(), "{}", said(&read));
}

/// A config whose page would be at `port`.
fn page_at(dir: &Path, port: u16) -> String {
    let file = dir.join("own.toml");
    std::fs::write(&file, format!("[server]\nlisten = \"127.0.0.1:{port}\"\n")).unwrap();
    file.display().to_string()
}

#[test]
fn a_flag_stands_above_the_environment_and_that_above_the_file() {
    let dir = tempfile::tempdir().unwrap();
    // The file's port is taken, so that only another one can work.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = page_at(dir.path(), taken.local_addr().unwrap().port());
    for flag in [false, true] {
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_porchlight"));
        command.env("PORCHLIGHT_CONFIG", &file).env("PORCHLIGHT_DATA", dir.path().join("env"));
        if flag {
            command.args(["--listen", &address, "--data"]).arg(dir.path().join("flag"));
            command.env("PORCHLIGHT_LISTEN", taken.local_addr().unwrap().to_string());
        } else {
            command.env("PORCHLIGHT_LISTEN", &address);
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let at = address.parse().unwrap();
        wait_until("the page answers", || {
            assert!(child.try_wait().unwrap().is_none(), "it ended");
            std::net::TcpStream::connect(at).ok()
        });
        assert_eq!(get(at, "/").status, 200);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(dir.path().join(if flag { "flag" } else { "env" }).join("porchlight.db").exists());
        assert_eq!(dir.path().join("flag").exists(), flag);
    }
    assert!(!dir.path().join("data").exists());
}

#[test]
fn a_bad_value_says_which_of_them_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    for (variable, flag, value) in [
        ("PORCHLIGHT_LISTEN", "--listen", "localhost"),
        ("PORCHLIGHT_DATA", "--data", ""),
        ("PORCHLIGHT_CONFIG", "--config", ""),
    ] {
        let flagged = porchlight(dir.path(), &[flag, value, "check"]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_porchlight"));
        let from_env = command.arg("check").env(variable, value).output().unwrap();
        for (output, name, other) in [(flagged, flag, variable), (from_env, variable, flag)] {
            assert_eq!(output.status.code(), Some(2), "{}", said(&output));
            assert!(said(&output).contains(name) && !said(&output).contains(other), "{}", said(&output));
        }
    }
}
