//! The manual is the shipped file; each key's paragraph in it can be asked for by name.

use std::sync::LazyLock;

use super::nearest::nearest;

/// The shipped file, word for word.
pub const MANUAL: &str = include_str!("../../config.toml");

/// What the manual says about one key or one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// `endpoint.every`; a table is called by its name alone.
    pub path: String,
    /// Of the shipped file, from 1.
    pub line: usize,
    pub text: &'static str,
}

/// What a step has in place of its endpoint, which has it where it is one request.
pub(super) const OF_REQUEST: &[&str] = &[
    "method",
    "headers",
    "query",
    "form",
    "json",
    "body",
    "redirects",
    "status",
    "contains",
    "not_contains",
    "header",
    "css",
    "location",
    "http_version",
    "certificate_days",
    "expect",
    "degraded_when",
    "unknown_when",
    "signs",
];

/// What people call a login in steps.
const LOGIN: [&str; 4] = ["login", "flow", "flows", "steps"];

/// A whole flow, to be changed into one's own.
static TO_START_FROM: LazyLock<Option<Topic>> = LazyLock::new(|| {
    let from = MANUAL.find("# A flow to start from")?;
    let text = MANUAL[from..].split("\n\n").next()?;
    let line = MANUAL[..from].lines().count() + 1;
    Some(Topic { path: "a login to start from".to_owned(), line, text })
});

static TOPICS: LazyLock<Vec<Topic>> = LazyLock::new(|| topics(MANUAL));

/// Every topic, in the order of the manual.
pub fn all() -> &'static [Topic] {
    &TOPICS
}

/// The topic of that path; what a step shares with a plain request is told there.
pub fn find(path: &str) -> Option<&'static Topic> {
    let shared = path.strip_prefix("endpoint.step.").filter(|key| OF_REQUEST.contains(key));
    let path = shared.map_or_else(|| path.to_owned(), |key| format!("endpoint.{key}"));
    TOPICS.iter().find(|it| it.path == path)
}

/// The topics that a person may mean: by path, or a key in whatever table.
pub fn meant(words: &str) -> Vec<&'static Topic> {
    let words = words.trim_matches(['[', ']', '`']);
    if LOGIN.contains(&words) {
        return find("endpoint.step").into_iter().chain(TO_START_FROM.as_ref()).collect();
    }
    match find(words) {
        Some(topic) => vec![topic],
        None => TOPICS.iter().filter(|it| it.path.rsplit('.').next() == Some(words)).collect(),
    }
}

/// The path that was most likely meant by one that is not there.
pub fn suggestion(words: &str) -> Option<&'static str> {
    nearest(words, TOPICS.iter().map(|it| it.path.as_str()).collect::<Vec<_>>())
        .or_else(|| nearest(words, keys().collect::<Vec<_>>()))
}

fn keys() -> impl Iterator<Item = &'static str> {
    TOPICS.iter().filter_map(|it| it.path.rsplit('.').next())
}

/// A paragraph ends at an empty line; it is about each key that it sets or shows.
/// Where a key stands twice the first place explains it.
fn topics(manual: &'static str) -> Vec<Topic> {
    let mut found: Vec<Topic> = Vec::new();
    let mut table = String::new();
    let mut before: Option<(usize, bool)> = None;
    for (start, first_line, paragraph) in paragraphs(manual) {
        let mut names_something = false;
        for (index, line) in paragraph.lines().enumerate() {
            let (path, from) = match (heading(line), key(line)) {
                (Some(name), _) => {
                    table = name.to_owned();
                    // What is said just before a heading is said of the whole table.
                    let told_before = before.filter(|(_, only_words)| *only_words && index == 0);
                    (table.clone(), told_before.map_or(start, |(from, _)| from))
                }
                (None, Some(key)) if table.is_empty() => (key.to_owned(), start),
                (None, Some(key)) => (format!("{table}.{key}"), start),
                (None, None) => continue,
            };
            names_something = true;
            if path.strip_prefix("endpoint.step.").is_some_and(|key| OF_REQUEST.contains(&key)) {
                continue;
            }
            if found.iter().all(|it| it.path != path) {
                let text = manual[from..start + paragraph.len()].trim_end();
                found.push(Topic { path, line: first_line + index, text });
            }
        }
        before = Some((start, !names_something));
    }
    found
}

