//! Lengths, chunks, codings and charsets that lie.

use std::io::Write;

use super::cases::{Bench, WORD};
use super::wire::{brotli_bomb, fine, flood, gzip, gzip_bomb, raw};
use crate::target::{drip, read_head};

pub fn all(bench: &mut Bench) {
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
