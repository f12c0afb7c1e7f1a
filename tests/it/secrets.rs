//! Twenty-five marked secrets in every place that takes one, a target that throws
//! everything back, and nothing of any of them anywhere.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use porchlight::config::{Config, SecretFile, Surroundings};
use porchlight::probe::Outbound;
use secrecy::SecretString;

use crate::knock::knock_with;
use crate::support::{Daemon, free_port, get, logging, request, wait_until};
use crate::target::Target;

/// What each is: given to us in a variable or a file, or handed out by a target.
const PLACES: [&str; 25] = [
    "header by variable behind a prefix",
    "header by file",
    "JSON leaf by variable",
    "JSON leaf in a list by file",
    "raw body by variable",
    "form field by file",
    "query by variable",
    "proxy's user",
    "proxy's password",
    "account's name",
    "account's password",
    "second account's name, as text",
    "second account's password",
    "second factor's secret",
    "token of a device that reports",
    "words to a TCP port",
    "cookie that was set",
    "token in a JSON answer",
    "token in a header of an answer",
    "hidden field of a form",
    "token by regular expression",
    "query of a redirect",
    "header of an answer that nobody lists",
    "part of an address that was captured",
    "nonce in a page's meta element",
];

/// The secret of a place; what tells it from all else stands in its middle.
fn secret(place: usize) -> String {
    match place {
        // Base32, as second factors have it.
        13 => format!("{}PLOVERPLOVERPLOVERAA", core(place).to_uppercase()),
        // Where quotes and blanks cannot be.
        0 | 1 | 14 | 16..=24 => format!("{}/plover+{place:02}=%~", core(place)),
        11 => format!("{}-plover", core(place)),
        _ => format!("{}/plover+{place:02}&%=\"<ü> z", core(place)),
    }
}

/// Letters that base32 has, too.
fn core(place: usize) -> String {
    let letter = |it: usize| char::from(b'a' + u8::try_from(it).unwrap());
    format!("marked{}{}kite", letter(place / 5), letter(place % 5))
}

/// What must be found nowhere, in lower case: the middle as text, in hex, and in
/// base64 wherever it stands.
fn traces(place: usize) -> Vec<String> {
    let core = if place == 13 { core(place).to_uppercase() } else { core(place) };
    let mut traces = vec![
        core.clone(),
        core.bytes().fold(String::new(), |mut hex, it| {
            let _ = write!(hex, "{it:02x}");
            hex
        }),
    ];
    for before in 0..3 {
        let encoded = STANDARD_NO_PAD.encode([&vec![b'x'; before], core.as_bytes()].concat());
        let first = (before * 8_usize).div_ceil(6);
        traces.push(encoded[first..(before + core.len()) * 8 / 6].to_owned());
    }
    traces.into_iter().map(|it| it.to_lowercase()).collect()
}

#[track_caller]
fn nothing_of_any_in(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    for (place, name) in PLACES.iter().enumerate() {
        for trace in traces(place) {
            if let Some(at) = text.find(&trace) {
                let from = text.floor_char_boundary(at.saturating_sub(200));
                let to = text.ceil_char_boundary((at + 100).min(text.len()));
                panic!("{what} shows the {name} ({trace}): …{}…", &text[from..to]);
            }
        }
    }
}

/// What the target does with a request.
const FINE: usize = 0;
const SERVER_ERROR: usize = 1;
const REFUSES: usize = 2;
const REDIRECTS: usize = 3;
const CUTS: usize = 4;
const GARBAGE: usize = 5;
const THROTTLES: usize = 6;
const RESETS: usize = 7;
/// Being told to slow down comes last: from then on nobody knocks for a while.
const MODES: [usize; 8] = [FINE, SERVER_ERROR, REFUSES, REDIRECTS, CUTS, GARBAGE, RESETS, THROTTLES];

