//! Doors that are not HTTP.

use std::time::Duration;

use super::*;
use crate::domain::endpoint::{Addresses, Family};
use crate::domain::kind::{Kind, Line, Resolver, Safety, Transport};

/// A small good file whose one endpoint has these lines.
fn of(lines: &str) -> String {
    format!(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n[[endpoint]]\nid = \"door\"\ncomponent = \"web\"\n{lines}\n"
    )
}

fn kind(lines: &str) -> Kind {
    good(&of(lines)).endpoints[0].kind.clone()
}

/// The first thing that is minded.
fn minded(lines: &str) -> String {
    match parse(&of(lines)) {
        Ok(_) => "nothing".to_owned(),
        Err(faults) => faults.shown()[0].message.clone(),
    }
}

#[test]
fn the_address_says_which_kind_it_is() {
    for (lines, name, place) in [
        ("url = \"tcp://db.example.com:5432\"", "tcp", "tcp://db.example.com:5432"),
        ("url = \"tcp+tls://[::1]:993/\"", "tcp", "tcp+tls://[::1]:993"),
        ("url = \"tls://Wallet.Example.com\"", "tls", "tls://wallet.example.com:443"),
        ("url = \"smtp://mail.example.com\"", "smtp", "smtp://mail.example.com:25"),
        ("url = \"smtps://mail.example.com\"", "smtp", "smtps://mail.example.com:465"),
        ("url = \"dns://192.0.2.53\"\nask = \"a.example\"", "dns", "dns://192.0.2.53:53 a.example A"),
        (
            "url = \"dns+tls://192.0.2.53\"\nask = \"a.example\"",
            "dns",
            "dns+tls://192.0.2.53:853 a.example A",
        ),
        ("url = \"dns://system\"\nask = \"a.example\"\nrecord = \"MX\"", "dns", "dns://system a.example MX"),
        ("url = \"HTTPS://wallet.example.com/\"", "http", "https://wallet.example.com/"),
    ] {
        let kind = kind(lines);
        assert_eq!((kind.name(), kind.place().as_str()), (name, place), "{lines}");
    }
}

#[test]
fn every_key_of_a_kind_is_read() {
    let Kind::Tcp(tcp) = kind(
        "url = \"tcp://a:1\"\ncertificate_days = 14\ndialog = [{ expect = \"220 \" }, { matches = '^(x)' }, { send = \"{{1}}\" }, { send = { env = \"TOKEN\" } }, { starttls = true }]",
    ) else {
        panic!("tcp")
    };
    assert!(matches!(
        tcp.dialog.as_slice(),
        [Line::Expect(_), Line::Matches(_), Line::Send(_), Line::Send(_), Line::StartTls]
    ));
    assert!(!format!("{tcp:?}").contains(PASSWORD));
    let Kind::Dns(dns) = kind(
        "url = \"dns+tcp://192.0.2.53:5353\"\nask = \"_x._tcp.a.example.\"\nrecord = \"SRV\"\nclass = \"CH\"\nrecursion = false\n\
         rcode = [\"NOERROR\", \"NXDOMAIN\"]\ncontains = \"a\"\nnot_contains = [\"b\"]\nanswer = { all = 'x', any = ['y', 'z'], not_all = 'q' }\nauthority = { none = 'w' }",
    ) else {
        panic!("dns")
    };
    assert_eq!((dns.transport, dns.ask.recursion), (Transport::Tcp, false));
    assert!(matches!(&dns.server, Resolver::At(at) if at.port == 5353));
    assert_eq!((dns.rcodes.len(), dns.answer.any.len(), dns.authority.none.len()), (2, 2, 1));
    let Kind::Smtp(smtp) = kind("url = \"smtp://a\"\nstarttls = false\nauth = true") else { panic!("smtp") };
    assert!(smtp.safety == Safety::Plain && smtp.auth);
    let text = of(
        "push = { token = { file = \"secrets/good\" }, silence = \"20m\", silence_is = \"down\", token_in_query = true }\ndeadline = \"5m\"\ndegraded_after = \"1m\"",
    );
    let push = &good(&text).endpoints[0];
    assert_eq!(push.deadline, Duration::from_secs(300), "a code may be waited for longer than an answer");
    let Kind::Push(it) = &push.kind else { panic!("push") };
    assert!(it.silence_is_down && it.token_in_query && it.silence == Duration::from_secs(1200));
    assert!(!format!("{it:?}").contains(PASSWORD));
    assert!(warned(&text).contains("fewer than 16 characters"), "{}", warned(&text));
    let each = good(&of("url = \"https://a.example/\"\naddresses = \"each\"\nevery_address = true"));
    assert_eq!(each.endpoints[0].addresses, Addresses { family: Family::Each, every: true });
}

