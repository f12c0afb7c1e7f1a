//! How deep a round may go now: nobody is logged in while the target is being mended.
//!
//! | while a maintenance covers the endpoint or its component | the schedule |
//! | --- | --- |
//! | it logs in, with an account or with a wrong password | leaves the login out, and knocks at what comes before it |
//! | the same, with `log_in_during_maintenance` | logs in as ever |
//! | it does not log in | knocks as ever |
//! | a person asks (`porchlight probe`) | logs in, within the budget: nobody else can say sooner that it works again |
//! | a round that began before the window | ends as it began |
//!
//! | the time | |
//! | --- | --- |
//! | before the start, or cancelled | as ever |
//! | from the end on, written or made by a person, overrun or not | as ever, at the endpoint's own next bell |
//! | windows that overlap or follow each other without a gap | none until the last of them has ended |
//! | a window edited by a reload | holds from the next knock on |
//!
//! | health meanwhile | |
//! | --- | --- |
//! | what comes before the login fails | a failure like any other; uptime and status are those of a maintenance |
//! | nothing fails | `unknown(budget)`, which says nothing: what was last known speaks for as long as ever, then nothing is known |
//! | the first login after it | says again what was known before, by itself; anything else as if never known |

use jiff::Timestamp;

use super::endpoint::Endpoint;
use super::flow::{Depth, Flow};
use super::notice::{Maintenance, Notices, Phase};

/// When the schedule logs in there again; none while nothing keeps it from that.
pub fn no_login_until(endpoint: &Endpoint, notices: &Notices, now: Timestamp) -> Option<Timestamp> {
    if !endpoint.flow().is_some_and(Flow::rests_in_maintenance) {
        return None;
    }
    let running = |at: Timestamp| {
        let runs = |it: &&Maintenance| it.phase(None, at) == Phase::InProgress && it.covers.holds(endpoint);
        notices.maintenances.iter().filter(runs).map(Maintenance::end).max()
    };
    // Each end is later than the one before: the end of a window is not in it.
    let ends = std::iter::successors(running(now), |end| running(*end));
    ends.last()
}

/// As deep as `wanted`, or less.
pub fn allowed(wanted: Depth, endpoint: &Endpoint, notices: &Notices, now: Timestamp) -> Depth {
    no_login_until(endpoint, notices, now).map_or(wanted, |_| Depth::Harmless)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::component::{Lang, Text};
    use crate::domain::endpoint::Id;
    use crate::domain::notice::Covers;
    use crate::domain::request::Value;
    use crate::domain::template::{Part, Template};

    fn id(text: &str) -> Id {
        Id::parse(text).unwrap()
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(60 * minute).unwrap()
    }

    fn login(part: Part) -> Endpoint {
        let mut endpoint = Endpoint::get(id("signin"), id("web"), "https://a.example/".parse().unwrap());
        let sent = Value::Template(Template(vec![part]));
        endpoint.flow_mut().unwrap().first.request.query.push(("q".to_owned(), sent));
        endpoint
    }

    fn window(covers: Covers, from: i64, to: i64) -> Maintenance {
        Maintenance {
            id: id("m"),
            title: Text::One(Lang::En, "upgrade".into()),
            body: None,
            covers,
            starts_at: at(from),
            ends_at: at(to),
            announced_end: at(to),
            published_at: at(0),
            ended_at: None,
        }
    }

    fn component() -> Covers {
        Covers { components: vec![id("web")], endpoints: vec![] }
    }

    /// The minute from which on the schedule logs in.
    fn until(endpoint: &Endpoint, windows: &[Maintenance], now: i64) -> Option<i64> {
        let notices = Notices { maintenances: windows.to_vec(), announcements: vec![] };
        let until = no_login_until(endpoint, &notices, at(now));
        let depth = allowed(Depth::Whole, endpoint, &notices, at(now));
        assert_eq!(depth, if until.is_some() { Depth::Harmless } else { Depth::Whole });
        assert_eq!(allowed(Depth::Harmless, endpoint, &notices, at(now)), Depth::Harmless);
        until.map(|it| it.as_second() / 60)
    }

    #[test]
    fn nobody_is_logged_in_from_the_start_of_a_window_to_its_end() {
        let all = [window(component(), 10, 20)];
        for (now, expected) in [(9, None), (10, Some(20)), (19, Some(20)), (20, None), (30, None)] {
            assert_eq!(until(&login(Part::Password), &all, now), expected, "minute {now}");
        }
        let ended = Maintenance { ended_at: Some(at(15)), ..window(component(), 10, 20) };
        assert_eq!(until(&login(Part::Password), std::slice::from_ref(&ended), 14), Some(15));
        assert_eq!(until(&login(Part::Password), &[ended], 15), None, "a person ended it");
        let cancelled = Maintenance { ended_at: Some(at(5)), ..window(component(), 10, 20) };
        assert_eq!(until(&login(Part::Password), &[cancelled], 15), None);
    }

    #[test]
    fn whoever_sends_something_of_an_account_rests_where_it_is_covered_and_nobody_else() {
        let alone = Covers { components: vec![], endpoints: vec![id("signin")] };
        let other = Covers { components: vec![id("app")], endpoints: vec![id("app-signin")] };
        for part in [Part::Username, Part::Password, Part::Totp, Part::Basic] {
            assert_eq!(until(&login(part.clone()), &[window(alone.clone(), 10, 20)], 15), Some(20));
            assert_eq!(until(&login(part), &[window(other.clone(), 10, 20)], 15), None);
        }
        let mut wrong = login(Part::Password);
        wrong.flow_mut().unwrap().wrong_password = true;
        assert_eq!(until(&wrong, &[window(component(), 10, 20)], 15), Some(20));
        assert_eq!(until(&login(Part::Now), &[window(component(), 10, 20)], 15), None, "it logs nobody in");
        let mut told = login(Part::Password);
        told.flow_mut().unwrap().during_maintenance = true;
        assert_eq!(until(&told, &[window(component(), 10, 20)], 15), None, "its operator wants it so");
    }

    #[test]
    fn windows_that_leave_no_gap_are_one() {
        let all = |windows: &[(i64, i64)]| -> Vec<Maintenance> {
            windows.iter().map(|it| window(component(), it.0, it.1)).collect()
        };
        let signin = login(Part::Password);
        assert_eq!(until(&signin, &all(&[(15, 30), (10, 20), (30, 40), (12, 13)]), 12), Some(40));
        assert_eq!(until(&signin, &all(&[(10, 20), (21, 30)]), 12), Some(20));
    }
}
