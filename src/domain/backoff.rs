//! Never faster when down: when an endpoint is knocked at next.
//!
//! | the endpoint | next knock |
//! | --- | --- |
//! | is well | at its interval |
//! | failed for the first time | once more after 2 to 5 s, then at its interval: the one knock beyond those of a day that is well |
//! | is down, and a knock is a GET or HEAD without secrets, or less | at its interval, so that recovery is seen |
//! | is down for less than 10 minutes | at its interval |
//! | is down for longer, and a knock sends a body or a secret | twice as rarely each time, up to 5 minutes, spread |
//! | the same, with an interval of 5 minutes or more | at its interval |
//! | is knocked at by a cron expression | at its times |

use std::time::Duration;

use super::endpoint::{Cadence, Endpoint};
use super::kind::Kind;
use super::request::{Request, Value};
use super::template::Part;

/// A door that is closed for so long is not opened by our asking.
pub const AFTER: Duration = Duration::from_secs(600);
/// Nobody is asked more rarely for being down.
pub const RAREST: Duration = Duration::from_secs(300);

/// The interval after `rounds` knocks at an endpoint that is down for longer
/// than [`AFTER`]; none when nothing changes. A knock comes anywhere between the
/// endpoint's own interval and this one.
pub fn widened(endpoint: &Endpoint, rounds: u32) -> Option<Duration> {
    let Cadence::Every(every) = endpoint.cadence else { return None };
    if rounds == 0 || RAREST <= every || !is_costly(endpoint) {
        return None;
    }
    let doubled = every.saturating_mul(2_u32.saturating_pow(rounds.min(16)));
    Some(doubled.min(RAREST))
}

/// Whether a knock makes the other side work: it sends a body or a secret.
pub fn is_costly(endpoint: &Endpoint) -> bool {
    match &endpoint.kind {
        Kind::Http(flow) => flow.logs_in() || flow.steps().any(|step| sends(&step.request)),
        Kind::Tcp(_) | Kind::Tls(_) | Kind::Dns(_) | Kind::Smtp(_) | Kind::Push(_) => false,
    }
}

fn sends(request: &Request) -> bool {
    let reads = request.method.reads();
    !reads || request.body.is_some() || request.values().into_iter().any(is_secret)
}

fn is_secret(value: &Value) -> bool {
    match value {
        Value::Plain(_) => false,
        Value::Secret(_) => true,
        Value::Template(template) => template.0.iter().any(|part| match part {
            Part::Text(value) => is_secret(value),
            Part::Password | Part::Totp => true,
            _ => false,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::endpoint::Id;
    use crate::domain::request::Body;
    use crate::domain::request::Method;
    use crate::domain::template::Template;

    fn endpoint(every: u64, change: impl FnOnce(&mut Request)) -> Endpoint {
        let id = || Id::parse("a").unwrap();
        let mut endpoint = Endpoint {
            cadence: Cadence::Every(Duration::from_secs(every)),
            ..Endpoint::get(id(), id(), "http://a.example/".parse().unwrap())
        };
        change(&mut endpoint.flow_mut().unwrap().first.request);
        endpoint
    }

    fn post(request: &mut Request) {
        request.method = Method::Post;
        request.body = Some(Body::Raw(Value::Plain(String::new())));
    }

    #[test]
    fn what_makes_them_work_is_asked_twice_as_rarely_each_time() {
        let after = |every, rounds| widened(&endpoint(every, post), rounds).map(|it| it.as_secs());
        let seconds: Vec<_> = (0..6).map(|rounds| after(30, rounds)).collect();
        assert_eq!(seconds, [None, Some(60), Some(120), Some(240), Some(300), Some(300)]);
        assert_eq!(after(30, u32::MAX), Some(300));
        assert_eq!(after(300, 3), None, "rare enough");
        assert_eq!(after(900, 3), None);
    }

    #[test]
    fn a_page_is_asked_for_as_ever() {
        assert_eq!(widened(&endpoint(30, |_| ()), 5), None);
        assert_eq!(widened(&endpoint(30, |it| it.method = Method::Head), 5), None);
        let token = |it: &mut Request| {
            it.headers.push(("authorization".to_owned(), Value::Secret("s3cret".to_owned().into())));
        };
        assert!(widened(&endpoint(30, token), 5).is_some());
        let mut login = endpoint(30, |_| ());
        let name = Value::Template(Template(vec![Part::Username]));
        login.flow_mut().unwrap().first.request.query.push(("name".to_owned(), name));
        assert!(widened(&login, 1).is_some());
    }

    #[test]
    fn a_cron_endpoint_keeps_its_times() {
        let cadence = Cadence::Schedule { cron: "* * * * *".to_owned(), zone: jiff::tz::TimeZone::UTC };
        assert_eq!(widened(&Endpoint { cadence, ..endpoint(30, post) }, 5), None);
    }
}
