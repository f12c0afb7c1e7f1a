//! Misbehaviours of our own invention below HTTP: TLS and the frames of HTTP/2.

use std::io::Write;
use std::time::Duration;

use super::cases::{Bench, Case};
use super::tls::{Chain, close};
use super::wire::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PUSH_PROMISE, RST_STREAM, SETTINGS,
    STATUS_200, fine, flood, frame, hold, raw, reset,
};
use crate::target::{drip, read_head};

impl Bench {
    /// A target at an `https` address that speaks for itself from the first byte.
    fn bare(
        &mut self,
        id: &'static str,
        does: &'static str,
        verdict: &'static str,
        serve: impl Fn(std::net::TcpStream) + Send + Sync + 'static,
    ) {
        self.plain(id, does, verdict, "", serve);
        if let Some(Case { url, .. }) = self.cases.last_mut() {
            *url = url.replace("http://", "https://");
        }
    }
}

pub fn tls(bench: &mut Bench) {
    let good = (Chain::Good, "http/1.1");
    for (id, does, verdict, bytes) in [
        ("S01", "plain HTTP where TLS was wanted", "failure/tls_error", fine("", "login")),
        ("S02", "garbage where TLS was wanted", "failure/tls_error", vec![0xff; 2000]),
        ("S03", "an alert: too old a version", "failure/tls_version", b"\x15\x03\x01\0\x02\x02\x46".to_vec()),
        ("S04", "an alert: no handshake", "failure/tls_error", b"\x15\x03\x03\0\x02\x02\x28".to_vec()),
        (
            "S05",
            "a record longer than allowed",
            "failure/tls_error",
            [b"\x16\x03\x03\xff\xff".as_slice(), &[2; 70_000]].concat(),
        ),
        (
            "S06",
            "a handshake message of 16 MB",
            "failure/tls_error | failure/timeout_tls",
            [b"\x16\x03\x03\x40\0\x02\xff\xff\xff".as_slice(), &[2; 16_380]].concat(),
        ),
        ("S07", "closes in the handshake", "failure/tls_error | failure/reset", Vec::new()),
    ] {
        bench.bare(id, does, verdict, move |mut stream| {
            let mut hello = [0; 64];
            let _ = std::io::Read::read(&mut stream, &mut hello);
            let _ = stream.write_all(&bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            hold(&mut stream);
        });
    }
    bench.bare("S10", "drips its handshake", "failure/timeout_tls", |mut stream| {
        let _ = stream.write_all(b"\x16\x03\x03\x40\0\x02");
        drip(&mut stream, std::iter::repeat(1));
    });
    bench.bare("S11", "resets in the handshake", "failure/reset", |mut stream| {
        let mut hello = [0; 64];
        let _ = std::io::Read::read(&mut stream, &mut hello);
        reset(stream);
    });
    bench.tls(
        "S20",
        "nobody knows its root",
        "failure/tls_untrusted",
        (Chain::Stranger, "http/1.1"),
        |mut tls| {
            read_head(&mut tls);
        },
    );
    bench.tls(
        "S21",
        "its intermediate has expired",
        "failure/tls_expired",
        (Chain::ExpiredIntermediate, "http/1.1"),
        |mut tls| read_head(&mut tls),
    );
    bench.tls(
        "S22",
        "a muddled chain that can be put in order",
        "success",
        (Chain::Muddled, "http/1.1"),
        |mut tls| {
            read_head(&mut tls);
            let _ = tls.write_all(&fine("", "fine"));
            close(tls);
        },
    );
    bench.tls("S30", "cuts the body without a word", "failure/body_incomplete", good, |mut tls| {
        read_head(&mut tls);
        let _ = tls.write_all(&raw("HTTP/1.1 200 OK\nContent-Length: 5000", "four"));
        let _ = tls.sock.shutdown(std::net::Shutdown::Write);
        hold(&mut tls.sock);
    });
    bench.tls(
        "S31",
        "ends a body of no length without a word",
        "failure/body_incomplete",
        good,
        |mut tls| {
            read_head(&mut tls);
            let _ = tls.write_all(&raw("HTTP/1.0 200 OK\nServer: old", "login"));
            let _ = tls.sock.shutdown(std::net::Shutdown::Write);
            hold(&mut tls.sock);
        },
    );
    bench.tls("S32", "garbage in the midst of the body", "failure/tls_error", good, |mut tls| {
        read_head(&mut tls);
        let _ = tls.write_all(&raw("HTTP/1.1 200 OK\nContent-Length: 5000", "four"));
        let _ = tls.sock.write_all(&[0x17, 3, 3, 0, 40].into_iter().chain([9; 40]).collect::<Vec<u8>>());
        hold(&mut tls.sock);
    });
    bench.tls("S33", "closes after the handshake", "failure/empty_reply", good, close);
    bench.tls("S34", "resets after the request", "failure/reset", good, |mut tls| {
        read_head(&mut tls);
        reset(tls.sock);
    });
    bench.tls(
        "S35",
        "empty records without end",
        "failure/timeout_headers | failure/timeout_ttfb | failure/tls_error",
        good,
        |mut tls| {
            read_head(&mut tls);
            for _ in 0..200 {
                let _ = tls.write(&[]);
                let _ = tls.flush();
                std::thread::sleep(Duration::from_millis(20));
            }
        },
    );
}

pub fn h2(bench: &mut Bench) {
    bench.h2("H00", "a good answer", "success", |tls| {
        let _ = tls.write_all(&frame(HEADERS, END_HEADERS, 1, STATUS_200));
        let _ = tls.write_all(&frame(DATA, END_STREAM, 1, b"login"));
    });
    bench.h2("H01", "resets the stream", "failure/reset", |tls| {
        let _ = tls.write_all(&frame(RST_STREAM, 0, 1, &2_u32.to_be_bytes()));
        hold(&mut tls.sock);
    });
    bench.h2("H02", "resets the stream in the body", "failure/body_incomplete", |tls| {
        let _ = tls.write_all(&frame(HEADERS, END_HEADERS, 1, STATUS_200));
        let _ = tls.write_all(&frame(DATA, 0, 1, b"lo"));
        let _ = tls.write_all(&frame(RST_STREAM, 0, 1, &2_u32.to_be_bytes()));
        hold(&mut tls.sock);
    });
    bench.h2("H03", "a head without end", "failure/header_too_large | failure/protocol", |tls| {
        let _ = tls.write_all(&frame(HEADERS, 0, 1, STATUS_200));
        // A literal header that is not indexed, over and over.
        let more = b"\0\x01x\x7f\xe1\x01".iter().copied().chain([b'y'; 352]).collect::<Vec<u8>>().repeat(40);
        flood(tls, &frame(CONTINUATION, 0, 1, &more[..more.len().min(16_000)]));
    });
    bench.h2(
        "H04",
        "settings without end",
        "failure/timeout_headers | failure/timeout_ttfb | failure/protocol",
        |tls| {
            flood(tls, &frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]).repeat(20));
        },
    );
    bench.h2(
        "H05",
        "pings without end",
        "failure/timeout_headers | failure/timeout_ttfb | failure/protocol",
        |tls| {
            flood(tls, &frame(PING, 0, 0, &[7; 8]).repeat(20));
        },
    );
    bench.h2("H06", "a body before its head", "failure/protocol", |tls| {
        let _ = tls.write_all(&frame(DATA, END_STREAM, 1, b"login"));
        hold(&mut tls.sock);
    });
    bench.h2(
        "H07",
        "GOAWAY to every request",
        "failure/empty_reply | failure/reset | failure/protocol",
        |tls| {
            let _ = tls.write_all(&frame(GOAWAY, 0, 0, &[0; 8]));
        },
    );
    bench.h2("H08", "promises 5,000 bytes and ends", "failure/body_incomplete | failure/protocol", |tls| {
        let mut head = STATUS_200.to_vec();
        head.extend_from_slice(b"\x0f\x0d\x045000");
        let _ = tls.write_all(&frame(HEADERS, END_HEADERS, 1, &head));
        let _ = tls.write_all(&frame(DATA, END_STREAM, 1, b"four"));
        hold(&mut tls.sock);
    });
    bench.h2("H09", "pushes what nobody wants", "failure/protocol", |tls| {
        let promise = [2_u32.to_be_bytes().as_slice(), &[0x82, 0x84, 0x87]].concat();
        let _ = tls.write_all(&frame(PUSH_PROMISE, END_HEADERS, 1, &promise));
        hold(&mut tls.sock);
    });
    bench.h2(
        "H10",
        "a body beyond what it was allowed",
        "failure/body_too_large | failure/protocol",
        |tls| {
            let _ = tls.write_all(&frame(HEADERS, END_HEADERS, 1, STATUS_200));
            // Beyond what it was allowed at once, which is a fault of its own.
            for _ in 0..200 {
                if tls.write_all(&frame(DATA, 0, 1, &[b'x'; 16_000])).is_err() {
                    return;
                }
            }
            hold(&mut tls.sock);
        },
    );
    bench.h2("H11", "settings of an odd size", "failure/protocol", |tls| {
        let _ = tls.write_all(&frame(SETTINGS, 0, 0, &[1; 5]));
        hold(&mut tls.sock);
    });
    bench.h2("H12", "a head that cannot be unpacked", "failure/protocol", |tls| {
        let _ = tls.write_all(&frame(HEADERS, END_HEADERS, 1, &[0xff; 20]));
        hold(&mut tls.sock);
    });
    bench.h2("H13", "empty frames without end", "failure/timeout_body | failure/protocol", |tls| {
        let _ = tls.write_all(&frame(HEADERS, END_HEADERS, 1, STATUS_200));
        flood(tls, &frame(DATA, 0, 1, &[]).repeat(20));
    });
    bench.h2("H14", "silence after the request", "failure/timeout_ttfb", |tls| hold(&mut tls.sock));
    bench.h2("H15", "HTTP/1.1 in HTTP/2's place", "failure/protocol", |tls| {
        let _ = tls.write_all(&fine("", "login"));
        hold(&mut tls.sock);
    });
    bench.h2("H16", "a head without a status", "failure/protocol", |tls| {
        let _ = tls.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\0\x01x\x01y"));
        hold(&mut tls.sock);
    });
}
