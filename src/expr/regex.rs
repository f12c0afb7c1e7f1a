//! Regular expressions: linear in what they search, bounded in what they compile to.

use ::regex::{Regex, RegexBuilder};

use super::cache::Cache;

/// Nobody reads a longer one.
const PATTERN_LIMIT: usize = 1_000;
/// Of the compiled program; `\w{1000}` asks for more.
const SIZE_LIMIT: usize = 1 << 20;
/// Of the automaton built while searching, for each thread that searches.
const DFA_LIMIT: usize = 1 << 20;
/// Groups within groups.
const NEST_LIMIT: u32 = 50;

static COMPILED: Cache<Regex> = Cache::new();

/// Whether it compiles, and if not, why.
pub fn check(pattern: &str) -> Result<(), String> {
    compile(pattern).map(drop)
}

/// Whether it matches anywhere.
pub fn matches(text: &str, pattern: &str) -> Result<bool, String> {
    Ok(compiled(pattern)?.is_match(text))
}

/// The text of a group of the first match; 0 is the whole of it. None when nothing
/// matches, or the group had no part in it.
pub fn group(text: &str, pattern: &str, group: usize) -> Result<Option<String>, String> {
    let found = compiled(pattern)?.captures(text);
    Ok(found.and_then(|it| Some(it.get(group)?.as_str().to_owned())))
}

/// How many groups it has, the whole match not counted.
pub fn groups(pattern: &str) -> Result<usize, String> {
    Ok(compiled(pattern)?.captures_len() - 1)
}

fn compiled(pattern: &str) -> Result<std::sync::Arc<Regex>, String> {
    COMPILED.get(pattern, compile)
}

fn compile(pattern: &str) -> Result<Regex, String> {
    if PATTERN_LIMIT < pattern.len() {
        return Err(format!("it is longer than {PATTERN_LIMIT} bytes"));
    }
    let built = RegexBuilder::new(pattern)
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(DFA_LIMIT)
        .nest_limit(NEST_LIMIT)
        .build();
    built.map_err(|error| match error {
        ::regex::Error::CompiledTooBig(_) => "it is too large once compiled".to_owned(),
        // The crate draws the pattern with a caret; the last line says why.
        other => {
            let told = other.to_string();
            let why = told.lines().last().unwrap_or_default();
            why.trim_start_matches("error: ").to_owned()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_or_not() {
        for (text, pattern, wanted, found) in [
            ("token=abc;", r"token=(\w+)", 1, Some("abc")),
            ("token=abc;", r"token=(\w+)", 0, Some("token=abc")),
            ("token=abc;", r"token=(\w+)", 2, None),
            ("nothing", r"token=(\w+)", 1, None),
            ("令牌：密", r"令牌：(.)", 1, Some("密")),
        ] {
            assert_eq!(group(text, pattern, wanted), Ok(found.map(str::to_owned)), "{pattern} on {text}");
        }
    }

    #[test]
    fn what_does_not_compile_says_why() {
        insta::assert_snapshot!(check("(").unwrap_err(), @"unclosed group");
        insta::assert_snapshot!(check(r"\w{1000}\w{1000}").unwrap_err(), @"it is too large once compiled");
        insta::assert_snapshot!(check(&"a".repeat(2000)).unwrap_err(), @"it is longer than 1000 bytes");
        insta::assert_snapshot!(check(r"(?=a)").unwrap_err(), @"look-around, including look-ahead and look-behind, is not supported");
        assert!(check(&"(".repeat(900)).is_err());
        assert_eq!(check(r#"name="csrf" value="(\w+)""#), Ok(()));
    }
}
