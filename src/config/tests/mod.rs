//! Whole files: what is read from good ones, and every word said about bad ones.

mod assertions;
mod canaries;
mod faults;
mod flows;
mod good;
mod kinds;
mod manual;
mod network;
mod notices;
mod random;
mod requests;
mod secrets;

use std::io;
use std::path::Path;

use secrecy::SecretString;

use super::*;

const SHIPPED: &str = include_str!("../../../config.toml");

/// What must never be printed.
const PASSWORD: &str = "hunter2";

fn parse_in(
    text: &str,
    file: &dyn Fn(&Path) -> io::Result<SecretFile>,
) -> Result<(Config, Vec<Fault>), Faults> {
    let env = |name: &str| match name {
        "TOKEN" => Some(PASSWORD.to_owned()),
        "BROKEN" => Some(format!("{PASSWORD}\r\nx-more: yes")),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    let sample = |name: &str| match name {
        "username" => Some(SecretString::from("probe")),
        "password" => Some(SecretString::from(PASSWORD)),
        "totp" => Some(SecretString::from("ONQW24DMMUWXOYLMNRSXILLUN52HALLT")),
        _ => None,
    };
    let certificate = |files: &TlsFiles, host: Option<&str>, _: jiff::Timestamp| {
        let fault = |in_key, message: &str| CertificateFault {
            in_key,
            message: message.to_owned(),
            help: "do better".to_owned(),
        };
        match files.key.to_str() {
            Some("/etc/porchlight/missing.pem") => Err(fault(true, "the key is missing")),
            Some("/etc/porchlight/open.pem") => {
                Ok(vec![fault(true, "everybody reads it"), fault(false, &format!("not for {host:?}"))])
            }
            _ => Ok(vec![]),
        }
    };
    let around = Surroundings {
        env: &env,
        file,
        sample: &sample,
        certificate: &certificate,
        dir: Path::new("/etc/porchlight"),
        ..Surroundings::none()
    };
    Config::parse(text, "config.toml", &around, "2026-11-23T00:00:00Z".parse().unwrap())
}

fn parse(text: &str) -> Result<(Config, Vec<Fault>), Faults> {
    parse_in(text, &|path: &Path| match path.to_str() {
        Some("/etc/porchlight/secrets/good" | "/etc/porchlight/secrets/probe") => {
            Ok(SecretFile { text: format!("{PASSWORD}\n").into(), world_readable: false })
        }
        Some("/etc/porchlight/secrets/totp") => {
            Ok(SecretFile { text: "GEZD GNBV GY3T QOJQ\n".into(), world_readable: false })
        }
        Some("/etc/porchlight/secrets/open") => {
            Ok(SecretFile { text: PASSWORD.into(), world_readable: true })
        }
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    })
}

fn good(text: &str) -> Config {
    match parse(text) {
        Ok((config, _)) => config,
        Err(faults) => panic!("{faults}"),
    }
}

/// All that is said of a bad file, but for the lines that point into the manual:
/// those are tested by themselves.
fn said(text: &str) -> String {
    without_notes(&parse(text).unwrap_err().to_string())
}

fn without_notes(said: &str) -> String {
    let lines: Vec<&str> = said.lines().filter(|it| !it.contains("= note: see `porchlight manual")).collect();
    lines.join("\n")
}

/// The warnings of a good file.
fn warned(text: &str) -> String {
    let warnings: Vec<String> = parse(text).unwrap().1.iter().map(ToString::to_string).collect();
    without_notes(&warnings.join("\n\n"))
}

/// A small good file with `lines` in its endpoint.
fn with(lines: &str) -> String {
    format!(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n\n[[endpoint]]\nid = \"login\"\ncomponent = \"web\"\nurl = \"https://wallet.example.com/login\"\n{lines}\n"
    )
}
