//! The rows of the tables in `health_gate.rs`.

use std::time::Duration;

use super::*;
use crate::domain::outcome::DegradedReason;
use crate::domain::outcome::UnknownReason as Reason;

/// One letter a canary: `r w s n d -` as [`Said`] has them, `?` while nothing was heard.
fn said(letters: &str) -> Vec<Option<Said>> {
    let of = |letter| match letter {
        'r' => Some(Said::Right),
        'w' => Some(Said::Wrong),
        's' => Some(Said::Silent),
        'n' => Some(Said::NoName),
        'd' => Some(Said::OutOfDate),
        '-' => Some(Said::Nothing),
        _ => None,
    };
    letters.chars().map(of).collect()
}

#[test]
fn more_than_half_of_the_canaries_close_the_gate() {
    let (open, lost) = (Some(Gate::Open), Some(Gate::Closed(Closed::Unreachable)));
    let (portal, names) = (Some(Gate::Closed(Closed::Portal)), Some(Gate::Closed(Closed::NoNames)));
    let table = [
        ("rrr", open),
        ("rrs", open),
        ("rss", lost),
        ("sss", lost),
        ("s", lost),
        ("r", open),
        ("rs", open),
        ("ss", lost),
        ("rrss", open),
        ("rsss", lost),
        // Somebody else answers.
        ("rrw", open),
        ("rww", portal),
        ("rsw", portal),
        ("w", portal),
        // Names only.
        ("rnn", names),
        ("nnn", names),
        ("rns", lost),
        ("nnw", portal),
        // We could not try.
        ("--s", open),
        ("---", open),
        ("-ss", lost),
        ("ddd", open),
        // In the middle of a round.
        ("???", None),
        ("?rr", open),
        ("?ss", lost),
        ("?rs", None),
        ("??s", None),
        ("??r", None),
        ("?", None),
    ];
    for (letters, expected) in table {
        assert_eq!(gate(&said(letters)), expected, "{letters}");
    }
}

#[test]
fn names_are_lost_when_no_canary_with_a_name_is_found() {
    let lost = |named: &[bool], letters: &str| {
        no_names(named.iter().copied().zip(said(letters)).collect::<Vec<_>>().into_iter())
    };
    assert!(lost(&[true, false, false], "nrr"), "the resolver died, the rest of the network did not");
    assert!(lost(&[true, true, false], "nnr"));
    assert!(!lost(&[true, true, false], "nrr"));
    assert!(!lost(&[true, true, false], "n?r"), "not before all were asked");
    assert!(!lost(&[false, false], "ss"), "nobody has a name");
}

#[test]
fn canaries_out_of_their_dates_put_ours_in_doubt() {
    let fail = |dated: &[bool], letters: &str| {
        dates_fail(dated.iter().copied().zip(said(letters)).collect::<Vec<_>>().into_iter())
    };
    assert!(fail(&[true, true, true], "ddd"));
    assert!(fail(&[true, true, false], "dsr"), "one without a certificate proves nothing");
    assert!(!fail(&[true, true, true], "ddr"), "one that is in its dates proves our clock");
    assert!(!fail(&[true, true, true], "sss"));
}

const FINE: Outcome = Outcome::Success;
const SLOW: Outcome = Outcome::Degraded(DegradedReason::Slow);
const REFUSED: Outcome = Outcome::Failure(FailureClass::ConnectRefused);
const LATE: Outcome = Outcome::Failure(FailureClass::TimeoutTtfb);
const NO_NAME: Outcome = Outcome::Failure(FailureClass::DnsNxdomain);
const NO_LOOKUP: Outcome = Outcome::Failure(FailureClass::DnsError);
const EXPIRED: Outcome = Outcome::Failure(FailureClass::TlsExpired);
const SPENT: Outcome = Outcome::Unknown(Reason::OwnResources);
const BLOCKED: Outcome = Outcome::Unknown(Reason::Blocked);

const ALL: [Outcome; 9] = [FINE, SLOW, REFUSED, LATE, NO_NAME, NO_LOOKUP, EXPIRED, SPENT, BLOCKED];

