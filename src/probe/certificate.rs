//! What certificates say of themselves: when they end, whose they are. The chain
//! itself is verified by rustls; what this finds is told, never trusted.
//!
//! | of the chain that was shown | its end counts |
//! | --- | --- |
//! | the leaf | always |
//! | a root: whoever trusts it has it already, and does not look at its end | never |
//! | an intermediate that has ended, in a chain that is good all the same | no: another way leads to a root |
//! | any other intermediate | yes |

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::domain::evidence::CertificateSeen;
use crate::domain::redact::{Redactor, Shown};

/// Certificates of one chain that are looked at; real ones have two or three.
pub const CHAIN: usize = 10;
/// Names of one certificate that are told; some have thousands.
const NAMES: usize = 100;

/// The first end in a chain, leaf first, as the table has it.
pub fn earliest(chain: &[CertificateDer<'_>], verified: bool, now: Timestamp) -> Option<Timestamp> {
    let ends = chain.iter().take(CHAIN).enumerate().filter_map(|(index, der)| {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let end = Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()?;
        let is_root = certificate.subject() == certificate.issuer();
        let counts = index == 0 || !(is_root || verified && end < now);
        counts.then_some(end)
    });
    ends.min()
}

/// A certificate for operators; none when it is not one.
pub fn seen(certificate: &[u8], redactor: &Redactor) -> Option<CertificateSeen> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let validity = parsed.validity();
    Some(CertificateSeen {
        subject: redactor.line(&parsed.subject().to_string()),
        issuer: redactor.line(&parsed.issuer().to_string()),
        not_before: Timestamp::from_second(validity.not_before.timestamp()).ok()?,
        not_after: Timestamp::from_second(validity.not_after.timestamp()).ok()?,
        fingerprint: Shown::digest(&Sha256::digest(certificate)),
    })
}

/// Who issued a certificate, and for which names.
pub fn issuer_and_names(certificate: &[u8]) -> Option<(String, Vec<String>)> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let names = parsed.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|it| &it.value.general_names).filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    });
    Some((parsed.issuer().to_string(), names.take(NAMES).collect()))
}

fn address(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(|it| std::net::IpAddr::from(it).to_string());
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(|it| std::net::IpAddr::from(it).to_string())).ok()
}

/// Whether nobody but itself vouches for a certificate.
pub fn is_self_issued(certificate: &[u8]) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, it)| it.issuer().as_raw() == it.subject().as_raw())
}

