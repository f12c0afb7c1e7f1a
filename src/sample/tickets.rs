//! Random tokens that stand for something for a while; a bounded number of them.

use std::collections::VecDeque;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};

/// More than any probe or person needs; a loop that never logs out costs no
/// more than this.
pub const MAX_TICKETS: usize = 1_000;

/// What was given out, oldest first. All tickets last equally long, so the
/// oldest is also the first to expire.
#[derive(Debug)]
pub struct Tickets<T> {
    lasting: SignedDuration,
    held: VecDeque<Ticket<T>>,
}

#[derive(Debug)]
struct Ticket<T> {
    token: String,
    issued: Timestamp,
    stands_for: T,
}

impl<T> Tickets<T> {
    pub fn new(lasting: SignedDuration) -> Self {
        Self { lasting, held: VecDeque::with_capacity(MAX_TICKETS) }
    }

    /// Gives out a new token; the oldest one goes when there are too many.
    pub fn issue(&mut self, now: Timestamp, stands_for: T) -> String {
        self.held.retain(|ticket| now.duration_since(ticket.issued) < self.lasting);
        if self.held.len() >= MAX_TICKETS {
            self.held.pop_front();
        }
        let token = random_token();
        self.held.push_back(Ticket { token: token.clone(), issued: now, stands_for });
        token
    }

    /// What the token stands for, while it lasts.
    pub fn find(&self, now: Timestamp, token: &str) -> Option<&T> {
        self.held
            .iter()
            .find(|ticket| ticket.token == token)
            .filter(|ticket| now.duration_since(ticket.issued) < self.lasting)
            .map(|ticket| &ticket.stands_for)
    }

    /// How many stand for something now.
    pub fn count(&self, now: Timestamp) -> usize {
        self.held.iter().filter(|ticket| now.duration_since(ticket.issued) < self.lasting).count()
    }

    pub fn withdraw(&mut self, token: &str) {
        self.held.retain(|ticket| ticket.token != token);
    }
}

/// 256 random bits in letters that fit a cookie, a form and a header.
pub fn random_token() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);
    const START: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn a_ticket_stands_until_it_expires_or_is_withdrawn() {
        let mut tickets = Tickets::new(HOUR);
        let [first, second] = ["a", "b"].map(|thing| tickets.issue(START, thing));
        assert_eq!(tickets.find(START, &first), Some(&"a"));
        tickets.withdraw(&first);
        assert_eq!(tickets.find(START, &first), None);
        assert_eq!(tickets.find(START, &second), Some(&"b"));
        assert_eq!(tickets.find(START + HOUR, &second), None);
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let mut tickets = Tickets::new(HOUR);
        let tokens: Vec<String> = (0..=MAX_TICKETS).map(|n| tickets.issue(START, n)).collect();
        assert_eq!(tickets.find(START, &tokens[0]), None);
        assert_eq!(tickets.find(START, &tokens[1]), Some(&1));
        assert_eq!(tickets.held.len(), MAX_TICKETS);
    }

    #[test]
    fn tokens_are_long_and_differ() {
        assert_eq!(random_token().len(), 43);
        assert_ne!(random_token(), random_token());
    }
}
