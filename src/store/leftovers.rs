//! What is left of recordings whose results were dropped for want of room: their transitions.

use std::collections::BTreeMap;

use super::job::Entry;
use crate::domain::endpoint::EndpointId;
use crate::domain::span::{Health, Transition};

/// Transitions of one endpoint that may be left over: 4 KB each, and more
/// changes of health than a page tells of in a day. Beyond it the oldest time
/// is told as unknown.
pub(super) const LEFT_OVER: usize = 256;

/// One chain of transitions an endpoint, each as short as it can be: the file
/// says how many endpoints there are. All of it is older than every result
/// that still waits, so it is stored first.
#[derive(Default)]
pub(super) struct Leftovers {
    chains: BTreeMap<EndpointId, Vec<Transition>>,
}

impl Leftovers {
    /// Entries that wait: one an endpoint.
    pub(super) fn len(&self) -> usize {
        self.chains.len()
    }

    /// Puts transitions behind those of the same endpoint; says how many of the
    /// oldest had to give way to an unknown time.
    pub(super) fn push(&mut self, endpoint: EndpointId, transitions: &[Transition]) -> u64 {
        if transitions.is_empty() {
            return 0;
        }
        let chain = self.chains.entry(endpoint).or_default();
        let mut forgotten = 0;
        for &transition in transitions {
            follow(chain, transition);
            if LEFT_OVER < chain.len() {
                forget_oldest(chain);
                forgotten += 1;
            }
        }
        forgotten
    }

    /// Puts what came later behind all of this.
    pub(super) fn append(&mut self, later: Self) -> u64 {
        later.chains.into_iter().map(|(endpoint, chain)| self.push(endpoint, &chain)).sum()
    }

    /// Hands out an endpoint's chain, whole.
    pub(super) fn pop(&mut self) -> Option<Entry> {
        let (endpoint, transitions) = self.chains.pop_first()?;
        Some(Entry { number: 0, endpoint, result: None, transitions, answer: None })
    }
}

/// What `domain::span::apply` makes of a history, made of the transitions that
/// lead to it: storing the shorter chain has the same effect.
fn follow(chain: &mut Vec<Transition>, next: Transition) {
    while chain.last().is_some_and(|last| next.from <= last.from) {
        chain.pop();
    }
    if chain.last().is_none_or(|last| last.health != next.health) {
        chain.push(next);
    }
}

/// No data is never green: from the oldest change to the third all is unknown.
fn forget_oldest(chain: &mut Vec<Transition>) {
    chain.remove(1);
    if let Some(first) = chain.first_mut() {
        first.health = Health::Unknown;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::span::{Span, apply};
    use crate::store::testing::{at, draw, id};

    fn told(base: &[Transition], transitions: &[Transition]) -> Vec<Span> {
        let mut history = Vec::new();
        base.iter().chain(transitions).for_each(|&it| apply(&mut history, it));
        history
    }

    fn changes() -> impl Strategy<Value = Vec<Transition>> {
        let one = (0..4_u8, 0..40_i64).prop_map(|(code, second)| Transition {
            health: Health::from_code(code).unwrap(),
            from: at(second),
        });
        proptest::collection::vec(one, 0..30)
    }

    proptest! {
        #[test]
        fn a_shorter_chain_tells_the_same(base in changes(), transitions in changes(), cut in 0..30_usize) {
            let (earlier, later) = transitions.split_at(cut.min(transitions.len()));
            let (mut left, mut newer) = (Leftovers::default(), Leftovers::default());
            left.push(id("web"), earlier);
            newer.push(id("web"), later);
            prop_assert_eq!(left.append(newer), 0);
            let chain = left.pop().map(|it| it.transitions).unwrap_or_default();
            prop_assert_eq!(told(&base, &chain), told(&base, &transitions));
        }
    }

    #[test]
    fn beyond_the_cap_the_oldest_time_is_unknown_and_counted() {
        let mut left = Leftovers::default();
        let (mut forgotten, last) = (0, i64::try_from(10 * LEFT_OVER).unwrap());
        for second in 1..=last {
            let health = if second % 2 == 0 { Health::Down } else { Health::Up };
            forgotten += left.push(id("web"), &[Transition { health, from: at(second) }]);
        }
        assert_eq!((left.len(), forgotten), (1, u64::try_from(9 * LEFT_OVER).unwrap()));
        let chain = left.pop().unwrap().transitions;
        assert_eq!(chain.len(), LEFT_OVER);
        let drawn = draw(&told(&[], &chain));
        assert!(drawn.starts_with("?1-2306 D2306-2307 U2307-2308 "), "{drawn}");
        assert!(drawn.ends_with(" D2560-"), "{drawn}");
    }
}
