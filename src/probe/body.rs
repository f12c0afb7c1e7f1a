//! Reading an answer's body: to a limit, counted after unpacking, as text.
//!
//! | the body | is |
//! | --- | --- |
//! | as large as the limit, or smaller | read whole |
//! | larger, not packed | cut at the limit; whoever needed the rest calls it too large |
//! | larger, packed or unpacked | too large: it may be a bomb |

use super::coding::Coding;

/// A login page larger than this, decoded, is not read: it is a fault, or an attack.
pub const BODY_LIMIT: usize = 2 * 1024 * 1024;

#[derive(Debug)]
pub enum Fault {
    TooLarge,
    Broken(reqwest::Error),
    /// It could not be unpacked, and why.
    Packed(String),
}

/// As text in the charset that the answer names.
pub struct Text {
    pub text: String,
    /// There is more of it.
    pub cut: bool,
}

pub async fn read(response: &mut reqwest::Response) -> Result<Text, Fault> {
    let charset = charset(response);
    let coding = Coding::of(response.headers());
    let (mut bytes, mut cut) = (Vec::new(), false);
    while let Some(piece) = response.chunk().await.map_err(Fault::Broken)? {
        let room = BODY_LIMIT.saturating_sub(bytes.len());
        bytes.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        if room < piece.len() {
            if coding != Coding::Plain {
                return Err(Fault::TooLarge);
            }
            cut = true;
            break;
        }
    }
    let unpacked = coding.unpacked(bytes, BODY_LIMIT).map_err(|it| Fault::Packed(it.to_string()))?;
    let bytes = unpacked.ok_or(Fault::TooLarge)?;
    let (text, _, _) = charset.decode(&bytes);
    Ok(Text { text: text.into_owned(), cut })
}

/// UTF-8 unless `Content-Type` says otherwise; banks still speak GBK.
fn charset(response: &reqwest::Response) -> &'static encoding_rs::Encoding {
    let named = || {
        let header = response.headers().get(reqwest::header::CONTENT_TYPE)?.to_str().ok()?;
        let charset = |part: &str| {
            let (key, label) = part.trim().split_once('=')?;
            key.eq_ignore_ascii_case("charset").then(|| label.trim_matches('"').to_owned())
        };
        encoding_rs::Encoding::for_label(header.split(';').find_map(charset)?.as_bytes())
    };
    named().unwrap_or(encoding_rs::UTF_8)
}
