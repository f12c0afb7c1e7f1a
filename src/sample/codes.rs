//! Codes that are sent to a phone or a mailbox, and the place where they arrive.

use jiff::{SignedDuration, Timestamp};

use super::{EMAIL, PHONE};

/// A code is good for so long.
pub const CODE_LASTS: SignedDuration = SignedDuration::from_mins(5);

/// What a code is sent over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Sms,
    Email,
}

impl Channel {
    pub const ALL: [Self; 2] = [Self::Sms, Self::Email];

    /// As paths and JSON call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }

    /// The field that says where the code goes.
    pub fn field(self) -> &'static str {
        match self {
            Self::Sms => "phone",
            Self::Email => "email",
        }
    }

    /// Where the account's codes go.
    pub fn ours(self) -> &'static str {
        match self {
            Self::Sms => PHONE,
            Self::Email => EMAIL,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub code: String,
    pub at: Timestamp,
}

/// The last message of each channel, and whether its code is still good.
#[derive(Debug, Default)]
pub struct Inbox {
    sms: Slot,
    email: Slot,
}

#[derive(Debug, Default)]
struct Slot {
    /// The only code that is good; a new one takes its place.
    good: Option<Message>,
    arrived: Option<Message>,
}

impl Inbox {
    /// Sends a new code. To an address nobody has, none is sent, and nobody is told.
    pub fn send(&mut self, now: Timestamp, channel: Channel, to: &str, arrives: bool) {
        if to != channel.ours() {
            return;
        }
        let message = Message { code: random_code(), at: now };
        let slot = self.slot(channel);
        slot.good = Some(message.clone());
        slot.arrived = if arrives { Some(message) } else { None };
    }

    /// Whether this is the code that was sent last. It is good once.
    pub fn takes(&mut self, now: Timestamp, channel: Channel, to: &str, code: &str) -> bool {
        let slot = self.slot(channel);
        let right = to == channel.ours()
            && slot.good.as_ref().is_some_and(|it| it.code == code && now.duration_since(it.at) < CODE_LASTS);
        if right {
            slot.good = None;
        }
        right
    }

    /// What arrived last, while its code lasts.
    pub fn last(&self, now: Timestamp, channel: Channel) -> Option<&Message> {
        let slot = match channel {
            Channel::Sms => &self.sms,
            Channel::Email => &self.email,
        };
        slot.arrived.as_ref().filter(|it| now.duration_since(it.at) < CODE_LASTS)
    }

    fn slot(&mut self, channel: Channel) -> &mut Slot {
        match channel {
            Channel::Sms => &mut self.sms,
            Channel::Email => &mut self.email,
        }
    }
}

fn random_code() -> String {
    format!("{:06}", rand::random_range(0..1_000_000_u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn a_code_is_good_once_for_a_while_and_until_the_next() {
        let mut inbox = Inbox::default();
        let sent = |inbox: &mut Inbox| {
            inbox.send(START, Channel::Sms, PHONE, true);
            inbox.last(START, Channel::Sms).unwrap().code.clone()
        };
        let first = sent(&mut inbox);
        assert_eq!(first.len(), 6);
        assert!(!inbox.takes(START, Channel::Email, EMAIL, &first), "on another way");
        assert!(inbox.takes(START, Channel::Sms, PHONE, &first));
        assert!(!inbox.takes(START, Channel::Sms, PHONE, &first), "twice");
        let second = sent(&mut inbox);
        assert!(!inbox.takes(START + CODE_LASTS, Channel::Sms, PHONE, &second), "too late");
        assert_eq!(inbox.last(START + CODE_LASTS, Channel::Sms), None);
    }

    #[test]
    fn strangers_get_nothing_and_a_lost_code_does_not_arrive() {
        let mut inbox = Inbox::default();
        inbox.send(START, Channel::Email, "else@wallet.invalid", true);
        assert_eq!(inbox.last(START, Channel::Email), None);
        inbox.send(START, Channel::Email, EMAIL, false);
        assert_eq!(inbox.last(START, Channel::Email), None);
    }
}
