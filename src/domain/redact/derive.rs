//! The forms that a wire gives a secret.
//!
//! The secret, what it is made of (the token behind `Bearer `, the name and the
//! password inside `Basic …`, the values of cookies), each also in base64
//! wherever it may stand in a longer text, and in hex; each of those as URLs,
//! forms, JSON and HTML escape it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::collections::BTreeSet;

/// A secret longer than this is hidden piece by piece.
const PIECE: usize = 512;
/// Parts shorter than this are no secrets by themselves.
const PART: usize = 4;
/// Long enough that hiding it hides no plain word.
const LONG_PART: usize = 8;
/// The least of a base64 text that tells anything.
const CORE: usize = 6;
/// Words before a secret that are none.
const PLAIN: [&str; 6] = ["bearer", "basic", "token", "digest", "apikey", "path"];

pub(super) fn forms(secret: &str) -> BTreeSet<String> {
    let mut forms = BTreeSet::new();
    for part in parts(secret) {
        for piece in pieces(&part) {
            for form in encoded(piece) {
                for escaped in escaped(&form) {
                    forms.insert(escaped);
                }
                forms.insert(form);
            }
        }
    }
    forms.remove("");
    forms
}

/// The secret, and what of it is one by itself.
fn parts(secret: &str) -> BTreeSet<String> {
    let mut parts: BTreeSet<String> = secret
        .split(|c: char| c.is_whitespace() || c == ';' || c == ',')
        .flat_map(|part| [Some(part), part.split_once('=').map(|(_, value)| value)])
        .flatten()
        .filter(|part| PART <= part.len() && !PLAIN.contains(&part.to_ascii_lowercase().as_str()))
        .map(str::to_owned)
        .collect();
    // What is left where a target drops or replaces what it cannot write.
    parts.extend(secret.split(|c: char| !c.is_ascii()).filter(|it| LONG_PART <= it.len()).map(str::to_owned));
    if let Some(login) = basic(secret)
        && let Some((username, password)) = login.split_once(':')
    {
        parts.extend([username, password].into_iter().filter(|it| PART <= it.len()).map(str::to_owned));
    }
    parts.insert(secret.to_owned());
    parts.insert(secret.trim().to_owned());
    parts
}

/// The name and the password in `Basic …`.
fn basic(secret: &str) -> Option<String> {
    let (scheme, encoded) = secret.trim().split_once(' ')?;
    let encoded = encoded.trim().trim_end_matches('=');
    let login = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD_NO_PAD.decode(encoded).ok())??;
    String::from_utf8(login).ok()
}

fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while PIECE < rest.len() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

fn encoded(piece: &str) -> Vec<String> {
    let mut forms = vec![piece.to_owned()];
    if piece.len() < PART {
        return forms;
    }
    forms.push(piece.bytes().map(|it| format!("{it:02x}")).collect());
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        forms.push(engine.encode(piece));
        for before in 0..3 {
            let core =
                core(&engine.encode([&vec![0; before], piece.as_bytes()].concat()), before, piece.len());
            forms.extend((CORE <= core.len()).then_some(core));
        }
    }
    forms
}

/// What of a base64 text depends on nothing but the secret in it.
fn core(encoded: &str, before: usize, length: usize) -> String {
    let first = (before * 8).div_ceil(6);
    let end = (before + length) * 8 / 6;
    encoded.get(first..end.max(first)).unwrap_or_default().to_owned()
}

fn escaped(text: &str) -> Vec<String> {
    let all_but = |kept: &str| percent(text, |c| c.is_ascii_alphanumeric() || kept.contains(char::from(c)));
    let component = all_but("-_.~");
    vec![
        percent(text, |_| false),
        all_but(""),
        all_but("-_.!~*'()"),
        all_but("-_.!~*'();/?:@&=+$,#"),
        all_but("*-._ ").replace(' ', "+"),
        percent(&component, |c| c != b'%'),
        component,
        json(text, false, false),
        json(text, false, true),
        json(text, true, false),
        json(text, true, true),
        text.escape_debug().collect(),
        html(text, "&#39;", "&quot;"),
        html(text, "&#x27;", "&#34;"),
        html(text, "'", "\""),
        html(text, "&apos;", "&quot;"),
    ]
}

fn percent(text: &str, stays: impl Fn(u8) -> bool) -> String {
    let encode = |it: u8| if stays(it) { char::from(it).to_string() } else { format!("%{it:02x}") };
    text.bytes().map(encode).collect()
}

/// As JSON writes it; some also escape slashes, or all that is not ASCII.
fn json(text: &str, slashes: bool, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '/' if slashes => out.push_str("\\/"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || (ascii && !c.is_ascii()) => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
            }
            c => out.push(c),
        }
    }
    out
}

fn html(text: &str, apostrophe: &str, quote: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', apostrophe)
        .replace('"', quote)
}
