//! Redirects that lead somewhere they should not.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::cases::{Bench, WORD};
use super::wire::{fine, hold, raw};
use crate::target::read_head;

pub fn all(bench: &mut Bench) {
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