/// Where each paragraph starts, in bytes and in lines, and its text.
fn paragraphs(text: &'static str) -> Vec<(usize, usize, &'static str)> {
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    for paragraph in text.split("\n\n") {
        let words = paragraph.trim_start_matches('\n');
        let skipped = paragraph.len() - words.len();
        if !words.is_empty() {
            found.push((at + skipped, line + skipped, words));
        }
        at += paragraph.len() + 2;
        line += paragraph.matches('\n').count() + 2;
    }
    found
}

/// The name of the table that a line begins, in a comment or not.
fn heading(line: &str) -> Option<&str> {
    let line = line.strip_prefix("# ").unwrap_or(line);
    let name = line.strip_prefix('[')?.trim_start_matches('[');
    let (name, rest) = name.split_once(']')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '_' | '.'));
    (is_name && rest.trim_start_matches(']').trim().is_empty()).then_some(name)
}

/// The key that a line sets, in a comment or not; of `body.zh` it is `body`.
fn key(line: &str) -> Option<&str> {
    let line = line.strip_prefix("# ").unwrap_or(line);
    let (written, _) = line.split_once(" = ")?;
    let key = written.split('.').next()?;
    let fits = |c: char| c.is_ascii_lowercase() || c == '_' || c == '.';
    (!key.is_empty() && written.chars().all(fits)).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_the_paragraph_of_its_key_and_its_line_sets_it() {
        for topic in all() {
            let line = MANUAL.lines().nth(topic.line - 1).unwrap();
            let name = topic.path.rsplit('.').next().unwrap();
            assert!(heading(line) == Some(&topic.path) || key(line) == Some(name), "{topic:?}: {line}");
            assert!(topic.text.contains(line), "{topic:?}");
        }
        assert!(find("endpoint.every").unwrap().text.starts_with("# How often"));
        assert!(find("maintenance").unwrap().text.starts_with("# A window"));
        assert!(find("component").unwrap().text.contains("What readers see"));
        assert!(find("store.keep_results").unwrap().text.ends_with("keep_results = \"90d\""));
        assert_eq!(find("strict").unwrap().text.lines().count(), 3);
    }

    #[test]
    fn a_topic_is_found_by_its_key_alone_too() {
        let paths = |words| meant(words).iter().map(|it| it.path.as_str()).collect::<Vec<_>>();
        assert_eq!(paths("endpoint.every"), ["endpoint.every"]);
        assert_eq!(paths("every"), ["endpoint.every"]);
        assert_eq!(paths("[[endpoint]]"), ["endpoint"]);
        assert_eq!(paths("role"), ["component.role"]);
        assert_eq!(paths("[[endpoint.step]]"), ["endpoint.step"]);
        assert_eq!(paths("login"), ["endpoint.step", "a login to start from"]);
        let whole = meant("flow")[1];
        assert!(MANUAL.lines().nth(whole.line - 1).unwrap().starts_with("# A flow to start from"));
        assert!(whole.text.ends_with("always = true") && whole.text.lines().count() <= 25, "{}", whole.text);
        assert!(find("endpoint.step").unwrap().text.contains("{{password}}"));
        assert_eq!(paths("endpoint.step.capture"), ["endpoint.step.capture"]);
        assert_eq!(paths("endpoint.step.status"), ["endpoint.status"]);
        assert!(paths("body").len() >= 3 && paths("nothing").is_empty());
        assert_eq!(suggestion("endpoint.evry"), Some("endpoint.every"));
        assert_eq!(suggestion("interval"), Some("every"));
    }
}
