//! Accounts, steps and places: what is read of good ones, and what is said of bad ones.

use std::time::Duration;

use super::*;
use crate::domain::endpoint::Cadence;
use crate::domain::flow::Turn;
use crate::domain::request::Method;

const ACCOUNT: &str =
    "\n[[account]]\nid = \"probe\"\nusername = \"probe-7\"\npassword = { env = \"TOKEN\" }\n";

/// A small file with an account, whose endpoint logs in by these steps.
fn steps(steps: &str) -> String {
    with(&format!("account = \"probe\"\n{steps}{ACCOUNT}"))
}

/// One step with these lines, after a page.
fn step(lines: &str) -> String {
    steps(&format!(
        "[[endpoint.step]]\nname = \"page\"\ncapture.page = {{ form = \"form\" }}\ncapture.t = {{ json = \"$.t\" }}\n\
         [[endpoint.step]]\nname = \"sign-in\"\n{lines}\n"
    ))
}

/// The sentences about a bad file.
fn faults(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => vec!["nothing".to_owned()],
        Err(faults) => faults.shown().iter().map(|it| it.message.clone()).collect(),
    }
}

#[test]
fn a_login_is_read_with_its_defaults() {
    let config = good(&steps(
        r#"
        [[endpoint.step]]
        name = "page"
        capture.page = { form = "form" }
        capture.r = { regex = "a(b)c" }
        capture.whole = { regex = "abc", group = 0 }
        [[endpoint.step]]
        name = "sign-in"
        form = { of = "page", user = "{{username}}", pass = "{{password}}" }
        status = 303
        [[endpoint.step]]
        name = "next"
        url = "/next?r={{r}}&w={{whole}}"
        confirm = true
        [[endpoint.step]]
        name = "log-out"
        url = "../logout"
        method = "POST"
        always = true
        "#,
    ));
    let endpoint = &config.endpoints[0];
    assert_eq!(endpoint.cadence, Cadence::Every(Duration::from_secs(900)), "a login is not made every 30 s");
    let flow = endpoint.flow().unwrap();
    assert!(flow.logs_in() && flow.cleans_up());
    let told: Vec<String> = flow
        .steps()
        .map(|it| format!("{} {} {} {:?}", it.name, it.request.method.as_str(), it.request.url, it.turn))
        .collect();
    assert_eq!(
        told,
        [
            "page GET https://wallet.example.com/login InOrder",
            "sign-in POST https://wallet.example.com/login InOrder",
            "next GET https://wallet.example.com/next?r= Confirm",
            "log-out POST https://wallet.example.com/logout Always",
        ]
    );
    assert!(flow.then[0].request.address.is_some(), "a form goes where it leads");
    assert_eq!(flow.then[2].turn, Turn::Always);
    assert!(flow.then[2].expect.accepts_status(302) && !flow.then[2].expect.accepts_status(400));
    assert_eq!(
        good(&step("form = { a = \"{{username}}\" }\nmethod = \"GET\"")).endpoints[0].flow().unwrap().then[0]
            .request
            .method,
        Method::Get
    );
}

#[test]
fn an_old_request_may_fill_in_values_too() {
    let lines = "headers = { x-id = \"{{uuid}}\" }\nquery = { at = \"{{unix}}\" }\nredirects = 2\nform = { a = \"1\" }";
    let config = good(&with(lines));
    let step = &config.endpoints[0].flow().unwrap().first;
    assert_eq!((step.request.method, step.redirects, step.name.as_str()), (Method::Post, 2, ""));
    assert_eq!(config.endpoints[0].cadence, Cadence::Every(Duration::from_secs(30)));
}

