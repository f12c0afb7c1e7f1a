//! Misbehaviours of our own invention over plain HTTP, by class of trouble.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::cases::Bench;
use super::wire::{brotli_bomb, fine, flood, gzip, gzip_bomb, hold, raw, reset};
use crate::target::{drip, read_head};

const WORD: &str = "contains = \"login\"";

/// What is no HTTP, or hardly.
pub fn plain(bench: &mut Bench) {
    for (id, does, verdict, answer) in [
        ("P01", "a header without a colon", "failure/protocol", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n"),
        (
            "P02",
            "a NUL in a header",
            "failure/protocol",
            "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
        ),
        ("P03", "status 999", "failure/assertion", "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"),
        ("P04", "status 000", "failure/protocol", "HTTP/1.1 000 None\r\nContent-Length: 0\r\n\r\n"),
        ("P05", "status 20", "failure/protocol", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
        ("P06", "no reason in the status line", "success", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
        ("P07", "a body and nothing before it", "failure/protocol", "<html>login</html>"),
        (
            "P08",
            "a version of the future",
            "failure/protocol",
            "HTTP/3.7 200 OK\r\nContent-Length: 0\r\n\r\n",
        ),
        ("P09", "lower-case protocol", "failure/protocol", "http/1.1 200 ok\r\nContent-Length: 0\r\n\r\n"),
        ("P10", "HTTP/2 nobody asked for", "failure/protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (
            "P11",
            "101 nobody asked for",
            "failure/assertion | failure/protocol",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        ),
        ("P12", "204 with a body", "success", "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nbody"),
        (
            "P13",
            "304 to no condition",
            "failure/redirect_unexpected | failure/assertion",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n",
        ),
        (
            "P14",
            "two answers in one",
            "success",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "P15",
            "408 and gone",
            "failure/http_4xx",
            "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        ),
        ("P16", "half a status line", "failure/empty_reply | failure/protocol", "HTTP/1.1 2"),
        ("P17", "half a head", "failure/empty_reply | failure/protocol", "HTTP/1.1 200 OK\r\nContent-Le"),
        ("P18", "only line ends", "failure/empty_reply | failure/protocol", "\r\n\r\n\r\n\r\n"),
        (
            "P19",
            "an empty header name",
            "failure/protocol",
            "HTTP/1.1 200 OK\r\n: empty\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "P20",
            "523 of a proxy in front",
            "failure/http_5xx",
            "HTTP/1.1 523 Origin Unreachable\r\nContent-Length: 0\r\n\r\n",
        ),
    ] {
        bench.says(id, does, verdict, "", answer.as_bytes().to_vec());
    }
    let line = format!("HTTP/1.1 200 {}\r\n\r\n", "O".repeat(2_000_000));
    bench.says("P30", "a status line of 2 MB", "failure/header_too_large", "", line.into_bytes());
    let one = format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n", "x".repeat(2_000_000));
    bench.says("P31", "a header of 2 MB", "failure/header_too_large", "", one.into_bytes());
    let many: String = (0..10_000).map(|n| format!("X-{n}: {n}\r\n")).collect();
    bench.says(
        "P32",
        "10,000 headers",
        "failure/header_too_large",
        "",
        format!("HTTP/1.1 200 OK\r\n{many}\r\n").into_bytes(),
    );
    let cookies: String = (0..60).map(|n| format!("Set-Cookie: c{n}={}\n", "c".repeat(1000))).collect();
    bench.says("P33", "60 cookies of a kilobyte", "success", "", fine(cookies.trim_end(), "fine"));
    bench.plain(
        "P34",
        "1xx without end",
        "failure/timeout_ttfb | failure/timeout_headers | failure/protocol | failure/header_too_large",
        "",
        |mut stream| {
            read_head(&mut stream);
            flood(&mut stream, &b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(20));
        },
    );
    bench.plain(
        "P35",
        "one 100 and then silence",
        "failure/timeout_ttfb | failure/timeout_headers",
        "",
        |mut stream| {
            read_head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
            hold(&mut stream);
        },
    );
    bench.plain("P36", "some 1xx and then the answer", "success", "", |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(&b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(5));
        let _ = stream.write_all(&fine("", "fine"));
        hold(&mut stream);
    });
    bench.plain(
        "P37",
        "speaks first, and well",
        "success | failure/protocol | failure/empty_reply",
        "",
        |mut stream| {
            let _ = stream.write_all(&fine("", "eager"));
            hold(&mut stream);
        },
    );
    bench.plain("P38", "headers without end", "failure/header_too_large", "", |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        flood(&mut stream, "X-More: and more\r\n".repeat(500).as_bytes());
    });
    bench.plain("P39", "answers in single packets", "success", WORD, |mut stream| {
        read_head(&mut stream);
        for byte in fine("", "login") {
            let _ = stream.write_all(&[byte]);
            std::thread::sleep(Duration::from_millis(2));
        }
        hold(&mut stream);
    });
    let answer = fine("", "login");
    for (id, after) in [
        ("P40", 1),
        ("P41", 9),
        ("P42", 16),
        ("P43", 30),
        ("P44", answer.len() - 6),
        ("P45", answer.len() - 1),
    ] {
        let part = answer[..after].to_vec();
        bench.plain(id, "resets in the midst of its answer", "failure/reset", "", move |mut stream| {
            read_head(&mut stream);
            let _ = stream.write_all(&part);
            std::thread::sleep(Duration::from_millis(50));
            reset(stream);
        });
    }
    bench.plain("P46", "closes its half before it has answered", "failure/empty_reply", "", |mut stream| {
        let _ = stream.shutdown(Shutdown::Write);
        hold(&mut stream);
    });
    bench.plain("P47", "reads nothing and says nothing", "failure/timeout_ttfb", "", |stream| {
        std::thread::sleep(super::wire::FOR_LONG);
        drop(stream);
    });
    bench.plain("P48", "head at once, body never", "failure/timeout_body", "", |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(&raw("HTTP/1.1 200 OK\nContent-Length: 5", ""));
        hold(&mut stream);
    });
    bench.plain("P49", "echoes the request", "failure/protocol", "", |mut stream| {
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).unwrap_or_default();
        let _ = stream.write_all(&bytes[..read]);
        hold(&mut stream);
    });
}

