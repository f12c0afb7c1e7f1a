//! An account of ours at somebody's door.

use super::id::Id;
use super::request::Value;

/// Made for probing, without rights and without anybody's data behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    pub id: Id,
    pub username: Value,
    /// None where only codes are sent, by SMS or e-mail.
    pub password: Option<Value>,
    /// The secret of its second factor.
    pub totp: Option<Totp>,
    /// At most, over all endpoints, confirmations and people; see
    /// [`super::login_budget`].
    pub logins_per_hour: u32,
}

impl Account {
    /// Whether `other` logs in with something else.
    pub fn differs_in_credentials(&self, other: &Self) -> bool {
        self.username != other.username || self.password != other.password || self.totp != other.totp
    }
}

/// How codes are made of a shared secret (RFC 6238).
#[derive(Debug, Clone, PartialEq)]
pub struct Totp {
    /// In base32.
    pub secret: Value,
    /// 6 to 8.
    pub digits: u8,
    /// In seconds, 15 to 300.
    pub period: u32,
    pub algorithm: Algorithm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Sha1,
    Sha256,
    Sha512,
}
