//! How long a server asks us to stay away.
//!
//! | it says | we take it for |
//! | --- | --- |
//! | a number of seconds | that, within 1 s and 1 h |
//! | a number with no end | 1 h |
//! | an HTTP date, in any of its three forms | the time until then, within 1 s and 1 h |
//! | a date that is past | 1 s |
//! | a negative number, a fraction, a word, nothing | nothing said |
//! | it twice, in two headers or in one | the longer |

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::domain::moment::between;

const LEAST: Duration = Duration::from_secs(1);
/// Who asks for more is asked again after this.
pub const MOST: Duration = Duration::from_secs(3600);
/// No header of ours to read is longer; a date takes 35 characters.
const LENGTH: usize = 200;

/// From the values of all `Retry-After` headers of an answer; none when none says anything.
pub fn retry_after<'a>(values: impl IntoIterator<Item = &'a str>, now: Timestamp) -> Option<Duration> {
    values.into_iter().filter(|it| it.len() <= LENGTH).filter_map(|it| one(it, now)).max()
}

fn one(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    let said = seconds(value).or_else(|| date(value, now)).or_else(|| {
        // Two headers that somebody on the way made one of.
        value
            .split(',')
            .map(|it| seconds(it.trim_matches([' ', '\t'])))
            .collect::<Option<Vec<_>>>()?
            .into_iter()
            .max()
    });
    said.map(|it| it.clamp(LEAST, MOST))
}

fn seconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    digits.then(|| text.parse().map_or(Duration::MAX, Duration::from_secs))
}

fn date(text: &str, now: Timestamp) -> Option<Duration> {
    let at: SystemTime = httpdate::parse_http_date(text).ok()?;
    Some(between(now, Timestamp::try_from(at).unwrap_or(Timestamp::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sunday, 6 November 1994, 08:49:37 GMT.
    fn now() -> Timestamp {
        "1994-11-06T08:49:37Z".parse().unwrap()
    }

    fn said(values: &[&str]) -> Option<u64> {
        retry_after(values.iter().copied(), now()).map(|it| it.as_secs())
    }

    #[test]
    fn forty_ways_to_say_it() {
        let cases: &[(&[&str], Option<u64>)] = &[
            (&[], None),
            (&[""], None),
            (&[" "], None),
            (&["0"], Some(1)),
            (&["1"], Some(1)),
            (&["00"], Some(1)),
            (&["0120"], Some(120)),
            (&["120"], Some(120)),
            (&[" 120 "], Some(120)),
            (&["\t120"], Some(120)),
            (&["3600"], Some(3600)),
            (&["3601"], Some(3600)),
            (&["86400"], Some(3600)),
            (&["18446744073709551615"], Some(3600)),
            (&["18446744073709551616"], Some(3600)),
            (&["99999999999999999999999999999999"], Some(3600)),
            (&["-1"], None),
            (&["-120"], None),
            (&["+120"], None),
            (&["1.5"], None),
            (&["1e3"], None),
            (&["0x10"], None),
            (&["120s"], None),
            (&["2m"], None),
            (&["soon"], None),
            (&["null"], None),
            (&["１２０"], None),
            (&["120\u{0}"], None),
            (&["Sun, 06 Nov 1994 08:51:37 GMT"], Some(120)),
            (&["Sunday, 06-Nov-94 08:51:37 GMT"], Some(120)),
            (&["Sun Nov  6 08:51:37 1994"], Some(120)),
            (&["Sun, 06 Nov 1994 08:49:37 GMT"], Some(1)),
            (&["Sat, 05 Nov 1994 08:49:37 GMT"], Some(1)),
            (&["Mon, 07 Nov 1994 08:49:37 GMT"], Some(3600)),
            (&["Fri, 31 Dec 9999 23:59:59 GMT"], Some(3600)),
            (&["Sun, 06 Nov 1994 08:51:37 CET"], None),
            (&["Sun, 31 Feb 1994 08:51:37 GMT"], None),
            (&["1994-11-06T08:51:37Z"], None),
            (&["60", "120"], Some(120)),
            (&["120", "garbage"], Some(120)),
            (&["60, 120"], Some(120)),
            (&["60, later"], None),
        ];
        assert!(40 <= cases.len());
        for (values, expected) in cases {
            assert_eq!(said(values), *expected, "{values:?}");
        }
        assert_eq!(said(&[&"9".repeat(LENGTH + 1)]), None, "nobody means that");
    }

    proptest! {
        #[test]
        fn whatever_is_said_we_stay_away_a_second_to_an_hour(values in prop::collection::vec(".{0,60}", 0..4), wall in any::<i32>()) {
            let now = Timestamp::from_second(i64::from(wall)).unwrap();
            let said = retry_after(values.iter().map(String::as_str), now);
            prop_assert!(said.is_none_or(|it| (LEAST..=MOST).contains(&it)));
        }
    }
}
