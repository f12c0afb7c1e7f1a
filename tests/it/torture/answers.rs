//! What pages, codings and frames say in other words than expected: class A.

use std::io::Write;
use std::net::Shutdown;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::cases::Bench;
use super::tls::Chain;
use super::wire::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, STATUS_200, fine, frame, gzip,
    hold, raw, reset,
};
use crate::target::read_head;

const WORD: &str = "contains = \"用户登录\"";
const PAGE: &str = "<form>用户登录</form>";
/// A login that must be refused, and is not tried again so soon.
const WRONG: &str =
    "wrong_password = true\nmethod = \"POST\"\nform = { u = \"{{username}}\", p = \"{{password}}\" }";

/// Of `PAGE`, in GBK.
fn gbk(head: &str) -> Vec<u8> {
    [head.as_bytes(), &*encoding_rs::GBK.encode(PAGE).0].concat()
}

fn deflated(text: &str) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

pub fn read(bench: &mut Bench) {
    let packed = gzip(PAGE.as_bytes());
    for (id, does, lines, body) in [
        ("A01", "says GBK inside the page", "Content-Type: text/html", gbk("<meta charset=\"gbk\">")),
        (
            "A02",
            "says GB2312 as pages of old did",
            "Content-Type: text/html",
            gbk("<meta http-equiv='Content-Type' content='text/html; charset=gb2312'>"),
        ),
        ("A03", "never says that it is GBK", "Content-Type: text/html", gbk("")),
        ("A04", "quotes its charset oddly", "Content-Type: text/html; charset='gbk'", gbk("")),
        ("A05", "is packed twice", "Content-Encoding: gzip, gzip", gzip(&packed)),
        ("A06", "is deflated without a header", "Content-Encoding: deflate", deflated(PAGE)),
        ("A07", "says more after its gzip", "Content-Encoding: gzip", [packed, vec![0; 99]].concat()),
    ] {
        bench.says(id, does, "success", WORD, fine(lines, body));
    }
    let many = fine("Content-Encoding: gzip, gzip, gzip, gzip, gzip", gzip(b"login"));
    bench.says("A08", "is packed five times over", "failure/decode_error", "", many);
    let styled = format!("<style>{}</style><h1>系統維護中</h1>", "p{}".repeat(4000));
    bench.says("A10", "says maintenance after its style", "failure/maintenance_page", "", fine("", styled));
    let busy = "<script>var texts = { busy: '系统维护中' }</script><div id=app></div>";
    bench.says("A11", "only could say maintenance", "success", "", fine("", busy));
    for (id, does, status, body) in [
        (
            "A12",
            "is a wall of F5",
            "200 OK",
            "The requested URL was rejected. Please consult with your administrator.",
        ),
        (
            "A13",
            "is a wall of Akamai",
            "403 Forbidden",
            "Access Denied https&#58;//errors&#46;edgesuite&#46;net/18",
        ),
        (
            "A14",
            "is a wall of script alone",
            "412 Precondition Failed",
            "<script>$_ts=window['$_ts']</script>",
        ),
        ("A15", "is a wall of script with 200", "200 OK", "<script src=/_Incapsula_Resource?x></script>"),
        ("A16", "asks us to come less often", "200 OK", "访问过于频繁，请稍后再试"),
        ("A17", "is a wall of SafeLine", "468 Unknown", "SafeLine"),
    ] {
        let head = format!("HTTP/1.1 {status}\nContent-Type: text/html; charset=utf-8\nConnection: close");
        bench.says(id, does, "unknown/blocked", "", raw(&head, body));
    }
    let broken = "<title>500</title><div class=\"g-recaptcha\"></div>";
    let broken = raw("HTTP/1.1 500 Oops\nConnection: close", broken);
    bench.says("A18", "is broken, with a captcha in its frame", "failure/http_5xx", "", broken);
    for (id, does, verdict, head, body) in [
        (
            "A20",
            "sends a wrong password back to the login",
            "success | unknown/budget",
            "302 Found\nLocation: /login?error",
            "",
        ),
        (
            "A21",
            "says wrong password in ASCII",
            "success | unknown/budget",
            "200 OK",
            r#"{"msg":"\u5bc6\u7801\u9519\u8bef"}"#,
        ),
        (
            "A22",
            "says wrong password in a script",
            "success | unknown/budget",
            "200 OK",
            "<script>alert('密码错误')</script>",
        ),
        ("A23", "has no login there", "failure/http_4xx | unknown/budget", "404 Not Found", ""),
        ("A24", "lets nobody POST there", "failure/http_4xx | unknown/budget", "405 Method Not Allowed", ""),
        (
            "A25",
            "lets in, and could say wrong password",
            "failure/accepts_wrong_password | unknown/budget",
            "200 OK",
            "<script>var texts = { wrong: '密码错误' }</script>欢迎",
        ),
        ("A26", "wants a second factor", "unknown/challenge", "302 Found\nLocation: /login/two-factor", ""),
        ("A27", "is locked, and says where", "unknown/account_locked", "302 Found\nLocation: /locked", ""),
    ] {
        let head = format!("HTTP/1.1 {head}\nContent-Type: text/html; charset=utf-8\nConnection: close");
        bench.says(id, does, verdict, WRONG, raw(&head, body));
    }
}

