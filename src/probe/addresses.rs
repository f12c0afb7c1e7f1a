//! The addresses of a name, each knocked at by itself when an operator asks for it.
//!
//! | what the addresses say | outcome |
//! | --- | --- |
//! | all are well | that of the first that is not quite well, else success |
//! | all IPv6 ones are dead, an IPv4 one lives | degraded `ipv6_down` |
//! | some are dead, one lives | degraded `partial_addresses` |
//! | all are dead | the failure of the first |
//! | of some nothing was learnt: no route for IPv6 here, told to wait | they are set aside |
//! | of none anything was learnt | what was said of the first |
//!
//! A login is tried once, as is whatever may change something: the other
//! addresses are connected to, with TLS where the endpoint has it, and no more.

use std::net::IpAddr;
use std::time::Duration;

use super::client::Only;
use super::marks::{self, Trace};
use super::{Kit, Knocked, redact};
use crate::domain::endpoint::{Addresses, Endpoint, Family};
use crate::domain::flow::Depth;
use crate::domain::kind::{HostPort, Kind, Line, Resolver, Tcp, Tls};
use crate::domain::outcome::{DegradedReason, Outcome};
use crate::domain::request::Value;

/// Addresses that are knocked at; more are behind one name only where none matters by itself.
const MOST: usize = 8;
/// At once.
const LANES: usize = 2;

pub(super) async fn knock(kit: &Kit, endpoint: &Endpoint, depth: Depth) -> Knocked {
    match endpoint.addresses {
        Addresses { family: Family::Any, every: false } => kit.knock(endpoint, depth).await,
        // Boxed, so that who asks for nothing of it does not hold its room.
        Addresses { family, every } => Box::pin(each(kit, endpoint, depth, family, every)).await,
    }
}

async fn each(kit: &Kit, endpoint: &Endpoint, depth: Depth, family: Family, every: bool) -> Knocked {
    let only = match family {
        Family::Any | Family::Each => Only::Any,
        Family::Ipv4 => Only::Ipv4,
        Family::Ipv6 => Only::Ipv6,
    };
    let kit = match only {
        Only::Any => kit.clone(),
        only => kit.by(kit.outbound.only(only)),
    };
    if !every && family != Family::Each {
        return kit.knock(endpoint, depth).await;
    }
    let Some(place) = place(endpoint) else { return kit.knock(endpoint, depth).await };
    let trace = Trace::default();
    let began = marks::now();
    let found = tokio::time::timeout(endpoint.deadline, kit.outbound.addresses(&place.host, &trace)).await;
    // Whatever is wrong with the name is told as without our asking for each address.
    let Ok(Ok(found)) = found else { return kit.knock(endpoint, depth).await };
    let looked = marks::now().duration_since(began);
    let doors = doors(&found, every);
    if doors.len() < 2 {
        return kit.knock(endpoint, depth).await;
    }
    let lane = u32::try_from(doors.len().div_ceil(LANES)).unwrap_or(1);
    let left = endpoint.deadline.saturating_sub(looked);
    let whole = may_repeat(&endpoint.kind);
    let kind = if whole { endpoint.kind.clone() } else { bare(&endpoint.kind, &place) };
    let each = Endpoint {
        kind,
        addresses: Addresses::default(),
        deadline: (left / lane).max(Duration::from_millis(1)),
        ..endpoint.clone()
    };
    let lanes = async {
        let lane =
            |from: usize| walk(&kit, &each, &place.host, doors.iter().skip(from).step_by(LANES), depth);
        let (one, other) = tokio::join!(lane(0), lane(1));
        let mut others = other.into_iter();
        let woven = one.into_iter().flat_map(|it| std::iter::once(it).chain(others.next()));
        woven.collect::<Vec<(IpAddr, Knocked)>>()
    };
    if whole {
        let mut said = lanes.await;
        for (_, knocked) in &mut said {
            knocked.phases.dns = knocked.phases.dns.or(trace.marks().dns_ended.map(|_| looked));
        }
        return together(endpoint, None, said);
    }
    let (main, said) = tokio::join!(kit.knock(endpoint, depth), lanes);
    together(endpoint, Some(main), said)
}