#[test]
fn what_a_flow_fills_in_is_there_by_then() {
    for (lines, said) in [
        ("url = \"/{{tokn}}\"", "nothing is captured as {{tokn}}"),
        ("url = \"/{{late}}\"\ncapture.late = { json = \"$.x\" }", "{{late}} is used before it is captured"),
        ("url = \"/{{page}}\"", "{{page}} is a whole form"),
        ("url = \"/{{t.x}}\"", "{{t}} is one value, not a form"),
        ("form = { of = \"t\" }", "`t` is one value, not a form"),
        ("form = { of = \"none\" }", "no earlier step captures a form as `none`"),
        ("url = \"/{{Name}}\"", "`Name` cannot stand between `{{` and `}}`"),
        ("url = \"/{{t\"", "a `{{` is not closed"),
        ("url = \"https://{{t}}/\"", "the host of an address cannot be filled in"),
        ("url = \"https://wallet.{{t}}\"", "the host of an address cannot be filled in"),
        ("url = \"/x#y\"", "the part after `#` is never sent"),
        ("url = \"ftp://wallet.example.com/\"", "`ftp:` is not allowed here"),
        ("form = { a = \"{{totp}}\" }", "the account `probe` has no second factor"),
        ("body = \"x\"", "GET sends no body"),
        ("always = true\nconfirm = true", "a step is `always` or `confirm`, not both"),
        ("capture.x = { css = \"p[\" }", "`p[` does not parse"),
        ("capture.x = { json = \"a.b\" }", "`a.b` does not parse"),
        ("capture.x = { regex = \"(\" }", "`(` does not parse"),
        ("capture.x = { regex = \"a\" }", "the pattern has no group that could be taken"),
        ("capture.x = { regex = \"a\", group = 1 }", "the pattern has no group that could be taken"),
        ("capture.x = { regex = \"(a)\", group = 2 }", "the pattern has one group, and no group 2"),
        ("capture.x = { regex = \"(a)(b)\", group = 3 }", "the pattern has 2 groups, and no group 3"),
        ("capture.x = { regex = \"a\", group = 0 }", "nothing"),
        ("expect = \"captures.tok == '1'\"", "nothing is captured as `captures.tok`"),
        (
            "expect = \"captures.late == '1'\"\ncapture.late = { json = \"$.x\" }",
            "`captures.late` is used before it is captured",
        ),
        ("degraded_when = \"has(captures.page)\"", "`captures.page` is a whole form"),
        ("expect = \"'t.x' in captures\"", "`captures.t` is one value, not a form"),
        ("expect = \"captures['page.csrf'] != captures.t\"", "nothing"),
        ("unknown_when = \"step['sign-in'].status == 1\"", "there is no step `sign-in` before this one"),
        ("expect = \"step.page.elapsed + elapsed < 900\"", "nothing"),
        (
            "capture.x = { json = \"$.a\", css = \"p\" }",
            "a capture has one source, this has `json` and `css`",
        ),
        ("capture.x = { json = \"$.a\", attribute = \"b\" }", "`attribute` belongs to `css`"),
        ("capture.x = {}", "this capture says not where the value stands"),
        ("capture.unix = { json = \"$.a\" }", "{{unix}} stands for something else already"),
        ("capture.X = { json = \"$.a\" }", "`X` is not a name for a capture"),
        ("redirects = 11", "11 is out of range"),
        ("nme = \"x\"", "unknown key `nme` in [[endpoint.step]]"),
        (
            "headers = { authorization = \"Bearer abc\" }",
            "`authorization` carries a secret, which does not belong in this file",
        ),
        ("headers = { authorization = \"Bearer {{t}}\" }", "nothing"),
        ("json = { password = \"{{password}}\" }\nmethod = \"POST\"", "nothing"),
        ("url = \"{{page.action}}?x={{page.csrf}}\"", "nothing"),
    ] {
        let found = faults(&step(lines));
        assert!(found.iter().any(|it| it.starts_with(said)), "{lines}: {found:?}");
    }
}

#[test]
fn one_fault_of_a_flow_hides_no_other() {
    let text = steps(
        r#"
        [[endpoint.step]]
        name = "page"
        url = "ftp://x/"
        capture.page = { form = "form[" }
        capture.id = { regex = "id" }
        [[endpoint.step]]
        name = "sign-in"
        form = { of = "pag", user = "{{username}}", id = "{{id}}", token = "{{toke}}" }
        capture.token = { json = "$.t" }
        [[endpoint.step]]
        name = "me"
        method = "SEND"
        headers = { authorization = "Bearer {{tokn}}" }
        expect = ["captures.tokn == ''", "step.sign_in.status == 200"]
        "#,
    );
    let told = match parse(&text) {
        Ok(_) => vec![],
        Err(faults) => faults.shown().iter().map(|it| format!("{}; {}", it.message, it.help)).collect(),
    };
    let begins = [
        "`ftp:` is not allowed here",
        "`form[` does not parse",
        "the pattern has no group that could be taken",
        "no earlier step captures a form as `pag`",
        "nothing is captured as {{toke}}",
        "`SEND` is not a choice here",
        "nothing is captured as {{tokn}}; did you mean {{token}}?",
        "nothing is captured as `captures.tokn`; did you mean `captures.token`?",
        "there is no step `sign_in` before this one; did you mean `sign-in`?",
    ];
    assert_eq!(told.len(), begins.len(), "{told:#?}");
    for begins in begins {
        assert!(told.iter().any(|it| it.starts_with(begins)), "{begins}: {told:#?}");
    }
}