pub fn frames(bench: &mut Bench) {
    let good = (Chain::Good, "http/1.1");
    bench.tls("A40", "hangs up without a goodbye or a byte", "failure/empty_reply", good, |mut tls| {
        read_head(&mut tls);
        let _ = tls.sock.shutdown(Shutdown::Write);
        hold(&mut tls.sock);
    });
    bench.tls(
        "A41",
        "made its own certificate with openssl",
        "failure/tls_untrusted",
        (Chain::SelfSignedAuthority, "http/1.1"),
        |mut tls| {
            read_head(&mut tls);
        },
    );
    let begun = || {
        let mut bytes = frame(HEADERS, END_HEADERS, 1, STATUS_200);
        bytes.extend(frame(DATA, 0, 1, b"lo"));
        bytes
    };
    bench.h2("A50", "refuses the stream", "failure/reset", |tls| {
        let _ = tls.write_all(&frame(RST_STREAM, 0, 1, &7_u32.to_be_bytes()));
        hold(&mut tls.sock);
    });
    bench.h2("A51", "hangs up in the body", "failure/body_incomplete", move |tls| {
        let _ = tls.write_all(&begun());
    });
    bench.h2("A52", "says GOAWAY with an error in the body", "failure/body_incomplete", move |tls| {
        let _ = tls.write_all(&begun());
        let _ = tls.write_all(&frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 2]));
    });
    bench.tls(
        "A53",
        "resets the connection in the body",
        "failure/reset",
        (Chain::Good, "h2"),
        move |mut tls| {
            let _ = tls.write_all(&frame(super::wire::SETTINGS, 0, 0, &[]));
            if super::wire::h2_request(&mut tls) {
                let _ = tls.write_all(&begun());
                std::thread::sleep(std::time::Duration::from_millis(200));
                reset(tls.sock);
            }
        },
    );
    bench.h2("A54", "promises 5,000 bytes and gives up politely", "failure/body_incomplete", |tls| {
        let head = [STATUS_200, b"\x0f\x0d\x045000"].concat();
        let _ = tls.write_all(&frame(HEADERS, END_HEADERS, 1, &head));
        let _ = tls.write_all(&frame(DATA, 0, 1, b"four"));
        let _ = tls.write_all(&frame(RST_STREAM, 0, 1, &0_u32.to_be_bytes()));
        hold(&mut tls.sock);
    });
    bench.h2("A55", "a head of 32 KB", "success", |tls| {
        // Literal headers of 480 bytes that are not indexed.
        let one = b"\0\x01x\x7f\xe1\x02".iter().copied().chain([b'y'; 480]).collect::<Vec<u8>>();
        let more = one.repeat(33);
        let _ = tls.write_all(&frame(HEADERS, 0, 1, STATUS_200));
        let _ = tls.write_all(&frame(CONTINUATION, 0, 1, &more));
        let _ = tls.write_all(&frame(CONTINUATION, END_HEADERS, 1, &more));
        let _ = tls.write_all(&frame(DATA, END_STREAM, 1, b"login"));
        hold(&mut tls.sock);
    });
}
