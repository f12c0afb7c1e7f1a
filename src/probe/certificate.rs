//! When a certificate ends. The chain itself is verified by rustls; what this
//! finds is told, never trusted.

use jiff::Timestamp;
use x509_parser::certificate::{Validity, X509Certificate};
use x509_parser::prelude::FromDer;

/// `notAfter` of a DER certificate; none when it is not one.
pub fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let Validity { not_after, .. } = certificate.validity();
    Timestamp::from_second(not_after.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn made(year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(1951, 1, 1);
        params.not_after = date_time_ymd(year, 2, 3);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_is_read_in_both_ways_it_is_written() {
        for year in [1952, 2021, 2049, 2050, 2089, 9999] {
            let expected: Timestamp = format!("{year}-02-03T00:00:00Z").parse().unwrap();
            assert_eq!(not_after(&made(year)), Some(expected));
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let good = made(2089);
        for length in 0..good.len() {
            assert_eq!(not_after(&good[..length]), None, "the first {length} bytes");
        }
        assert_eq!(not_after(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }

    /// One that is good, so that what is broken in it lies deep.
    static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| made(2089));

    /// Elements within elements, with lengths that are true.
    fn der() -> impl Strategy<Value = Vec<u8>> {
        let leaf = (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..20));
        leaf.prop_map(|(tag, content)| element(tag, &content)).prop_recursive(8, 200, 8, |inner| {
            let tag = prop_oneof![Just(0x30), Just(0x31), Just(0xa0), Just(0xa3), any::<u8>()];
            (tag, proptest::collection::vec(inner, 0..8))
                .prop_map(|(tag, parts)| element(tag, &parts.concat()))
        })
    }

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let [_, _, high, low] = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82, high, low], content].concat()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn hostile_bytes_do_no_harm(
            random in proptest::collection::vec(any::<u8>(), 0..600),
            nested in der(),
            edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            (from, length) in (any::<prop::sample::Index>(), 0..40_usize),
        ) {
            let _ = not_after(&random);
            let _ = not_after(&nested);
            let mut edited = GOOD.clone();
            for (place, byte) in edits {
                let place = place.index(edited.len());
                edited[place] = byte;
            }
            let _ = not_after(&edited);
            let mut cut = GOOD.clone();
            let from = from.index(cut.len());
            cut.drain(from..(from + length).min(GOOD.len()));
            let _ = not_after(&cut);
        }
    }

    #[test]
    fn no_byte_changed_to_any_other_does_harm() {
        for place in 0..GOOD.len() {
            let mut edited = GOOD.clone();
            for byte in 0..=u8::MAX {
                edited[place] = byte;
                let _ = not_after(&edited);
            }
        }
        // Deeper than any stack: a chain of elements, each but a header.
        let mut deep = Vec::new();
        for _ in 0..10_000 {
            deep = element(0x30, &deep[..deep.len().min(60_000)]);
        }
        let _ = not_after(&deep);
    }
}