/// What becomes of each of [`ALL`]: `=` stays, else the reason's letter.
fn row(we: Ourselves) -> String {
    let letter = |outcome| match concluded(outcome, &we) {
        after if after == outcome => '=',
        Outcome::Unknown(Reason::OwnNetwork) => 'N',
        Outcome::Unknown(Reason::OwnDns) => 'D',
        Outcome::Unknown(Reason::OwnStall) => 'S',
        Outcome::Unknown(Reason::OwnClock) => 'C',
        _ => '!',
    };
    ALL.into_iter().map(letter).collect()
}

#[test]
fn every_row_of_what_we_know_of_ourselves() {
    let well = Ourselves::default();
    let closed = |why| Ourselves { gate: Gate::Closed(why), ..well };
    let table = [
        //                                                    fine slow refused late noname nolookup expired spent blocked
        ("well", well, "========="),
        ("stalled", Ourselves { stalled: true, ..well }, "SSSSSSSSS"),
        ("unreachable", closed(Closed::Unreachable), "=NNNNNN=="),
        ("no names", closed(Closed::NoNames), "=DDDDDD=="),
        ("portal", closed(Closed::Portal), "NNNNNNN=="),
        ("lookups fail", Ourselves { no_names: true, ..well }, "====DD==="),
        ("dates", Ourselves { dates_doubted: true, ..well }, "======C=="),
        ("starved", Ourselves { starved: true, ..well }, "=S=S=S==="),
        // The first row that holds.
        ("stalled, portal", Ourselves { stalled: true, ..closed(Closed::Portal) }, "SSSSSSSSS"),
        ("lost, starved", Ourselves { starved: true, ..closed(Closed::Unreachable) }, "=NNNNNN=="),
        (
            "all that is small",
            Ourselves { no_names: true, dates_doubted: true, starved: true, ..well },
            "=S=SDDC==",
        ),
    ];
    for (name, we, expected) in table {
        assert_eq!(row(we), expected, "{name}");
    }
}

#[test]
fn an_answer_is_late_by_us_when_what_is_left_of_it_is_in_time() {
    let ms = Duration::from_millis;
    let table = [
        ((1200, 0, 1000), false),
        ((1200, 200, 1000), true),
        ((1200, 100, 1000), false),
        // Ran into a deadline of 2 s, of which we were away for most …
        ((2000, 1400, 1000), true),
        // … and for a little: it is late by itself.
        ((2000, 100, 1000), false),
        ((2000, 5000, 1000), true),
        // Given up early, by a step's own deadline or by the other side.
        ((500, 260, 1000), true),
        ((500, 240, 1000), false),
        ((5, 70, 1000), false),
        ((5, 0, 1000), false),
    ];
    for ((total, missed, limit), expected) in table {
        assert_eq!(is_starved(ms(total), ms(missed), ms(limit)), expected, "{total} {missed} {limit}");
    }
}

#[test]
fn what_a_canary_said_follows_from_the_outcome_at_its_door() {
    let failure = |class| Said::of(Outcome::Failure(class));
    assert_eq!(Said::of(FINE), Said::Right);
    assert_eq!(Said::of(SLOW), Said::Right, "late, but there");
    assert_eq!(failure(FailureClass::Assertion), Said::Wrong, "its nonce is missing");
    assert_eq!(failure(FailureClass::RedirectUnexpected), Said::Wrong);
    assert_eq!(failure(FailureClass::TlsName), Said::Wrong);
    assert_eq!(failure(FailureClass::TlsUntrusted), Said::Wrong);
    assert_eq!(failure(FailureClass::ConnectTimeout), Said::Silent);
    assert_eq!(failure(FailureClass::DnsNxdomain), Said::NoName);
    assert_eq!(Said::of(Outcome::Unknown(Reason::OwnNetwork)), Said::Silent);
    assert_eq!(Said::of(Outcome::Unknown(Reason::OwnDns)), Said::NoName);
    assert_eq!(Said::of(Outcome::Unknown(Reason::OwnClock)), Said::OutOfDate);
    for ours in [Reason::OwnResources, Reason::OwnStall, Reason::Throttled] {
        assert_eq!(Said::of(Outcome::Unknown(ours)), Said::Nothing, "{ours:?}");
    }
}