/// Whether a chain ends before a root: the last certificate that leads up from
/// the first was not issued by itself, and who issued it is not shown. What
/// cannot be read leads nowhere.
pub fn lacks_issuer<'a>(chain: impl IntoIterator<Item = &'a [u8]>) -> bool {
    let read = |it: &'a [u8]| Some(X509Certificate::from_der(it).ok()?.1);
    let chain: Vec<X509Certificate<'a>> = chain.into_iter().take(CHAIN).filter_map(read).collect();
    let Some(mut at) = chain.first() else { return false };
    for _ in 0..chain.len() {
        if at.issuer().as_raw() == at.subject().as_raw() {
            return false;
        }
        let Some(above) = chain.iter().find(|it| it.subject().as_raw() == at.issuer().as_raw()) else {
            return true;
        };
        at = above;
    }
    false
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

    fn not_after(bytes: &[u8]) -> Option<Timestamp> {
        earliest(&[CertificateDer::from(bytes)], true, Timestamp::UNIX_EPOCH)
    }

    fn look(bytes: &[u8]) {
        let _ = not_after(bytes);
        let _ = issuer_and_names(bytes);
        let _ = seen(bytes, &Redactor::default());
    }

    #[test]
    fn the_first_end_leaves_roots_out_and_what_a_good_chain_does_not_need() {
        let named = |name: &str, year| {
            let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            (params.not_before, params.not_after) = (date_time_ymd(1951, 1, 1), date_time_ymd(year, 1, 1));
            params
        };
        let key = || KeyPair::generate().unwrap();
        let root = rcgen::CertifiedIssuer::self_signed(named("root", 2030), key()).unwrap();
        let under = |name: &str, year| named(name, year).signed_by(&key(), &root).unwrap().der().clone();
        let root = root.der().clone();
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let year = |chain: &[CertificateDer<'_>], verified| {
            earliest(chain, verified, now).map(|it| it.to_string().get(..4).unwrap().to_owned())
        };
        let (leaf, short, old) = (under("leaf", 2040), under("short", 2035), under("old", 2020));
        for (chain, verified, wanted) in [
            (vec![leaf.clone(), root.clone()], true, "2040"),
            (vec![leaf.clone(), short.clone(), root.clone()], true, "2035"),
            (vec![leaf.clone(), short.clone(), old.clone()], true, "2035"),
            (vec![leaf.clone(), short, old.clone()], false, "2020"),
            (vec![old], true, "2020"),
            (vec![root, leaf], true, "2030"),
        ] {
            assert_eq!(year(&chain, verified).as_deref(), Some(wanted));
        }
        assert_eq!(year(&[], true), None);
    }

    #[test]
    fn a_certificate_tells_whose_it_is() {
        let mut params =
            CertificateParams::new(vec!["a.example".to_owned(), "192.0.2.1".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "line\nbreak\u{1b}[31m");
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
        let (issuer, names) = issuer_and_names(&der).unwrap();
        assert_eq!(names, ["a.example", "192.0.2.1"]);
        assert!(issuer.starts_with("CN="), "{issuer}");
        let told = seen(&der, &Redactor::default()).unwrap();
        assert!(!told.subject.as_str().contains(['\n', '\u{1b}']), "{told:?}");
        assert_eq!(told.fingerprint.as_str().len(), 64, "{told:?}");
    }

    #[test]
    fn a_chain_that_ends_before_its_root_lacks_an_issuer() {
        let named = |name: &str| {
            let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            params
        };
        let key = || KeyPair::generate().unwrap();
        let root = rcgen::CertifiedIssuer::self_signed(named("root"), key()).unwrap();
        let middle = rcgen::CertifiedIssuer::signed_by(named("middle"), key(), &root).unwrap();
        let leaf = named("leaf").signed_by(&key(), &middle).unwrap();
        let [root, middle, leaf] = [root.der(), middle.der(), leaf.der()].map(|it| it.to_vec());
        let lacks = |chain: &[&Vec<u8>]| lacks_issuer(chain.iter().map(|it| it.as_slice()));
        assert!(lacks(&[&leaf]));
        assert!(lacks(&[&leaf, &middle]));
        assert!(lacks(&[&leaf, &root]), "what is between them is missing");
        assert!(!lacks(&[&leaf, &middle, &root]));
        assert!(!lacks(&[&leaf, &root, &middle]), "in any order");
        assert!(!lacks(&[&root]));
        assert!(!lacks(&[]));
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
            look(&random);
            look(&nested);
            let mut edited = GOOD.clone();
            for (place, byte) in edits {
                let place = place.index(edited.len());
                edited[place] = byte;
            }
            look(&edited);
            let mut cut = GOOD.clone();
            let from = from.index(cut.len());
            cut.drain(from..(from + length).min(GOOD.len()));
            look(&cut);
        }
    }

    #[test]
    fn no_byte_changed_to_any_other_does_harm() {
        for place in 0..GOOD.len() {
            let mut edited = GOOD.clone();
            for byte in 0..=u8::MAX {
                edited[place] = byte;
                look(&edited);
            }
        }
        // Deeper than any stack: a chain of elements, each but a header.
        let mut deep = Vec::new();
        for _ in 0..10_000 {
            deep = element(0x30, &deep[..deep.len().min(60_000)]);
        }
        look(&deep);
    }
}
