//! Reading an answer's body: to a limit, counted after decompression, as text.

/// A login page larger than this, decoded, is not read: it is a fault, or an attack.
pub const BODY_LIMIT: usize = 2 * 1024 * 1024;

#[derive(Debug)]
pub enum Fault {
    TooLarge,
    Broken(reqwest::Error),
}

/// The whole decoded body, as text in the charset the answer names.
pub async fn read(response: &mut reqwest::Response) -> Result<String, Fault> {
    let charset = charset(response);
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Fault::Broken)? {
        if BODY_LIMIT < bytes.len() + chunk.len() {
            return Err(Fault::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    let (text, _, _) = charset.decode(&bytes);
    Ok(text.into_owned())
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
