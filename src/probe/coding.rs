//! Unpacking a body, to a limit.

use std::io::{self, Read};

use reqwest::header::{CONTENT_ENCODING, HeaderMap};

/// What we say we can unpack.
pub const ACCEPTED: &str = "gzip, br, deflate";
const BUFFER: usize = 16 * 1024;
/// How a gzip member begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Packings within packings; nobody needs more.
const LAYERS: usize = 3;

/// How a body is packed, the outermost last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Coding(Vec<Layer>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Gzip,
    Deflate,
    Brotli,
    /// Nobody asked for it, and we cannot unpack it.
    Zstd,
}

impl Coding {
    /// What is packed in a way that nobody knows counts as not packed.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let named = headers.get_all(CONTENT_ENCODING).iter().filter_map(|it| it.to_str().ok());
        let layer = |name: &str| match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Layer::Gzip),
            "deflate" => Some(Layer::Deflate),
            "br" => Some(Layer::Brotli),
            "zstd" => Some(Layer::Zstd),
            _ => None,
        };
        Self(named.flat_map(|it| it.split(',')).filter_map(layer).take(LAYERS + 1).collect())
    }

    pub(super) fn is_plain(&self) -> bool {
        self.0.is_empty()
    }

    /// Unpacks it; none when it is larger than `most`.
    pub(super) fn unpacked(&self, packed: Vec<u8>, most: usize) -> io::Result<Option<Vec<u8>>> {
        // Of an answer without a body, its coding says nothing.
        if packed.is_empty() {
            return Ok(Some(packed));
        }
        if LAYERS < self.0.len() {
            return Err(invalid("the body is packed too many times over"));
        }
        let mut bytes = packed;
        for layer in self.0.iter().rev() {
            match layer.unpacked(&bytes, most)? {
                Some(inner) => bytes = inner,
                None => return Ok(None),
            }
        }
        Ok((bytes.len() <= most).then_some(bytes))
    }
}

impl Layer {
    fn unpacked(self, packed: &[u8], most: usize) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Gzip => gunzipped(packed, most),
            // Said of both; browsers take both.
            Self::Deflate if has_zlib_header(packed) => whole(flate2::read::ZlibDecoder::new(packed), most),
            Self::Deflate => whole(flate2::read::DeflateDecoder::new(packed), most),
            Self::Brotli => whole(brotli::Decompressor::new(packed, BUFFER), most),
            Self::Zstd => Err(invalid("the body is packed with zstd, which was not asked for")),
        }
    }
}

/// One member after another; what comes after them and is none is passed over, as browsers do.
fn gunzipped(packed: &[u8], most: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let mut rest = packed;
    loop {
        let mut member = flate2::bufread::GzDecoder::new(rest);
        match whole(&mut member, most.saturating_sub(bytes.len()))? {
            Some(more) => bytes.extend(more),
            None => return Ok(None),
        }
        rest = member.into_inner();
        if !rest.starts_with(&GZIP) {
            return Ok(Some(bytes));
        }
    }
}

fn has_zlib_header(packed: &[u8]) -> bool {
    matches!(packed, [first, second, ..]
        if first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0)
}

fn invalid(said: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, said)
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

    fn coding(named: &[&str]) -> Coding {
        let value = |it: &&str| (CONTENT_ENCODING, it.parse().unwrap());
        Coding::of(&named.iter().map(value).collect())
    }

    #[test]
    fn what_is_larger_than_the_limit_is_not_unpacked() {
        let page = vec![b'x'; 100_000];
        let unpacked = |most| coding(&["gzip"]).unpacked(gzip(&page), most).unwrap();
        assert_eq!(unpacked(100_000), Some(page.clone()));
        assert_eq!(unpacked(99_999), None);
        let twice = [gzip(&page), gzip(&page)].concat();
        assert_eq!(coding(&["gzip"]).unpacked(twice.clone(), 199_999).unwrap(), None);
        assert_eq!(coding(&["gzip"]).unpacked(twice, 200_000).unwrap().map(|it| it.len()), Some(200_000));
        assert_eq!(coding(&[]).unpacked(page.clone(), 99_999).unwrap(), None);
    }

    #[test]
    fn it_is_unpacked_as_a_browser_does() {
        let page = b"<form>login</form>".to_vec();
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        raw.write_all(&page).unwrap();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        zlib.write_all(&page).unwrap();
        for (named, packed) in [
            (&["gzip"][..], gzip(&page)),
            (&["X-GZIP"], gzip(&page)),
            (&["gzip"], [gzip(&page), b"garbage".to_vec()].concat()),
            (&["gzip"], [gzip(&page), vec![0; 512]].concat()),
            (&["gzip"], [gzip(&page[..5]), gzip(&page[5..])].concat()),
            (&["deflate"], raw.finish().unwrap()),
            (&["deflate"], zlib.finish().unwrap()),
            (&["gzip, gzip"], gzip(&gzip(&page))),
            (&["gzip", "gzip"], gzip(&gzip(&page))),
            (&["identity"], page.clone()),
            (&["utf-8"], page.clone()),
            (&[], page.clone()),
        ] {
            assert_eq!(coding(named).unpacked(packed, 1000).unwrap(), Some(page.clone()), "{named:?}");
        }
        assert!(coding(&["gzip,gzip,gzip,gzip"]).unpacked(gzip(&page), 1000).is_err());
    }

    #[test]
    fn what_cannot_be_unpacked_is_an_error_and_nothing_is_nothing() {
        for named in ["gzip", "deflate", "br", "zstd"] {
            let coding = coding(&[named]);
            assert!(coding.unpacked(b"login now".to_vec(), 1000).is_err(), "{named}");
            assert_eq!(coding.unpacked(vec![], 1000).unwrap(), Some(vec![]), "{named}");
        }
        let half = gzip(b"<form>login</form>")[..20].to_vec();
        assert!(coding(&["gzip"]).unpacked(half, 1000).is_err());
    }
}
