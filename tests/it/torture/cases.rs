//! What each target does, and the only right verdict on it.
//!
//! T01 to T73 are those we began with; the rest (P plain HTTP, L lengths and
//! codings, S TLS, H HTTP/2, R redirects, A what answers say) are of our own invention.
//!
//! Held elsewhere, by name: T32 and T33 `certificates`, T51 to T55 `names` and
//! `addresses`, T02, T36, T57 and T67 `knock`, T26 `gate`, T60 `evidence` and
//! `domain::outage`, T61 to T66 `own`, `gate`, `pressure`, T68 `harm` and the 48
//! hours (`tests/lock`), T25 and T70 to T73 `wallet_flows`.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::tls::{Authority, Chain, accept, close};
use super::wire::{
    END_HEADERS, END_STREAM, GOAWAY, HEADERS, SETTINGS, STATUS_200, fine, flood, frame, gzip_bomb,
    h2_request, hold, raw, reset, says,
};
use crate::support::free_port;
use crate::target::{Target, drip, read_head};

/// One behaviour, watched by one endpoint.
pub struct Case {
    pub id: &'static str,
    /// What the target does.
    pub does: &'static str,
    /// `success`, `failure/reset` and the like; several where the order of
    /// packets decides, which is not ours to say.
    pub verdict: &'static str,
    pub url: String,
    /// Further keys of the endpoint.
    pub keys: &'static str,
    /// Serves until the case is over.
    pub _target: Option<Target>,
}

/// For a page that must have the word in it.
pub const WORD: &str = "contains = \"login\"";

/// Makes cases, each at an address of its own, so that no host is asked too often.
pub struct Bench {
    pub cases: Vec<Case>,
    pub authority: Arc<Authority>,
    /// Gets what must go nowhere.
    pub sink: Target,
}

impl Bench {
    pub fn new() -> Self {
        let sink = Target::new(says(fine("", "the sink")));
        Self { cases: Vec::new(), authority: Arc::new(Authority::new()), sink }
    }

