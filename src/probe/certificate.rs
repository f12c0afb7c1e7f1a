//! When a certificate ends: the one field of X.509 that is read here. The chain
//! itself is verified by rustls; what this finds is told, never trusted.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`, the version, which may be left out.
const VERSION: u8 = 0xa0;

/// `notAfter` of a DER certificate (RFC 5280, 4.1); none when it is not one.
pub fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let certificate = sequence(certificate)?;
    let mut rest = sequence(certificate)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest)?.2;
    }
    // The serial number, the signature's algorithm, the issuer.
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, _, end) = element(sequence(rest)?)?;
    let (tag, end, _) = element(end)?;
    time(tag, end)
}

/// The tag, the content and what follows of the first element.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        // No certificate is as long as four bytes can say.
        let bytes = Some(usize::from(first & 0x7f)).filter(|it| (1..=3).contains(it))?;
        let (bytes, rest) = rest.split_at_checked(bytes)?;
        (bytes.iter().fold(0, |sum, &byte| (sum << 8) | usize::from(byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn sequence(der: &[u8]) -> Option<&[u8]> {
    let (tag, content, _) = element(der)?;
    (tag == SEQUENCE).then_some(content)
}

/// `YYMMDDHHMMSSZ` until 2049, `YYYYMMDDHHMMSSZ` from then on.
fn time(tag: u8, text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => text.split_at_checked(2)?,
        GENERALIZED_TIME => text.split_at_checked(4)?,
        _ => return None,
    };
    if rest.len() != 10 || !text.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let year: i16 = year.parse().ok()?;
    let year = match tag {
        UTC_TIME if year < 50 => 2000 + year,
        UTC_TIME => 1900 + year,
        _ => year,
    };
    let part = |from: usize| rest.get(from..from + 2)?.parse::<i8>().ok();
    let at = DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0).ok()?;
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn made(year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 2, 3);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_is_read_in_both_ways_it_is_written() {
        for year in [2021, 2049, 2050, 2089] {
            let expected: Timestamp = format!("{year}-02-03T00:00:00Z").parse().unwrap();
            assert_eq!(not_after(&made(year)), Some(expected));
        }
        let at = |text: &str| text.parse::<Timestamp>().ok();
        assert_eq!(time(UTC_TIME, b"500203000000Z"), at("1950-02-03T00:00:00Z"));
        assert_eq!(time(GENERALIZED_TIME, b"99991230235959Z"), at("9999-12-30T23:59:59Z"));
    }

    #[test]
    fn what_is_no_certificate_has_no_end_and_does_no_harm() {
        let good = made(2089);
        for length in 0..good.len().min(400) {
            let _ = not_after(&good[..length]);
        }
        for place in 0..good.len().min(300) {
            for byte in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut broken = good.clone();
                broken[place] = byte;
                let _ = not_after(&broken);
            }
        }
        for text in
            ["", "Z", "210203000000", "21020300000Z", "2102030000xxZ", "219903000000Z", "+10203000000Z"]
        {
            assert_eq!(time(UTC_TIME, text.as_bytes()), None, "{text}");
        }
        assert_eq!(not_after(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
