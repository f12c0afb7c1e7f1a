//! A body ready to be sent: three encodings, their tags and their headers.

use std::io::Write;

use axum::body::Body as HttpBody;
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::accept::{self, Encoding};
use super::policy;
use crate::domain::component::Lang;

/// From 5 on the encoder touches megabytes of tables for each body: it made a
/// start take 54 ms instead of 13, for 5 % fewer bytes.
const BROTLI_QUALITY: u32 = 4;
/// The usual middle between size and time.
const GZIP_LEVEL: u32 = 6;
/// The largest window brotli readers must support, as a power of two. A body
/// never needs one beyond its own size, and the encoder's memory follows it.
const BROTLI_WINDOW: u32 = 22;
/// Smaller windows save nothing.
const SMALLEST_BODY: usize = 1024;
const BROTLI_BUFFER: usize = 16 * 1024;

pub const HTML: &str = "text/html; charset=utf-8";
pub const JSON: &str = "application/json";

#[derive(Debug, Clone)]
pub struct Body {
    pub identity: Bytes,
    pub gzip: Bytes,
    pub br: Bytes,
    /// Of the identity body; the others add their encoding to it.
    pub etag: String,
    pub content_type: &'static str,
    /// In the order of [`Encoding::ALL`].
    ready: [Ready; 3],
}

/// Everything about one encoding that does not depend on who asks.
#[derive(Debug, Clone)]
struct Ready {
    bytes: Bytes,
    etag: String,
    headers: HeaderMap,
}

impl Body {
    /// Compresses and tags `text`; `langs` are the languages it is written in.
    pub fn new(content_type: &'static str, langs: &[Lang], text: String) -> std::io::Result<Self> {
        let identity = Bytes::from(text);
        let gzip = gzip(&identity)?;
        let br = brotli(&identity)?;
        let hash: String =
            Sha256::digest(&identity).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let languages = langs.iter().map(|lang| lang.tag()).collect::<Vec<_>>().join(", ");
        let ready = Encoding::ALL.map(|encoding| {
            let (bytes, etag) = match encoding {
                Encoding::Identity => (&identity, format!("\"{hash}\"")),
                Encoding::Gzip | Encoding::Br => {
                    let bytes = if encoding == Encoding::Br { &br } else { &gzip };
                    (bytes, format!("\"{hash}-{}\"", encoding.wire()))
                }
            };
            let headers = headers(content_type, &languages, encoding, &etag);
            Ready { bytes: bytes.clone(), etag, headers }
        });
        let [_, _, plain] = &ready;
        let etag = plain.etag.clone();
        Ok(Self { identity, gzip, br, etag, content_type, ready })
    }

    /// The answer to one asker: 200 with the body, or 304 when it holds it.
    pub fn reply(&self, asked: &HeaderMap, cache: HeaderValue) -> Response {
        let ready = self.ready(asked);
        if accept::holds(asked, &ready.etag) {
            let mut response = answer(StatusCode::NOT_MODIFIED, ready, cache, HttpBody::empty());
            response.headers_mut().remove(header::CONTENT_TYPE);
            response.headers_mut().remove(header::CONTENT_ENCODING);
            return response;
        }
        answer(StatusCode::OK, ready, cache, ready.bytes.clone().into())
    }

    /// The body under another status, whatever the asker holds.
    pub fn reply_as(&self, status: StatusCode, asked: &HeaderMap, cache: HeaderValue) -> Response {
        let ready = self.ready(asked);
        answer(status, ready, cache, ready.bytes.clone().into())
    }

    fn ready(&self, asked: &HeaderMap) -> &Ready {
        let [br, gzip, plain] = &self.ready;
        match accept::choose(asked) {
            Encoding::Br => br,
            Encoding::Gzip => gzip,
            Encoding::Identity => plain,
        }
    }
}

fn answer(status: StatusCode, ready: &Ready, cache: HeaderValue, body: HttpBody) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = ready.headers.clone();
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    response
}

/// Filled in full here, so that answering is a clone and one insertion.
fn headers(content_type: &'static str, languages: &str, encoding: Encoding, etag: &str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy::content_security_policy().clone());
    if let Ok(languages) = HeaderValue::from_str(languages) {
        headers.insert(header::CONTENT_LANGUAGE, languages);
    }
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(header::ETAG, etag);
    }
    if encoding != Encoding::Identity {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.wire()));
    }
    if content_type == JSON {
        // The facts are public; a login page of another origin may read them.
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    headers
}

fn gzip(bytes: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL));
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.into())
}

fn brotli(bytes: &[u8]) -> std::io::Result<Bytes> {
    let mut packed = Vec::new();
    let window = BROTLI_WINDOW.min(bytes.len().max(SMALLEST_BODY).ilog2() + 1);
    let mut encoder = brotli::CompressorWriter::new(&mut packed, BROTLI_BUFFER, BROTLI_QUALITY, window);
    encoder.write_all(bytes)?;
    encoder.flush()?;
    drop(encoder);
    Ok(packed.into())
}
