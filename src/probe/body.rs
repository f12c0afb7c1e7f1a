//! Reading an answer's body: to a limit, counted after unpacking, as text.
//!
//! | the body | is |
//! | --- | --- |
//! | as large as the limit, or smaller | read whole |
//! | larger, not packed | cut at the limit; whoever needed the rest calls it too large |
//! | larger, packed or unpacked | too large: it may be a bomb |

use std::borrow::Cow;

use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};

use reqwest::header::CONTENT_LENGTH;

use super::coding::Coding;

/// A login page larger than this, decoded, is not read: it is a fault, or an attack.
pub const BODY_LIMIT: usize = 2 * 1024 * 1024;

#[derive(Debug)]
pub enum Fault {
    TooLarge,
    /// It ended in good order, before its declared length.
    Short,
    Broken(reqwest::Error),
    /// It could not be unpacked, and why.
    Packed(String),
}

/// As text in the charset that the answer or the page names.
pub struct Text {
    pub text: String,
    /// There is more of it.
    pub cut: bool,
}

pub async fn read(response: &mut reqwest::Response) -> Result<Text, Fault> {
    let charset = charset(response);
    let coding = Coding::of(response.headers());
    let declared =
        response.headers().get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<usize>().ok());
    let (mut bytes, mut cut) = (Vec::new(), false);
    while let Some(piece) = response.chunk().await.map_err(Fault::Broken)? {
        let room = BODY_LIMIT.saturating_sub(bytes.len());
        bytes.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        if room < piece.len() {
            if !coding.is_plain() {
                return Err(Fault::TooLarge);
            }
            cut = true;
            break;
        }
    }
    // HTTP/1.1 tells by itself; a stream of HTTP/2 that is reset with NO_ERROR just ends.
    if !cut && !bytes.is_empty() && declared.is_some_and(|it| bytes.len() < it) {
        return Err(Fault::Short);
    }
    let unpacked = coding.unpacked(bytes, BODY_LIMIT).map_err(|it| Fault::Packed(it.to_string()))?;
    let bytes = unpacked.ok_or(Fault::TooLarge)?;
    Ok(Text { text: decoded(&bytes, charset), cut })
}

/// Of a page, in bytes: where browsers look for its charset.
const PRESCAN: usize = 1024;

/// As browsers do: a byte order mark, the header, what the page says of itself,
/// and UTF-8. Banks still speak GBK, and some never say so: what is no UTF-8 is
/// read as that.
fn decoded(bytes: &[u8], named: Option<&'static Encoding>) -> String {
    match named.or_else(|| said_inside(bytes)) {
        Some(charset) => charset.decode(bytes).0.into_owned(),
        None => match UTF_8.decode(bytes) {
            (text, _, false) => text.into_owned(),
            (text, _, true) => GB18030
                .decode_without_bom_handling_and_without_replacement(bytes)
                .map_or_else(|| text.into_owned(), Cow::into_owned),
        },
    }
}

/// `<meta charset="gbk">`, `<meta http-equiv … content="text/html; charset=gbk">`.
fn said_inside(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = String::from_utf8_lossy(bytes.get(..PRESCAN).unwrap_or(bytes)).to_ascii_lowercase();
    let metas = start.match_indices("<meta").filter_map(|(at, _)| start.get(at..)?.split('>').next());
    let named =
        metas.filter_map(|it| it.split_once("charset")?.1.trim_start().strip_prefix('=')).find_map(label);
    // Who can be read so far wrote no UTF-16.
    named.map(|it| if it == UTF_16LE || it == UTF_16BE { UTF_8 } else { it })
}

/// The charset that stands at the start of a text, quoted or not.
fn label(text: &str) -> Option<&'static Encoding> {
    let text = text.trim_start().trim_start_matches(['"', '\'']);
    Encoding::for_label(text.split(['"', '\'', ';', ' ', '/', '>']).next()?.as_bytes())
}

/// As `Content-Type` says.
fn charset(response: &reqwest::Response) -> Option<&'static Encoding> {
    let header = response.headers().get(reqwest::header::CONTENT_TYPE)?.to_str().ok()?;
    let charset = |part: &str| {
        let (key, name) = part.trim().split_once('=')?;
        key.trim().eq_ignore_ascii_case("charset").then(|| label(name))
    };
    header.split(';').find_map(charset).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_in_the_charset_a_browser_would_take() {
        const PAGE: &str = "<form>用户登录</form>";
        let gbk = |head: &str| [head.as_bytes(), &*encoding_rs::GBK.encode(PAGE).0].concat();
        let utf8 = |head: &str| [head.as_bytes(), PAGE.as_bytes()].concat();
        for (named, bytes) in [
            (None, utf8("")),
            (None, utf8("\u{feff}")),
            (label("GBK"), gbk("")),
            (label("'gb2312'"), gbk("")),
            (label("klingon"), utf8("")),
            (None, gbk("<META CHARSET=gbk>")),
            (None, gbk("<meta charset = 'gbk'/>")),
            (None, gbk(r#"<meta http-equiv="Content-Type" content="text/html; charset=gb2312">"#)),
            (None, utf8("<meta charset=utf-16>")),
            (None, utf8("<meta name=x content=charset>")),
            (label("utf-8"), utf8("<meta charset=gbk>")),
            (label("gbk"), utf8("\u{feff}")),
            (None, gbk("")),
        ] {
            let text = decoded(&bytes, named);
            assert!(text.ends_with(PAGE), "{named:?} {}: {text}", String::from_utf8_lossy(&bytes));
        }
        assert_eq!(decoded(b"\xff\xfel\0o\0", None), "lo");
        assert_eq!(decoded(b"caf\xe9 \xff", None), "caf\u{fffd} \u{fffd}", "neither");
    }
}