/// Lengths, chunks, codings and charsets that lie.
pub fn lengths(bench: &mut Bench) {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
    for (id, does, verdict, keys, answer) in [
        (
            "L01",
            "two lengths that differ",
            "failure/protocol",
            "",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nlogin!".to_owned(),
        ),
        (
            "L02",
            "a length below nothing",
            "failure/protocol",
            "",
            "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nlogin".to_owned(),
        ),
        (
            "L03",
            "a length beyond all numbers",
            "failure/protocol",
            "",
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\nlogin", "9".repeat(40)),
        ),
        (
            "L04",
            "chunks and a length",
            "success",
            WORD,
            format!("{chunked}Content-Length: 3\r\n\r\n5\r\nlogin\r\n0\r\n\r\n"),
        ),
        (
            "L05",
            "a chunk beyond all numbers",
            "failure/protocol",
            "",
            format!("{chunked}\r\nFFFFFFFFFFFFFFFFF\r\nlogin"),
        ),
        (
            "L06",
            "a chunk whose size is no number",
            "failure/protocol",
            "",
            format!("{chunked}\r\nfive\r\nlogin\r\n0\r\n\r\n"),
        ),
        (
            "L07",
            "chunks that never end, and a close",
            "failure/body_incomplete",
            "",
            format!("{chunked}\r\n5\r\nlogin\r\n"),
        ),
        (
            "L08",
            "a chunk shorter than it says",
            "failure/body_incomplete",
            "",
            format!("{chunked}\r\nff\r\nlogin"),
        ),
        (
            "L09",
            "a chunk extension of 1 MB",
            "failure/protocol",
            "",
            format!("{chunked}\r\n5;{}\r\nlogin\r\n0\r\n\r\n", "x".repeat(1_000_000)),
        ),
        (
            "L10",
            "trailers of 1 MB",
            "failure/protocol | failure/header_too_large",
            "",
            format!("{chunked}\r\n5\r\nlogin\r\n0\r\nX: {}\r\n\r\n", "x".repeat(1_000_000)),
        ),
        (
            "L11",
            "an unknown transfer coding",
            "failure/protocol | failure/body_incomplete | failure/assertion | success",
            "",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: rot13\r\n\r\nybtva".to_owned(),
        ),
        (
            "L12",
            "longer than its length",
            "success",
            WORD,
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nlogin and more".to_owned(),
        ),
        (
            "L13",
            "an unknown charset",
            "success",
            WORD,
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=klingon\r\nContent-Length: 5\r\n\r\nlogin"
                .to_owned(),
        ),
        (
            "L14",
            "UTF-8 that says it is GBK",
            "success",
            WORD,
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=gbk\r\nContent-Length: 11\r\n\r\n密码login"
                .to_owned(),
        ),
        (
            "L15",
            "plain text that says it is brotli",
            "failure/decode_error",
            "",
            "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 9\r\n\r\nlogin now".to_owned(),
        ),
        (
            "L16",
            "plain text that says it is zstd",
            "failure/decode_error",
            "",
            "HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: 9\r\n\r\nlogin now".to_owned(),
        ),
        (
            "L17",
            "an unknown coding",
            "failure/assertion",
            WORD,
            "HTTP/1.1 200 OK\r\nContent-Encoding: rot13\r\nContent-Length: 5\r\n\r\nybtva".to_owned(),
        ),
        (
            "L18",
            "a body that says it is empty gzip",
            "success | failure/decode_error",
            "",
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n".to_owned(),
        ),
    ] {
        bench.says(id, does, verdict, keys, answer.into_bytes());
    }
    let zip = gzip(b"<form>login</form>");
    bench.says(
        "L30",
        "gzip with garbage behind it",
        "success | failure/decode_error",
        "",
        fine("Content-Encoding: gzip", [zip.as_slice(), b"garbage"].concat()),
    );
    bench.says(
        "L31",
        "gzip cut in half",
        "failure/decode_error | failure/body_incomplete",
        "",
        fine("Content-Encoding: gzip", &zip[..zip.len() / 2]),
    );
    bench.says(
        "L32",
        "gzip in gzip, said twice",
        "failure/assertion | success",
        WORD,
        fine("Content-Encoding: gzip, gzip", gzip(&zip)),
    );
    bench.says(
        "L33",
        "a bomb in a bomb",
        "success",
        "",
        fine("Content-Encoding: gzip", gzip(&gzip_bomb(64))),
    );
    bench.says(
        "L34",
        "a brotli bomb of 64 MiB",
        "failure/body_too_large",
        "",
        fine("Content-Encoding: br", brotli_bomb(64)),
    );
    bench.says("L35", "2 MiB and a byte", "success", "", fine("", vec![b'x'; 2 * 1024 * 1024 + 1]));
    bench.says("L36", "2 MiB to the byte", "success", "", fine("", vec![b'x'; 2 * 1024 * 1024]));
    bench.says(
        "L37",
        "UTF-16 of an odd length",
        "success",
        "",
        fine("Content-Type: text/html; charset=utf-16", b"\xff\xfel\0o\0g"),
    );
    bench.plain(
        "L38",
        "gzip of nothing, for ever",
        "failure/timeout_body | failure/decode_error",
        "",
        |mut stream| {
            read_head(&mut stream);
            let _ = stream.write_all(&raw("HTTP/1.1 200 OK\nContent-Encoding: gzip", ""));
            // Empty members: much comes in and nothing comes out.
            flood(&mut stream, &gzip(b"").repeat(50));
        },
    );
    bench.plain("L39", "trailers a byte at a time", "failure/timeout_body", "", move |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(format!("{chunked}\r\n5\r\nlogin\r\n0\r\n").as_bytes());
        drip(&mut stream, b"X-Slow: ".iter().copied().chain(std::iter::repeat(b'x')));
    });
    bench.plain(
        "L40",
        "empty lines between chunks of one byte",
        "failure/protocol | failure/timeout_body",
        "",
        move |mut stream| {
            read_head(&mut stream);
            let _ = stream.write_all(format!("{chunked}\r\n").as_bytes());
            drip(&mut stream, b"1\r\nx\r\n".iter().copied().cycle());
        },
    );
}

