//! A page as a person reads it: without scripts, styles, comments and tags.
//!
//! | in the answer | is read as |
//! | --- | --- |
//! | a script, a style, a comment | nothing: it holds the words for every case |
//! | a script that begins with `alert(` | what it says: old pages answer with nothing else |
//! | a tag | nothing, so that a word may be half in bold |
//! | `&#29992;`, `&#x7528;`, `&nbsp;` and the few that every page uses | the character |
//! | `\u7528` | the character: many write JSON in ASCII |

/// What is in these elements nobody reads.
const UNREAD: [(&str, &str); 3] = [("<script", "</script"), ("<style", "</style"), ("<!--", "-->")];
/// Says at once what stands in it.
const SPEAKS: [&str; 4] = ["alert(", "window.alert(", "layer.msg(", "layer.alert("];
/// A character reference is no longer than this, `&#x10ffff;`.
const REFERENCE: usize = 10;

/// A text in lower case without what nobody reads, its tags as they stand.
pub(super) fn markup(lower: &str) -> String {
    let mut kept = String::with_capacity(lower.len());
    let mut rest = lower;
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        kept.push_str(before);
        let unread = UNREAD.iter().find(|(begin, _)| from.starts_with(begin));
        let Some((begin, end)) = unread else {
            kept.push('<');
            rest = from.get(1..).unwrap_or_default();
            continue;
        };
        let inside = from.get(begin.len()..).unwrap_or_default();
        let Some(closing) = inside.find(end) else { return kept };
        let script = inside.get(..closing).and_then(|it| it.split_once('>')).map_or("", |(_, script)| script);
        if SPEAKS.iter().any(|it| script.trim_start().starts_with(it)) {
            kept.push_str(script);
        }
        let after = inside.get(closing + end.len()..).unwrap_or_default();
        rest = match *end {
            "-->" => after,
            _ => after.split_once('>').map_or("", |(_, after)| after),
        };
    }
    kept.push_str(rest);
    kept
}

/// What is left of it to be read.
pub(super) fn text(markup: &str) -> String {
    let mut read = String::with_capacity(markup.len());
    let mut rest = markup;
    while let Some(at) = rest.find(['<', '&', '\\']) {
        let (before, from) = rest.split_at(at);
        read.push_str(before);
        let (character, length) = match from.as_bytes().first() {
            Some(b'<') if is_tag(from) => (None, from.find('>').map_or(from.len(), |end| end + 1)),
            Some(b'&') => reference(from),
            Some(b'\\') => escape(from),
            _ => (Some('<'), 1),
        };
        read.extend(character);
        rest = from.get(length..).unwrap_or_default();
    }
    read.push_str(rest);
    read
}

fn is_tag(from: &str) -> bool {
    from.as_bytes().get(1).is_some_and(|it| it.is_ascii_alphabetic() || matches!(it, b'/' | b'!' | b'?'))
}

/// A character reference, or an `&` that is none.
fn reference(from: &str) -> (Option<char>, usize) {
    let name = from.get(1..).and_then(|it| it.split_once(';')).map(|(name, _)| name);
    let Some(name) = name.filter(|it| it.len() <= REFERENCE) else { return (Some('&'), 1) };
    let found = match name {
        "nbsp" => Some(' '),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "lt" => Some('<'),
        "gt" => Some('>'),
        _ => {
            let number = name.strip_prefix('#').and_then(|it| match it.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16).ok(),
                None => it.parse().ok(),
            });
            number.and_then(char::from_u32)
        }
    };
    found.map_or((Some('&'), 1), |it| (Some(it), name.len() + 2))
}

/// `\u` with four digits, or a `\` that is something else.
fn escape(from: &str) -> (Option<char>, usize) {
    let digits = from.strip_prefix("\\u").and_then(|it| it.get(..4));
    let found = digits.and_then(|it| u32::from_str_radix(it, 16).ok()).and_then(char::from_u32);
    found.map_or((Some('\\'), 1), |it| (Some(it), 6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_a_person_reads_is_read() {
        for (page, read) in [
            ("", ""),
            ("密码错误", "密码错误"),
            ("<p>用户名或<b>密码</b>错误</p>", "用户名或密码错误"),
            ("<script>var m='密码错误'</script >hi", "hi"),
            ("<style>p{}</style><!-- 密码错误 --><p title='密码错误'>hi", "hi"),
            ("<script type=x> alert('密码错误');</script>", " alert('密码错误');"),
            ("<script>function f(){alert('密码错误')}</script>", ""),
            ("a<script>never ended 密码错误", "a"),
            ("a<!-- never ended 密码错误", "a"),
            ("invalid&nbsp;username", "invalid username"),
            ("&#29992;&#x6237;&amp;&unknown;&#xffffffff;&", "用户&&unknown;&#xffffffff;&"),
            (r#"{"m":"\u5bc6\u7801\u9519\u8bef\n\ud800\u12"}"#, "{\"m\":\"密码错误\\n\\ud800\\u12\"}"),
            ("1 < 2 <3", "1 < 2 <3"),
            ("<p never ended", ""),
        ] {
            assert_eq!(text(&markup(page)), read, "{page}");
        }
    }

    #[test]
    fn a_page_of_nothing_but_openings_is_read_in_no_time() {
        for piece in ["<", "<!--", "<script>", "&", "&#", "\\u", "<!--<script>-->"] {
            let page = piece.repeat((64 << 10) / piece.len());
            let began = crate::probe::marks::now();
            let _ = text(&markup(&page));
            assert!(crate::probe::marks::now() - began < std::time::Duration::from_secs(2), "{piece}");
        }
    }

    proptest! {
        #[test]
        fn it_never_panics_and_never_grows(page in "(<script|</script>|<!--|-->|<|>|&|#x?|;|\\\\u|[0-9a-f]|密)*") {
            prop_assert!(text(&markup(&page)).len() <= page.len());
        }
    }
}