#[test]
fn what_means_nothing_for_a_kind_is_said_so() {
    for (lines, wanted) in [
        ("url = \"tcp://a:1\"\nmethod = \"GET\"", "`method` means nothing for tcp"),
        ("url = \"tls://a\"\nstatus = 200", "`status` means nothing for tls"),
        ("url = \"smtp://a\"\nproxy = \"none\"", "`proxy` means nothing for smtp"),
        ("url = \"https://a/\"\nask = \"x\"", "`ask` means nothing for http"),
        ("url = \"tcp://a:1\"\nmethd = \"GET\"", "unknown key `methd` in [[endpoint]]"),
        (
            "push = { token = { file = \"secrets/good\" }, silence = \"1m\" }\nevery = \"5s\"",
            "`every` means nothing for push",
        ),
        (
            "url = \"tcp://a:1\"\npush = { token = { file = \"secrets/good\" }, silence = \"1m\" }",
            "`push` means nothing for tcp",
        ),
    ] {
        assert_eq!(minded(lines), wanted, "{lines}");
    }
}

#[test]
fn a_wrong_value_of_a_kind_is_minded() {
    for (lines, wanted) in [
        ("url = \"tcp://a\"", "this address has no port"),
        ("url = \"tcp://a:0\"", "this address has no port"),
        ("url = \"tcp://a:1/path\"", "an address of tcp ends after its port"),
        ("url = \"tcp://u:p@a:1\"", "an address must not carry a user or password"),
        (
            "url = \"tcp://a:1\"\ndialog = { expect = \"a\", send = \"b\" }",
            "a line of `dialog` is one of `expect`, `matches`, `send` or `starttls`",
        ),
        (
            "url = \"tcp://a:1\"\ndialog = { matches = '(' }",
            "this is not a regular expression: unclosed group",
        ),
        ("url = \"tls://a\"\ncertificate_days = 0", "0 is out of range"),
        ("url = \"tls://a\"\nserver_name = \"a b\"", "`a b` is not the name of a machine"),
        ("url = \"dns://a\"", "[[endpoint]] has no `ask`"),
        ("url = \"dns://a\"\nask = \"a b\"", "`a b` is not a name to ask for"),
        ("url = \"dns://a\"\nask = \"a\"\nrcode = \"NO\"", "`NO` is not a choice here"),
        ("url = \"dns://a\"\nask = \"a\"\nanswer = {}", "these rules say nothing"),
        ("url = \"dns+tls://system\"\nask = \"a\"", "the machine's own resolvers are not asked over TLS"),
        (
            "url = \"smtps://a\"\nstarttls = true",
            "`starttls` means nothing for smtps, which is safe from the first byte on",
        ),
        ("push = { silence = \"1m\" }", "`push` has no `token`"),
        ("push = { token = \"plain\", silence = \"1m\" }", "a secret does not belong in this file"),
        (
            "push = { token = { env = \"BROKEN\" }, silence = \"1m\" }",
            "this token cannot be sent in a header",
        ),
        ("push = { token = { file = \"secrets/good\" }, silence = \"1s\" }", "this is too short"),
        (
            "url = \"https://192.0.2.1/\"\naddresses = \"ipv4\"",
            "there is one address only, so there is none to choose",
        ),
        (
            "url = \"https://a.example/\"\nproxy = \"http://p.example:1\"\nevery_address = true",
            "through a proxy it is the proxy that chooses the address",
        ),
        ("url = \"ftp://a/\"", "`ftp:` is not allowed here"),
    ] {
        assert_eq!(minded(lines), wanted, "{lines}");
        assert!(!said(&of(lines)).contains(PASSWORD), "{lines}");
    }
    let help = &parse(&of("url = \"ftp://a/\"")).unwrap_err().shown()[0].help.clone();
    assert!(help.contains("`smtps:`") && help.contains("`http:`"), "{help}");
}
