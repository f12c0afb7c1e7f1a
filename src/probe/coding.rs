//! Unpacking a body, to a limit.

use std::io::{self, Read};

use reqwest::header::{CONTENT_ENCODING, HeaderMap};

/// What we say we can unpack.
pub const ACCEPTED: &str = "gzip, br, deflate";
const BUFFER: usize = 16 * 1024;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Not at all, or in a way that nobody knows.
    Plain,
    Gzip,
    Deflate,
    Brotli,
    /// Nobody asked for it, and we cannot unpack it.
    Zstd,
}

impl Coding {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let named = headers.get(CONTENT_ENCODING).and_then(|it| it.to_str().ok()).unwrap_or_default();
        match named.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Self::Gzip,
            "deflate" => Self::Deflate,
            "br" => Self::Brotli,
            "zstd" => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// Unpacks it; none when it is larger than `most`.
    pub(super) fn unpacked(self, packed: Vec<u8>, most: usize) -> io::Result<Option<Vec<u8>>> {
        // Of an answer without a body, its coding says nothing.
        if packed.is_empty() {
            return Ok(Some(packed));
        }
        match self {
            Self::Plain => Ok((packed.len() <= most).then_some(packed)),
            Self::Gzip => whole(flate2::read::MultiGzDecoder::new(&*packed), most),
            Self::Deflate => whole(flate2::read::ZlibDecoder::new(&*packed), most),
            Self::Brotli => whole(brotli::Decompressor::new(&*packed, BUFFER), most),
            Self::Zstd => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the body is packed with zstd, which was not asked for",
            )),
        }
    }
}

fn whole(mut reader: impl Read, most: usize) -> io::Result<Option<Vec<u8>>> {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; BUFFER]);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(Some(bytes)),
            count if most < bytes.len() + count => return Ok(None),
            count => bytes.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_is_larger_than_the_limit_is_not_unpacked() {
        let page = vec![b'x'; 100_000];
        let unpacked = |most| Coding::Gzip.unpacked(gzip(&page), most).unwrap();
        assert_eq!(unpacked(100_000), Some(page.clone()));
        assert_eq!(unpacked(99_999), None);
    }

    #[test]
    fn what_cannot_be_unpacked_is_an_error_and_nothing_is_nothing() {
        for coding in [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd] {
            assert!(coding.unpacked(b"login now".to_vec(), 1000).is_err(), "{coding:?}");
            assert_eq!(coding.unpacked(vec![], 1000).unwrap(), Some(vec![]), "{coding:?}");
        }
        let half = gzip(b"<form>login</form>")[..20].to_vec();
        assert!(Coding::Gzip.unpacked(half, 1000).is_err());
    }
}