/// Throws everything back: as text, cut, in headers, in places that are shown.
fn serve(mut stream: TcpStream, mode: usize) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let (head, body) = received(&mut stream);
    // What is captured is a secret; the same word where nobody captures it is a word.
    let in_flow =
        ["/page", "/json", "/in", "/me", "/elsewhere"].iter().any(|it| head.contains(&format!(" {it}")));
    let given =
        |place| if in_flow || ![20, 23].contains(&place) { secret(place) } else { "nothing".to_owned() };
    let handed_out = format!(
        "<form id=\"f\" action=\"/in\"><input type=\"hidden\" name=\"csrf\" value=\"{}\"></form>\
         <meta name=\"csrf-token\" content=\"{}\"> found=[{}] next=[{}] {{\"token\":\"{}\"}}",
        given(19),
        given(24),
        given(20),
        given(23),
        given(17)
    );
    let headers = format!(
        "Set-Cookie: sid={}; Path=/\r\nX-Token: {}\r\nX-Nobody-Lists: {}\r\nWWW-Authenticate: Bearer realm=\"{}\"\r\n",
        given(16),
        given(18),
        given(22),
        given(22),
    );
    let everything = format!("{head}\n{body}\n{handed_out}");
    let (status, more, page) = match mode {
        FINE if head.starts_with("GET /json") => {
            ("200 OK", String::new(), format!("{{\"token\":\"{}\"}}", given(17)))
        }
        FINE => ("200 OK", String::new(), handed_out.clone()),
        SERVER_ERROR => {
            ("500 Oh no", format!("Server: {}\r\nVia: 1.1 {}\r\n", one_line(&body), given(16)), everything)
        }
        REFUSES => (
            "401 No",
            format!("Content-Type: {}\r\n", one_line(&head)),
            format!("{body} {handed_out} {head}"),
        ),
        REDIRECTS => {
            ("302 Go", format!("Location: /elsewhere/{}?code={}\r\n", given(23), given(21)), everything)
        }
        CUTS => ("200 OK", String::new(), everything.chars().take(everything.len() - 7).collect()),
        THROTTLES => ("429 Slow", "Retry-After: 1\r\n".to_owned(), everything),
        GARBAGE => {
            let _ = stream.write_all(format!("SSH-2.0-{body}\r\n{head}\r\n\r\n").as_bytes());
            return;
        }
        _ => return,
    };
    let length = if mode == CUTS { page.len() + 100 } else { page.len() };
    let answer = format!(
        "HTTP/1.1 {status}\r\n{headers}{more}Content-Length: {length}\r\nConnection: close\r\n\r\n{page}"
    );
    let _ = stream.write_all(answer.as_bytes());
}

fn one_line(text: &str) -> String {
    text.chars().filter(|it| it.is_ascii() && !it.is_control()).take(400).collect()
}

fn received(stream: &mut TcpStream) -> (String, String) {
    let mut head = Vec::new();
    let mut byte = [0_u8; 1];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 20_000 && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().find_map(|it| it.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0_usize).min(20_000)];
    let _ = stream.read_exact(&mut body);
    (head, String::from_utf8_lossy(&body).into_owned())
}

