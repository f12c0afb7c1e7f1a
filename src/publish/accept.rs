//! What the asker accepts: encodings, and the versions it already holds.

use axum::http::{HeaderMap, header};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
    Br,
}

impl Encoding {
    /// From the one we would rather send to the one we would rather not.
    pub const ALL: [Self; 3] = [Self::Br, Self::Gzip, Self::Identity];

    pub fn wire(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Br => "br",
        }
    }
}

/// The encoding with the highest weight, ours first among equals. A coding
/// weighed zero is never chosen; where nothing is left, identity it is, since
/// a page in plain text helps more than a refusal.
pub fn choose(asked: &HeaderMap) -> Encoding {
    let mut named = [None::<u16>; 3];
    let mut any = None;
    for line in asked.get_all(header::ACCEPT_ENCODING) {
        let Ok(line) = line.to_str() else { continue };
        for item in line.split(',') {
            let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
            let (name, weight) = (name.trim(), weight(parameters));
            if name == "*" {
                any = Some(weight);
            }
            for (slot, encoding) in named.iter_mut().zip(Encoding::ALL) {
                if name.eq_ignore_ascii_case(encoding.wire()) {
                    *slot = Some(weight);
                }
            }
        }
    }
    let [br, gzip, _] = named;
    let (br, gzip) = (br.or(any).unwrap_or(0), gzip.or(any).unwrap_or(0));
    // Identity is always welcome unless told otherwise, but last.
    match (br, gzip, named[2]) {
        (0, 0, _) => Encoding::Identity,
        (br, gzip, Some(plain)) if br.max(gzip) < plain => Encoding::Identity,
        (br, gzip, _) if br < gzip => Encoding::Gzip,
        _ => Encoding::Br,
    }
}

/// `;q=0.5` in thousandths; one when it says nothing readable.
fn weight(parameters: &str) -> u16 {
    const WHOLE: u16 = 1000;
    let q = parameters.split(';').find_map(|it| {
        let (name, value) = it.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then_some(value.trim())
    });
    let Some(q) = q else { return WHOLE };
    let (whole, fraction) = q.split_once('.').unwrap_or((q, ""));
    if whole != "0" {
        return WHOLE;
    }
    let digits = fraction.chars().chain("000".chars()).take(3);
    digits.map_while(|c| c.to_digit(10)).fold(0, |sum, digit| sum * 10 + u16::try_from(digit).unwrap_or(0))
}

/// Whether the asker already holds the version tagged `etag`.
pub fn holds(asked: &HeaderMap, etag: &str) -> bool {
    let lines = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|it| it.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: header::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn the_table_of_encodings() {
        for (accept, chosen) in [
            ("", Encoding::Identity),
            ("gzip, deflate, br, zstd", Encoding::Br),
            ("gzip, deflate", Encoding::Gzip),
            ("GZIP", Encoding::Gzip),
            ("br;q=0, gzip", Encoding::Gzip),
            ("br;q=0.0, gzip;q=0.000", Encoding::Identity),
            ("br;q=0.5, gzip;q=0.8", Encoding::Gzip),
            ("gzip ; q=0.1", Encoding::Gzip),
            ("identity, br;q=0.5", Encoding::Identity),
            ("*", Encoding::Br),
            ("*;q=0", Encoding::Identity),
            ("br;q=0, *", Encoding::Gzip),
            ("identity;q=0", Encoding::Identity),
            ("zstd, deflate", Encoding::Identity),
            ("brr, xgzip", Encoding::Identity),
            ("br;q=x", Encoding::Br),
        ] {
            assert_eq!(choose(&asked(header::ACCEPT_ENCODING, accept)), chosen, "{accept:?}");
        }
        assert_eq!(choose(&HeaderMap::new()), Encoding::Identity);
    }

    #[test]
    fn a_version_is_held_in_a_list_weakly_or_by_star() {
        for (tags, held) in [
            (r#""a""#, true),
            (r#"W/"a""#, true),
            (r#""b", "a""#, true),
            ("*", true),
            (r#""b""#, false),
            ("a", false),
            ("", false),
        ] {
            assert_eq!(holds(&asked(header::IF_NONE_MATCH, tags), r#""a""#), held, "{tags:?}");
        }
    }
}
