//! A first config file of twenty lines, from a few answers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Config, Surroundings};

/// What the operator answered.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    pub name_zh: Option<String>,
    pub name_en: Option<String>,
    pub url: String,
    pub contains: Option<String>,
    pub listen: Option<SocketAddr>,
    pub data: Option<PathBuf>,
    /// How an editor finds the schema from where the file is.
    pub schema: String,
}

impl Answers {
    /// A name for everybody, or `中文 / English`.
    pub fn named(mut self, name: &str) -> Self {
        let (zh, en) = name.split_once(" / ").unwrap_or((name, name));
        self.name_zh = Some(zh.trim().to_owned());
        self.name_en = Some(en.trim().to_owned());
        self
    }
}

/// The file, or what its reader minds in the answers, one sentence each.
pub fn write(answers: &Answers) -> Result<String, Vec<String>> {
    let text = compose(answers);
    match Config::parse(&text, "the new file", &Surroundings::none(), Timestamp::UNIX_EPOCH) {
        Ok(_) => Ok(text),
        Err(faults) => Err(faults.shown().iter().map(|it| format!("{}: {}", it.message, it.help)).collect()),
    }
}

fn compose(answers: &Answers) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let (zh, en) = (answers.name_zh.as_deref(), answers.name_en.as_deref());
    let name = match (zh, en) {
        (Some(zh), Some(en)) => format!("{{ zh = {}, en = {} }}", quoted(zh), quoted(en)),
        (Some(one), None) | (None, Some(one)) => quoted(one),
        (None, None) => quoted("My service"),
    };
    let listen = answers.listen.map_or_else(|| "127.0.0.1:8080".to_owned(), |it| it.to_string());
    let data = answers.data.as_deref().unwrap_or(Path::new("data")).display().to_string();
    let contains = match &answers.contains {
        Some(text) => format!("contains = {}", quoted(text)),
        None => "# contains = \"password\"".to_owned(),
    };
    format!(
        "\
#:schema {schema}
# Every key: `porchlight manual`. What is wrong with this file: `porchlight check`.

[site]
name = {name}
zone = \"Asia/Shanghai\" # in which times are shown and days are cut

[server]
listen = {listen} # where the page is

[store]
data = {data} # the directory of the history

[[component]] # what readers see
id = \"login\" # ids are for life: the history hangs on them
name = {{ zh = \"登录\", en = \"Sign-in\" }}

[[endpoint]] # what is knocked at
id = \"login-page\"
component = \"login\"
url = {url}
every = \"30s\"
{contains} # must stand on the page: one that loads may still be the wrong one
",
        schema = answers.schema,
        listen = quoted(&listen),
        data = quoted(&data),
        url = quoted(&answers.url),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers() -> Answers {
        Answers { url: "https://login.example.com/".into(), schema: "s.json".into(), ..Answers::default() }
    }

    #[test]
    fn the_first_file_is_small_and_has_no_faults() {
        let text = write(&answers().named("示例银行 / Sample Bank")).unwrap();
        assert!(text.starts_with("#:schema s.json\n") && text.lines().count() <= 25, "{text}");
        assert!(text.contains("name = { zh = \"示例银行\", en = \"Sample Bank\" }"), "{text}");
    }

    #[test]
    fn whatever_is_answered_stands_in_the_file_or_is_refused_in_a_sentence() {
        let odd = "a \"quoted\" \\ 'text' # = [";
        let text = write(&Answers { contains: Some(odd.into()), ..answers() }.named(odd)).unwrap();
        assert!(text.lines().count() <= 25, "{text}");
        for (wrong, word) in [
            (Answers { url: "login.example.com".into(), ..answers() }, "address"),
            (Answers { url: "https://me:pw@login.example.com/".into(), ..answers() }, "password"),
            (answers().named(" "), "empty"),
            (answers().named("two\nlines"), "one line"),
            (Answers { contains: Some(" ".into()), ..answers() }, "empty"),
        ] {
            let said = write(&wrong).unwrap_err();
            assert!(said.iter().any(|it| it.contains(word)), "{word}: {said:?}");
        }
    }
}
