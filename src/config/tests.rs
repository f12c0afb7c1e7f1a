//! Whole files: what is read from good ones, and every word said about bad ones.

use std::io;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};

use super::*;
use crate::domain::component::{Lang, RollUp};
use crate::domain::endpoint::{Cadence, Method, StatusRange, Value};

const SHIPPED: &str = include_str!("../../config.toml");

/// What must never be printed.
const PASSWORD: &str = "hunter2";

fn parse_in(
    text: &str,
    file: &dyn Fn(&Path) -> io::Result<SecretFile>,
) -> Result<(Config, Vec<Fault>), Faults> {
    let env = |name: &str| match name {
        "TOKEN" => Some(PASSWORD.to_owned()),
        "BROKEN" => Some(format!("{PASSWORD}\r\nx-more: yes")),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    let sample = |name: &str| match name {
        "username" => Some(SecretString::from("probe")),
        "password" => Some(SecretString::from(PASSWORD)),
        _ => None,
    };
    let certificate = |files: &TlsFiles, host: Option<&str>, _: jiff::Timestamp| {
        let fault = |in_key, message: &str| CertificateFault {
            in_key,
            message: message.to_owned(),
            help: "do better".to_owned(),
        };
        match files.key.to_str() {
            Some("/etc/porchlight/missing.pem") => Err(fault(true, "the key is missing")),
            Some("/etc/porchlight/open.pem") => {
                Ok(vec![fault(true, "everybody reads it"), fault(false, &format!("not for {host:?}"))])
            }
            _ => Ok(vec![]),
        }
    };
    let around = Surroundings {
        env: &env,
        file,
        sample: &sample,
        certificate: &certificate,
        dir: Path::new("/etc/porchlight"),
    };
    Config::parse(text, "config.toml", &around, "2026-11-23T00:00:00Z".parse().unwrap())
}

fn parse(text: &str) -> Result<(Config, Vec<Fault>), Faults> {
    parse_in(text, &|path: &Path| match path.to_str() {
        Some("/etc/porchlight/secrets/good" | "/etc/porchlight/secrets/probe") => {
            Ok(SecretFile { text: format!("{PASSWORD}\n").into(), world_readable: false })
        }
        Some("/etc/porchlight/secrets/open") => {
            Ok(SecretFile { text: PASSWORD.into(), world_readable: true })
        }
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    })
}

fn good(text: &str) -> Config {
    match parse(text) {
        Ok((config, _)) => config,
        Err(faults) => panic!("{faults}"),
    }
}

fn said(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// The warnings of a good file.
fn warned(text: &str) -> String {
    let warnings: Vec<String> = parse(text).unwrap().1.iter().map(ToString::to_string).collect();
    warnings.join("\n\n")
}

/// A small good file with `lines` in its endpoint.
fn with(lines: &str) -> String {
    format!(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n\n[[endpoint]]\nid = \"login\"\ncomponent = \"web\"\nurl = \"https://wallet.example.com/login\"\n{lines}\n"
    )
}

#[test]
fn the_shipped_file_has_no_faults_and_no_warnings() {
    assert_eq!(warned(SHIPPED), "");
    let config = good(SHIPPED);
    let ids: Vec<&str> = config.components.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["web", "app", "version", "recovery"]);
    let ids: Vec<&str> = config.endpoints.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["login-page", "web-signin", "app-signin", "app-version"]);
    let signin = &config.endpoints[1].request;
    assert_eq!(signin.method, Method::Post);
    let Some(Value::Secret(body)) = &signin.body else { panic!("the body holds a secret") };
    assert_eq!(body.expose_secret(), "{\"username\":\"probe\",\"password\":\"hunter2\"}");
    assert_eq!(config.site.sample.unwrap().url, "http://127.0.0.1:8082/");
    assert_eq!(config.site.recovering_for, Duration::from_secs(30));
    assert_eq!(config.announcements.len(), 1);
}

