//! Requests that could not be sent.

use super::*;

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
