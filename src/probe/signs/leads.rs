//! What the place means that a login sends us to.
//!
//! Many a service says nothing of a refused password but `302 /login?error`.
//!
//! | the path and query of `Location` | |
//! | --- | --- |
//! | a login page, with a word on failing, but for sessions and their end | refused |
//! | `locked`, `lockout` | locked |
//! | changing the password, or one that has expired | expired |
//! | a segment that names a second factor or a captcha | challenge |

/// Nobody's place is longer; the rest is not looked at.
const LOOKED_AT: usize = 2048;

const LOGIN: [&str; 6] = ["login", "logon", "signin", "sign-in", "sign_in", "passport"];
const FAILS: [&str; 4] = ["error", "fail", "invalid", "incorrect"];
/// Not about the password.
const SESSION: [&str; 6] = ["session", "timeout", "csrf", "logout", "maintenance", "system"];
const LOCKED: [&str; 2] = ["locked", "lockout"];
const PASSWORD: [&str; 3] = ["password", "passwd", "pwd"];
const CHANGE: [&str; 5] = ["change", "expire", "update", "modify", "renew"];
const FACTORS: [&str; 14] = [
    "mfa",
    "2fa",
    "otp",
    "totp",
    "two-factor",
    "two_factor",
    "twofactor",
    "two-step",
    "second-factor",
    "challenge",
    "captcha",
    "verify",
    "verification",
    "sms-code",
];

/// A place in lower case, split at its query.
pub(in crate::probe) struct Place {
    path: String,
    query: String,
}

impl Place {
    pub(in crate::probe) fn of(location: &str) -> Self {
        let lower: String = location.chars().take(LOOKED_AT).collect::<String>().to_lowercase();
        let rest = lower.split_once("://").map_or(lower.as_str(), |(_, rest)| {
            rest.find(['/', '?', '#']).map_or("", |at| rest.get(at..).unwrap_or_default())
        });
        let (path, query) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
        // `;jsessionid=…`
        let path = path.split(';').next().unwrap_or_default();
        Self { path: path.to_owned(), query: query.to_owned() }
    }

    /// A page to log in at.
    pub(in crate::probe) fn is_login(&self) -> bool {
        LOGIN.iter().any(|it| self.path.contains(it)) || self.segments().any(|it| matches!(it, "cas" | "sso"))
    }

    pub(super) fn is_rejected(&self) -> bool {
        let says = |words: &[&str]| words.iter().any(|it| self.query.contains(it) || self.path.contains(it));
        self.is_login() && says(&FAILS) && !says(&SESSION)
    }

    pub(super) fn is_locked(&self) -> bool {
        let whole = format!("{}?{}", self.path, self.query);
        whole
            .split(|it: char| !it.is_ascii_alphabetic())
            .any(|it| LOCKED.iter().any(|word| it.ends_with(word)))
            && !whole.contains("unlocked")
            && !whole.contains("blocked")
    }

    pub(super) fn is_expired(&self) -> bool {
        let of_password = |it: &str| PASSWORD.iter().any(|word| it.contains(word));
        let changes = |it: &str| CHANGE.iter().any(|word| it.contains(word));
        of_password(&self.path) && (changes(&self.path) || self.query.contains("expire"))
    }

    pub(super) fn is_challenge(&self) -> bool {
        self.segments().any(|it| FACTORS.contains(&it))
    }

    fn segments(&self) -> impl Iterator<Item = &str> {
        self.path.split(['/', '.'])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_means_one_thing_or_nothing() {
        for (location, means) in [
            ("/login?error", "rejected"),
            ("https://sso.example.com/cas/login?service=x&login=failed", "rejected"),
            ("/login/failure", "rejected"),
            ("/login;jsessionid=1?error=1", "rejected"),
            ("/login", ""),
            ("/login?error=session_expired", ""),
            ("/login?logout", ""),
            ("/error", ""),
            ("/home?welcome", ""),
            ("/account-locked", "locked"),
            ("/login?locked=1", "locked"),
            ("/blocked", ""),
            ("/unlocked", ""),
            ("/clock", ""),
            ("/change-password", "expired"),
            ("/password/expired", "expired"),
            ("/user/resetPassword?expired=1", "expired"),
            ("/user/resetPassword", ""),
            ("/account?updated", ""),
            ("/mfa?next=/home", "challenge"),
            ("/login/two-factor", "challenge"),
            ("/verify.html", "challenge"),
            ("/verified", ""),
            ("https://mfa.example.com/", ""),
            ("", ""),
            ("https://login.example.com", ""),
        ] {
            let place = Place::of(location);
            let told = [
                ("locked", place.is_locked()),
                ("expired", place.is_expired()),
                ("rejected", place.is_rejected()),
                ("challenge", place.is_challenge()),
            ];
            let told: Vec<&str> = told.iter().filter(|(_, it)| *it).map(|(name, _)| *name).collect();
            assert_eq!(told.join(" "), means, "{location}");
        }
    }
}