#[test]
fn every_line_of_the_manual_that_is_commented_out_would_be_read() {
    // An example shows each option; these cannot stand beside what the file sets.
    let beside = ["not both", "sends no body", "has no meaning here"];
    let (mut tried, lines) = (0, SHIPPED.lines().collect::<Vec<_>>());
    let shown = |line: &str| {
        let line = line.strip_prefix("# ").unwrap_or_default();
        let key = line.split([' ', '.']).next().unwrap_or_default();
        let assigns = line.contains(" = ")
            && !key.is_empty()
            && key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assigns || line.starts_with("[[") || line.starts_with("  {") || line == "]"
    };
    let mut at = 0;
    while at < lines.len() {
        let end = at + lines[at..].iter().take_while(|line| shown(line)).count();
        if end == at {
            at += 1;
            continue;
        }
        tried += end - at;
        let block = lines[at..end].iter().map(|line| &line[2..]);
        let text: Vec<&str> =
            lines[..at].iter().copied().chain(block).chain(lines[end..].iter().copied()).collect();
        if let Err(faults) = parse(&text.join("\n")) {
            let conflicts = |fault: &Fault| beside.iter().any(|it| fault.message.contains(it));
            assert!(faults.shown().iter().all(conflicts), "{faults}");
        }
        at = end;
    }
    assert!(30 <= tried, "{tried}");
}

#[test]
fn the_manual_names_every_key() {
    let strange = "zz = 1\nsite.zz = 1\nserver.zz = 1\nprobe.zz = 1\nstore.zz = 1\nsample.zz = 1\nsite.support = [{ zz = 1 }]\n\
        [[component]]\nzz = 1\n[[endpoint]]\nzz = 1\n[[maintenance]]\nzz = 1\n[[announcement]]\nzz = 1\n";
    let faults = parse(strange).unwrap_err();
    let unknown = faults.shown().iter().filter(|it| it.message.contains("unknown key"));
    let keys: Vec<&str> = unknown.flat_map(|it| it.help.split('`').skip(1).step_by(2)).collect();
    assert!(50 <= keys.len(), "{keys:?}");
    for key in keys {
        let named = SHIPPED.contains(&format!("{key} = ")) || SHIPPED.contains(&format!("[{key}]"));
        assert!(named, "{key}");
    }
}

#[test]
fn an_empty_file_is_all_defaults() {
    let config = good("");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.store.data, Path::new("/etc/porchlight/data"));
    assert_eq!(config.store.keep_results, Duration::from_secs(90 * 86_400));
    assert_eq!(config.site.name.read(Lang::En).1, "Porchlight");
    assert_eq!(config.site.zone.iana_name(), Some("Asia/Shanghai"));
    assert_eq!(config.site.recovering_for, Duration::from_secs(120));
    assert!(config.sample.is_none() && config.site.sample.is_none() && config.site.lockout.is_none());
    insta::assert_snapshot!(warned(""), @r#"
warning: nothing tells whether people can log in: the page will always say "unknown"
 --> config.toml:1:1
  |
1 |
  | ^
  |
  = help: add a [[component]] with role = "login" and an [[endpoint]] of it
"#);
}

#[test]
fn an_endpoint_of_three_lines_has_the_documented_defaults() {
    let config = good(&with(""));
    let endpoint = &config.endpoints[0];
    assert_eq!(endpoint.cadence, Cadence::Every(Duration::from_secs(30)));
    assert_eq!(endpoint.deadline, Duration::from_secs(10));
    assert_eq!(endpoint.degraded_after, Duration::from_secs(5));
    assert_eq!((endpoint.thresholds.failure, endpoint.thresholds.success), (2, 2));
    assert_eq!(endpoint.request.method, Method::Get);
    assert!(endpoint.request.headers.is_empty() && endpoint.request.body.is_none());
    assert!(endpoint.expect.status.is_empty());
    assert_eq!(good(&with("every = \"4s\"")).endpoints[0].deadline, Duration::from_secs(4));
}

#[test]
fn a_schedule_is_read_in_its_own_zone_or_the_page_s() {
    let zone = |lines: &str| match &good(&with(lines)).endpoints[0].cadence {
        Cadence::Schedule { cron, zone } => format!("{cron} in {}", zone.iana_name().unwrap()),
        Cadence::Every(_) => panic!("it has a schedule"),
    };
    assert_eq!(zone("schedule = \"*/5 8-20 * * MON-FRI\""), "*/5 8-20 * * MON-FRI in Asia/Shanghai");
    assert_eq!(
        zone("schedule = \"30 */5 * * * *\"\nzone = \"Europe/Berlin\""),
        "30 */5 * * * * in Europe/Berlin"
    );
}

#[test]
fn statuses_are_numbers_classes_ranges_or_lists_of_them() {
    let status = |lines: &str| good(&with(lines)).endpoints.remove(0).expect.status;
    let range = |from, to| StatusRange { from, to };
    assert_eq!(status("status = 401"), [range(401, 401)]);
    assert_eq!(status("status = \"3xx\""), [range(300, 399)]);
    assert_eq!(
        status("status = [200, \"301-302\", \"4xx\"]"),
        [range(200, 200), range(301, 302), range(400, 499)]
    );
}