async fn walk<'d>(
    kit: &Kit,
    endpoint: &Endpoint,
    host: &str,
    doors: impl Iterator<Item = &'d IpAddr>,
    depth: Depth,
) -> Vec<(IpAddr, Knocked)> {
    let mut said = Vec::new();
    for &address in doors {
        let kit = kit.by(kit.outbound.only_this(host, address));
        said.push((address, kit.knock(endpoint, depth).await));
    }
    said
}

/// Every address, or the first of each family; IPv4 and IPv6 by turns, so that
/// both are among those that are knocked at.
fn doors(found: &[IpAddr], every: bool) -> Vec<IpAddr> {
    let of = |v6: bool| found.iter().copied().filter(move |it| it.is_ipv6() == v6);
    let (mut four, mut six) = (of(false), of(true));
    let mut doors: Vec<IpAddr> = Vec::new();
    loop {
        let turn = [four.next(), six.next()];
        if turn == [None, None] {
            break;
        }
        for address in turn.into_iter().flatten() {
            if !doors.contains(&address) {
                doors.push(address);
            }
        }
        if !every {
            break;
        }
    }
    doors.truncate(MOST);
    doors
}

/// The machine whose addresses are meant; none where there is no such thing.
fn place(endpoint: &Endpoint) -> Option<HostPort> {
    match &endpoint.kind {
        Kind::Http(flow) => {
            let url = &flow.first.request.url;
            // A proxy chooses by itself, and it is not the endpoint.
            let direct = flow.steps().all(|it| it.request.proxy.is_none());
            let host = url.domain().filter(|_| direct)?.to_owned();
            Some(HostPort { host, port: url.port_or_known_default()? })
        }
        Kind::Tcp(Tcp { at, .. }) | Kind::Tls(Tls { at, .. }) => Some(at.clone()),
        Kind::Smtp(smtp) => Some(smtp.at.clone()),
        Kind::Dns(dns) => match &dns.server {
            Resolver::At(at) => Some(at.clone()),
            Resolver::System => None,
        },
        Kind::Push(_) => None,
    }
}

/// Whether all of it may be said to each address.
fn may_repeat(kind: &Kind) -> bool {
    match kind {
        Kind::Http(flow) => flow.account.is_none() && flow.steps().all(|it| it.request.method.reads()),
        Kind::Tcp(tcp) => !tcp.dialog.iter().any(|it| matches!(it, Line::Send(Value::Secret(_)))),
        Kind::Tls(_) | Kind::Dns(_) | Kind::Smtp(_) | Kind::Push(_) => true,
    }
}

/// A connection to the same place, with TLS where the kind begins with it.
fn bare(kind: &Kind, place: &HostPort) -> Kind {
    let tls = match kind {
        Kind::Http(flow) => flow.first.request.url.scheme() == "https",
        Kind::Tcp(tcp) => tcp.tls,
        Kind::Tls(_) | Kind::Dns(_) | Kind::Smtp(_) | Kind::Push(_) => false,
    };
    let at = place.clone();
    match tls {
        true => Kind::Tls(Tls { at, server_name: None, certificate_days: None }),
        false => Kind::Tcp(Tcp { at, tls: false, dialog: Vec::new(), certificate_days: None }),
    }
}

/// One result of all. `main` is what was said to whichever address, where not
/// all could be said to each.
fn together(endpoint: &Endpoint, main: Option<Knocked>, mut said: Vec<(IpAddr, Knocked)>) -> Knocked {
    let told: Vec<(bool, Outcome)> = said.iter().map(|(at, it)| (at.is_ipv6(), it.outcome)).collect();
    let redactor = redact::redactor(endpoint);
    let addresses: Vec<_> =
        said.iter().map(|(at, it)| (redactor.line(&at.to_string()), it.outcome)).collect();
    let dead = said.iter().filter(|(_, it)| is_dead(it.outcome));
    let dead = dead.map(|(at, it)| format!("{at}: {}", it.error.as_deref().unwrap_or("no right answer")));
    let dead: Vec<String> = dead.collect();
    let all = judge(&told);
    let outcome = match main.as_ref().map(|it| it.outcome) {
        // It came through by one of them.
        Some(Outcome::Success) if is_dead(all) => Outcome::Degraded(DegradedReason::PartialAddresses),
        None | Some(Outcome::Success) => all,
        // Whatever is wrong with all of it outweighs a dead address.
        Some(wrong) => wrong,
    };
    let first = told.iter().position(|(_, it)| *it == outcome).or(told.iter().position(|it| !is_dead(it.1)));
    let mut knocked = match main {
        Some(main) => main,
        None => said.swap_remove(first.unwrap_or(0)).1,
    };
    if matches!(outcome, Outcome::Degraded(DegradedReason::PartialAddresses | DegradedReason::Ipv6Down)) {
        knocked.error = Some(dead.join("; "));
        knocked.evidence.error = knocked.error.as_deref().map(|it| redactor.line(it));
    }
    knocked.outcome = outcome;
    knocked.evidence.outcome = outcome;
    knocked.evidence.addresses = addresses;
    knocked
}

