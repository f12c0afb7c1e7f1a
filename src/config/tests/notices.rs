//! Notices that make no sense.

use super::*;

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
