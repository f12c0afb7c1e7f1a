//! Where the page is served, behind whom, and through whom we knock.

use super::*;

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
error: this address lacks its beginning
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
        let proxy = config.endpoints[0].flow().unwrap().first.request.proxy.as_ref();
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

#[test]
fn no_listener_of_ours_is_a_proxy_wherever_its_address_was_given() {
    let ours = "this proxy is Porchlight itself";
    let numbers = "[metrics]\nlisten = \"127.0.0.1:9000\"\n[probe]\nproxy = \"http://127.0.0.1:9000\"\n";
    assert!(said(numbers).contains(ours));
    let moved = "[server]\nlisten = \"127.0.0.1:8080\"\n[probe]\nproxy = \"http://127.0.0.1:7000\"\n";
    let read = |listen: Option<&str>| {
        let listen = listen.map(|it| it.parse().unwrap());
        let around = Surroundings { listen, ..Surroundings::none() };
        let now = "2026-11-23T00:00:00Z".parse().unwrap();
        Config::parse(moved, "config.toml", &around, now).map_err(|it| it.to_string())
    };
    assert!(read(None).is_ok());
    assert!(read(Some("127.0.0.1:7000")).is_err_and(|it| it.contains(ours)));
}
