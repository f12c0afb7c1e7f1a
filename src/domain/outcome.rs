//! The closed lists of what a probe can answer, with their wire names and storage codes.

/// Declares a closed list: variants, wire names and storage codes.
/// Codes are stored in every result row, so a released one never changes.
macro_rules! closed_list {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $code:literal $wire:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($variant,)* }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name used in JSON, logs and locale keys.
            pub fn wire(self) -> &'static str {
                match self { $(Self::$variant => $wire,)* }
            }

            /// The number stored in the database.
            pub fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)* }
            }

            pub fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

closed_list! {
    /// The door did not open, and how.
    FailureClass {
        DnsNxdomain = 1 "dns_nxdomain",
        DnsError = 2 "dns_error",
        ConnectRefused = 3 "connect_refused",
        ConnectUnreachable = 4 "connect_unreachable",
        ConnectTimeout = 5 "connect_timeout",
        TlsExpired = 6 "tls_expired",
        TlsNotYet = 7 "tls_not_yet",
        TlsName = 8 "tls_name",
        TlsUntrusted = 9 "tls_untrusted",
        TlsChain = 10 "tls_chain",
        TlsVersion = 11 "tls_version",
        TlsError = 12 "tls_error",
        TimeoutTls = 13 "timeout_tls",
        TimeoutHeaders = 14 "timeout_headers",
        TimeoutTtfb = 15 "timeout_ttfb",
        TimeoutBody = 16 "timeout_body",
        Reset = 17 "reset",
        EmptyReply = 18 "empty_reply",
        Protocol = 19 "protocol",
        HeaderTooLarge = 20 "header_too_large",
        BodyTooLarge = 21 "body_too_large",
        BodyIncomplete = 22 "body_incomplete",
        DecodeError = 23 "decode_error",
        RedirectUnexpected = 24 "redirect_unexpected",
        RedirectDowngrade = 25 "redirect_downgrade",
        RedirectBlocked = 26 "redirect_blocked",
        RedirectScheme = 27 "redirect_scheme",
        RedirectLoop = 28 "redirect_loop",
        Http4xx = 29 "http_4xx",
        Http5xx = 30 "http_5xx",
        MaintenancePage = 31 "maintenance_page",
        Assertion = 32 "assertion",
        FormMissing = 33 "form_missing",
        TokenMissing = 34 "token_missing",
        SessionBroken = 35 "session_broken",
        AcceptsWrongPassword = 36 "accepts_wrong_password",
    }
}

closed_list! {
    /// The door opens, but not as it should.
    DegradedReason {
        Slow = 64 "slow",
        PartialAddresses = 65 "partial_addresses",
        Ipv6Down = 66 "ipv6_down",
        Assertion = 67 "assertion",
    }
}

closed_list! {
    /// Nothing was learnt about the door; the first seven lie on the
    /// endpoint's side, the rest on ours.
    UnknownReason {
        Throttled = 96 "throttled",
        Blocked = 97 "blocked",
        Challenge = 98 "challenge",
        CredentialsRejected = 99 "credentials_rejected",
        AccountLocked = 100 "account_locked",
        CredentialExpired = 101 "credential_expired",
        Budget = 102 "budget",
        OwnNetwork = 112 "own_network",
        OwnDns = 113 "own_dns",
        OwnResources = 114 "own_resources",
        OwnStall = 115 "own_stall",
        OwnClock = 116 "own_clock",
        OwnStorage = 117 "own_storage",
        Stopping = 118 "stopping",
    }
}

impl UnknownReason {
    /// Whether the cause lies with us rather than with the endpoint.
    pub fn is_ours(self) -> bool {
        self.code() >= Self::OwnNetwork.code()
    }
}

/// What one probe concluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    Success,
    Degraded(DegradedReason),
    Failure(FailureClass),
    Unknown(UnknownReason),
}

impl Outcome {
    /// One byte for the whole outcome; zero is success.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Degraded(reason) => reason.code(),
            Self::Failure(class) => class.code(),
            Self::Unknown(reason) => reason.code(),
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        if code == 0 {
            return Some(Self::Success);
        }
        FailureClass::from_code(code)
            .map(Self::Failure)
            .or_else(|| DegradedReason::from_code(code).map(Self::Degraded))
            .or_else(|| UnknownReason::from_code(code).map(Self::Unknown))
    }

    /// `success`, `degraded`, `failure` or `unknown`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Degraded(_) => "degraded",
            Self::Failure(_) => "failure",
            Self::Unknown(_) => "unknown",
        }
    }

    /// The wire name of the class or reason; none for a success.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Success => None,
            Self::Degraded(reason) => Some(reason.wire()),
            Self::Failure(class) => Some(class.wire()),
            Self::Unknown(reason) => Some(reason.wire()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_as_what_was_written() {
        let mut written = vec![Outcome::Success];
        written.extend(FailureClass::ALL.iter().map(|&it| Outcome::Failure(it)));
        written.extend(DegradedReason::ALL.iter().map(|&it| Outcome::Degraded(it)));
        written.extend(UnknownReason::ALL.iter().map(|&it| Outcome::Unknown(it)));
        for outcome in written {
            assert_eq!(Outcome::from_code(outcome.code()), Some(outcome));
        }
        assert_eq!(Outcome::from_code(63), None);
    }

    #[test]
    fn our_own_reasons_are_told_from_theirs() {
        assert!(UnknownReason::OwnStall.is_ours());
        assert!(UnknownReason::Stopping.is_ours());
        assert!(!UnknownReason::Throttled.is_ours());
    }
}
