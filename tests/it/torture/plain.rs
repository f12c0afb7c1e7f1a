//! What is no HTTP, or hardly: misbehaviours of our own invention.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use super::cases::{Bench, WORD};
use super::wire::{fine, flood, hold, raw, reset};
use crate::target::read_head;

pub fn all(bench: &mut Bench) {
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
