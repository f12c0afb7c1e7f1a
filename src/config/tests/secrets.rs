//! Secrets: found, missed, and never shown.

use super::*;

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
fn no_secret_is_printed_by_anything() {
    let lines = "method = \"POST\"\nbody = { file = \"secrets/open\" }\nheaders = { authorization = { env = \"TOKEN\" } }";
    let (config, warnings) = parse(&with(lines)).unwrap();
    assert!(!format!("{config:?}{warnings:?}").contains(PASSWORD));
    let faults = parse(&format!("{}every = 5", with(lines))).unwrap_err();
    assert!(!format!("{faults:?}{faults}").contains(PASSWORD));
    assert!(!format!("{:?}", parse(SHIPPED).unwrap()).contains(PASSWORD));
}