#[test]
fn a_plain_request_knows_no_captures_and_no_steps() {
    assert_eq!(
        faults(&with("expect = [\"captures.foo == '1'\", \"step['x'].status == 1\"]")),
        ["nothing is captured as `captures.foo`", "there is no step `x` before this one"]
    );
}

#[test]
fn what_confirms_stands_in_for_the_login_and_has_nothing_of_it() {
    let flow = |last: &str| {
        steps(&format!(
            "[[endpoint.step]]\nname = \"page\"\ncapture.page = {{ form = \"form\" }}\n\
             [[endpoint.step]]\nname = \"in\"\nform = {{ of = \"page\", a = \"{{{{password}}}}\" }}\ncapture.t = {{ json = \"$.t\" }}\n\
             [[endpoint.step]]\nname = \"look\"\nconfirm = true\ncapture.look = {{ json = \"$.v\" }}\n{last}\n"
        ))
    };
    let never = |name: &str| vec![format!("{name} is not captured whenever this step is taken")];
    assert_eq!(faults(&flow("url = \"/{{t}}\"")), never("{{t}}"));
    assert_eq!(faults(&flow("expect = \"captures.t == 'x'\"")), never("`captures.t`"));
    assert_eq!(
        faults(&flow("expect = \"step['in'].status == 200\"")),
        ["there is no step `in` before this one"]
    );
    assert_eq!(faults(&flow("url = \"/{{page.x}}\"\nexpect = \"step.page.status == 200\"")), ["nothing"]);
    let after = "[[endpoint.step]]\nname = \"me\"\n";
    assert_eq!(faults(&flow(&format!("{after}url = \"/{{{{look}}}}\""))), never("{{look}}"));
    assert_eq!(faults(&flow(&format!("{after}url = \"/{{{{t}}}}\""))), ["nothing"]);
}

#[test]
fn a_capture_that_nobody_uses_is_warned_of() {
    let flow = |use_of_it: &str| {
        warned(&steps(&format!(
            "[[endpoint.step]]\nname = \"page\"\ncapture.page = {{ form = \"form\" }}\n\
             [[endpoint.step]]\nname = \"next\"\n{use_of_it}\n"
        )))
    };
    assert!(flow("").contains("no later step uses the capture `page`"), "{}", flow(""));
    let text = with("capture.t = { css = \"p[\" }\n")
        .replace("capture.t", "[[endpoint.step]]\nname = \"a\"\ncapture.t");
    let about = parse(&text).unwrap_err().shown()[0].manual;
    assert_eq!(about, Some("endpoint.step.capture"), "what is wrong in a capture is explained there");
    for used in
        ["url = \"{{page.action}}\"", "form = { of = \"page\" }", "expect = \"captures['page.x'] == '1'\""]
    {
        assert_eq!(flow(used), "", "{used}");
    }
}

#[test]
fn a_flow_is_of_one_shape() {
    let page = "[[endpoint.step]]\nname = \"page\"\n";
    for (text, said) in [
        (steps(&format!("{page}{page}")), "two steps are called `page`"),
        (steps(&format!("{page}always = true\n")), "the first step cannot be `always`"),
        (steps(&format!("{page}confirm = true\n")), "the first step cannot be `confirm`"),
        (steps("[[endpoint.step]]\nurl = \"/x\"\n"), "[[endpoint.step]] has no `name`"),
        (steps("step = []\n"), "`step` has 0 entries"),
        (steps("step = {}\n"), "there may be many of `step`"),
        (steps(&format!("method = \"POST\"\n{page}")), "an endpoint with steps has no `method` of its own"),
        (steps(&format!("contains = \"x\"\n{page}")), "an endpoint with steps has no `contains` of its own"),
        (with("account = \"prob\"") + ACCOUNT, "there is no account `prob`"),
        (with("headers = { x = \"{{username}}\" }"), "this endpoint has no account to fill that in from"),
    ] {
        let found = faults(&text);
        assert!(found.iter().any(|it| it.starts_with(said)), "{said}: {found:?}");
    }
    let many: String = (0..31).map(|it| format!("[[endpoint.step]]\nname = \"{it}\"\n")).collect();
    assert_eq!(faults(&steps(&many)), ["`step` has 31 entries"]);
}

