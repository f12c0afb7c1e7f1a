use std::time::Instant;

use proptest::prelude::*;

use super::*;

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn asked(expression: &str, body: &str) -> Said {
    let headers = [pair("content-type", "text/html"), pair("set-cookie", "a=1"), pair("set-cookie", "b=2")];
    let phases = [("dns", None), ("connect", Some(std::time::Duration::from_millis(12)))];
    let world = World {
        status: 200,
        headers: &headers,
        cookies: &[pair("sid", "s3")],
        body: Some(body),
        elapsed: std::time::Duration::from_millis(340),
        phases: &phases,
        tls: Some(Tls {
            version: "TLSv1.3",
            expires_in: std::time::Duration::from_secs(13 * 86_400),
            issuer: "CN=R11",
            names: &["localhost".to_owned()],
        }),
        peer: "127.0.0.1",
        http_version: "HTTP/1.1",
        redirect: None,
        captures: &[pair("token", "t0k")],
        steps: &[("log-in".to_owned(), 302, std::time::Duration::from_millis(80))],
    };
    ask(expression, &world)
}

const JSON: &str =
    r#"{"code":0,"user":{"name":"probe","roles":["a","b"]},"big":18446744073709551615,"half":0.5}"#;
const PAGE: &str = "<title>登录</title><form action=/in><input name=csrf value=x></form><h1>Hi</h1>";

#[test]
fn every_variable_and_function_can_be_asked() {
    for holds in [
        "status == 200",
        "status in [200, 204]",
        "status / 100 == 2 && !(status > 299)",
        "headers['content-type'].startsWith('text/')",
        "headers['set-cookie'] == 'a=1, b=2'",
        "headers['Content-Type'].startsWith('text/') && 'Content-Type' in headers",
        "has(headers.Connection) || headers['SET-COOKIE'].contains('b=2')",
        "!('location' in headers)",
        "cookies.sid == 's3'",
        "has(cookies.sid) && !has(cookies.other)",
        "body.contains('probe')",
        "size(body) > 10",
        "json.code == 0",
        "json.user.roles.exists(it, it == 'a')",
        "json.user.roles.all(it, size(it) == 1)",
        "json.user.roles.map(it, it + '!') == ['a!', 'b!']",
        "json.user.roles.filter(it, it != 'a').size() == 1",
        "json.user.roles.exists_one(it, it == 'b')",
        "json.half < 1.0 && json.half < 1",
        "json.big > 5",
        "has(json.user.name)",
        "size(json_path('$.user.roles[*]')) == 2",
        "json_path('$..name')[0] == 'probe'",
        "elapsed < 500 && elapsed < ms('1s500ms')",
        "phases.connect < 20 && phases.dns == null",
        "tls.expires_in > ms('7d') && tls.version == 'TLSv1.3'",
        "tls.names.exists(it, it == 'localhost')",
        "tls != null",
        "peer == '127.0.0.1'",
        "http_version == 'HTTP/1.1'",
        "redirect == null",
        "captures.token.matches('^t[0-9]')",
        "step['log-in'].status == 302 && step['log-in'].elapsed < 100",
        "matches(body, 'prob.')",
        "int(string(status)) == 200",
        "(status == 200 ? 'a' : 'b') == 'a'",
    ] {
        assert_eq!(check(holds), Ok(()), "{holds}");
        assert_eq!(asked(holds, JSON), Said::Holds, "{holds}");
    }
    for holds in [
        "css('title') == '登录'",
        "css('#nobody') == null",
        "css_all('input').size() == 1",
        "css_attr('form', 'action') == '/in'",
        "json == null",
        "css('h1').contains('H')",
    ] {
        assert_eq!(check(holds), Ok(()), "{holds}");
        assert_eq!(asked(holds, PAGE), Said::Holds, "{holds}");
    }
}