    fn target(&self, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Target {
        let place = self.cases.len() + 2;
        Target::at(&format!("127.77.{}.{}:0", place / 250, place % 250 + 1), serve)
    }

    /// A target that serves plain HTTP so.
    #[expect(clippy::too_many_arguments, reason = "a row of the table")]
    pub fn plain(
        &mut self,
        id: &'static str,
        does: &'static str,
        verdict: &'static str,
        keys: &'static str,
        serve: impl Fn(TcpStream) + Send + Sync + 'static,
    ) {
        let target = self.target(serve);
        let url = format!("http://{}/login", target.addr);
        self.cases.push(Case { id, does, verdict, url, keys, _target: Some(target) });
    }

    /// A target that answers every request with these bytes.
    #[expect(clippy::too_many_arguments, reason = "a row of the table")]
    pub fn says(
        &mut self,
        id: &'static str,
        does: &'static str,
        verdict: &'static str,
        keys: &'static str,
        bytes: Vec<u8>,
    ) {
        self.plain(id, does, verdict, keys, says(bytes));
    }

    /// A target that shakes hands with this chain and then goes on so.
    #[expect(clippy::too_many_arguments, reason = "a row of the table")]
    pub fn tls(
        &mut self,
        id: &'static str,
        does: &'static str,
        verdict: &'static str,
        (chain, protocol): (Chain, &'static str),
        serve: impl Fn(super::tls::Tls) + Send + Sync + 'static,
    ) {
        let place = self.cases.len() + 2;
        let addr = format!("127.77.{}.{}", place / 250, place % 250 + 1);
        let config = self.authority.server(addr.parse().unwrap(), chain, &[protocol]);
        let target = Target::at(&format!("{addr}:0"), move |stream| {
            if let Some(tls) = accept(&config, stream) {
                serve(tls);
            }
        });
        let url = format!("https://{}/login", target.addr);
        self.cases.push(Case { id, does, verdict, url, keys: "", _target: Some(target) });
    }

    /// HTTP/2 that goes on so after the request has come.
    pub fn h2(
        &mut self,
        id: &'static str,
        does: &'static str,
        verdict: &'static str,
        serve: impl Fn(&mut super::tls::Tls) + Send + Sync + 'static,
    ) {
        self.tls(id, does, verdict, (Chain::Good, "h2"), move |mut tls| {
            let _ = tls.write_all(&frame(SETTINGS, 0, 0, &[]));
            if h2_request(&mut tls) {
                serve(&mut tls);
            }
            close(tls);
        });
    }
}

/// All of them.
pub fn all() -> Bench {
    let mut bench = Bench::new();
    listed(&mut bench);
    super::plain::all(&mut bench);
    super::lengths::all(&mut bench);
    super::redirects::all(&mut bench);
    super::faults::tls(&mut bench);
    super::faults::h2(&mut bench);
    super::answers::read(&mut bench);
    super::answers::frames(&mut bench);
    bench
}

const MAINTENANCE: &str = "<title>系统维护公告</title><h1>系统正在维护</h1>";
/// What a login page must hold.
const FORM: &str = "contains = \"csrf_token\"";

fn listed(bench: &mut Bench) {
    let nobody = format!("http://127.0.0.1:{}/login", free_port());
    let refused = Case {
        id: "T01",
        does: "nobody listens",
        verdict: "failure/connect_refused",
        url: nobody,
        keys: "",
        _target: None,
    };
    bench.cases.push(refused);
    bench.plain("T03", "resets after the request", "failure/reset", "", |mut stream| {
        read_head(&mut stream);
        reset(stream);
    });
    bench.plain("T04", "closes without a byte", "failure/empty_reply", "", |mut stream| {
        read_head(&mut stream);
    });
    bench.plain("T05", "says nothing", "failure/timeout_ttfb", "", |mut stream| hold(&mut stream));
    bench.plain("T06", "sends its head a byte at a time", "failure/timeout_headers", "", |mut stream| {
        read_head(&mut stream);
        drip(&mut stream, fine("X-Long: and on it goes", "never").into_iter());
    });
    bench.plain("T07", "sends its body a byte at a time", "failure/timeout_body", "", |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(&raw("HTTP/1.1 200 OK\nContent-Length: 5000", ""));
        drip(&mut stream, std::iter::repeat(b'x'));
    });
    bench.plain("T08", "sends chunks without end", "success", "", |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(&raw("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", ""));
        let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
        flood(&mut stream, &chunk);
    });
    bench.plain(
        "T08b",
        "sends chunks without end, and something in them is asked for",
        "failure/body_too_large",
        "contains = \"the end\"",
        |mut stream| {
            read_head(&mut stream);
            let _ = stream.write_all(&raw("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", ""));
            let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
            flood(&mut stream, &chunk);
        },
    );
    bench.says(
        "T09",
        "a gzip bomb of 256 MiB",
        "failure/body_too_large",
        "",
        fine("Content-Encoding: gzip", gzip_bomb(256)),
    );
    bench.says(
        "T11",
        "promises 5,000 bytes and sends four",
        "failure/body_incomplete",
        "",
        raw("HTTP/1.1 200 OK\nContent-Length: 5000", "four"),
    );
    bench.says(
        "T13",
        "redirects to itself",
        "failure/redirect_loop",
        "redirects = 3",
        raw("HTTP/1.1 302 Found\nLocation: /login\nContent-Length: 0", ""),
    );
    let hops = AtomicUsize::new(0);
    bench.plain("T14", "leads ever on", "failure/redirect_loop", "redirects = 3", move |mut stream| {
        read_head(&mut stream);
        let head = format!(
            "HTTP/1.1 302 Found\nLocation: /{}\nContent-Length: 0",
            hops.fetch_add(1, Ordering::AcqRel)
        );
        let _ = stream.write_all(&raw(&head, ""));
    });
    bench.says(
        "T15",
        "leads to an error page that answers 200",
        "failure/redirect_unexpected",
        "",
        raw("HTTP/1.1 302 Found\nLocation: /error\nContent-Length: 0", ""),
    );
    let elsewhere =
        format!("HTTP/1.1 307 Temporary Redirect\nLocation: {}\nContent-Length: 0", bench.sink.url());
    bench.says(
        "T16",
        "leads a login to another origin",
        "failure/redirect_blocked",
        "redirects = 3\nmethod = \"POST\"\njson = { username = \"u\", password = { env = \"TORTURE_SECRET\" } }",
        raw(&elsewhere, ""),
    );
    bench.says(
        "T19",
        "leads to the metadata of a cloud",
        "failure/redirect_blocked",
        "redirects = 3",
        raw("HTTP/1.1 302 Found\nLocation: http://169.254.169.254/latest/meta-data/\nContent-Length: 0", ""),
    );
    bench.says(
        "T19b",
        "leads to a neighbour of ours",
        "failure/redirect_blocked",
        "redirects = 3",
        raw(&elsewhere.replace("307 Temporary Redirect", "302 Found"), ""),
    );
    bench.says("T20", "a maintenance page with 200", "failure/maintenance_page", FORM, fine("", MAINTENANCE));
    bench.says(
        "T20b",
        "a pretty page that is not the login",
        "failure/assertion",
        FORM,
        fine("", "<h1>Welcome</h1>"),
    );
    bench.says(
        "T21",
        "503 and when to come back",
        "failure/http_5xx",
        "",
        raw("HTTP/1.1 503 Service Unavailable\nRetry-After: 120\nContent-Length: 0", ""),
    );
    bench.says(
        "T22",
        "429 and when to come back",
        "unknown/throttled",
        "",
        raw("HTTP/1.1 429 Too Many Requests\nRetry-After: 120\nContent-Length: 0", ""),
    );
    bench.says(
        "T23",
        "403 of a bot wall",
        "unknown/blocked",
        "",
        raw("HTTP/1.1 403 Forbidden\ncf-mitigated: challenge\nContent-Length: 0", ""),
    );
    bench.says(
        "T24",
        "401 to a wrong password, as wanted",
        "success",
        "status = 401",
        raw("HTTP/1.1 401 Unauthorized\nContent-Length: 5", "wrong"),
    );
    for (id, does, verdict, chain) in [
        ("T27", "an expired certificate", "failure/tls_expired", Chain::Expired),
        ("T28", "a certificate of the future", "failure/tls_not_yet", Chain::NotYet),
        ("T29", "a certificate for another name", "failure/tls_name", Chain::OtherName),
        ("T30", "a certificate signed by itself", "failure/tls_untrusted", Chain::SelfSigned),
        ("T31", "a chain without its intermediate", "failure/tls_chain", Chain::NoIntermediate),
        ("T00", "all is well, over TLS", "success", Chain::Good),
    ] {
        bench.tls(id, does, verdict, (chain, "http/1.1"), |mut tls| {
            read_head(&mut tls);
            let _ = tls.write_all(&fine("", "fine"));
            close(tls);
        });
    }
    let silent = bench.target(|mut stream| hold(&mut stream));
    let url = format!("https://{}/login", silent.addr);
    let stalls = Case {
        id: "T34",
        does: "the TLS handshake stalls",
        verdict: "failure/timeout_tls",
        url,
        keys: "",
        _target: Some(silent),
    };
    bench.cases.push(stalls);
    let knocks = AtomicUsize::new(0);
    bench.tls(
        "T38",
        "GOAWAY before the answer, every other time",
        "success",
        (Chain::Good, "h2"),
        move |mut tls| {
            let first = knocks.fetch_add(1, Ordering::AcqRel).is_multiple_of(2);
            let _ = tls.write_all(&frame(SETTINGS, 0, 0, &[]));
            if first {
                let _ = tls.write_all(&frame(GOAWAY, 0, 0, &[0; 8]));
                h2_request(&mut tls);
            } else if h2_request(&mut tls) {
                let _ = tls.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, STATUS_200));
            }
            close(tls);
        },
    );
    bench.says(
        "T45",
        "the banner of another protocol",
        "failure/protocol",
        "",
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
    );
    bench.says(
        "T46",
        "HTTP/1.0 without a length",
        "success",
        "",
        raw("HTTP/1.0 200 OK\nServer: old", "fine"),
    );
    let hostile =
        b"HTTP/1.1 200 OK\r\nX-Bad: \x1b]0;owned\x07\xff\xfe\r\nContent-Length: 4\r\n\r\nfine".to_vec();
    bench.says("T48", "escapes and invalid UTF-8 in a header", "success | failure/protocol", "", hostile);
    let feeds = b"HTTP/1.1 200 OK\nX-Line: feeds\nContent-Length: 4\n\nfine".to_vec();
    bench.says("T48b", "line feeds without carriage returns", "success", "", feeds);
    let body = b"</title><script>alert(1)</script>\xff\xfe\xc0\xaf".to_vec();
    bench.says(
        "T49",
        "script and invalid UTF-8 in the body",
        "success",
        "",
        fine("Content-Type: text/html", body),
    );
    let wide: Vec<u8> = "<form>csrf_token".encode_utf16().flat_map(u16::to_le_bytes).collect();
    bench.says(
        "T49b",
        "a page in UTF-16",
        "success",
        FORM,
        fine("Content-Type: text/html; charset=utf-16le", wide),
    );
    bench.plain("T59", "answers at 90 % of the deadline", "degraded/slow", "", |mut stream| {
        read_head(&mut stream);
        std::thread::sleep(Duration::from_millis(1700));
        let _ = stream.write_all(&fine("", "late"));
        hold(&mut stream);
    });
    bench.says(
        "T69",
        "200 and an error in it",
        "failure/assertion",
        "not_contains = \"error\"",
        fine("Content-Type: application/json", "{\"error\":1}"),
    );
}