fn config(at: &str, files: &Path, tcp: &str) -> String {
    let env = |place: usize| format!("{{ env = \"MARK_{place}\" }}");
    let file = |place: usize| {
        let path = files.join(format!("mark-{place}"));
        std::fs::write(&path, secret(place)).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        format!("{{ file = {path:?} }}")
    };
    let endpoint = |id: &str, url: &str, lines: &str| {
        format!(
            "[[endpoint]]\nid = \"{id}\"\ncomponent = \"web\"\nurl = \"{url}\"\nevery = \"1s\"\n{lines}\n"
        )
    };
    let mut text = format!(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n[metrics]\nlisten = \"127.0.0.1:{}\"\n\
         [probe]\nallow_private = [\"127.0.0.0/8\"]\n",
        free_port()
    );
    text = text.replace("[probe]\nallow_private = [\"127.0.0.0/8\"]\n", "");
    text += &format!(
        "[[account]]\nid = \"first\"\nusername = {}\npassword = {}\ntotp = {}\n[[account]]\nid = \"second\"\nusername = \"{}\"\npassword = {}\n",
        env(9),
        file(10),
        env(13),
        secret(11),
        env(12)
    );
    let header = "{ env = \"MARK_0\", prefix = \"Bearer \" }".to_owned();
    text +=
        &endpoint("headers", at, &format!("headers = {{ authorization = {header}, x-key = {} }}", file(1)));
    text += &endpoint(
        "json",
        at,
        &format!("method = \"POST\"\njson = {{ leaf = {}, list = [{{ inner = {} }}] }}", env(2), file(3)),
    );
    text += &endpoint("body", at, &format!("method = \"POST\"\nbody = {}", env(4)));
    text += &endpoint(
        "form",
        at,
        &format!("method = \"POST\"\nform = {{ field = {} }}\nquery = {{ q = {} }}", file(5), env(6)),
    );
    text += &endpoint(
        "proxied",
        "http://door.invalid/",
        &format!(
            "proxy = {{ url = \"{}\", username = {}, password = {} }}",
            at.trim_end_matches('/'),
            env(7),
            file(8)
        ),
    );
    text += &endpoint(
        "port",
        tcp,
        &format!("dialog = [{{ send = {} }}, {{ expect = \"never said\" }}]", env(15)),
    );
    text += &format!(
        "[[endpoint]]\nid = \"device\"\ncomponent = \"web\"\npush = {{ token = {}, silence = \"20m\", token_in_query = true }}\n",
        env(14)
    );
    text += &endpoint(
        "basic",
        at,
        "account = \"second\"\nevery = \"5m\"\nheaders = { authorization = \"{{basic}}\" }",
    )
    .replace("every = \"1s\"\n", "");
    text += &endpoint("flow", at, "account = \"first\"\nevery = \"5m\"").replace("every = \"1s\"\n", "");
    text += r#"
[[endpoint.step]]
name = "page"
url = "/page"
redirects = 2
[endpoint.step.capture]
page = { form = "form" }
token = { header = "x-token" }
sid = { cookie = "sid" }
found = { regex = 'found=\[([^\]]*)' }
next = { regex = 'next=\[([^\]]*)' }
nonce = { css = "meta[name=csrf-token]", attribute = "content" }
[[endpoint.step]]
name = "json"
url = "/json?nonce={{nonce}}"
capture.json = { json = "$.token" }
[[endpoint.step]]
name = "sign-in"
url = "/in/{{next}}"
method = "POST"
headers = { x-token = "{{token}}", x-json = "{{json}}", cookie2 = "{{sid}}" }
form = { of = "page", username = "{{username}}", password = "{{password}}", code = "{{totp}}", found = "{{found}}" }
[[endpoint.step]]
name = "me"
url = "/me"
contains = "not what comes"
"#;
    text
}

fn porchlight(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_porchlight"));
    command.arg("--config").arg(dir.join("config.toml")).args(arguments);
    with_secrets(&mut command);
    command.output().unwrap()
}

fn with_secrets(command: &mut Command) {
    for place in 0..PLACES.len() {
        command.env(format!("MARK_{place}"), secret(place));
    }
}

fn looked_at(dir: &Path, arguments: &[&str]) -> String {
    let output = porchlight(dir, arguments);
    let what = format!("`porchlight {}`", arguments.join(" "));
    nothing_of_any_in(&what, &output.stdout);
    nothing_of_any_in(&what, &output.stderr);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// All files but the one that the operator wrote.
fn look_at_files(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            look_at_files(&path);
        } else if let Ok(bytes) = std::fs::read(&path)
            && path.file_name().is_some_and(|it| it != "config.toml")
        {
            nothing_of_any_in(&path.display().to_string(), &bytes);
        }
    }
}

/// Says what it is told.
fn echoing() -> Target {
    Target::new(|mut stream| {
        let mut said = [0_u8; 512];
        let read = stream.read(&mut said).unwrap_or(0);
        let _ = stream.write_all(&said[..read]);
        let _ = stream.write_all(b"\r\n");
    })
}

const IDS: [&str; 9] = ["headers", "json", "body", "form", "proxied", "port", "device", "basic", "flow"];