#[test]
fn names_of_captures_and_steps_are_found_wherever_they_are_written_out() {
    let capture = |name: &str| Name::Capture(name.to_owned());
    let step = |name: &str| Name::Step(name.to_owned());
    for (expression, asked) in [
        ("captures.a == '1'", vec![capture("a")]),
        ("captures['page.csrf'] == '1' && has(captures.b)", vec![capture("page.csrf"), capture("b")]),
        ("'c' in captures || !('d' in step)", vec![capture("c"), step("d")]),
        ("step['log in'].elapsed + step.me.elapsed < 5", vec![step("log in"), step("me")]),
        ("json.l.all(it, it == captures.e)", vec![capture("e")]),
        ("json.l.map(it, [captures.f, {'k': captures.g}]).size() == 1", vec![capture("f"), capture("g")]),
        ("captures.exists(it, it == 'x') && captures[body] == 'y' && json.captures.h == 1", vec![]),
        ("captures.", vec![]),
    ] {
        assert_eq!(names(expression), asked, "{expression}");
    }
}

#[test]
fn a_failure_tells_the_values_it_saw() {
    let told = |expression: &str, body: &str| match asked(expression, body) {
        Said::Fails(seen) => {
            seen.iter().map(|(what, value)| format!("{what} = {value}")).collect::<Vec<_>>().join("; ")
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(told("status == 204 || json.code == 7", JSON), "status = 200; json.code = 0");
    assert_eq!(told("headers['content-type'] == 'x' && body == ''", JSON).lines().count(), 1);
    assert_eq!(told("json.user.roles.exists(it, it == 'c')", JSON), r#"json.user.roles = ["a", "b"]"#);
    assert_eq!(told("css('h1') == css('h2')", PAGE), r#"css("h1") = "Hi"; css("h2") = null"#);
    let long = told("body == ''", &"页".repeat(5_000));
    assert!(long.chars().count() < 200 && long.ends_with('…'), "{long}");
    let wide = told("json == null", &format!("[{}0]", "12345,".repeat(5_000)));
    assert!(wide.chars().count() < 300, "{wide}");
}

#[test]
fn what_is_wrong_is_told_with_the_config() {
    for (expression, told) in [
        (r#"status = 200"#, r#"it compares with `=`; write `==` (column 8)"#),
        (r#"status == "#, r#"it ends too early (column 11)"#),
        (r#""#, r#"it ends too early (column 1)"#),
        (r#"status == 200)"#, r#"there is something wrong at ')' (column 14)"#),
        (
            r#"stauts == 200"#,
            r#"there is no `stauts`; there are status, headers, cookies, body, json, elapsed, phases, tls, peer, http_version, redirect, captures, step"#,
        ),
        (r#"status == '200'"#, r#"`==` does not take a whole number and a text"#),
        (r#"status"#, r#"it is a whole number, not true or false"#),
        (r#"body + 'x'"#, r#"it is a text, not true or false"#),
        (r#"body && status == 200"#, r#"`&&` does not take a text and true or false"#),
        (r#"true || status == 'x'"#, r#"`==` does not take a whole number and a text"#),
        (
            r#"phases.total < 5"#,
            r#"there is no `.total` there; there are dns, connect, tls, first_byte, transfer"#,
        ),
        (r#"status.code == 5"#, r#"`.code` is asked of a whole number"#),
        (
            r#"json.all(captures, captures == 1)"#,
            r#"a loop has an element called `captures`, as a variable is; call it `it`"#,
        ),
        (r#"body.startswith('x')"#, r#"there is no function `startswith` of a value"#),
        (r#"lower(body) == 'x'"#, r#"there is no function `lower`"#),
        (r#"elapsed < 1.5 + 1"#, r#"`+` does not take a number and a whole number"#),
        (
            r#"elapsed < ms('2 weeks')"#,
            r#"`ms` does not know the length "2 weeks"; write "500ms", "30s", "5m", "2h" or "14d""#,
        ),
        (r#"css('p[') == ''"#, r#"the selector of `css` does not parse: Unexpected EOL"#),
        (
            r#"css(body) == ''"#,
            r#"the selector of `css` must be written out as a text, so that it can be checked"#,
        ),
        (r#"body.matches('(')"#, r#"the pattern of `matches` does not compile: unclosed group"#),
        (
            r#"body.matches(headers.x)"#,
            r#"the pattern of `matches` must be written out as a text, so that it can be checked"#,
        ),
        (
            r#"size(json_path('a')) == 1"#,
            r#"the path of `json_path` does not parse: at position 0, parser error"#,
        ),
        (r#"json.all(a, json.all(b, json.all(c, true)))"#, r#"it has more than 2 loops within one another"#),
        (r#"json.map(a, json.map(b, a + b)) == []"#, r#"it adds in a loop within a loop"#),
        (r#"Thing{a: 1} == 1"#, r#"there is no type `Thing`"#),
    ] {
        assert_eq!(check(expression), Err(told.to_owned()), "{expression}");
    }
    assert_eq!(check(&"(".repeat(900)), Err("it is nested too deeply".to_owned()));
    assert_eq!(check(&"a".repeat(2_000)), Err("it is longer than 1000 bytes; split it".to_owned()));
}

#[test]
fn an_expression_that_cannot_be_evaluated_is_no_success() {
    for expression in [
        "json.nothing == 1",
        "json.user.roles[9] == 'x'",
        "json.user.name > 5",
        "json.code.all(it, it == 1)",
        "1 / json.code == 1",
        "step.other.status == 200",
        "json.user",
        "tls.expires_in / 0 > 1",
    ] {
        assert_eq!(check(expression), Ok(()), "{expression}");
        let said = asked(expression, JSON);
        assert!(
            matches!(&said, Said::Error(why) if !why.is_empty() && why.chars().count() <= TOLD + 1),
            "{expression}: {said:?}"
        );
    }
    let huge = "x".repeat(world::BODY_LIMIT + 1);
    assert!(matches!(asked("body == ''", &huge), Said::Error(_)));
    assert_eq!(asked("status == 200", &huge), Said::Holds, "what does not look at the body does not mind it");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a bound ten times the expectation, on work without waiting")]
fn the_worst_expressions_end_soon() {
    let numbers = format!("[{}0]", "1,".repeat(99_000));
    let texts = format!("[{}0]", format!("\"{}\",", "a".repeat(50)).repeat(19_000));
    for (expression, body) in [
        ("json.all(a, json.all(b, a == b || true))", &numbers),
        ("json.all(a, body.contains(string(a) + 'zzz') || true)", &numbers),
        ("json.exists(a, json.exists(b, a == 'x' && b == 'x'))", &texts),
        ("json.filter(a, json.filter(b, b == a).size() == 0).size() == 0", &numbers),
        ("json.map(a, json.map(b, b)).size() == 0", &numbers),
        ("json.map(a, body).size() == 0", &texts),
        ("json.all(a, body.matches('(a+)+$') || true)", &texts),
        ("json == json && json == json && json in [json, json]", &texts),
    ] {
        assert_eq!(check(expression), Ok(()), "{expression}");
        let began = Instant::now();
        let _ = asked(expression, body);
        let took = began.elapsed();
        assert!(took < std::time::Duration::from_secs(10), "{expression}: {took:?}");
    }
}

/// As small a stack as any thread of ours has.
fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn nesting_does_not_exhaust_the_stack() {
    on_a_small_stack(|| {
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("!", ""),
            ("-", ""),
            ("size(", ")"),
            ("json[", "]"),
            ("{1:", "}"),
            ("true?true:", ""),
        ] {
            for depth in [10, 20, 23, 24, 25, 50, 140] {
                let _ = check(&format!("{}1{}", open.repeat(depth), close.repeat(depth)));
            }
        }
        for operator in [" && ", " || ", " + ", " == ", ".a", "[0]", " ? true : "] {
            let _ = check(&["json"; 60].join(operator));
            let _ = check(&format!("json{}", operator.repeat(120)));
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn garbage_does_no_harm(
        random in "\\PC{0,60}",
        near in "(status|body|json|css|size|all|map|x|1|'a'|\"|\\(|\\)|\\[|\\]|\\.|,|==|&&|\\|\\||!|\\?|:|\\{|\\}| |\\\\|-|\\+|in|has|r'|\n){0,20}",
    ) {
        for text in [random, near] {
            if check(&text).is_ok() {
                let _ = asked(&text, JSON);
            }
        }
    }

    #[test]
    fn hostile_bodies_do_no_harm(body in "[\\[\\]{}:,\"a0.<>/ -]{0,300}") {
        for expression in ["json.a == 1", "css('a') == 'x'", "size(json_path('$..a')) == 1", "body.matches('a+')", "json.all(x, x == 1)"] {
            let _ = asked(expression, &body);
        }
    }
}
