//! What knocking costs the other side, by the day, before it begins.

use std::collections::BTreeMap;
use std::time::Duration;

use super::endpoint::{Cadence, Endpoint, Id};
use super::flow::Turn;
use super::kind::Kind;
use super::login_budget::{FAILING_APART, Limits};
use super::per_host::PerHost;

const DAY: Duration = Duration::from_secs(86_400);

/// One endpoint in a day in which all is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    pub endpoint: Id,
    /// Requests of one round; none where nothing is requested.
    pub steps: u64,
    /// None for a cron expression.
    pub requests: Option<u64>,
    /// Successful ones; none where nobody logs in.
    pub logins: Option<u64>,
    /// Wrong passwords that are to be refused.
    pub failing: Option<u64>,
    pub account: Option<Id>,
}

/// What each endpoint costs, in their order.
pub fn costs(endpoints: &[Endpoint]) -> Vec<Cost> {
    endpoints.iter().map(of).collect()
}

fn of(endpoint: &Endpoint) -> Cost {
    let times = |apart: Duration| match endpoint.cadence {
        Cadence::Every(every) => Some(per_day(every.max(apart))),
        Cadence::Schedule { .. } => None,
    };
    let rounds = times(Duration::ZERO);
    let Kind::Http(flow) = &endpoint.kind else {
        let knocks = endpoint.kind.push().is_none();
        let requests = rounds.filter(|_| knocks).or((!knocks).then_some(0));
        return Cost {
            endpoint: endpoint.id.clone(),
            steps: 0,
            requests,
            logins: None,
            failing: None,
            account: None,
        };
    };
    let steps = flow.steps().filter(|it| it.turn != Turn::Confirm).count();
    let steps = u64::try_from(steps).unwrap_or(u64::MAX);
    let most = u64::from(Limits::of(flow.account.as_ref()).per_hour).saturating_mul(24);
    let logs_in = flow.logs_in();
    Cost {
        endpoint: endpoint.id.clone(),
        steps,
        requests: rounds.map(|it| it.saturating_mul(steps)),
        logins: rounds.filter(|_| logs_in && !flow.wrong_password).map(|it| it.min(most)),
        failing: times(FAILING_APART).filter(|_| logs_in && flow.wrong_password),
        account: flow.account.as_ref().map(|it| it.id.clone()),
    }
}

fn per_day(every: Duration) -> u64 {
    u64::try_from(DAY.as_millis() / every.as_millis().max(1)).unwrap_or(u64::MAX)
}

/// Hosts that are asked for more than their limit, with the requests a second they would get.
pub fn crowded(endpoints: &[Endpoint], per_host: PerHost) -> Vec<(String, f64)> {
    let mut hosts: BTreeMap<String, f64> = BTreeMap::new();
    for endpoint in endpoints {
        let (Kind::Http(flow), Cadence::Every(every)) = (&endpoint.kind, &endpoint.cadence) else { continue };
        for step in flow.steps().filter(|it| it.turn != Turn::Confirm) {
            let url = &step.request.url;
            let port = url.port_or_known_default().unwrap_or_default();
            let host = format!("{}:{port}", url.host_str().unwrap_or_default());
            *hosts.entry(host).or_default() += 1.0 / every.as_secs_f64().max(0.001);
        }
    }
    let limit = f64::from(per_host.requests_per_second);
    hosts.into_iter().filter(|(_, asked)| limit < *asked).collect()
}

/// Accounts whose endpoints want more logins an hour than they may have: the
/// account, what is wanted, what is allowed.
pub fn overspent(endpoints: &[Endpoint]) -> Vec<(Id, u64, u32)> {
    let mut accounts: BTreeMap<(Id, String), (u64, u32)> = BTreeMap::new();
    for endpoint in endpoints {
        let (Kind::Http(flow), Cadence::Every(every)) = (&endpoint.kind, &endpoint.cadence) else { continue };
        let Some(account) = flow.account.as_ref().filter(|_| flow.logs_in()) else { continue };
        let origin = flow.first.request.url.origin().ascii_serialization();
        let wanted = accounts.entry((account.id.clone(), origin)).or_insert((0, account.logins_per_hour));
        wanted.0 = wanted.0.saturating_add(per_day(*every) / 24);
    }
    let over = accounts.into_iter().filter(|(_, (wanted, most))| u64::from(*most) < *wanted);
    over.map(|((account, _), (wanted, most))| (account, wanted, most)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Account;
    use crate::domain::request::Value;
    use crate::domain::template::{Part, Template};

    fn endpoint(every: u64) -> Endpoint {
        let id = || Id::parse("a").unwrap();
        let cadence = Cadence::Every(Duration::from_secs(every));
        Endpoint { cadence, ..Endpoint::get(id(), id(), "https://a.example/".parse().unwrap()) }
    }

    fn login(every: u64, wrong_password: bool) -> Endpoint {
        let mut endpoint = endpoint(every);
        let flow = endpoint.flow_mut().unwrap();
        let place = Value::Template(Template(vec![Part::Username]));
        flow.first.request.query.push(("name".to_owned(), place));
        flow.wrong_password = wrong_password;
        let plain = |text: &str| Value::Plain(text.to_owned());
        let id = Id::parse("probe").unwrap();
        let (username, password) = (plain("probe"), plain(""));
        flow.account =
            Some(Account { id, username, password: Some(password), totp: None, logins_per_hour: 12 });
        endpoint
    }

    #[test]
    fn a_day_has_so_many_requests_logins_and_refusals() {
        let page = of(&endpoint(30));
        assert_eq!((page.requests, page.logins, page.failing), (Some(2880), None, None));
        let real = of(&login(300, false));
        assert_eq!((real.requests, real.logins, real.failing), (Some(288), Some(288), None));
        let wrong = of(&login(900, true));
        assert_eq!((wrong.logins, wrong.failing), (None, Some(96)));
        assert_eq!(of(&login(60, false)).logins, Some(288), "never more than the budget");
        assert_eq!(of(&login(60, true)).failing, Some(96));
    }

    #[test]
    fn who_asks_too_much_is_named() {
        let hundred: Vec<Endpoint> = (0..100).map(|_| endpoint(10)).collect();
        let named = crowded(&hundred, PerHost::default());
        assert!(matches!(named.as_slice(), [(host, asked)] if host == "a.example:443" && 9.9 < *asked));
        assert!(crowded(&hundred[..40], PerHost::default()).is_empty());
        let two = [login(300, false), login(300, false)];
        assert_eq!(overspent(&two), [(Id::parse("probe").unwrap(), 24, 12)]);
        assert!(overspent(&two[..1]).is_empty());
    }
}
