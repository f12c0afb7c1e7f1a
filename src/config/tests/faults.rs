//! Every word said about bad files, in general.

use super::*;

#[test]
fn a_byte_order_mark_and_dos_line_ends_change_nothing() {
    let dos = format!("\u{feff}{}", SHIPPED.replace('\n', "\r\n"));
    assert_eq!(warned(&dos), "");
    insta::assert_snapshot!(said("\u{feff}[site]\r\nzone = 1\r\n"), @"
error: expected a text, found an integer
 --> config.toml:2:8
  |
2 | zone = 1
  |        ^
  |
  = help: put it in double quotes

config.toml has 1 fault
");
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_lines() {
    insta::assert_snapshot!(said(r##"
strict = "yes"

[site]
name = ""
zone = "Asia/Shangai"
support = [{ label = "Help", url = "http://wallet.example.com" }]

[server]
listen = "localhost:8080"

[[component]]
id = "web"
name = { de = "Netz" }
role = "logon"
alternative_to = ["web", "ap"]

[[endpoint]]
id = "Web Mail"
component = "wbe"
url = "wallet.example.com"
interval = "5s"
deadline = 30
degraded_after = "2m"
failure_threshold = 0
status = ["2xx", 999]
contains = [""]

[[endpoint]]
component = "web"
url = "https://wallet.example.com/"
every = "1s"
deadline = "1s"
degraded_after = "1s"
"##), @r#"
error: expected true or false, found a text
 --> config.toml:2:10
  |
2 | strict = "yes"
  |          ^^^^^
  |
  = help: write true or false, without quotes

error: this text is empty
 --> config.toml:5:8
  |
5 | name = ""
  |        ^^
  |
  = help: write something, or leave the key out

error: there is no time zone `Asia/Shangai`
 --> config.toml:6:8
  |
6 | zone = "Asia/Shangai"
  |        ^^^^^^^^^^^^^^
  |
  = help: did you mean "Asia/Shanghai"?

error: `http:` is not allowed here
 --> config.toml:7:36
  |
7 | support = [{ label = "Help", url = "http://wallet.example.com" }]
  |                                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write a whole address that begins with `https:`, `tel:` or `mailto:`

error: `localhost:8080` is not an address to listen at
  --> config.toml:10:10
   |
10 | listen = "localhost:8080"
   |          ^^^^^^^^^^^^^^^^
   |
   = help: write an IP address and a port: "127.0.0.1:8080" for this machine, "0.0.0.0:8080" or "[::]:8080" for all

error: unknown key `de` in this text
  --> config.toml:14:10
   |
14 | name = { de = "Netz" }
   |          ^^
   |
   = help: the keys here are `zh` and `en`

error: `logon` is not a choice here
  --> config.toml:15:8
   |
15 | role = "logon"
   |        ^^^^^^^
   |
   = help: did you mean `login`? write `login` or `support`

error: a component is no alternative to itself
  --> config.toml:16:19
   |
16 | alternative_to = ["web", "ap"]
   |                   ^^^^^
   |
   = help: name the component people would use otherwise

error: there is no component `ap`
  --> config.toml:16:26
   |
16 | alternative_to = ["web", "ap"]
   |                          ^^^^
   |
   = help: the file has `web`

error: `Web Mail` is not an id
  --> config.toml:19:6
   |
19 | id = "Web Mail"
   |      ^^^^^^^^^^
   |
   = help: use lower-case letters, digits and single `-` or `_` between them, at most 64: `web-login`

error: there is no component `wbe`
  --> config.toml:20:13
   |
20 | component = "wbe"
   |             ^^^^^
   |
   = help: did you mean `web`?

error: this address lacks its beginning
  --> config.toml:21:7
   |
21 | url = "wallet.example.com"
   |       ^^^^^^^^^^^^^^^^^^^^
   |
   = help: write a whole address that begins with `http:` or `https:`

error: unknown key `interval` in [[endpoint]]
  --> config.toml:22:1
   |
22 | interval = "5s"
   | ^^^^^^^^
   |
   = help: did you mean `every`?

error: a length needs a unit
  --> config.toml:23:12
   |
23 | deadline = 30
   |            ^^
   |
   = help: write "30s" if you mean seconds

error: this is too long
  --> config.toml:24:18
   |
24 | degraded_after = "2m"
   |                  ^^^^
   |
   = help: write a length such as "30s", from "1ms" to "1m"; units are ms, s, m, h and d

error: 0 is out of range
  --> config.toml:25:21
   |
25 | failure_threshold = 0
   |                     ^
   |
   = help: write a whole number from 1 to 10

error: this is not an HTTP status or a range of them
  --> config.toml:26:18
   |
26 | status = ["2xx", 999]
   |                  ^^^
   |
   = help: write 200, "2xx", "200-299", or a list of these; statuses are 100 to 599

error: this text is empty
  --> config.toml:27:13
   |
27 | contains = [""]
   |             ^^
   |
   = help: write something, or leave the key out

error: [[endpoint]] has no `id`
  --> config.toml:29:1
   |
29 | [[endpoint]]
   | ^^^^^^^^^^^^
   |
   = help: write `id = "web-login"`

error: `degraded_after` is not below the deadline of 1s
  --> config.toml:34:18
   |
34 | degraded_after = "1s"
   |                  ^^^^
   |
   = help: an answer can only be slow before it is too late

config.toml has 20 faults
"#);
}

#[test]
fn what_is_not_toml_is_told_with_the_rest() {
    insta::assert_snapshot!(said(r#"
[site]
name = "门灯
zone = "Mars/Olympus"

[[component]]
id = = "web"
name = "Web"

[[endpoint]]
id = "login"
component = "web"
url = "https://wallet.example.com/"
every = "0s"
every = "5s"
"#), @r#"
error: invalid basic string, expected `"`
 --> config.toml:3:11
  |
3 | name = "门灯
  |             ^
  |
  = help: this is not TOML; see https://toml.io

error: there is no time zone `Mars/Olympus`
 --> config.toml:4:8
  |
4 | zone = "Mars/Olympus"
  |        ^^^^^^^^^^^^^^
  |
  = help: write an IANA name such as "Asia/Shanghai", "Europe/Berlin" or "UTC"

error: extra `=`, expected nothing
 --> config.toml:7:6
  |
7 | id = = "web"
  |      ^
  |
  = help: this is not TOML; see https://toml.io

error: this is too short
  --> config.toml:14:9
   |
14 | every = "0s"
   |         ^^^^
   |
   = help: write a length such as "30s", from "1s" to "1d"; units are ms, s, m, h and d

error: duplicate key
  --> config.toml:15:1
   |
15 | every = "5s"
   | ^^^^^
   |
   = help: write each key once in its table, and each table once

config.toml has 5 faults
"#);
}

#[test]
fn an_id_is_given_once() {
    insta::assert_snapshot!(said(r#"
[[component]]
id = "web"
name = "Web"
[[component]]
id = "web"
name = "Web again"
[[endpoint]]
id = "login"
component = "web"
url = "https://wallet.example.com/"
was = ["signin", "login"]
[[endpoint]]
id = "signup"
component = "web"
url = "https://wallet.example.com/"
was = "signin"
[[maintenance]]
id = "n"
title = "t"
components = ["web"]
starts_at = 2026-11-25T00:00:00Z
ends_at = 2026-11-25T01:00:00Z
[[announcement]]
id = "n"
title = "t"
"#), @r#"
error: the component id `web` is taken
 --> config.toml:6:6
  |
6 | id = "web"
  |      ^^^^^
  |
  = help: line 3 has it already; ids and former ids (`was`) are each given once

error: the endpoint id `login` is taken
  --> config.toml:12:18
   |
12 | was = ["signin", "login"]
   |                  ^^^^^^^
   |
   = help: line 9 has it already; ids and former ids (`was`) are each given once

error: the endpoint id `signin` is taken
  --> config.toml:17:7
   |
17 | was = "signin"
   |       ^^^^^^^^
   |
   = help: line 12 has it already; ids and former ids (`was`) are each given once

error: the notice id `n` is taken
  --> config.toml:25:6
   |
25 | id = "n"
   |      ^^^
   |
   = help: line 19 has it already; ids and former ids (`was`) are each given once

config.toml has 4 faults
"#);
}

#[test]
fn a_cron_expression_is_checked() {
    let mut all = String::new();
    for cron in ["61 * * * *", "* * *", "0 0 30 2 *", "每天", "0 0 0 1 1 * 2030"] {
        let faults = parse(&with(&format!("schedule = \"{cron}\""))).unwrap_err();
        all += &format!("{cron}: {}\n", faults.shown()[0].message);
    }
    insta::assert_snapshot!(all, @"
61 * * * *: this is not a cron expression: number out of bounds
* * *: this has 3 fields, a cron expression has 5 or 6
0 0 30 2 *: this cron expression never comes round
每天: this is not a cron expression
0 0 0 1 1 * 2030: this has 7 fields, a cron expression has 5 or 6
");
    insta::assert_snapshot!(said(&with("every = \"5s\"\nschedule = \"* * * * *\"")), @r#"
error: an endpoint has `every` or `schedule`, not both
 --> config.toml:9:9
  |
9 | every = "5s"
  |         ^^^^
  |
  = help: leave one of them out

config.toml has 1 fault
"#);
    insta::assert_snapshot!(said(&with("zone = \"UTC\"")), @r#"
error: `zone` belongs to a `schedule`, and there is none
 --> config.toml:9:8
  |
9 | zone = "UTC"
  |        ^^^^^
  |
  = help: leave it out; `every` is the same in all zones

config.toml has 1 fault
"#);
}

#[test]
fn one_bracket_too_few_is_told_so() {
    insta::assert_snapshot!(said(&with("").replace("[[component]]", "[component]")), @"
error: there may be many of `component`
 --> config.toml:1:1
  |
1 | [component]
  | ^^^^^^^^^^^
  |
  = help: write [[component]], with two brackets

config.toml has 1 fault
");
}

#[test]
fn a_deadline_longer_than_the_interval_is_a_warning() {
    insta::assert_snapshot!(warned(&with("every = \"5s\"\ndeadline = \"6s\"")), @r#"
warning: this deadline is longer than the interval of 5s
  --> config.toml:10:12
   |
10 | deadline = "6s"
   |            ^^^^
   |
   = help: a slow round makes the next ones be skipped; a shorter deadline or a longer interval avoids it
"#);
}

#[test]
fn the_sample_wallet_is_for_this_machine_only() {
    for key in ["listen", "control"] {
        let said = said(&format!("[sample]\n{key} = \"0.0.0.0:9000\""));
        assert!(said.contains(&format!("`{key}` would open the sample wallet to others")), "{said}");
        assert!(said.contains("127.0.0.1:808"), "{said}");
    }
    good("[sample]\nlisten = \"[::1]:9000\"\ncontrol = \"127.0.0.2:9000\"");
}

#[test]
fn the_sample_wallet_needs_ports_of_its_own() {
    insta::assert_snapshot!(said("[sample]\nlisten = \"127.0.0.1:8080\"\ncontrol = 8082"), @r#"
error: `listen` is 127.0.0.1:8080, as [server] listen is
 --> config.toml:2:10
  |
2 | listen = "127.0.0.1:8080"
  |          ^^^^^^^^^^^^^^^^
  |
  = help: give each its own port

error: expected a text, found an integer
 --> config.toml:3:11
  |
3 | control = 8082
  |           ^^^^
  |
  = help: write an IP address and a port: "127.0.0.1:8080" for this machine, "0.0.0.0:8080" or "[::]:8080" for all

config.toml has 2 faults
"#);
}

#[test]
fn very_many_faults_are_counted() {
    let text = "x = 1\n".repeat(1_000);
    let report = said(&text);
    assert!(report.ends_with("config.toml has 1000 faults; the first 100 are shown"), "{report}");
    let long = format!("{}\nsite = 1", "x".repeat(100_000));
    assert!(said(&long).len() < 1_000);
}

#[test]
fn support_is_reached_by_https_telephone_or_mail() {
    let site = |url: &str| format!("[site]\nsupport = [{{ label = \"Help\", url = \"{url}\" }}]");
    for good_url in ["https://wallet.example.com/help", "tel:+86-400-000-0000", "mailto:help@example.com"] {
        assert_eq!(good(&site(good_url)).site.support[0].url, good_url);
    }
    for bad in ["http://wallet.example.com", "javascript:alert(1)", "tel:", "help@example.com", "https://"] {
        assert_eq!(parse(&site(bad)).unwrap_err().count(), 1, "{bad}");
    }
}

#[test]
fn ten_thousand_endpoints_are_read() {
    let many = |from: usize, to: usize| -> String {
        let endpoint =
            |i| format!("[[endpoint]]\nid = \"e{i}\"\ncomponent = \"web\"\nurl = \"http://127.0.0.1/{i}\"\n");
        (from..to).map(endpoint).collect()
    };
    let text = format!("{}{}", with(""), many(1, 10_000));
    assert_eq!(good(&text).endpoints.len(), 10_000);
    assert_eq!(parse(&format!("{text}{}", many(10_000, 10_001))).unwrap_err().count(), 1);
}

/// Each fault with the topic of the manual it points at.
fn pointed(text: &str) -> String {
    let faults = parse(text).unwrap_err();
    let line = |it: &Fault| format!("{}: {}\n", it.line, it.manual.unwrap_or("-"));
    faults.shown().iter().map(line).collect()
}

#[test]
fn a_fault_points_at_what_the_manual_says_of_its_key() {
    let text = "strict = 1\n[site]\nsupport = [{ lable = 1 }]\nname = { fr = 1 }\n[serv]\n\
        [[component]]\nid = \"web\"\n[[endpoint]]\nid = \"a b\"\ncomponent = \"no\"\n\
        headers = { x = { env = \"NONE\" } }\ninterval = 3\nzz = 1\n";
    insta::assert_snapshot!(pointed(text), @"
1: strict
3: site.support
3: site.support
4: site.name
5: server
6: component.name
8: endpoint.url
9: endpoint.id
10: endpoint.component
11: endpoint.headers
12: endpoint.every
13: endpoint
");
    let whole = parse("[site]\nzone = 1").unwrap_err().to_string();
    let line = crate::config::manual::find("site.zone").unwrap().line;
    assert!(
        whole.contains(&format!("= note: see `porchlight manual site.zone` (its line {line})")),
        "{whole}"
    );
}

#[test]
fn a_misspelt_key_is_one_fault() {
    let text = with("").replace("url = ", "urll = ");
    assert_eq!(parse(&text).unwrap_err().count(), 1);
    assert_eq!(parse(&with("").replace("url = ", "zz = ")).unwrap_err().count(), 2);
}
