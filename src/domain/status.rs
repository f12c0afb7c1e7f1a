//! The status of a component: the one function that decides it, now and in history.

use super::component::RollUp;
use super::endpoint::EndpointId;
use super::span::Health;

/// The public word for a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    Operational,
    Degraded,
    Partial,
    Major,
    Maintenance,
    Unknown,
}

impl Status {
    pub const ALL: [Self; 6] =
        [Self::Operational, Self::Degraded, Self::Partial, Self::Major, Self::Maintenance, Self::Unknown];

    pub fn wire(self) -> &'static str {
        match self {
            Self::Operational => "operational",
            Self::Degraded => "degraded_performance",
            Self::Partial => "partial_outage",
            Self::Major => "major_outage",
            Self::Maintenance => "under_maintenance",
            Self::Unknown => "unknown",
        }
    }
}

/// One endpoint of a component at some time.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    pub endpoint: &'a EndpointId,
    pub health: Health,
    /// A maintenance that covers this single endpoint is running.
    pub covered: bool,
}

/// | the component | status |
/// | --- | --- |
/// | covered by a running maintenance | under_maintenance, whatever its endpoints do |
/// | has no endpoints (manual) | operational |
/// | all its endpoints covered one by one | under_maintenance |
/// | some covered one by one | the others decide |
/// | none of its endpoints known | unknown |
/// | some unknown | the known ones decide |
/// | roll-up `all`: all known ones down | major_outage |
/// | some down | partial_outage |
/// | any degraded | degraded_performance |
/// | else | operational |
/// | roll-up `any`: a critical one down, or all known ones down | major_outage |
/// | a critical one unknown | unknown: without it nothing works |
/// | one up | operational |
/// | else | degraded_performance |
pub fn status(covered: bool, parts: &[Part<'_>], roll_up: &RollUp) -> Status {
    if covered {
        return Status::Maintenance;
    }
    if parts.is_empty() {
        return Status::Operational;
    }
    if parts.iter().all(|part| part.covered) {
        return Status::Maintenance;
    }
    let known = || parts.iter().filter(|part| !part.covered && part.health != Health::Unknown);
    let all = known().count();
    let down = known().filter(|part| part.health == Health::Down).count();
    let degraded = known().any(|part| part.health == Health::Degraded);
    match roll_up {
        _ if all == 0 => Status::Unknown,
        _ if down == all => Status::Major,
        RollUp::All if down > 0 => Status::Partial,
        RollUp::All if degraded => Status::Degraded,
        RollUp::All => Status::Operational,
        RollUp::Any { critical } => {
            let is_critical = |part: &&Part<'_>| !part.covered && critical.contains(part.endpoint);
            let critical_is = |health| parts.iter().filter(is_critical).any(|part| part.health == health);
            if critical_is(Health::Down) {
                Status::Major
            } else if critical_is(Health::Unknown) {
                Status::Unknown
            } else if known().any(|part| part.health == Health::Up) {
                Status::Operational
            } else {
                Status::Degraded
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::endpoint::Id;

    /// One letter an endpoint, named a, b, c …: `U G D ?`, `u g d` when covered.
    fn of(letters: &str, covered: bool, roll_up: &RollUp) -> Status {
        let ids: Vec<Id> = ('a'..).take(letters.len()).map(|c| Id::parse(&c.to_string()).unwrap()).collect();
        let parts: Vec<Part<'_>> = letters
            .chars()
            .zip(&ids)
            .map(|(c, endpoint)| Part {
                endpoint,
                health: Health::of_letter(c.to_ascii_uppercase()),
                covered: c.is_lowercase(),
            })
            .collect();
        status(covered, &parts, roll_up)
    }

    #[test]
    fn all_takes_the_worst() {
        let all = |letters| of(letters, false, &RollUp::All);
        assert_eq!(all("UU"), Status::Operational);
        assert_eq!(all("UG"), Status::Degraded);
        assert_eq!(all("GD"), Status::Partial);
        assert_eq!(all("DD"), Status::Major);
        assert_eq!(all("D"), Status::Major);
    }

    #[test]
    fn unknown_is_set_aside_while_a_known_one_remains() {
        let all = |letters| of(letters, false, &RollUp::All);
        assert_eq!(all("U?"), Status::Operational);
        assert_eq!(all("D?"), Status::Major);
        assert_eq!(all("??"), Status::Unknown);
    }

    #[test]
    fn any_is_operational_while_one_is_up() {
        let any = |letters| of(letters, false, &RollUp::Any { critical: vec![] });
        assert_eq!(any("UD"), Status::Operational);
        assert_eq!(any("GD"), Status::Degraded);
        assert_eq!(any("DD"), Status::Major);
        assert_eq!(any("??"), Status::Unknown);
    }

    #[test]
    fn a_critical_one_down_is_major() {
        let roll_up = RollUp::Any { critical: vec![Id::parse("b").unwrap()] };
        assert_eq!(of("UD", false, &roll_up), Status::Major);
        assert_eq!(of("DU", false, &roll_up), Status::Operational);
    }

    #[test]
    fn a_critical_one_unknown_is_no_green() {
        let roll_up = RollUp::Any { critical: vec![Id::parse("b").unwrap()] };
        assert_eq!(of("U?", false, &roll_up), Status::Unknown);
        assert_eq!(of("U?U", false, &roll_up), Status::Unknown);
        assert_eq!(of("?U", false, &roll_up), Status::Operational);
        assert_eq!(of("D?", false, &roll_up), Status::Major, "what is known is down");
        assert_eq!(of("U?", true, &roll_up), Status::Maintenance);
        assert_eq!(of("Uu", false, &roll_up), Status::Operational, "covered by itself");
    }

    #[test]
    fn maintenance_hides_what_it_covers_and_nothing_else() {
        assert_eq!(of("DD", true, &RollUp::All), Status::Maintenance);
        assert_eq!(of("dd", false, &RollUp::All), Status::Maintenance);
        assert_eq!(of("dU", false, &RollUp::All), Status::Operational);
        assert_eq!(of("d?", false, &RollUp::All), Status::Unknown);
        assert_eq!(of("uD", false, &RollUp::All), Status::Major);
    }

    #[test]
    fn a_manual_component_is_operational_unless_covered() {
        assert_eq!(of("", false, &RollUp::All), Status::Operational);
        assert_eq!(of("", true, &RollUp::All), Status::Maintenance);
    }
}
