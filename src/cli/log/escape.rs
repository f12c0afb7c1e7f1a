//! Makes any text fit to stand in one line that nobody's terminal obeys.

use std::fmt::Write;

/// The longest a value may be told, in characters: more is somebody's flood.
const LONGEST: usize = 4_000;

/// Whether a character could end a line, move a cursor or turn a text around:
/// C0, C1, the separators of lines and paragraphs, and the marks of direction.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

/// For people: `\n`, `\u{1b}`.
pub(super) fn plainly(text: &str, out: &mut String) {
    for c in text.chars().take(LONGEST) {
        if is_dangerous(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    cut(text, out);
}

/// In quotes, as JSON; `\u001b`.
pub(super) fn as_json(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars().take(LONGEST) {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            // All of these are of the first plane, so that four digits do.
            c if is_dangerous(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    cut(text, out);
    out.push('"');
}

fn cut(text: &str, out: &mut String) {
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What a target, a visitor or a file name might try.
    pub const EVIL: &[&str] = &[
        "two\nlines",
        "two\r\nlines",
        "\r2026-11-23T00:00:00.000Z  INFO app: forged",
        "\u{1b}[2J\u{1b}[31mred",
        "\u{1b}]0;title\u{7}",
        "\u{9b}31m C1",
        "\u{85}next line",
        "\u{2028}line\u{2029}paragraph",
        "\u{202e}txt.exe\u{202c}",
        "\u{2066}isolated\u{2069}",
        "\u{200e}\u{200f}\u{61c}marks",
        "\u{0}nul\u{7f}del\u{8}\u{8}\u{8}back",
        "\"quoted\" \\back\\slash\\",
        "{\"level\":\"ERROR\"}",
        "\u{feff}bom",
        "登录失败 🚪",
        "",
    ];

    fn is_one_harmless_line(text: &str) -> bool {
        !text.chars().any(is_dangerous) && text.lines().count() <= 1
    }

    #[test]
    fn nothing_evil_is_left_in_a_text() {
        for evil in EVIL {
            let mut out = String::new();
            plainly(evil, &mut out);
            assert!(is_one_harmless_line(&out), "{out:?}");
        }
        let mut out = String::new();
        plainly("登录失败 🚪 a\tb\u{1b}", &mut out);
        assert_eq!(out, "登录失败 🚪 a\\tb\\u{1b}");
    }

    #[test]
    fn json_reads_back_as_what_it_was_and_is_harmless_too() {
        for evil in EVIL {
            let mut out = String::new();
            as_json(evil, &mut out);
            assert!(is_one_harmless_line(&out), "{out:?}");
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), **evil);
        }
    }

    #[test]
    fn every_control_character_and_mark_of_direction_is_escaped() {
        let all = (0..=0x1f)
            .chain(0x7f..=0x9f)
            .chain([0x200e, 0x200f])
            .chain(0x2028..=0x202e)
            .chain(0x2066..=0x2069);
        for c in all.map(|it| char::from_u32(it).unwrap()) {
            let mut out = String::new();
            plainly(&c.to_string(), &mut out);
            assert!(out.starts_with('\\') && out.len() > 1, "{c:?}");
        }
    }

    #[test]
    fn a_flood_is_cut() {
        let (mut plain, mut json) = (String::new(), String::new());
        plainly(&"x".repeat(1_000_000), &mut plain);
        as_json(&"\n".repeat(1_000_000), &mut json);
        assert!(plain.chars().count() == LONGEST + 1 && plain.ends_with('…'));
        assert!(json.len() < 10 * LONGEST && serde_json::from_str::<String>(&json).is_ok());
    }
}