#[test]
fn a_real_account_logs_in_seldom_and_never_in_the_clear() {
    let sign_in = "[[endpoint.step]]\nname = \"in\"\nform = { a = \"{{password}}\" }\n";
    let often = "this logs in as `probe` more often than every 5 minutes";
    for (lines, said) in [
        ("every = \"4m59s\"\n", often),
        ("every = \"5m\"\n", "nothing"),
        ("schedule = \"*/4 * * * *\"\n", often),
        ("schedule = \"0,1 8 * * *\"\n", often),
        ("schedule = \"*/5 * * * *\"\n", "nothing"),
    ] {
        assert_eq!(faults(&steps(&format!("{lines}{sign_in}"))), [said], "{lines}");
    }
    let sample =
        steps(&format!("every = \"1s\"\n{sign_in}")).replace("env = \"TOKEN\"", "sample = \"password\"");
    assert_eq!(faults(&(sample + "[sample]\n")), ["nothing"], "the sample's account is nobody's");
    for (host, lines, clear) in [
        ("http://wallet.example.com", "", true),
        ("http://8.8.8.8", "", true),
        ("http://wallet.example.com", "allow_plain = true\n", false),
        ("http://127.0.0.1:1", "", false),
        ("http://10.1.2.3", "", false),
        ("http://wallet.internal", "", false),
        ("http://wallet", "", false),
    ] {
        let text = steps(&format!("{lines}{sign_in}")).replace("https://wallet.example.com", host);
        let found = faults(&text);
        assert_eq!(found[0].ends_with("over plain http"), clear, "{host}: {found:?}");
    }
}

#[test]
fn an_account_that_is_sent_codes_needs_no_password_and_logs_in_all_the_same() {
    let account = "\n[[account]]\nid = \"probe\"\nusername = \"+86 100\"\n";
    let login = |places: &str| with(&format!("account = \"probe\"\nmethod = \"POST\"\n{places}\n{account}"));
    let config = good(&login("form = { phone = \"{{username}}\" }"));
    assert!(config.endpoints[0].logs_in(), "its name is enough to be counted");
    assert_eq!(config.endpoints[0].cadence, Cadence::Every(Duration::from_secs(900)));
    for places in ["form = { word = \"{{password}}\" }", "headers = { authorization = \"Basic {{basic}}\" }"]
    {
        assert_eq!(faults(&login(places)), ["the account `probe` has no password"], "{places}");
    }
    let wrong =
        "every = \"15m\"\nwrong_password = true\nform = { name = \"{{username}}\", word = \"{{password}}\" }";
    good(&login(wrong));
}

#[test]
fn an_account_is_of_nobody() {
    for (lines, said) in [
        (
            "username = \"root\"",
            "this looks like an account with rights, and one for probing should have none",
        ),
        (
            "username = \"Admin@example.com\"",
            "this looks like an account with rights, and one for probing should have none",
        ),
        ("username = \"root\"\nprivileged = true", "nothing"),
        ("username = \"rooter\"", "nothing"),
        (
            "username = \"x\"\ntotp = \"GEZDGNBVGY3TQOJQ\"",
            "the secret of a second factor does not belong in this file",
        ),
        ("username = \"x\"\ntotp = { env = \"TOKEN\" }", "this secret of a second factor is not base32"),
        (
            "username = \"x\"\ntotp = { secret = { file = \"secrets/totp\" }, digits = 9 }",
            "9 is out of range",
        ),
        (
            "username = \"x\"\ntotp = { secret = { file = \"secrets/totp\" }, digits = 8, algorithm = \"sha256\" }",
            "nothing",
        ),
        ("username = \"x\"\ntotp = { file = \"secrets/totp\" }", "nothing"),
        ("username = \"x\"\nlogins_per_hour = 13", "13 is out of range"),
    ] {
        let account = format!("[[account]]\nid = \"probe\"\npassword = {{ env = \"TOKEN\" }}\n{lines}\n");
        assert_eq!(faults(&account), [said], "{lines}");
    }
    let plain = "[[account]]\nid = \"probe\"\nusername = \"x\"\npassword = \"hunter2\"\n";
    assert_eq!(faults(plain), ["a password does not belong in this file"]);
    assert!(!said(plain).contains(PASSWORD), "and is not drawn");
    assert_eq!(faults(&format!("{ACCOUNT}{ACCOUNT}")), ["the account id `probe` is taken"]);
    assert_eq!(faults("[[account]]\nid = \"probe\"\n"), ["[[account]] has no `username`"]);
}

#[test]
fn what_targets_may_reach_is_an_address_a_net_or_a_name() {
    let fence = |list: &str| {
        let config = good(&format!("{}\n[probe]\nallow_private = {list}\n", with("")));
        config.endpoints[0].flow().unwrap().fence.allowed.clone()
    };
    assert_eq!(fence("[\"10.0.0.0/8\", \"::1\", \"SSO.internal\"]"), ["10.0.0.0/8", "::1", "sso.internal"]);
    for bad in ["10.0.0.0/33", "http://x/", "a b", "10.1/8"] {
        let text = format!("[probe]\nallow_private = \"{bad}\"\n");
        assert_eq!(faults(&text), [format!("`{bad}` is neither an address, a net nor a host")]);
    }
}

