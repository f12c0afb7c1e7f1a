//! `porchlight init`: a first config from three questions or flags; never overwrites.

use std::fs::OpenOptions;
use std::io::{BufRead, ErrorKind, IsTerminal, Write};
use std::path::Path;

use super::{Exit, Place, tell, tell_error};
use crate::config::starter::{self, Answers};

/// What a package installs; without it the schema is written beside the new file.
const INSTALLED_SCHEMA: &str = "/usr/share/porchlight/porchlight.schema.json";
const SCHEMA: &str = "porchlight.schema.json";

/// The flags of `init`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Flags {
    /// What your service is called; `中文 / English` gives each language its own
    #[arg(long)]
    name: Option<String>,
    /// The address of its login page
    #[arg(long)]
    url: Option<String>,
    /// A text that must stand on that page
    #[arg(long, value_name = "TEXT")]
    contains: Option<String>,
    /// Where to write it; `-` is standard output [default: the --config file]
    #[arg(long, short, value_name = "FILE")]
    out: Option<std::path::PathBuf>,
}

pub fn init(flags: Flags, place: &Place) -> anyhow::Result<Exit> {
    let out = flags.out.as_deref().unwrap_or(&place.config).to_owned();
    let printed = out == Path::new("-");
    if !printed && out.symlink_metadata().is_ok() {
        return Ok(refuse(
            Exit::CannotWrite,
            format!(
                "{} is there already and is left as it is; name another file with `--out FILE`",
                out.display()
            ),
        ));
    }
    let installed = Path::new(INSTALLED_SCHEMA).exists();
    let answers = Answers {
        listen: place.listen.map(|it| it.0),
        data: place.data.clone(),
        schema: if installed { INSTALLED_SCHEMA } else { SCHEMA }.to_owned(),
        ..Answers::default()
    };
    let answers = match ask(flags, answers) {
        Ok(answers) => answers,
        Err(why) => return Ok(refuse(Exit::Misunderstood, why)),
    };
    let text = match starter::write(&answers) {
        Ok(text) => text,
        Err(faults) => return Ok(refuse(Exit::Misunderstood, faults.join("; "))),
    };
    if printed {
        tell(text.trim_end());
        return Ok(Exit::Well);
    }
    if let Err(why) = create(&out, &text) {
        let help = match why.kind() {
            ErrorKind::NotFound => "make its directory first",
            _ => "name a file that you may write with `--out FILE`",
        };
        return Ok(refuse(Exit::CannotWrite, format!("could not write {} ({why}); {help}", out.display())));
    }
    tell(format_args!("Wrote {}: it watches {}.", out.display(), answers.url));
    if !installed && create(&out.with_file_name(SCHEMA), &super::schema::text()?).is_ok() {
        tell(format_args!("Wrote {SCHEMA} beside it, for your editor."));
    }
    let with =
        if out == Path::new("config.toml") { String::new() } else { format!(" --config {}", out.display()) };
    tell("Next:");
    tell(format_args!("  porchlight{with} check                what is wrong with it, if anything"));
    tell(format_args!("  porchlight{with} probe login-page     knock once, now"));
    tell(format_args!("  porchlight{with}                      watch, and serve the page"));
    Ok(Exit::Well)
}

fn refuse(exit: Exit, why: String) -> Exit {
    tell_error(&anyhow::anyhow!(why));
    exit
}

/// Only ever a new file; what was there in the meantime is left.
fn create(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

/// The flags' answers; what they leave open is asked, if there is somebody to ask.
fn ask(flags: Flags, mut answers: Answers) -> Result<Answers, String> {
    let missing: Vec<&str> = [("--name", flags.name.is_none()), ("--url", flags.url.is_none())]
        .into_iter()
        .filter_map(|(flag, open)| open.then_some(flag))
        .collect();
    if !missing.is_empty() && !std::io::stdin().is_terminal() {
        return Err(format!(
            "{} {} not given, and nobody is here to be asked; see `porchlight init --help`",
            missing.join(" and "),
            if missing.len() == 1 { "was" } else { "were" }
        ));
    }
    let asked = !missing.is_empty();
    // A placeholder, so that each answer is checked by itself.
    answers.url = "https://login.example.com/".to_owned();
    answers = match flags.name {
        Some(name) => checked(answers.named(&name)).map_err(|it| format!("--name: {it}"))?,
        None => question("What is your service called? (one name, or `中文 / English`)", |it| {
            checked(answers.clone().named(it))
        })?,
    };
    answers = match flags.url {
        Some(url) => checked(Answers { url, ..answers }).map_err(|it| format!("--url: {it}"))?,
        None => question("The address of its login page? (https://…)", |it| {
            checked(Answers { url: it.to_owned(), ..answers.clone() })
        })?,
    };
    if let Some(text) = flags.contains {
        let contains = Some(text);
        answers = checked(Answers { contains, ..answers }).map_err(|it| format!("--contains: {it}"))?;
    } else if asked {
        answers = question("A text that must stand on that page? (empty: none)", |it| {
            let text = (!it.is_empty()).then(|| it.to_owned());
            checked(Answers { contains: text, ..answers.clone() })
        })?;
    }
    Ok(answers)
}

fn checked(answers: Answers) -> Result<Answers, String> {
    starter::write(&answers).map(|_| answers).map_err(|faults| faults.join("; "))
}

/// Asks until the answer is right. Questions go to standard error, since the
/// file may go to standard output.
fn question(words: &str, read: impl Fn(&str) -> Result<Answers, String>) -> Result<Answers, String> {
    loop {
        let _ = write!(std::io::stderr(), "{words}\n> ");
        let mut line = String::new();
        let length = std::io::stdin().lock().read_line(&mut line).map_err(|it| it.to_string())?;
        if length == 0 {
            return Err("the input ended before the last answer; nothing was written".to_owned());
        }
        match read(line.trim()) {
            Ok(answers) => return Ok(answers),
            Err(why) => {
                let _ = writeln!(std::io::stderr(), "{why}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_came_in_the_meantime_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        create(&path, "first").unwrap();
        assert_eq!(create(&path, "second").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "first");
    }
}