/// Redirects that lead somewhere they should not.
pub fn redirects(bench: &mut Bench) {
    let to = |place: &str| raw(&format!("HTTP/1.1 302 Found\nLocation: {place}\nContent-Length: 0"), "");
    let three = "redirects = 3";
    for (id, does, verdict, place) in [
        ("R01", "leads to a file of ours", "failure/redirect_scheme", "file:///etc/passwd"),
        ("R02", "leads to a script", "failure/redirect_scheme", "javascript:alert(1)"),
        ("R03", "leads to data", "failure/redirect_scheme", "data:text/html,login"),
        ("R04", "leads to another protocol", "failure/redirect_scheme", "ftp://127.0.0.1/login"),
        (
            "R05",
            "leads to a place that is none",
            "failure/redirect_unexpected | failure/redirect_blocked | failure/redirect_scheme",
            "http://[::bad/",
        ),
        ("R06", "leads to nobody in particular", "failure/redirect_blocked", "http://0.0.0.0:1/"),
        ("R07", "leads to an address in disguise", "failure/redirect_blocked", "http://2130706433:1/"),
        (
            "R08",
            "leads to an address inside an address",
            "failure/redirect_blocked",
            "http://[::ffff:127.0.0.1]:1/",
        ),
        ("R09", "leads to a private network", "failure/redirect_blocked", "http://10.0.0.1/"),
        (
            "R10",
            "leads to the metadata by another name",
            "failure/redirect_blocked",
            "http://[fd00:ec2::254]/",
        ),
    ] {
        bench.says(id, does, verdict, three, to(place));
    }
    let far = to(&format!("/{}", "far".repeat(20_000)));
    bench.says(
        "R20",
        "leads to an address of 60 kB",
        "failure/redirect_loop | failure/redirect_unexpected | failure/redirect_blocked",
        three,
        far,
    );
    let bare = raw("HTTP/1.1 302 Found\nContent-Length: 0", "");
    bench.says("R21", "a redirect to nowhere", "failure/redirect_unexpected", three, bare);
    let turn = AtomicUsize::new(0);
    bench.plain(
        "R22",
        "leads to itself with another query",
        "failure/redirect_loop",
        three,
        move |mut stream| {
            read_head(&mut stream);
            let turn = turn.fetch_add(1, Ordering::AcqRel);
            let _ = stream.write_all(&to(&format!("/login?turn={turn}")));
            hold(&mut stream);
        },
    );
    let page = "<meta http-equiv=\"refresh\" content=\"0; url=http://127.0.0.1:1/\">";
    bench.says("R23", "a page that leads on by itself", "failure/assertion", WORD, fine("", page));
    let steps = AtomicUsize::new(0);
    bench.plain(
        "R24",
        "leads to the login in one step",
        "success",
        "redirects = 3\ncontains = \"login\"",
        move |mut stream| {
            read_head(&mut stream);
            let first = steps.fetch_add(1, Ordering::AcqRel).is_multiple_of(2);
            let there = raw("HTTP/1.1 302 Found\nLocation: there\nContent-Length: 0", "");
            let _ = stream.write_all(&if first { there } else { fine("", "login") });
            hold(&mut stream);
        },
    );
}