fn is_dead(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Failure(_))
}

/// As the table has it; whether each address is of IPv6, and what it said.
fn judge(told: &[(bool, Outcome)]) -> Outcome {
    let known = || told.iter().filter(|(_, it)| !matches!(it, Outcome::Unknown(_)));
    let lives = known().any(|(_, it)| !is_dead(*it));
    let dead = || known().filter(|(_, it)| is_dead(*it));
    if dead().next().is_some() && lives {
        let six_only = dead().all(|(six, _)| *six);
        let six_lives = known().any(|(six, it)| *six && !is_dead(*it));
        let reason = match six_only && !six_lives {
            true => DegradedReason::Ipv6Down,
            false => DegradedReason::PartialAddresses,
        };
        return Outcome::Degraded(reason);
    }
    let worst = known().map(|(_, it)| *it).find(|it| *it != Outcome::Success);
    let nothing = told.first().map(|(_, it)| *it);
    match known().next() {
        Some(_) => worst.unwrap_or(Outcome::Success),
        None => nothing.unwrap_or(Outcome::Success),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::outcome::{FailureClass, UnknownReason};

    const OK: Outcome = Outcome::Success;
    const SLOW: Outcome = Outcome::Degraded(DegradedReason::Slow);
    const REFUSED: Outcome = Outcome::Failure(FailureClass::ConnectRefused);
    const LATE: Outcome = Outcome::Failure(FailureClass::ConnectTimeout);
    const NO_ROUTE: Outcome = Outcome::Unknown(UnknownReason::OwnNetwork);
    const WAIT: Outcome = Outcome::Unknown(UnknownReason::Throttled);

    #[test]
    fn the_table_of_addresses() {
        let partial = Outcome::Degraded(DegradedReason::PartialAddresses);
        let six_down = Outcome::Degraded(DegradedReason::Ipv6Down);
        let (four, six) = (false, true);
        for (told, wanted) in [
            (vec![(four, OK), (six, OK)], OK),
            (vec![(four, OK), (four, SLOW)], SLOW),
            (vec![(four, OK), (six, REFUSED)], six_down),
            (vec![(six, REFUSED), (four, SLOW), (six, LATE)], six_down),
            (vec![(four, OK), (six, REFUSED), (six, OK)], partial),
            (vec![(four, REFUSED), (six, OK)], partial),
            (vec![(four, REFUSED), (four, OK)], partial),
            (vec![(four, REFUSED), (four, OK), (six, REFUSED)], partial),
            (vec![(four, LATE), (six, REFUSED)], LATE),
            (vec![(four, OK), (six, NO_ROUTE)], OK),
            (vec![(six, NO_ROUTE), (four, REFUSED)], REFUSED),
            (vec![(four, OK), (six, NO_ROUTE), (four, REFUSED)], partial),
            (vec![(six, NO_ROUTE), (four, WAIT)], NO_ROUTE),
            (vec![(four, OK), (four, WAIT)], OK),
        ] {
            assert_eq!(judge(&told), wanted, "{told:?}");
        }
    }

    #[test]
    fn addresses_are_taken_by_turns_and_not_too_many() {
        let all: Vec<IpAddr> = (1..=20).map(|it| IpAddr::from([192, 0, 2, it])).collect();
        let six: Vec<IpAddr> = (1..=2).map(|it| IpAddr::from([0, 0, 0, 0, 0, 0, 0, it])).collect();
        let found = [all.clone(), six.clone()].concat();
        let taken = doors(&found, true);
        assert_eq!(taken.len(), MOST);
        assert_eq!(taken[..4], [all[0], six[0], all[1], six[1]]);
        assert_eq!(doors(&found, false), [all[0], six[0]]);
        assert_eq!(doors(&all[..1], false), [all[0]]);
        assert_eq!(doors(&[all[0], all[0]], true), [all[0]]);
    }
}