#[test]
fn no_secret_is_found_in_any_log_page_file_error_or_evidence() {
    let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mode = Arc::new(AtomicUsize::new(FINE));
    let now = mode.clone();
    let target = Target::new(move |stream| serve(stream, now.load(Ordering::Acquire)));
    let echo = echoing();
    let text = config(&format!("http://{}/", target.addr), files.path(), &format!("tcp://{}", echo.addr));
    let metrics = text.split("listen = \"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
    // What is being tried is there to be found.
    let written = format!("{text}{}", (0..25).map(secret).collect::<String>());
    assert!((0..25).all(|it| written.to_lowercase().contains(&core(it))));
    for (levels, format) in [("trace", "human"), ("trace", "json")] {
        let port = free_port();
        let daemon = Daemon::start_served(dir.path(), &text, ([127, 0, 0, 1], port).into(), "", |command| {
            logging(dir.path(), levels)(command);
            command.arg("--log-format").arg(format);
            with_secrets(command);
        });
        for how in MODES.into_iter().filter(|&it| it != THROTTLES || format == "json") {
            mode.store(how, Ordering::Release);
            if how == SERVER_ERROR {
                wait_until("something is kept of a failure", || {
                    looked_at(dir.path(), &["evidence", "headers"]).contains("***").then_some(())
                });
            }
            for id in IDS {
                looked_at(dir.path(), &["probe", id]);
            }
            looked_at(dir.path(), &["probe", "flow", "--json"]);
            let token = format!("X-Token: {}\r\n", secret(14));
            let query = format!("/push/device?token={}&ok=false&message={}", secret(14), secret(14));
            for (path, extra) in
                [("/push/device?ok=false&message=down", token.as_str()), (query.as_str(), "")]
            {
                let answer = request(daemon.addr, "POST", path, extra, "").unwrap();
                nothing_of_any_in("the answer to a report", answer.text().as_bytes());
            }
        }
        for id in IDS {
            for more in
                [&["evidence", id][..], &["evidence", id, "--json"], &["evidence", id, "--outage", "1"]]
            {
                looked_at(dir.path(), more);
            }
        }
        for command in [&["status"][..], &["status", "--json"], &["check"], &["check", "--json"], &["reload"]]
        {
            looked_at(dir.path(), command);
        }
        look_at_faults(dir.path());
        for path in ["/", "/en/", "/api/v1/summary.json", "/c/web", "/en/c/web"] {
            nothing_of_any_in(path, format!("{:?}", get(daemon.addr, path)).as_bytes());
        }
        nothing_of_any_in("/metrics", &get(metrics, "/metrics").body);
        let backup = dir.path().join(format!("backup-{format}.db"));
        looked_at(dir.path(), &["backup", backup.to_str().unwrap()]);
        look_at_files(dir.path());
        let log = daemon.log();
        assert!(log.to_uppercase().contains("DEBUG"), "{log}");
        drop(daemon);
        look_at_files(dir.path());
        // Without a daemon the commands look for themselves.
        looked_at(dir.path(), &["evidence", "flow"]);
        looked_at(dir.path(), &["probe", "headers"]);
    }
}

/// A config whose secrets stand where they must not, and with faults around them.
fn look_at_faults(dir: &Path) {
    let path = dir.join("config.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    let faults = [
        good.replace("every = \"1s\"", "every = \"never\""),
        good.replace("MARK_2\"", "MARK_2\", wrong = 1"),
        good.replace("password = { env = \"MARK_12\" }", &format!("password = '{}'", secret(12))),
        good.replace("token = { env = \"MARK_14\" }", &format!("token = '{}'", secret(14))),
        good.replace("{{found}}", "{{nobody}}"),
        good.replace("[[endpoint]]", "[[endpoint"),
    ];
    for fault in faults {
        assert_ne!(fault, good);
        std::fs::write(&path, &fault).unwrap();
        for command in [&["check"][..], &["check", "--json"], &["reload"]] {
            looked_at(dir, command);
        }
    }
    std::fs::write(&path, good).unwrap();
    looked_at(dir, &["reload"]);
}

#[tokio::test]
async fn no_debug_output_tells_a_secret() {
    let files = tempfile::tempdir().unwrap();
    let target = Target::new(|stream| serve(stream, SERVER_ERROR));
    let echo = echoing();
    let text = config(&format!("http://{}/", target.addr), files.path(), &format!("tcp://{}", echo.addr));
    let around = Surroundings {
        env: &|name| Some(secret(name.strip_prefix("MARK_")?.parse().ok()?)),
        file: &|path: &Path| {
            Ok(SecretFile { text: SecretString::from(std::fs::read_to_string(path)?), world_readable: false })
        },
        dir: files.path(),
        ..Surroundings::none()
    };
    let (config, warnings) = match Config::parse(&text, "config.toml", &around, jiff::Timestamp::now()) {
        Ok(read) => read,
        Err(faults) => panic!("{faults}"),
    };
    // A name that the operator wrote as text is no secret of the config's.
    let shown = format!("{config:?} {warnings:?}").replace(&secret(11), "");
    nothing_of_any_in("the config's debug output", shown.as_bytes());
    for endpoint in &config.endpoints {
        let probed = knock_with(Outbound::new(), endpoint).await;
        nothing_of_any_in(
            &format!("what a probe of `{}` saw", endpoint.id),
            format!("{probed:?}").as_bytes(),
        );
    }
}
