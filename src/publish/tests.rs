//! The room through its doors: pages for every verdict, and how they are served.

use super::*;
use crate::domain::summary::summarize;
use crate::domain::verdict::Verdict;

#[test]
fn every_fixture_has_the_verdict_it_is_named_for() {
    for verdict in Verdict::ALL {
        assert_eq!(summarize(&fixture::of(verdict), fixture::now()).verdict, verdict);
    }
}

fn pictures() -> Vec<(String, bytes::Bytes)> {
    let mut pages = Vec::new();
    let mut add = |name: &str, facts: &Facts| {
        let rendered = render(facts, fixture::now()).unwrap();
        pages.push((format!("{name}.zh.html"), rendered.zh.identity));
        pages.push((format!("{name}.en.html"), rendered.en.identity));
        pages.push((format!("{name}.json"), rendered.summary.identity));
    };
    for verdict in Verdict::ALL {
        add(verdict.wire(), &fixture::of(verdict));
    }
    add("busy", &fixture::busy());
    add("sample", &fixture::sample(fixture::of(Verdict::Yes)));
    let stale = render::cannot_tell(&fixture::site()).unwrap();
    pages.push(("stale.zh.html".into(), stale.zh.identity));
    pages.push(("missing.html".into(), render::missing().unwrap().identity));
    for (lang, facts, name) in [
        (crate::domain::component::Lang::Zh, fixture::busy(), "component.zh.html"),
        (crate::domain::component::Lang::En, fixture::of(Verdict::Partial), "component.en.html"),
    ] {
        let page = render::component(&facts, fixture::now(), lang, &fixture::id("sms")).unwrap().unwrap();
        pages.push((name.into(), page.body.identity));
    }
    pages
}

/// `PORCHLIGHT_PICTURES=dir cargo test pictures -- --ignored` writes every page to look at.
#[test]
#[ignore = "writes files for people to look at"]
fn pictures_are_written() {
    let Some(folder) = std::env::var_os("PORCHLIGHT_PICTURES") else { return };
    for (name, bytes) in pictures() {
        std::fs::write(std::path::Path::new(&folder).join(name), bytes).unwrap();
    }
}

#[test]
fn ten_components_with_a_busy_history_fit_the_wire() {
    const ON_THE_WIRE: usize = 15_360;
    let rendered = render(&fixture::busy(), fixture::now()).unwrap();
    for body in [&rendered.zh, &rendered.en] {
        eprintln!("identity {} gzip {} br {}", body.identity.len(), body.gzip.len(), body.br.len());
        assert!(body.br.len() <= ON_THE_WIRE, "{} bytes of brotli", body.br.len());
        assert!(body.gzip.len() <= ON_THE_WIRE, "{} bytes of gzip", body.gzip.len());
    }
}
