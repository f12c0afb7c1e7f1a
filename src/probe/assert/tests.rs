use proptest::prelude::*;

use super::*;
use crate::domain::expect::{CertificateDays, Literal, Signs, StatusRange, Test};
use crate::probe::seen::TlsSeen;

fn seen(status: u16, headers: &[(&str, &str)], body: &str) -> Seen {
    let headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Seen {
        status,
        redirect: headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value.clone()),
        headers,
        body: Some(body.to_owned()),
        http_version: "HTTP/1.1".to_owned(),
        ..Seen::default()
    }
}

fn outcome(seen: &Seen, expect: &Expect, login: Login) -> String {
    let judged = judge(seen, expect, &Known { login, ..Known::default() });
    match judged.outcome.reason() {
        Some(reason) => format!("{} {reason}", judged.outcome.kind()),
        None => judged.outcome.kind().to_owned(),
    }
}

const LOGIN_PAGE: &str = r#"<html><title>登录</title><form id="login"><input name="u"><input type="password" name="p"></form></html>"#;
const BANNER: &str =
    r#"<html><p>系统维护公告：周日 00:00 起</p><form id="login"><input type="password"></form></html>"#;

#[test]
fn without_a_word_from_the_operator_an_answer_is_what_it_says() {
    use Login::{After, At, AtWrong, Before};
    for (login, status, headers, body, wanted) in [
        (Before, 200, &[][..], LOGIN_PAGE, "success"),
        (Before, 204, &[], "", "success"),
        (Before, 200, &[], BANNER, "success"),
        (Before, 200, &[], "<title>系统维护</title>", "failure maintenance_page"),
        (Before, 503, &[], "<h1>Scheduled maintenance</h1>", "failure maintenance_page"),
        (Before, 503, &[], "oops", "failure http_5xx"),
        (Before, 500, &[("retry-after", "120")], "", "failure http_5xx"),
        (Before, 404, &[], "", "failure http_4xx"),
        (Before, 401, &[], "密码错误", "failure http_4xx"),
        (Before, 429, &[("retry-after", "9")], "", "unknown throttled"),
        (Before, 301, &[("location", "/x")], "", "failure redirect_unexpected"),
        (Before, 101, &[], "", "failure assertion"),
        (Before, 403, &[("server", "cloudflare")], "", "unknown blocked"),
        (Before, 200, &[("server", "cloudflare")], LOGIN_PAGE, "success"),
        (Before, 403, &[("server", "nginx")], "no", "failure http_4xx"),
        (Before, 403, &[("cf-mitigated", "challenge")], "", "unknown blocked"),
        (Before, 405, &[("x-amzn-waf-action", "captcha")], "", "unknown blocked"),
        (Before, 202, &[("x-amzn-waf-action", "challenge")], "", "unknown blocked"),
        (Before, 200, &[], "<title>Just a moment...</title>", "unknown blocked"),
        (Before, 403, &[], "<title>Attention Required! | Cloudflare</title>", "unknown blocked"),
        (Before, 200, &[], "<p>Verify you are human</p>", "unknown blocked"),
        (Before, 405, &[], "很抱歉，由于您的访问被阻断", "unknown blocked"),
        (Before, 200, &[], r#"<html><input><div id="captcha"></div></html>"#, "success"),
        (Before, 200, &[], r#"{"error":"x"}"#, "success"),
        (At, 200, &[], r#"{"ok":true,"error":null}"#, "success"),
        (At, 200, &[], r#"{"error":"backend away"}"#, "failure assertion"),
        (At, 200, &[], r#"{"success":false}"#, "failure assertion"),
        (At, 200, &[], r#"{"errors":[{"code":3}]}"#, "failure assertion"),
        (At, 401, &[], "", "unknown credentials_rejected"),
        (At, 400, &[], r#"{"error":"invalid_grant"}"#, "unknown credentials_rejected"),
        (At, 200, &[], "<html>用户名或密码不正确</html>", "unknown credentials_rejected"),
        (At, 200, &[], "<p class=error>Incorrect password</p>", "unknown credentials_rejected"),
        (At, 423, &[], "", "unknown account_locked"),
        (At, 403, &[], "密码错误次数过多，账号已锁定 30 分钟", "unknown account_locked"),
        (At, 200, &[], "Your account has been locked", "unknown account_locked"),
        (At, 200, &[], "<form>您的密码已过期，请修改密码</form>", "unknown credential_expired"),
        (At, 200, &[], r#"{"code":"password_expired"}"#, "unknown credential_expired"),
        (At, 200, &[], r#"<html>请完成滑块<input name=x></html>"#, "unknown challenge"),
        (At, 200, &[], r#"{"next":"mfa_required"}"#, "unknown challenge"),
        (At, 401, &[], r#"{"error":"mfa_required"}"#, "unknown credentials_rejected"),
        (At, 200, &[], "<html><p>You may switch two-factor on</p></html>", "success"),
        (At, 403, &[("cf-mitigated", "challenge")], "账号已锁定", "unknown blocked"),
        (At, 429, &[], "too many login attempts", "unknown throttled"),
        (
            At,
            200,
            &[],
            "<html><p>登录名或<b>密码</b>有误，请重新输入</p></html>",
            "unknown credentials_rejected",
        ),
        (At, 200, &[], r#"{"code":1,"msg":"\u5bc6\u7801\u9519\u8bef"}"#, "unknown credentials_rejected"),
        (At, 200, &[], "&#23494;&#30721;&#38169;&#35823;", "unknown credentials_rejected"),
        (At, 422, &[], "Invalid email or password.", "unknown credentials_rejected"),
        (At, 302, &[("location", "/login?error")], "", "unknown credentials_rejected"),
        (At, 302, &[("location", "/login?error=session")], "", "failure redirect_unexpected"),
        (At, 302, &[("location", "/error")], "", "failure redirect_unexpected"),
        (At, 302, &[("location", "/account-locked")], "", "unknown account_locked"),
        (At, 302, &[("location", "/password/expired")], "", "unknown credential_expired"),
        (At, 302, &[("location", "/login/two-factor")], "", "unknown challenge"),
        (After, 302, &[("location", "/change-password")], "", "unknown credential_expired"),
        (At, 200, &[], "该用户已被禁用", "unknown account_locked"),
        (At, 200, &[], "连续输错 5 次，账户将被锁定。密码 60 天后过期", "success"),
        (At, 200, &[], "<script>m={a:'密码错误',b:'账号已锁定',c:'密码已过期'}</script>欢迎", "success"),
        (At, 200, &[], "<!-- 密码错误 --><p title='账号已锁定'>欢迎</p>", "success"),
        (At, 200, &[], "<html><script src=/captcha.js></script><input name=q>欢迎</html>", "success"),
        (At, 200, &[], "<html>请完成安全验证<script src=x></script></html>", "unknown challenge"),
        (At, 200, &[], "需要短信验证", "unknown challenge"),
        (At, 200, &[], "<html><div class=g-recaptcha></div></html>", "unknown challenge"),
        (At, 200, &[], "<html>检测到异地登录，请进行安全验证</html>", "unknown challenge"),
        (
            At,
            200,
            &[],
            "<script>alert('用户名或密码错误');history.back()</script>",
            "unknown credentials_rejected",
        ),
        (Before, 403, &[], "https&#58;//errors&#46;edgesuite&#46;net", "unknown blocked"),
        (At, 200, &[], "登录失败，系统异常", "success"),
        (Before, 200, &[], "<script>var busy='系统维护中'</script><div id=app></div>", "success"),
        (Before, 200, &[], "系統維護中", "failure maintenance_page"),
        (Before, 200, &[], "<script src=/_Incapsula_Resource?a></script>", "unknown blocked"),
        (Before, 200, &[], "<title>x</title><script src=/_Incapsula_Resource?a></script>", "success"),
        (Before, 412, &[], "<script>$_ts=window['$_ts']</script>", "unknown blocked"),
        (Before, 403, &[], "<div class=h-captcha></div>", "unknown blocked"),
        (Before, 500, &[], "<title>500</title><div class=h-captcha></div>", "failure http_5xx"),
        (Before, 200, &[], "访问过于频繁，请稍后再试", "unknown blocked"),
        (AtWrong, 302, &[("location", "/login?error")], "", "success"),
        (AtWrong, 404, &[], "", "failure http_4xx"),
        (AtWrong, 405, &[], "", "failure http_4xx"),
        (After, 401, &[], "", "failure session_broken"),
        (After, 200, &[], "<html>two-factor <input></html>", "unknown challenge"),
        (After, 200, &[], "密码错误", "success"),
        (AtWrong, 401, &[], "", "success"),
        (AtWrong, 400, &[], "", "success"),
        (AtWrong, 200, &[], "<p>密码错误</p>", "success"),
        (AtWrong, 200, &[], r#"{"ok":true}"#, "failure accepts_wrong_password"),
        (AtWrong, 302, &[("location", "/home")], "", "failure redirect_unexpected"),
        (AtWrong, 500, &[], "", "failure http_5xx"),
        (AtWrong, 423, &[], "", "unknown account_locked"),
        (AtWrong, 429, &[], "", "unknown throttled"),
        (AtWrong, 403, &[("cf-mitigated", "challenge")], "", "unknown blocked"),
    ] {
        let answer = seen(status, headers, body);
        assert_eq!(
            outcome(&answer, &Expect::default(), login),
            wanted,
            "{login:?} {status} {headers:?} {body}"
        );
    }
}

#[test]
fn what_the_operator_expects_decides_first() {
    let status = |from, to| vec![StatusRange { from, to }];
    let form = || vec![("form#login".to_owned(), Test::Exists(true))];
    let says = |text: &str| vec![Expression { text: text.to_owned(), means: Means::Down }];
    let base = Expect::default;
    for (expect, login, status, headers, body, wanted) in [
        (Expect { status: status(401, 401), ..base() }, Login::Before, 401, &[][..], "", "success"),
        (Expect { status: status(401, 401), ..base() }, Login::Before, 403, &[], "", "unknown blocked"),
        (Expect { status: status(401, 401), ..base() }, Login::Before, 200, &[], "", "failure assertion"),
        (
            Expect { status: status(302, 302), ..base() },
            Login::Before,
            302,
            &[("location", "/x")],
            "",
            "success",
        ),
        (
            Expect { status: status(302, 302), location: vec![Test::Contains("/home".into())], ..base() },
            Login::Before,
            302,
            &[("location", "/error")],
            "",
            "failure redirect_unexpected",
        ),
        (Expect { css: form(), ..base() }, Login::Before, 200, &[], LOGIN_PAGE, "success"),
        (Expect { css: form(), ..base() }, Login::Before, 200, &[], "<p>hello</p>", "failure form_missing"),
        (
            Expect { css: form(), ..base() },
            Login::Before,
            200,
            &[],
            "<title>维护中</title>",
            "failure maintenance_page",
        ),
        (
            Expect { contains: vec!["维护".into()], ..base() },
            Login::Before,
            200,
            &[],
            "<title>维护中</title>",
            "success",
        ),
        (
            Expect { contains: vec!["hello".into()], ..base() },
            Login::Before,
            200,
            &[],
            "bye",
            "failure assertion",
        ),
        (
            Expect { not_contains: vec!["bye".into()], ..base() },
            Login::Before,
            200,
            &[],
            "bye",
            "failure assertion",
        ),
        (
            Expect { expressions: says("status == 200"), ..base() },
            Login::At,
            200,
            &[],
            "账号已锁定",
            "success",
        ),
        (
            Expect { expressions: says("json.ok"), ..base() },
            Login::At,
            200,
            &[],
            r#"{"ok":false}"#,
            "failure assertion",
        ),
        (
            Expect { expressions: says("json.ok"), ..base() },
            Login::At,
            200,
            &[],
            r#"{"oh":1}"#,
            "failure assertion",
        ),
        (
            Expect { expressions: says("json.ok"), ..base() },
            Login::At,
            200,
            &[],
            "{\"ok\":false,\"m\":\"密码错误\"}",
            "unknown credentials_rejected",
        ),
        (Expect { status: status(401, 401), ..base() }, Login::AtWrong, 401, &[], "", "success"),
        (
            Expect { status: status(401, 401), ..base() },
            Login::AtWrong,
            200,
            &[],
            "hi",
            "failure accepts_wrong_password",
        ),
        (Expect { status: status(401, 401), ..base() }, Login::AtWrong, 404, &[], "", "failure http_4xx"),
        (
            Expect { status: status(302, 302), location: vec![Test::Contains("/verify".into())], ..base() },
            Login::At,
            302,
            &[("location", "/login/verify")],
            "",
            "success",
        ),
        (
            Expect { status: status(302, 302), ..base() },
            Login::At,
            302,
            &[("location", "/login?error")],
            "",
            "unknown credentials_rejected",
        ),
        (
            Expect { status: status(302, 302), location: vec![Test::Contains("error".into())], ..base() },
            Login::AtWrong,
            302,
            &[("location", "/login?error")],
            "",
            "success",
        ),
    ] {
        let answer = seen(status, headers, body);
        assert_eq!(outcome(&answer, &expect, login), wanted, "{expect:?} {login:?} {status} {body}");
    }
}

#[test]
fn degraded_and_unknown_are_said_by_their_own_expressions() {
    let told = |means, text: &str| {
        let expressions = vec![Expression { text: text.to_owned(), means }];
        outcome(&seen(200, &[], r#"{"n":5}"#), &Expect { expressions, ..Expect::default() }, Login::Before)
    };
    assert_eq!(told(Means::Degraded, "json.n > 4"), "degraded assertion");
    assert_eq!(told(Means::Degraded, "json.n > 5"), "success");
    assert_eq!(told(Means::Degraded, "json.m > 5"), "failure assertion");
    assert_eq!(told(Means::Unknown, "json.n == 5"), "unknown blocked");
    assert_eq!(told(Means::Unknown, "json.n == 6"), "success");
    assert_eq!(told(Means::Unknown, "json.m == 6"), "failure assertion");
}

#[test]
fn a_certificate_that_ends_soon_is_told() {
    let days = |days: u64| {
        let tls = TlsSeen { expires_in: Duration::from_secs(days * 86_400), ..TlsSeen::default() };
        Seen { tls: Some(tls), ..seen(200, &[], "x") }
    };
    let expect =
        Expect { certificate: CertificateDays { degraded: Some(14), down: Some(3) }, ..Expect::default() };
    for (left, wanted) in
        [(20, "success"), (14, "success"), (13, "degraded assertion"), (2, "failure assertion")]
    {
        assert_eq!(outcome(&days(left), &expect, Login::Before), wanted, "{left}");
    }
    assert_eq!(outcome(&seen(200, &[], "x"), &expect, Login::Before), "failure assertion", "no TLS at all");
}

#[test]
fn an_operators_sign_takes_the_place_of_ours() {
    use crate::domain::expect::Sign;
    let locked = Signs { locked: Sign::Matches("E-?1042".to_owned()), ..Signs::default() };
    let expect = |signs| Expect { signs, ..Expect::default() };
    for (signs, login, body, wanted) in [
        (locked.clone(), Login::Before, "code E1042", "unknown account_locked"),
        (locked.clone(), Login::At, "code E1042", "unknown account_locked"),
        (locked, Login::At, "账号已锁定", "success"),
        (Signs { maintenance: Sign::Never, ..Signs::default() }, Login::Before, "<h1>维护中</h1>", "success"),
        (Signs { challenge: Sign::Never, ..Signs::default() }, Login::At, "captcha", "success"),
        (
            Signs { blocked: Sign::Matches("拦截页".into()), ..Signs::default() },
            Login::Before,
            "拦截页",
            "unknown blocked",
        ),
    ] {
        assert_eq!(outcome(&seen(200, &[], body), &expect(signs), login), wanted, "{body}");
    }
}

#[test]
fn every_test_of_a_value_holds_and_fails() {
    let body = r#"{"t":"hello","n":5,"q":"7","f":true,"l":[1,2,3],"z":null,"m":{"a":1}}"#;
    let text = |it: &str| it.to_owned();
    for (path, test, held) in [
        ("$.t", Test::Equals(Literal::Text(text("hello"))), true),
        ("$.t", Test::Equals(Literal::Text(text("Hello"))), false),
        ("$.n", Test::Equals(Literal::Number(5.0)), true),
        ("$.n", Test::Equals(Literal::Text(text("5"))), false),
        ("$.f", Test::Equals(Literal::Flag(true)), true),
        ("$.f", Test::Equals(Literal::Flag(false)), false),
        ("$.t", Test::Contains(text("ell")), true),
        ("$.t", Test::NotContains(text("ell")), false),
        ("$.x", Test::NotContains(text("ell")), true),
        ("$.x", Test::Contains(text("ell")), false),
        ("$.t", Test::Matches(text("^h.*o$")), true),
        ("$.t", Test::Matches(text("^x")), false),
        ("$.n", Test::AtLeast(5.0), true),
        ("$.n", Test::AtLeast(5.5), false),
        ("$.q", Test::AtMost(7.0), true),
        ("$.t", Test::AtMost(7.0), false),
        ("$.t", Test::Length(5), true),
        ("$.l", Test::Length(3), true),
        ("$.m", Test::Length(2), false),
        ("$.l[*]", Test::Count(3), true),
        ("$.x", Test::Count(0), true),
        ("$.l[*]", Test::Count(2), false),
        ("$.l[*]", Test::Equals(Literal::Number(2.0)), true),
        ("$.z", Test::Exists(true), true),
        ("$.x", Test::Exists(true), false),
        ("$.x", Test::Exists(false), true),
    ] {
        let expect = Expect { json: vec![(path.to_owned(), test.clone())], ..Expect::default() };
        let judged = judge(&seen(200, &[], body), &expect, &Known::default());
        assert_eq!(judged.checks[1].held, Some(held), "{path} {test:?}");
        assert_eq!(judged.checks[1].seen.is_empty(), held, "{path} {test:?}: {:?}", judged.checks[1].seen);
    }
}

#[test]
fn a_failed_check_says_what_it_saw_without_secrets() {
    let expect = Expect {
        headers: vec![("x-token".to_owned(), Test::Equals(Literal::Text("a".into())))],
        expressions: vec![Expression { text: "headers['x-token'] == 'b'".into(), means: Means::Down }],
        ..Expect::default()
    };
    let judged = judge(&seen(200, &[("x-token", "hunter2")], ""), &expect, &Known::default());
    let masked = |it: &Check| it.clone().masked(|text| text.replace("hunter2", "***")).sentence();
    let told: Vec<String> = judged.checks.iter().map(masked).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    status is 2xx
    header x-token is "a" (header x-token = ***)
    headers['x-token'] == 'b' (headers["x-token"] = "***")
    "#);
    let unasked: Vec<Option<bool>> = unasked(&expect).iter().map(|it| it.held).collect();
    assert_eq!(unasked, [None, None, None]);
}

proptest! {
    #[test]
    fn hostile_answers_are_judged_and_do_no_harm(
        status in 100_u16..600,
        body in "\\PC{0,200}|[<>{}\\[\\]\":,a-c密码锁定\u{0}-\u{20}]{0,200}",
        header in "\\PC{0,40}",
    ) {
        let expect = Expect {
            css: vec![("a b".into(), Test::Count(1)), ("form".into(), Test::Exists(true))],
            json: vec![("$..a".into(), Test::Length(1))],
            headers: vec![("location".into(), Test::Matches("a+$".into()))],
            expressions: vec![Expression { text: "json.a == 1 || css('a') == headers.location".into(), means: Means::Down }],
            ..Expect::default()
        };
        for login in [Login::Before, Login::At, Login::AtWrong, Login::After] {
            let answer = seen(status, &[("location", &header)], &body);
            let _ = judge(&answer, &expect, &Known { login, ..Known::default() });
            let _ = judge(&answer, &Expect::default(), &Known { login, ..Known::default() });
        }
    }
}

/// How often somebody else had a turn meanwhile, on one thread, and what came of it.
async fn judged_beside(seen: Seen, expect: &Expect) -> (usize, Judged) {
    let over = std::cell::Cell::new(false);
    let known = Known { login: Login::At, ..Known::default() };
    let judging = async {
        let judged = judge_apart(seen, expect, &known).await.unwrap().1;
        over.set(true);
        judged
    };
    let others = async {
        let mut turns = 0;
        while !over.get() {
            turns += 1;
            tokio::task::yield_now().await;
        }
        turns
    };
    let (judged, turns) = tokio::join!(judging, others);
    (turns, judged)
}

#[tokio::test]
async fn a_large_page_is_judged_apart_and_no_other_way_than_a_small_one() {
    let expect = Expect {
        css: vec![("form#login".to_owned(), Test::Exists(true)), ("p".to_owned(), Test::Count(1))],
        ..Expect::default()
    };
    let page = |pad: usize| Seen {
        status: 200,
        body: Some(format!("<form id=login></form><p>captcha{}", " ".repeat(pad))),
        ..Seen::default()
    };
    let (turns, small) = judged_beside(page(0), &expect).await;
    assert_eq!(turns, 0, "it takes no time");
    let (turns, large) = judged_beside(page(20_000), &expect).await;
    assert!(0 < turns);
    assert_eq!(small, large);
    let known = Known { login: Login::At, ..Known::default() };
    assert_eq!(small, judge(&page(0), &expect, &known));
}
