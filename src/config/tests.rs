//! Whole files: what is read from good ones, and every word said about bad ones.

use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};

use super::*;
use crate::domain::component::{Lang, RollUp};
use crate::domain::endpoint::{Cadence, Method, StatusRange, Value};

const SHIPPED: &str = include_str!("../../config.toml");

/// What must never be printed.
const PASSWORD: &str = "hunter2";

fn parse_in(text: &str, file: &dyn Fn(&Path) -> io::Result<SecretFile>) -> Result<(Config, Vec<Fault>), Faults> {
    let env = |name: &str| match name {
        "TOKEN" => Some(PASSWORD.to_owned()),
        "BROKEN" => Some(format!("{PASSWORD}\r\nx-more: yes")),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    let sample = |name: &str| match name {
        "username" => Some(SecretString::from("probe")),
        "password" => Some(SecretString::from(PASSWORD)),
        _ => None,
    };
    let around = Surroundings { env: &env, file, sample: &sample, dir: Path::new("/etc/porchlight") };
    Config::parse(text, "config.toml", &around, "2026-11-23T00:00:00Z".parse().unwrap())
}

fn parse(text: &str) -> Result<(Config, Vec<Fault>), Faults> {
    parse_in(text, &|path: &Path| match path.to_str() {
        Some("/etc/porchlight/secrets/good") => {
            Ok(SecretFile { text: format!("{PASSWORD}\n").into(), world_readable: false })
        }
        Some("/etc/porchlight/secrets/open") => Ok(SecretFile { text: PASSWORD.into(), world_readable: true }),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    })
}

fn good(text: &str) -> Config {
    match parse(text) {
        Ok((config, _)) => config,
        Err(faults) => panic!("{faults}"),
    }
}

fn said(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// The warnings of a good file.
fn warned(text: &str) -> String {
    let warnings: Vec<String> = parse(text).unwrap().1.iter().map(ToString::to_string).collect();
    warnings.join("\n\n")
}

/// A small good file with `lines` in its endpoint.
fn with(lines: &str) -> String {
    format!(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n\n[[endpoint]]\nid = \"login\"\ncomponent = \"web\"\nurl = \"https://wallet.example.com/login\"\n{lines}\n"
    )
}

#[test]
fn the_shipped_file_has_no_faults_and_no_warnings() {
    assert_eq!(warned(SHIPPED), "");
    let config = good(SHIPPED);
    let ids: Vec<&str> = config.components.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["web", "app", "version", "recovery"]);
    let ids: Vec<&str> = config.endpoints.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["login-page", "web-signin", "app-signin", "app-version"]);
    let signin = &config.endpoints[1].request;
    assert_eq!(signin.method, Method::Post);
    let Some(Value::Secret(body)) = &signin.body else { panic!("the body holds a secret") };
    assert_eq!(body.expose_secret(), "{\"username\":\"probe\",\"password\":\"hunter2\"}");
    assert_eq!(config.site.sample.unwrap().url, "http://127.0.0.1:8082/");
    assert_eq!(config.site.recovering_for, Duration::from_secs(30));
    assert_eq!(config.announcements.len(), 1);
}

#[test]
fn dump() {
    for text in [
        "[[endpoint]]\nid = \"Web Mail\"\nevrey = \"5s\"\nurl = \"ftp://x\"\ncomponent = \"wbe\"\n[[component]]\nid = \"web\"\nnmae = 3\n",
        "[site]\nname = \"x\nzone = 3\n[[component]]\nid = = 4\n",
        &with("schedule = \"61 * * * *\"\nzone = \"Asia/Shangai\""),
        "",
    ] {
        match parse(text) { Ok(_) => println!("ok\n{}", warned(text)), Err(e) => println!("{e}\n=====") }
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,400}") {
        drop(parse(&text));
    }
}
