//! A mail server: greeting, EHLO, STARTTLS, EHLO again, QUIT. No mail is ever sent.

use super::bare::{Bare, Fault};
use super::talk::{Heard, Talk};
use super::{Kit, Knocked};
use crate::domain::endpoint::Endpoint;
use crate::domain::kind::{Safety, Smtp};
use crate::domain::outcome::{FailureClass, Outcome, UnknownReason};

/// Lines of one reply; the longest that we have seen has twenty.
const LINES: usize = 100;

pub(super) async fn knock(kit: &Kit, endpoint: &Endpoint, smtp: &Smtp) -> Knocked {
    let mut bare = Bare::begin(kit, endpoint);
    let mut heard = Heard::default();
    let ended = visit(&mut bare, &mut heard, smtp).await;
    bare.heard_at = heard.first_at();
    bare.heard = heard.shown(std::iter::empty());
    bare.finish(Some(&smtp.at.host), smtp.certificate_days, ended)
}

async fn visit(bare: &mut Bare<'_>, heard: &mut Heard, smtp: &Smtp) -> Result<(), Fault> {
    let host = &smtp.at.host;
    let stream = bare.connect(&smtp.at).await?;
    let mut talk = match smtp.safety {
        Safety::Tls => Talk::new(bare.secure(stream, host).await?, heard),
        Safety::StartTls | Safety::Plain => Talk::new(stream, heard),
    };
    let greeting = reply(&mut talk, bare, "a greeting").await?;
    bare.status_line = greeting.lines.first().cloned();
    greeting.must_be(220, "a greeting")?;
    let mut offered = hello(&mut talk, bare).await?;
    if smtp.safety == Safety::StartTls {
        if !offered.offers("STARTTLS") {
            return Err(Fault::of(FailureClass::Assertion, "STARTTLS is not offered"));
        }
        talk.send(bare, b"STARTTLS\r\n").await?;
        let agreed = reply(&mut talk, bare, "220 to STARTTLS").await?;
        agreed.must_be(220, "220 to STARTTLS")?;
        talk = talk.secured(bare, host).await?;
        // What was offered in the clear counts for nothing.
        offered = hello(&mut talk, bare).await?;
    }
    if smtp.auth && !offered.offers("AUTH") {
        return Err(Fault::of(FailureClass::Assertion, "AUTH is not offered"));
    }
    // A courtesy: what is answered to it changes nothing.
    let _ = talk.send(bare, b"QUIT\r\n").await;
    Ok(())
}

async fn hello(talk: &mut Talk<'_>, bare: &Bare<'_>) -> Result<Reply, Fault> {
    // RFC 5321 has who has no name introduce himself by his address.
    let from = match bare.local.map(|it| it.ip()) {
        Some(std::net::IpAddr::V4(it)) => format!("[{it}]"),
        Some(std::net::IpAddr::V6(it)) => format!("[IPv6:{it}]"),
        None => "[127.0.0.1]".to_owned(),
    };
    talk.send(bare, format!("EHLO {from}\r\n").as_bytes()).await?;
    let reply = reply(talk, bare, "250 to EHLO").await?;
    reply.must_be(250, "250 to EHLO")?;
    Ok(reply)
}

/// A reply: a code, and what each of its lines says.
struct Reply {
    code: u16,
    lines: Vec<String>,
}

async fn reply(talk: &mut Talk<'_>, bare: &Bare<'_>, wanted: &str) -> Result<Reply, Fault> {
    let mut lines: Vec<String> = Vec::new();
    let mut first = None;
    loop {
        let line = talk.until_line(bare, wanted, |_| true).await?;
        let Some((code, last)) = parsed(&line) else {
            return Err(Fault::of(
                FailureClass::Protocol,
                format!("waited for {wanted}, heard {line:.100?}"),
            ));
        };
        if *first.get_or_insert(code) != code {
            return Err(Fault::of(FailureClass::Protocol, "a reply changes its code halfway"));
        }
        lines.push(line);
        if last {
            return Ok(Reply { code, lines });
        }
        if LINES <= lines.len() {
            return Err(Fault::of(
                FailureClass::BodyTooLarge,
                format!("a reply has more than {LINES} lines"),
            ));
        }
    }
}