#[test]
fn json_is_written_in_the_order_of_the_file() {
    let body = |json: &str| match good(&with(&format!("method = \"POST\"\njson = {json}")))
        .endpoints
        .remove(0)
        .request
        .body
    {
        Some(Value::Plain(text)) => text,
        Some(Value::Secret(text)) => format!("secret {}", text.expose_secret()),
        None => panic!("there is a body"),
    };
    assert_eq!(
        body("{ z = 1, a = [true, 0xff, 1.5], \"密码\" = \"x\\n\\\"\" }"),
        r#"{"z":1,"a":[true,255,1.5],"密码":"x\n\""}"#
    );
    assert_eq!(body("{ deep = { pass = { env = \"TOKEN\" } } }"), r#"secret {"deep":{"pass":"hunter2"}}"#);
    assert_eq!(body("{ env = \"prod\", at = 1 }"), r#"{"env":"prod","at":1}"#);
    let headers = |lines: &str| {
        good(&with(&format!("method = \"POST\"\njson = {{}}\n{lines}"))).endpoints.remove(0).request.headers
    };
    assert_eq!(headers("")[0].0, "content-type");
    assert_eq!(headers("headers = { Content-Type = \"application/vnd.api+json\" }").len(), 1);
}

#[test]
fn a_secret_comes_from_its_place() {
    let header = |reference: &str| {
        let config =
            good(&format!("{}\n[sample]", with(&format!("headers = {{ authorization = {reference} }}"))));
        match &config.endpoints[0].request.headers[0].1 {
            Value::Secret(secret) => secret.expose_secret().to_owned(),
            Value::Plain(_) => panic!("it is a secret"),
        }
    };
    assert_eq!(header("{ env = \"TOKEN\" }"), "hunter2");
    assert_eq!(header("{ env = \"TOKEN\", prefix = \"Bearer \" }"), "Bearer hunter2");
    assert_eq!(header("{ file = \"secrets/good\" }"), "hunter2");
    assert_eq!(header("{ file = \"/etc/porchlight/secrets/open\" }"), "hunter2");
    assert_eq!(header("{ sample = \"username\" }"), "probe");
}

#[test]
fn notices_are_read_in_the_page_s_zone() {
    let notices = "[[maintenance]]\nid = \"m\"\ntitle = { en = \"Upgrade\" }\nendpoints = [\"login\"]\n\
        starts_at = \"2026-11-25 00:00\"\nends_at = 2026-11-25T02:00:00\n\
        [[announcement]]\nid = \"a\"\ntitle = \"Hello\"\n";
    let config = good(&format!("{}{notices}", with("")));
    let maintenance = &config.maintenances[0];
    assert_eq!(maintenance.starts_at.to_string(), "2026-11-24T16:00:00Z");
    assert_eq!(maintenance.ends_at.to_string(), "2026-11-24T18:00:00Z");
    assert_eq!(maintenance.published_at.to_string(), "2026-11-23T00:00:00Z");
    assert_eq!(config.announcements[0].starts_at.to_string(), "2026-11-23T00:00:00Z");
    assert_eq!(config.announcements[0].title.written(Lang::Zh), Some("Hello"));
}

#[test]
fn a_component_may_roll_up_any_of_its_endpoints() {
    let text =
        with("").replace("name = \"Web\"", "name = \"Web\"\nroll_up = \"any\"\ncritical = [\"login\"]");
    let RollUp::Any { critical } = &good(&text).components[0].roll_up else { panic!("any") };
    assert_eq!(critical[0].as_str(), "login");
}

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

error: this is not an address: relative URL without a base
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
fn a_secret_that_is_not_there_is_named_and_never_shown() {
    insta::assert_snapshot!(said(&with(r#"method = "POST"
json = { user = { env = "NOBODY" }, password = { sample = "password" }, code = { env = "EMPTY" } }
headers = { cookie = "hunter2", x-a = { file = "secrets/none" }, x-b = { value = "hunter2" }, x-c = { env = "BROKEN" }, x-d = { env = "A", file = "b" } }"#)), @r#"
error: the environment variable NOBODY is not set
  --> config.toml:10:25
   |
10 | json = { user = { env = "NOBODY" }, password = { sample = "password" }, code = { env = "EMPTY" } }
   |                         ^^^^^^^^
   |
   = help: set it before starting, or use { file = "…" }

error: there is no sample wallet to ask
  --> config.toml:10:59
   |
10 | json = { user = { env = "NOBODY" }, password = { sample = "password" }, code = { env = "EMPTY" } }
   |                                                           ^^^^^^^^^^
   |
   = help: add [sample] to start it, or use { env = "…" }

error: the environment variable EMPTY is empty
  --> config.toml:10:88
   |
10 | json = { user = { env = "NOBODY" }, password = { sample = "password" }, code = { env = "EMPTY" } }
   |                                                                                        ^^^^^^^
   |
   = help: give it a value before starting

error: `cookie` carries a secret, which does not belong in this file
  --> config.toml:11:22
   |
11 | headers = { cookie = *********, x-a = { file = "secrets/none" }, x-b = { value = ********* }, x-c = { env = "BROKEN" }, x-d = { env ...
   |                      ^^^^^^^^^
   |
   = help: write { env = "NAME" } or { file = "path" }

error: the secret file /etc/porchlight/secrets/none cannot be read: entity not found
  --> config.toml:11:48
   |
11 | headers = { cookie = *********, x-a = { file = "secrets/none" }, x-b = { value = ********* }, x-c = { env = "BROKEN" }, x-d = { env ...
   |                                                ^^^^^^^^^^^^^^
   |
   = help: a relative path starts at the directory of this file

error: this secret is nowhere
  --> config.toml:11:72
   |
11 | headers = { cookie = *********, x-a = { file = "secrets/none" }, x-b = { value = ********* }, x-c = { env = "BROKEN" }, x-d = { env ...
   |                                                                        ^^^^^^^^^^^^^^^^^^^^^
   |
   = help: write { env = "NAME" }, { file = "path" } or { sample = "password" }

error: unknown key `value` in a secret
  --> config.toml:11:74
   |
11 | headers = { cookie = *********, x-a = { file = "secrets/none" }, x-b = { value = ********* }, x-c = { env = "BROKEN" }, x-d = { env ...
   |                                                                          ^^^^^
   |
   = help: the keys here are `env`, `file`, `sample` and `prefix`

error: this header has a character that no header may have
  --> config.toml:11:101
   |
11 | headers = { cookie = *********, x-a = { file = "secrets/none" }, x-b = { value = ********* }, x-c = { env = "BROKEN" }, x-d = { env ...
   |                                                                                                     ^^^^^^^^^^^^^^^^^^
   |
   = help: use printable ASCII on one line; percent-encode the rest

error: the environment variable A is not set
  --> config.toml:11:135
   |
11 | ...{ value = ********* }, x-c = { env = "BROKEN" }, x-d = { env = "A", file = "b" } }
   |                                                                   ^^^
   |
   = help: set it before starting, or use { file = "…" }

error: a secret is in one place: `env` or `file`
  --> config.toml:11:147
   |
11 | ...******* }, x-c = { env = "BROKEN" }, x-d = { env = "A", file = "b" } }
   |                                                                   ^^^
   |
   = help: write { env = "NAME" }, { file = "path" } or { sample = "password" }

config.toml has 10 faults
"#);
}

#[test]
fn a_secret_kept_badly_is_a_warning_and_with_strict_a_fault() {
    let text = with(
        "method = \"POST\"\njson = { password = \"hunter2\", token = { evn = \"TOKEN\" } }\nheaders = { x-a = { file = \"secrets/open\" } }",
    );
    insta::assert_snapshot!(warned(&text), @r#"
warning: `password` looks like a secret, which does not belong in this file
  --> config.toml:10:21
   |
10 | json = { password = *********, token = { evn = "TOKEN" } }
   |                     ^^^^^^^^^
   |
   = help: write { env = "NAME" } or { file = "path" }

warning: `evn` is sent as it stands
  --> config.toml:10:42
   |
10 | json = { password = *********, token = { evn = "TOKEN" } }
   |                                          ^^^
   |
   = help: if this is a secret, write `env`

warning: every user of this machine may read /etc/porchlight/secrets/open
  --> config.toml:11:28
   |
11 | headers = { x-a = { file = "secrets/open" } }
   |                            ^^^^^^^^^^^^^^
   |
   = help: chmod 600 /etc/porchlight/secrets/open
"#);
    assert_eq!(parse(&format!("strict = true\n{text}")).unwrap_err().count(), 2);
}

#[test]
fn a_request_that_could_not_be_sent_is_refused() {
    insta::assert_snapshot!(said(&with(r#"
body = "x"
json = { at = 2026-11-25, n = 99999999999999999999, f = nan }
headers = { "x y" = "1", Content-Length = "3", X-A = "1", x-a = "2", x-b = "密码" }"#)), @r#"
error: an endpoint sends `body` or `json`, not both
  --> config.toml:11:8
   |
11 | json = { at = 2026-11-25, n = 99999999999999999999, f = nan }
   |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   |
   = help: leave one of them out

error: GET sends no body
  --> config.toml:11:8
   |
11 | json = { at = 2026-11-25, n = 99999999999999999999, f = nan }
   |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   |
   = help: write method = "POST"

error: JSON has no dates
  --> config.toml:11:15
   |
11 | json = { at = 2026-11-25, n = 99999999999999999999, f = nan }
   |               ^^^^^^^^^^
   |
   = help: write it as a text, in quotes

error: this number is too large
  --> config.toml:11:31
   |
11 | json = { at = 2026-11-25, n = 99999999999999999999, f = nan }
   |                               ^^^^^^^^^^^^^^^^^^^^
   |
   = help: write it as a text if the server takes one

error: JSON has no such number
  --> config.toml:11:57
   |
11 | json = { at = 2026-11-25, n = 99999999999999999999, f = nan }
   |                                                         ^^^
   |
   = help: write a finite one

error: `x y` is not the name of a header
  --> config.toml:12:13
   |
12 | headers = { "x y" = "1", Content-Length = "3", X-A = "1", x-a = "2", x-b = "密码" }
   |             ^^^^^
   |
   = help: use letters, digits and `-`: "x-request-from"

error: the header `content-length` is ours to write
  --> config.toml:12:26
   |
12 | headers = { "x y" = "1", Content-Length = "3", X-A = "1", x-a = "2", x-b = "密码" }
   |                          ^^^^^^^^^^^^^^
   |
   = help: leave it out; it follows from the request

error: the header `x-a` is written twice
  --> config.toml:12:59
   |
12 | headers = { "x y" = "1", Content-Length = "3", X-A = "1", x-a = "2", x-b = "密码" }
   |                                                           ^^^
   |
   = help: capitals make no difference; leave one out

error: this header has a character that no header may have
  --> config.toml:12:76
   |
12 | headers = { "x y" = "1", Content-Length = "3", X-A = "1", x-a = "2", x-b = "密码" }
   |                                                                            ^^^^^^
   |
   = help: use printable ASCII on one line; percent-encode the rest

config.toml has 9 faults
"#);
    insta::assert_snapshot!(said(&with("method = \"get\"")), @r#"
error: `get` is not a choice here
 --> config.toml:9:10
  |
9 | method = "get"
  |          ^^^^^
  |
  = help: did you mean `GET`? write `GET`, `HEAD`, `POST`, `PUT`, `DELETE`, `OPTIONS` or `PATCH`

config.toml has 1 fault
"#);
    insta::assert_snapshot!(said(&with("method = \"HEAD\"\ncontains = \"ok\"")), @r#"
error: an answer to HEAD has no body to look into
  --> config.toml:10:12
   |
10 | contains = "ok"
   |            ^^^^
   |
   = help: use method = "GET"

config.toml has 1 fault
"#);
    let url = with("").replace("https://wallet", "https://probe:hunter2@wallet");
    insta::assert_snapshot!(said(&url), @r#"
error: an address must not carry a user or password
 --> config.toml:8:7
  |
8 | url = ************************************************
  |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: addresses are logged and shown: put the secret in `headers`, `json` or `body` as { env = "…" } or { file = "…" }

config.toml has 1 fault
"#);
}

#[test]
fn notices_are_checked() {
    insta::assert_snapshot!(said(r#"
[[maintenance]]
id = "m"
title = { zh = "升级", fr = "Mise à jour" }
starts_at = "2026-11-25"
ends_at = "2026-11-25 02:00"

[[maintenance]]
id = "n"
title = """two
lines"""
components = ["web"]
starts_at = "2026-11-25 02:00"
ends_at = "2026-11-25 02:00"

[[announcement]]
id = "a"
title = 3
body = {}
"#), @r#"
error: this maintenance covers nothing
 --> config.toml:2:1
  |
2 | [[maintenance]]
  | ^^^^^^^^^^^^^^^
  |
  = help: write components = ["web"] or endpoints = ["web-login"]

error: unknown key `fr` in this text
 --> config.toml:4:22
  |
4 | title = { zh = "升级", fr = "Mise à jour" }
  |                        ^^
  |
  = help: the keys here are `zh` and `en`

error: this is not a date and time
 --> config.toml:5:13
  |
5 | starts_at = "2026-11-25"
  |             ^^^^^^^^^^^^
  |
  = help: write "2026-11-25 00:00", read in the page's zone, or 2026-11-25T00:00:00+08:00

error: this text does not stand on one line
  --> config.toml:10:9
   |
10 | title = """two
   |         ^^^^^^
   |
   = help: write it on one line, without control characters

error: there is no component `web`
  --> config.toml:12:15
   |
12 | components = ["web"]
   |               ^^^^^
   |
   = help: the file has no [[component]] yet

error: this ends before it starts
  --> config.toml:14:11
   |
14 | ends_at = "2026-11-25 02:00"
   |           ^^^^^^^^^^^^^^^^^^
   |
   = help: `ends_at` must be later than `starts_at`

error: `title` is not a text
  --> config.toml:18:9
   |
18 | title = 3
   |         ^
   |
   = help: write "…" for everybody, or { zh = "…", en = "…" }

error: `body` is in no language
  --> config.toml:19:8
   |
19 | body = {}
   |        ^^
   |
   = help: write { zh = "…", en = "…" }; one of them is enough

config.toml has 8 faults
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

#[test]
fn no_secret_is_printed_by_anything() {
    let lines = "method = \"POST\"\nbody = { file = \"secrets/open\" }\nheaders = { authorization = { env = \"TOKEN\" } }";
    let (config, warnings) = parse(&with(lines)).unwrap();
    assert!(!format!("{config:?}{warnings:?}").contains(PASSWORD));
    let faults = parse(&format!("{}every = 5", with(lines))).unwrap_err();
    assert!(!format!("{faults:?}{faults}").contains(PASSWORD));
    assert!(!format!("{:?}", parse(SHIPPED).unwrap()).contains(PASSWORD));
}

/// Pieces of TOML, more often sensible than not.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(SHIPPED.lines().map(str::to_owned).collect::<Vec<_>>()),
        1 => "[a-z_]{1,10} = .{0,12}",
        1 => "(schedule|every|zone|starts_at|status|url|json|name|support) = [\"\\[{0-9a-z:/*,@ ]{0,20}",
        1 => proptest::sample::select(vec!["[[endpoint]]", "[endpoint]", "[site]", "[[site]]", "json = [[[[", "\"\"\"", "a.b.c = {", "\r", "门 = 灯"]).prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,400}") {
        drop(parse(&text));
    }

    #[test]
    fn no_pieces_make_it_panic(pieces in proptest::collection::vec(piece(), 0..40)) {
        drop(parse(&pieces.join("\n")));
    }

    #[test]
    fn no_wound_of_the_manual_makes_it_panic(at in 0..SHIPPED.len(), length in 0..40_usize, put in ".{0,3}") {
        let start = SHIPPED.floor_char_boundary(at);
        let end = SHIPPED.ceil_char_boundary(at + length);
        drop(parse(&format!("{}{put}{}", &SHIPPED[..start], &SHIPPED[end..])));
    }

    #[test]
    fn no_cron_expression_makes_it_panic(cron in "[0-9*/,LW#?+A-Z@ -]{0,30}") {
        drop(parse(&with(&format!("schedule = \"{cron}\""))));
    }
}

fn server(lines: &str) -> Server {
    good(&format!("[server]\n{lines}\n{}", with(""))).server
}

fn server_said(lines: &str) -> String {
    said(&format!("[server]\n{lines}\n"))
}

#[test]
fn the_public_address_has_a_path_that_ends_with_a_slash() {
    for (written, read) in [
        ("https://status.example.com", "https://status.example.com/"),
        ("https://status.example.com/login", "https://status.example.com/login/"),
        ("http://status.example.com:8080/a/b/", "http://status.example.com:8080/a/b/"),
        ("https://status.example.com/a/../b", "https://status.example.com/b/"),
    ] {
        let config = good(&format!("[server]\npublic_url = {written:?}\n"));
        assert_eq!(config.server.public_url.as_ref().map(Url::as_str), Some(read));
        assert_eq!(config.site.public_url, config.server.public_url);
    }
    insta::assert_snapshot!(server_said("public_url = \"status.example.com\""), @r#"
error: this is not an address: relative URL without a base
 --> config.toml:2:14
  |
2 | public_url = "status.example.com"
  |              ^^^^^^^^^^^^^^^^^^^^
  |
  = help: write a whole address that begins with `http:` or `https:`

config.toml has 1 fault
"#);
    insta::assert_snapshot!(server_said("public_url = \"https://status.example.com/{id}/\""), @r#"
error: `/%7Bid%7D/` is not a path the page can live under
 --> config.toml:2:14
  |
2 | public_url = "https://status.example.com/{id}/"
  |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: use letters, digits, `-`, `_`, `.` and `~` between single slashes

config.toml has 1 fault
"#);
    insta::assert_snapshot!(server_said("public_url = \"https://status.example.com/?a=b\""), @r#"
error: this address has a part after `?` or `#`
 --> config.toml:2:14
  |
2 | public_url = "https://status.example.com/?a=b"
  |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write where readers find the page: "https://status.example.com/"

config.toml has 1 fault
"#);
}

#[test]
fn trusted_proxies_are_addresses_or_nets() {
    let nets = server("trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\", \"fd00::/8\"]").trusted_proxies;
    let written: Vec<String> = nets.iter().map(ToString::to_string).collect();
    assert_eq!(written, ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"]);
    insta::assert_snapshot!(server_said("trusted_proxies = [\"proxy\", \"0.0.0.0/0\", \"10.0.0.0/33\"]"), @r#"
error: `proxy` is not an address or a net
 --> config.toml:2:20
  |
2 | trusted_proxies = ["proxy", "0.0.0.0/0", "10.0.0.0/33"]
  |                    ^^^^^^^
  |
  = help: write the address of a proxy of yours, or a net of them: "127.0.0.1" or "10.0.0.0/8"

error: this trusts everybody's word on who they are
 --> config.toml:2:29
  |
2 | trusted_proxies = ["proxy", "0.0.0.0/0", "10.0.0.0/33"]
  |                             ^^^^^^^^^^^
  |
  = help: name your own proxies only

error: `10.0.0.0/33` is not an address or a net
 --> config.toml:2:42
  |
2 | trusted_proxies = ["proxy", "0.0.0.0/0", "10.0.0.0/33"]
  |                                          ^^^^^^^^^^^^^
  |
  = help: write the address of a proxy of yours, or a net of them: "127.0.0.1" or "10.0.0.0/8"

config.toml has 3 faults
"#);
}

#[test]
fn a_certificate_is_looked_at_when_the_file_is_read() {
    let tls = server("tls = { certificate = \"chain.pem\", key = \"/etc/ssl/key.pem\" }").tls.unwrap();
    assert_eq!(tls.certificate, Path::new("/etc/porchlight/chain.pem"));
    assert_eq!(tls.key, Path::new("/etc/ssl/key.pem"));
    insta::assert_snapshot!(server_said("tls = { certificate = \"chain.pem\" }"), @r#"
error: `tls` has no `key`
 --> config.toml:2:7
  |
2 | tls = { certificate = "chain.pem" }
  |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write `key = "key.pem"`

config.toml has 1 fault
"#);
    insta::assert_snapshot!(server_said("tls = { certificate = \"chain.pem\", key = \"missing.pem\" }"), @r#"
error: the key is missing
 --> config.toml:2:42
  |
2 | tls = { certificate = "chain.pem", key = "missing.pem" }
  |                                          ^^^^^^^^^^^^^
  |
  = help: do better

config.toml has 1 fault
"#);
    let open =
        "public_url = \"https://a.example/\"\ntls = { certificate = \"chain.pem\", key = \"open.pem\" }";
    insta::assert_snapshot!(warned(&format!("[server]\n{open}\n{}", with(""))), @r#"
warning: not for Some("a.example")
 --> config.toml:3:23
  |
3 | tls = { certificate = "chain.pem", key = "open.pem" }
  |                       ^^^^^^^^^^^
  |
  = help: do better

warning: everybody reads it
 --> config.toml:3:42
  |
3 | tls = { certificate = "chain.pem", key = "open.pem" }
  |                                          ^^^^^^^^^^
  |
  = help: do better
"#);
    insta::assert_snapshot!(said(&format!("strict = true\n[server]\n{open}\n{}", with(""))), @r#"
error: everybody reads it
 --> config.toml:4:42
  |
4 | tls = { certificate = "chain.pem", key = "open.pem" }
  |                                          ^^^^^^^^^^
  |
  = help: do better

warning: not for Some("a.example")
 --> config.toml:4:23
  |
4 | tls = { certificate = "chain.pem", key = "open.pem" }
  |                       ^^^^^^^^^^^
  |
  = help: do better

config.toml has 1 fault
"#);
}

#[test]
fn a_proxy_is_for_all_or_for_one_and_none_is_none() {
    let proxy = |all: &str, own: &str| {
        let config = good(&format!("{all}\n{}", with(own)));
        let proxy = config.endpoints[0].request.proxy.as_ref();
        proxy.map(|it| format!("{}{}", it.url, if it.login.is_some() { " with a login" } else { "" }))
    };
    let all = "probe.proxy = \"http://proxy.example.com:3128\"";
    assert_eq!(proxy("", ""), None);
    assert_eq!(proxy(all, "").as_deref(), Some("http://proxy.example.com:3128/"));
    assert_eq!(proxy(all, "proxy = \"none\""), None);
    assert_eq!(proxy(all, "proxy = \"socks5h://10.0.0.1:1080\"").as_deref(), Some("socks5h://10.0.0.1:1080"));
    let login =
        "proxy = { url = \"socks5://a.example:1080\", username = \"me\", password = { env = \"TOKEN\" } }";
    assert_eq!(proxy("", login).as_deref(), Some("socks5://a.example:1080 with a login"));
}

#[test]
fn a_proxy_that_cannot_be_is_refused_and_its_password_never_said() {
    let said = |proxy: &str| {
        let said = said(&with(&format!("proxy = {proxy}")));
        assert!(!said.contains(PASSWORD), "{said}");
        said
    };
    insta::assert_snapshot!(said("\"proxy.example.com:3128\""), @r#"
error: this is not the address of a proxy
 --> config.toml:9:9
  |
9 | proxy = "proxy.example.com:3128"
  |         ^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write "http://proxy.example.com:3128", "socks5://…", "socks5h://…" (the proxy asks for names), or "none"

config.toml has 1 fault
"#);
    insta::assert_snapshot!(said("\"ftp://proxy.example.com\""), @r#"
error: `ftp:` is not allowed here
 --> config.toml:9:9
  |
9 | proxy = "ftp://proxy.example.com"
  |         ^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write "http://proxy.example.com:3128", "socks5://…", "socks5h://…" (the proxy asks for names), or "none"

config.toml has 1 fault
"#);
    insta::assert_snapshot!(said("\"socks5://proxy.example.com\""), @r#"
error: the proxy's port is missing
 --> config.toml:9:9
  |
9 | proxy = "socks5://proxy.example.com"
  |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write it: "socks5://proxy.example.com:1080"

config.toml has 1 fault
"#);
    insta::assert_snapshot!(said("\"http://me:hunter2@proxy.example.com:3128\""), @r#"
error: the address of a proxy must not carry a user or password
 --> config.toml:9:9
  |
9 | proxy = ******************************************
  |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write proxy = { url = "…", username = "…", password = { env = "NAME" } }

config.toml has 1 fault
"#);
    insta::assert_snapshot!(said("{ url = \"http://a.example:1\", username = \"me\", password = \"hunter2\" }"), @r#"
error: a password does not belong in this file
 --> config.toml:9:67
  |
9 | proxy = { url = "http://a.example:1", username = "me", password = ********* }
  |                                                                   ^^^^^^^^^
  |
  = help: write { env = "NAME" } or { file = "path" }

config.toml has 1 fault
"#);
    insta::assert_snapshot!(said("{ url = \"http://a.example:1\", username = \"me\" }"), @r#"
error: a proxy wants both `username` and `password`, or neither
 --> config.toml:9:9
  |
9 | proxy = { url = "http://a.example:1", username = "me" }
  |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write the other, too

config.toml has 1 fault
"#);
    insta::assert_snapshot!(said("\"http://127.0.0.1:8080\""), @r#"
error: this proxy is Porchlight itself: every probe would knock at our own page
 --> config.toml:9:9
  |
9 | proxy = "http://127.0.0.1:8080"
  |         ^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write the address of the proxy, or listen somewhere else

config.toml has 1 fault
"#);
    insta::assert_snapshot!(said("\"socks5://localhost:8080\""), @r#"
error: this proxy is Porchlight itself: every probe would knock at our own page
 --> config.toml:9:9
  |
9 | proxy = "socks5://localhost:8080"
  |         ^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write the address of the proxy, or listen somewhere else

config.toml has 1 fault
"#);
}
