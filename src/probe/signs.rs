//! By what pages are known that are no answer of the login: bot walls,
//! captchas, locked accounts, maintenance.
//!
//! Each list is what such pages say in fact, in Chinese and English; all lower
//! case. An operator's own pattern takes the place of a list.

use super::seen::Seen;
use crate::domain::expect::{Sign, Signs};
use crate::expr::regex;

/// Of a page, in bytes: what such a page has to say stands at its head.
const LOOKED_AT: usize = 64 << 10;
/// Of a page that says it is maintenance, in bytes.
const HEADLINE: usize = 4096;

const MAINTENANCE: &[&str] = &[
    "系统维护",
    "正在维护",
    "维护中",
    "停机维护",
    "系统升级",
    "升级维护",
    "under maintenance",
    "scheduled maintenance",
    "maintenance mode",
    "down for maintenance",
];
/// Said by walls and by nobody else, so that they count on any page.
const WALL: &[&str] = &[
    "just a moment...",
    "just a moment…",
    "attention required! | cloudflare",
    "cf-browser-verification",
    "verify you are human",
    "verifying you are human",
    "checking your browser before",
    "unusual traffic from your",
    "request unsuccessful. incapsula",
    "access denied | sucuri",
    "sucuri website firewall",
    "px-captcha",
    "captcha-delivery.com",
    "您的访问被阻断",
    "您的请求可能存在威胁",
    "访问被拦截",
    "网站防火墙",
    "您的请求带有不合法参数",
];
const CHALLENGE: &[&str] = &[
    "captcha",
    "geetest",
    "turnstile",
    "人机验证",
    "安全验证",
    "滑块",
    "图形验证码",
    "二步验证",
    "两步验证",
    "二次验证",
    "动态口令",
    "短信验证码已发送",
    "two-factor",
    "two factor",
    "second factor",
    "2-step verification",
    "verification code",
    "mfa_required",
    "mfa required",
    "otp_required",
];
const REJECTED: &[&str] = &[
    "密码错误",
    "密码不正确",
    "用户名或密码",
    "账号或密码",
    "帐号或密码",
    "账户或密码",
    "incorrect password",
    "incorrect username",
    "wrong password",
    "wrong username",
    "invalid password",
    "invalid username",
    "invalid credentials",
    "invalid_credentials",
    "invalid login",
    "bad credentials",
    "password is incorrect",
    "credentials are incorrect",
    "did not match our records",
    "invalid_grant",
];
const LOCKED: &[&str] = &[
    "账号已锁定",
    "账号已被锁定",
    "账户已锁定",
    "账户已被锁定",
    "帐号已被锁定",
    "账户锁定",
    "账号锁定",
    "已被冻结",
    "账号已冻结",
    "账户已冻结",
    "登录已锁定",
    "account is locked",
    "account locked",
    "account_locked",
    "account has been locked",
    "account is temporarily locked",
    "account has been suspended",
    "account is disabled",
    "too many failed",
    "too many login attempts",
    "错误次数过多",
];
const EXPIRED: &[&str] = &[
    "密码已过期",
    "密码过期",
    "请修改密码",
    "修改初始密码",
    "必须修改密码",
    "password has expired",
    "password expired",
    "password_expired",
    "your password is expired",
    "must change your password",
    "change your password before",
    "update your password to continue",
];

/// A page that is being looked at: its head in lower case.
pub(super) struct Page<'a> {
    seen: &'a Seen,
    signs: &'a Signs,
    /// As it came, for patterns.
    text: &'a str,
    lower: String,
}

impl<'a> Page<'a> {
    pub(super) fn of(seen: &'a Seen, signs: &'a Signs) -> Self {
        let body = seen.body.as_deref().unwrap_or_default();
        let text = head(body, LOOKED_AT);
        Self { seen, signs, text, lower: text.to_lowercase() }
    }

    /// It says so, and has no form to log in with: a banner over the form is a notice.
    pub(super) fn is_maintenance(&self) -> bool {
        self.shows(&self.signs.maintenance, || says_maintenance(&self.lower))
    }

    /// Where the status is `right`, only what walls alone say makes it one.
    pub(super) fn is_wall(&self, right: bool) -> bool {
        self.shows(&self.signs.blocked, || {
            let header = |name: &str| self.seen.header(name);
            let refuses = !right && matches!(self.seen.status, 403 | 405 | 503);
            let cloudflare = header("server").is_some_and(|it| it.eq_ignore_ascii_case("cloudflare"));
            let sucuri = header("x-sucuri-block").is_some()
                || header("server").is_some_and(|it| it.to_ascii_lowercase().starts_with("sucuri"));
            header("cf-mitigated").is_some()
                || header("x-amzn-waf-action").is_some()
                || header("x-datadome").is_some() && refuses
                || (cloudflare && refuses && self.seen.status == 403)
                || (sucuri && refuses)
                || self.says(WALL)
        })
    }

    /// A page that only speaks of a second factor has nothing to put it into.
    pub(super) fn is_challenge(&self) -> bool {
        let asks = || {
            !self.lower.contains("<html") || self.lower.contains("<input") || self.lower.contains("<iframe")
        };
        self.shows(&self.signs.challenge, || self.says(CHALLENGE) && asks())
    }

    /// Of the name or the password, at a login.
    pub(super) fn is_rejected(&self) -> bool {
        self.shows(&self.signs.rejected, || self.seen.status == 401 || self.says(REJECTED))
    }

    pub(super) fn is_locked(&self) -> bool {
        self.shows(&self.signs.locked, || self.seen.status == 423 || self.says(LOCKED))
    }

    pub(super) fn is_expired(&self) -> bool {
        self.shows(&self.signs.expired, || self.says(EXPIRED))
    }

    /// An answer in JSON that tells of an error under a good status.
    pub(super) fn tells_an_error(&self) -> bool {
        use serde_json::Value;
        let body = self.seen.body.as_deref().unwrap_or_default().trim_start();
        if !body.starts_with('{') {
            return false;
        }
        let Ok(document) = crate::expr::json::parse(body) else { return false };
        let tells = |key: &str| match document.get(key) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(list)) => !list.is_empty(),
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(_) => true,
        };
        let denies = |key: &str| document.get(key) == Some(&Value::Bool(false));
        tells("error") || tells("errors") || denies("success") || denies("ok")
    }

    fn says(&self, words: &[&str]) -> bool {
        words.iter().any(|it| self.lower.contains(it))
    }

    fn shows(&self, sign: &Sign, usual: impl FnOnce() -> bool) -> bool {
        match sign {
            Sign::Usual => usual(),
            Sign::Never => false,
            // It was checked with the config.
            Sign::Matches(pattern) => regex::matches(self.text, pattern).unwrap_or_default(),
        }
    }
}

fn says_maintenance(lower: &str) -> bool {
    const FORM: [&str; 3] = ["type=\"password\"", "type=password", "type='password'"];
    let start = head(lower, HEADLINE);
    MAINTENANCE.iter().any(|it| start.contains(it)) && !FORM.iter().any(|it| lower.contains(it))
}

/// So many bytes of a text, cut between characters.
fn head(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
    &text[..end.unwrap_or_default()]
}