/// The code of a line, and whether it is the reply's last.
fn parsed(line: &str) -> Option<(u16, bool)> {
    let code = line.get(..3).filter(|it| it.bytes().all(|b| b.is_ascii_digit()))?;
    let code = code.parse().ok().filter(|it| (200..600).contains(it))?;
    match line.as_bytes().get(3) {
        None | Some(b' ') => Some((code, true)),
        Some(b'-') => Some((code, false)),
        Some(_) => None,
    }
}

impl Reply {
    fn offers(&self, wanted: &str) -> bool {
        let words = self.lines.iter().skip(1).filter_map(|it| it.get(4..)?.split([' ', '=']).next());
        words.into_iter().any(|it| it.eq_ignore_ascii_case(wanted))
    }

    fn must_be(&self, code: u16, wanted: &str) -> Result<(), Fault> {
        if self.code == code {
            return Ok(());
        }
        let line = self.lines.first().map(String::as_str).unwrap_or_default();
        let said = format!("waited for {wanted}, heard {line:.100?}");
        // Enhanced codes (RFC 3463): x.7.y speaks of policy.
        let policy = line.get(4..).is_some_and(|it| it.starts_with("4.7.") || it.starts_with("5.7."));
        let outcome = match self.code {
            421 | 450 | 451 | 454 if policy || self.code == 421 => Outcome::Unknown(UnknownReason::Throttled),
            500..=599 if policy => Outcome::Unknown(UnknownReason::Blocked),
            _ => Outcome::Failure(FailureClass::Assertion),
        };
        Err(Fault { outcome, said })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_reply_are_told_from_everything_else() {
        for (line, wanted) in [
            ("220 ready", Some((220, true))),
            ("250-SIZE", Some((250, false))),
            ("250", Some((250, true))),
            ("25", None),
            ("", None),
            ("220_ready", None),
            ("SSH-2.0", None),
            ("999 no", None),
            ("１２３ wide", None),
        ] {
            assert_eq!(parsed(line), wanted, "{line}");
        }
    }

    #[test]
    fn offers_are_whole_words_after_the_first_line() {
        let lines = ["250-STARTTLS.example.com", "250-AUTH PLAIN LOGIN", "250-AUTH=LOGIN", "250 starttls"];
        let reply = Reply { code: 250, lines: lines.map(str::to_owned).to_vec() };
        assert!(reply.offers("STARTTLS") && reply.offers("AUTH") && !reply.offers("START"));
        let none = Reply { code: 250, lines: vec!["250 STARTTLS".to_owned()] };
        assert!(!none.offers("STARTTLS"), "a greeting is no offer");
    }

    #[test]
    fn refusals_are_told_apart_by_what_they_are_about() {
        for (line, wanted) in [
            ("421 too many connections", Outcome::Unknown(UnknownReason::Throttled)),
            ("450 4.7.1 come later", Outcome::Unknown(UnknownReason::Throttled)),
            ("450 4.3.2 shutting down", Outcome::Failure(FailureClass::Assertion)),
            ("554 5.7.1 your address is listed", Outcome::Unknown(UnknownReason::Blocked)),
            ("554 no SMTP service here", Outcome::Failure(FailureClass::Assertion)),
            ("250 hello", Outcome::Failure(FailureClass::Assertion)),
        ] {
            let (code, _) = parsed(line).unwrap();
            let reply = Reply { code, lines: vec![line.to_owned()] };
            assert_eq!(reply.must_be(220, "a greeting").unwrap_err().outcome, wanted, "{line}");
        }
    }
}