/// A login with a wrong password, as nobody unless `lines` name somebody.
fn wrong(lines: &str, sent: &str) -> String {
    with(&format!(
        "wrong_password = true\n{lines}\n[[endpoint.step]]\nname = \"sign-in\"\nmethod = \"POST\"\n\
         form = {{ user = \"{{{{username}}}}\", pass = \"{sent}\" }}\n{ACCOUNT}"
    ))
}

#[test]
fn a_wrong_password_is_sent_as_nobody_every_quarter_of_an_hour_at_most() {
    let config = good(&wrong("", "{{password}}"));
    let endpoint = &config.endpoints[0];
    let flow = endpoint.flow().unwrap();
    assert!(flow.wrong_password && flow.account.is_none() && flow.logs_in());
    assert_eq!(endpoint.cadence, Cadence::Every(Duration::from_secs(900)));
    assert_eq!(warned(&wrong("every = \"1h\"", "{{password}}")), "");
    assert!(
        warned(&wrong("account = \"probe\"", "{{password}}")).contains("keeps the logins of `probe` waiting")
    );
    assert!(!good(&with("wrong_password = false")).endpoints[0].flow().unwrap().wrong_password);
}

#[test]
fn a_refusal_that_looks_like_being_let_in_is_warned_of() {
    let of = |lines: &str| warned(&wrong("", &format!("{{{{password}}}}\" }}\n{lines}\nquery = {{ a = \"b")));
    for lines in [
        "status = 303",
        "status = \"2xx\"",
        "status = [401, 200]",
        "status = 200\nhttp_version = \"HTTP/1.1\"",
    ] {
        let said = of(lines);
        assert!(
            said.contains("counts as refused by status") && said.contains("leave `status` out"),
            "{said}"
        );
    }
    for lines in [
        "",
        "status = 401",
        "status = 303\nlocation = \"/login?error\"",
        "status = 200\ncontains = \"wrong password\"",
        "status = 200\nexpect = [\"body.contains('wrong')\"]",
    ] {
        assert_eq!(of(lines), "", "{lines}");
    }
}

#[test]
fn a_wrong_password_is_refused_where_it_does_harm_or_means_nothing() {
    for (lines, sent, message) in [
        ("every = \"14m\"", "{{password}}", "this sends a wrong password more often than every 15 minutes"),
        (
            "schedule = \"*/10 * * * *\"",
            "{{password}}",
            "this sends a wrong password more often than every 15 minutes",
        ),
        ("", "hunter2", "`wrong_password` has no meaning here: no step sends {{password}}"),
        ("", "{{password}}{{totp}}", "this endpoint has no account to fill that in from"),
    ] {
        assert_eq!(faults(&wrong(lines, sent)), [message], "{lines} {sent}");
    }
    assert_eq!(
        faults(&with("log_in_during_maintenance = true")),
        ["`log_in_during_maintenance` has no meaning here: nobody is logged in"]
    );
    assert_eq!(
        faults(&with("wrong_password = true")),
        ["`wrong_password` has no meaning here: no step sends {{password}}"]
    );
}

#[test]
fn two_accounts_with_one_name_at_one_door_are_refused_wherever_the_name_stands() {
    let file = |username: &str, url: &str| {
        format!(
            "{}\n[[account]]\nid = \"second\"\nusername = {username}\npassword = {{ env = \"TOKEN\" }}\n\
             [[endpoint]]\nid = \"other\"\ncomponent = \"web\"\nurl = \"{url}\"\naccount = \"second\"\n\
             every = \"15m\"\nmethod = \"POST\"\nform = {{ user = \"{{{{username}}}}\" }}\n",
            step("form = { user = \"{{username}}\" }")
        )
    };
    let same = "https://wallet.example.com/other";
    for username in ["\"Probe-7\"", "\" probe-7 \""] {
        assert_eq!(
            faults(&file(username, same)),
            ["the accounts `probe` and `second` log in at https://wallet.example.com with the same name"]
        );
    }
    assert_eq!(faults(&file("\"probe-8\"", same)), ["nothing"]);
    assert_eq!(
        faults(&file("\"probe-7\"", "https://bank.example.com/login")),
        ["nothing"],
        "another service"
    );
    let hidden =
        file("{ env = \"TOKEN\" }", same).replace("username = \"probe-7\"", "username = { env = \"TOKEN\" }");
    let said = faults(&hidden);
    assert!(said.len() == 1 && !said[0].contains(PASSWORD), "{said:?}");
}
