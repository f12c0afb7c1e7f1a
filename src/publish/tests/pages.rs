//! What pages say: of every verdict, in both languages, whole and bounded.

use std::io::Read;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::*;
use crate::domain::component::Lang;
use crate::domain::endpoint::Endpoint;
use crate::domain::facts::Storing;
use crate::domain::notice::{Covers, Maintenance, Phase};
use crate::domain::outcome::{FailureClass, Outcome};
use crate::domain::span::{Health, Span};
use crate::domain::summary::summarize;
use crate::domain::verdict::Verdict;

fn pages(facts: &Facts) -> [String; 2] {
    let rendered = render(facts, fixture::now()).unwrap();
    [html(&rendered.zh), html(&rendered.en)]
}

fn all_pages() -> Vec<(String, Bytes)> {
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
    add("young", &fixture::young());
    add("sample", &fixture::sample(fixture::of(Verdict::Yes)));
    let stale = render::cannot_tell(&fixture::site()).unwrap();
    pages.push(("stale.zh.html".into(), stale.zh.identity));
    pages.push(("stale.en.html".into(), stale.en.identity));
    pages.push(("missing.html".into(), render::missing(&fixture::site()).unwrap().identity));
    pages.push(("missing-about.html".into(), render::about(&fixture::site()).unwrap().identity));
    for lang in Lang::ALL {
        for name in ["sms", "app", "way-7"] {
            let page = render::component(&fixture::busy_with_app(), fixture::now(), lang, &fixture::id(name));
            pages.push((format!("{name}.{}.html", lang.tag()), page.unwrap().unwrap().body.identity));
        }
    }
    pages
}

/// `PORCHLIGHT_PICTURES=dir cargo test pictures -- --ignored` writes every page to look at.
#[test]
#[ignore = "writes files for people to look at"]
fn pictures_are_written() {
    let Some(folder) = std::env::var_os("PORCHLIGHT_PICTURES") else { return };
    for (name, bytes) in all_pages() {
        std::fs::write(std::path::Path::new(&folder).join(name), bytes).unwrap();
    }
}

#[test]
fn every_fixture_has_the_verdict_it_is_named_for() {
    for verdict in Verdict::ALL {
        assert_eq!(summarize(&fixture::of(verdict), fixture::now()).verdict, verdict);
    }
}

#[test]
fn ten_components_with_a_busy_history_fit_the_wire() {
    const ON_THE_WIRE: usize = 15_360;
    let rendered = render(&fixture::busy(), fixture::now()).unwrap();
    for body in [&rendered.zh, &rendered.en] {
        assert!(body.br.len() <= ON_THE_WIRE, "{} bytes of brotli", body.br.len());
        assert!(body.gzip.len() <= ON_THE_WIRE, "{} bytes of gzip", body.gzip.len());
    }
}

/// The page up to where the ready "we cannot tell" begins.
fn shown(page: &str) -> &str {
    page.split("<template").next().unwrap()
}

#[test]
fn a_page_has_one_heading_one_live_region_and_a_title_that_begins_with_its_state() {
    for (name, bytes) in
        all_pages().iter().filter(|(name, _)| name.ends_with(".html") && !name.starts_with("missing"))
    {
        let page = std::str::from_utf8(bytes).unwrap();
        assert_eq!(shown(page).matches("<h1").count(), 1, "{name}");
        assert_eq!(shown(page).matches("role=\"status\"").count(), 1, "{name}");
        let title = page.split("<title>").nth(1).unwrap();
        assert!(title.starts_with(['✓', '▽', '△', '✕', '◇', '○']), "{name}");
    }
}

#[test]
fn headings_never_skip_a_level() {
    for (name, bytes) in all_pages().iter().filter(|(name, _)| name.ends_with(".html")) {
        let mut before = 0;
        for heading in shown(std::str::from_utf8(bytes).unwrap()).split("<h").skip(1) {
            let Some(level) = heading.chars().next().and_then(|c| c.to_digit(10)) else { continue };
            assert!(level <= before + 1, "{name}: h{level} after h{before}");
            before = level;
        }
    }
}

#[test]
fn an_element_is_named_once() {
    for (name, bytes) in all_pages().iter().filter(|(name, _)| name.ends_with(".html")) {
        let mut seen = std::collections::HashSet::new();
        for id in shown(std::str::from_utf8(bytes).unwrap()).split(" id=\"").skip(1) {
            let id = id.split('"').next().unwrap();
            assert!(seen.insert(id), "{name}: {id} twice");
        }
    }
}

#[test]
fn nothing_is_fetched_from_anyone_else_and_nothing_is_styled_in_line() {
    for (name, bytes) in all_pages().iter().filter(|(name, _)| name.ends_with(".html")) {
        let page = std::str::from_utf8(bytes).unwrap();
        for foreign in ["src=", "@import", "url(", " style=", " onclick=", "<link rel=\"stylesheet\""] {
            assert!(!page.contains(foreign), "{name}: {foreign}");
        }
        let policy = policy::content_security_policy().to_str().unwrap();
        for block in ["style", "script"] {
            let Some(rest) = page.split(&format!("<{block}>")).nth(1) else { continue };
            let text = rest.split(&format!("</{block}>")).next().unwrap();
            let hash = BASE64_STANDARD.encode(Sha256::digest(text));
            assert!(policy.contains(&format!("{block}-src 'sha256-{hash}'")), "{name}: {block}");
        }
    }
}

#[test]
fn a_page_that_cannot_tell_shows_nothing_green_and_no_figure() {
    let stale = render::cannot_tell(&fixture::site()).unwrap();
    for page in [html(&stale.zh), html(&stale.en)] {
        let main = page.split("<main").nth(1).unwrap().split("</main>").next().unwrap();
        assert!(!main.contains("#ok") && !main.contains("class=\"ok") && !main.contains('%'));
        assert!(!page.contains("data-valid-until"));
    }
    for page in pages(&fixture::of(Verdict::Unknown)) {
        let porch = page.split("<section class=\"porch").nth(1).unwrap().split("</section>").next().unwrap();
        assert!(!porch.contains("#ok"));
    }
}

#[test]
fn a_way_nobody_watches_is_not_said_to_work() {
    for page in pages(&fixture::fine()) {
        let doors = page.split("class=\"doors\"").nth(1).unwrap().split("</dl>").next().unwrap();
        assert!(doors.contains("#ok") && !doors.contains("App 3.2.1"));
    }
}

#[test]
fn a_notice_in_one_language_is_shown_with_its_language_and_a_label() {
    let [zh, en] = pages(&fixture::of(Verdict::Partial));
    assert!(
        en.contains("<span lang=\"zh-CN\">谨防假冒客服</span> <small class=\"only\">Chinese only</small>")
    );
    assert!(zh.contains("<h3>谨防假冒客服</h3>"));
}

#[test]
fn a_down_method_says_why_and_what_works_instead() {
    let [zh, en] = pages(&fixture::of(Verdict::Partial));
    assert!(zh.contains(
        "登录服务器收到请求后没有回应。这属于服务器原因，与您的手机和账号无关。可改用密码登录或邮箱验证码。"
    ));
    assert!(en.contains("not your phone or account. Use Password or E-mail code instead."));
    assert!(zh.contains("请改用密码登录或邮箱验证码，"));
}

#[test]
fn a_method_that_comes_and_goes_is_said_to() {
    let [zh, en] = pages(&fixture::flapping());
    assert_eq!(zh.matches("近一小时状态反复变化").count(), 1);
    assert_eq!(en.matches("It has gone up and down within the last hour").count(), 1);
}

#[test]
fn a_maintenance_that_runs_over_is_told_as_such() {
    let [zh, en] = pages(&fixture::overran());
    assert!(zh.contains("维护已超过公告时间，登录仍未恢复。") && zh.contains("超时未完成"));
    assert!(en.contains("taking longer than announced") && en.contains("Running over"));
}

#[test]
fn an_overran_maintenance_of_something_else_does_not_explain_a_down_login() {
    let mut facts = fixture::of(Verdict::No);
    let late = Outcome::Failure(FailureClass::TimeoutTtfb);
    fixture::is(&mut facts, "recovery", Health::Down, late, 60);
    let window =
        fixture::maintenance(&["recovery"], "2026-11-23T09:00:00+08:00", "2026-11-23T10:00:00+08:00");
    fixture::write(&mut facts, window);
    let [_, en] = pages(&facts);
    assert!(en.contains("Running over") && en.contains("Please stop trying"));
    assert!(!en.contains("taking longer than announced"));
}

#[test]
fn since_is_the_oldest_outage_of_a_way_to_log_in() {
    let mut facts = fixture::of(Verdict::Partial);
    let late = Outcome::Failure(FailureClass::TimeoutTtfb);
    fixture::is(&mut facts, "recovery", Health::Down, late, 300);
    let since = |facts: &Facts| {
        pages(facts).map(|page| {
            let facts = page.split("class=\"facts\"").nth(1).unwrap();
            facts.split("</dl>").next().unwrap().to_owned()
        })
    };
    let [zh, en] = since(&facts);
    let time = "<dd><time datetime=\"2026-11-23T09:38:03+08:00\">09:38</time>";
    assert!(zh.contains(&format!("<dt>开始时间</dt>{time}")), "{zh}");
    assert!(en.contains(&format!("<dt>Since</dt>{time}")), "{en}");
    fixture::is(&mut facts, "sms", Health::Down, late, 24 * 60);
    let [_, en] = since(&facts);
    assert!(en.contains(">Sun 22 Nov, 10:12</time>"), "{en}");
}

#[test]
fn a_restart_after_its_end_does_not_complete_a_maintenance_that_runs_over() {
    let mut facts = fixture::overran();
    for it in &mut facts.endpoints {
        let it = Arc::make_mut(it);
        it.history = Arc::new(vec![
            Span { health: Health::Up, from: fixture::at("2026-11-20T00:00:00Z"), to: None },
            Span { health: Health::Down, from: fixture::at("2026-11-23T09:50:00+08:00"), to: None },
            Span { health: Health::Unknown, from: fixture::at("2026-11-23T10:05:00+08:00"), to: None },
            Span { health: Health::Down, from: fixture::at("2026-11-23T10:06:00+08:00"), to: None },
        ]);
        let ends: Vec<Timestamp> = it.history.iter().skip(1).map(|span| span.from).collect();
        for (span, end) in Arc::make_mut(&mut it.history).iter_mut().zip(ends) {
            span.to = Some(end);
        }
    }
    let told = summarize(&facts, fixture::now());
    assert_eq!(told.maintenances[0].1, Phase::Overran);
}

#[test]
fn a_maintenance_of_every_endpoint_is_announced_like_one_of_the_component() {
    let mut facts = fixture::fine();
    let ways = ["password", "sms", "email"];
    let from = |facts: &mut Facts, ways: &[&str]| {
        let mut window = fixture::maintenance(&[], "2026-11-23T11:00:00+08:00", "2026-11-23T12:00:00+08:00");
        window.covers.endpoints = ways.iter().map(|it| fixture::id(it)).collect();
        Arc::make_mut(&mut facts.notices).maintenances = vec![window];
        summarize(facts, fixture::now()).verdict
    };
    assert_eq!(from(&mut facts, &ways), Verdict::MaintenanceSoon);
    let other = Arc::make_mut(&mut facts.endpoints[1]);
    other.endpoint = Arc::new(Endpoint { id: fixture::id("sms-code"), ..(*other.endpoint).clone() });
    assert_eq!(from(&mut facts, &["sms"]), Verdict::Yes);
}

#[test]
fn what_is_not_public_is_not_told() {
    let mut facts = fixture::of(Verdict::No);
    facts.storing = Storing::Works;
    fixture::with(&mut facts, "email", |it| it.public = false);
    fixture::with(&mut facts, "sms", |it| it.was = vec![fixture::id("text-message")]);
    let window = |covers: &[&str]| {
        fixture::maintenance(covers, "2026-11-25T00:00:00+08:00", "2026-11-25T03:00:00+08:00")
    };
    Arc::make_mut(&mut facts.notices).maintenances = vec![
        Maintenance { title: fixture::both("内部维护", "Inner works"), ..window(&["email"]) },
        Maintenance {
            covers: Covers { endpoints: vec![fixture::id("email")], components: vec![] },
            ..window(&[])
        },
        window(&["email", "text-message"]),
    ];
    let rendered = render(&facts, fixture::now()).unwrap();
    for body in [&rendered.zh, &rendered.en, &rendered.summary] {
        let text = html(body);
        assert!(!text.contains("内部维护") && !text.contains("Inner works") && !text.contains("\"email\""));
    }
    let json: serde_json::Value = serde_json::from_slice(&rendered.summary.identity).unwrap();
    assert_eq!(json["maintenances"].as_array().unwrap().len(), 1);
    assert_eq!(json["maintenances"][0]["components"], serde_json::json!(["sms"]));
    assert!(html(&rendered.en).contains("Affected <b>SMS code</b>"));
}

#[test]
fn a_way_stands_in_for_those_it_says_it_is_an_alternative_to() {
    let mut facts = fixture::of(Verdict::Partial);
    fixture::with(&mut facts, "sms", |it| it.alternative_to = vec![fixture::id("password")]);
    fixture::with(&mut facts, "password", |it| it.alternative_to = vec![]);
    fixture::with(&mut facts, "app", |it| it.alternative_to = vec![fixture::id("sms")]);
    let [zh, en] = pages(&facts);
    assert!(en.contains("Use E-mail code instead. Please don’t keep trying a method that isn’t available."));
    assert!(zh.contains("请改用邮箱验证码，不要反复尝试暂不能用的方式。"));
    // In the row too, and never a way that nobody watches.
    assert!(
        en.contains("not your phone or account. Use E-mail code instead.")
            && !en.contains("App 3.2.1 instead")
    );
}

#[test]
fn an_estimate_is_told_up_to_the_next_minute() {
    let mut facts = fixture::of(Verdict::Recovering);
    // Back at 10:10:00.
    Arc::make_mut(&mut facts.site).recovering_for = Duration::from_secs(245);
    let [_, en] = pages(&facts);
    assert!(en.contains("Please try after 10:15,") && en.contains(">10:15</time>"));
    let json = html(&render(&facts, fixture::now()).unwrap().summary);
    assert!(json.contains("\"at\":\"2026-11-23T10:14:05+08:00\""));
}

#[test]
fn an_announcement_was_posted_when_people_could_first_read_it() {
    let mut facts = fixture::of(Verdict::Partial);
    Arc::make_mut(&mut facts.notices).announcements[0].published_at =
        fixture::at("2026-11-23T08:30:00+08:00");
    let [zh, en] = pages(&facts);
    assert!(zh.contains("08:30 发布") && en.contains("Posted 08:30"));
}

#[test]
fn an_endpoint_without_data_is_set_aside_with_a_note() {
    let mut facts = fixture::fine();
    let mut silent = (*facts.endpoints[0]).clone();
    silent.endpoint = Arc::new(Endpoint { id: fixture::id("password-app"), ..(*silent.endpoint).clone() });
    silent.last = None;
    facts.endpoints.push(Arc::new(silent));
    let [zh, en] = pages(&facts);
    assert_eq!(zh.matches("2 项检测中有 1 项没有数据，未计入").count(), 1);
    assert_eq!(en.matches("1 of 2 checks have no data").count(), 1);
    for page in pages(&fixture::of(Verdict::Unknown)) {
        assert!(!page.contains("未计入") && !page.contains("not counted"));
    }
}

#[test]
fn what_is_coming_counts_down_and_what_is_over_is_listed() {
    let [zh, en] = pages(&fixture::of(Verdict::Yes));
    assert!(zh.contains("距开始 1 天 13 小时") && zh.contains("11月25日（周三）00:00–03:00"));
    assert!(en.contains("starts in 1 day 13 h") && en.contains("Wed 25 Nov, 00:00–03:00"));
    assert!(en.contains("Tue 10 Nov, 14:02–14:17 · 15 min down"));
    assert!(zh.contains("11月12日（周四）02:00–02:47 · 短信验证码"));
}

#[test]
fn the_strip_says_in_words_what_it_draws() {
    let [zh, en] = pages(&fixture::of(Verdict::Yes));
    assert!(zh.contains("<title>11月10日（周二） 严重故障 15 分钟</title>"));
    assert!(zh.contains("近 90 天：86 天正常；9月2日（周三） 正常，无数据 3 小时；"));
    assert!(en.contains("Tue 10 Nov: Major outage, 15 min"));
    let [young, _] = pages(&fixture::young());
    assert!(young.contains("<path class=\"day\" d=\"M830 25h67\"/><path class=\"none\" d=\"M0 25h827\"/>"));
}

#[test]
fn the_page_says_when_results_do_not_reach_the_disk() {
    let [zh, en] = pages(&fixture::of(Verdict::No));
    assert!(zh.contains("自 10:05 起监测结果未能写入存储，37 条在内存中等待。"));
    assert!(en.contains("Since 10:05 results are not being stored; 37 wait in memory."));
}

#[test]
fn what_an_operator_wrote_cannot_become_markup() {
    let mut facts = fixture::of(Verdict::Yes);
    let mut components = facts.components.to_vec();
    components[0].name = fixture::both("<script>密码</script>", "\"><img>");
    facts.components = components.into();
    let [zh, en] = pages(&facts);
    assert!(!zh.contains("<script>密码") && !en.contains("<img>"));
}

#[test]
fn sample_is_said_in_both_languages_with_a_way_to_break_it() {
    let [zh, en] = pages(&fixture::sample(fixture::of(Verdict::Yes)));
    assert!(zh.contains(">示例</b>") && en.contains(">Sample</b>"));
    assert!(zh.contains("href=\"http://127.0.0.1:7001/\""));
}

#[test]
fn the_summary_is_what_the_page_says() {
    let rendered = render(&fixture::of(Verdict::Partial), fixture::now()).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&rendered.summary.identity).unwrap();
    assert_eq!(json["verdict"], "partial");
    assert_eq!(json["action"], "use_other_method");
    assert_eq!(json["generated_at"], "2026-11-23T10:12:03+08:00");
    assert_eq!(json["until"]["sure"], "unknown");
    assert_eq!(json["storing"]["works"], true);
    assert_eq!(json["storing"]["waiting"], 0);
    let sms = &json["components"][1];
    assert_eq!(sms["status"], "major_outage");
    assert_eq!(sms["cause"], "timeout_ttfb");
    assert_eq!(sms["uptime_90d"]["ratio"], 99.930);
    assert_eq!(sms["endpoints"][0]["total_ms"], 412);
    assert_eq!(json["site"]["name"]["en"], "Sample Wallet");
    assert_eq!(json["site"]["zone"], "Asia/Shanghai");
    assert_eq!(sms["uptime_90d"]["not_working_s"], (41 + 15 + 34) * 60);
    assert_eq!(sms["uptime_30d"]["not_working_s"], (15 + 34) * 60);
    let password = &json["components"][0];
    let days: Vec<_> = password["days"].as_array().unwrap().iter().collect();
    let first = serde_json::json!(
        { "date": "2026-09-02", "worst": "operational", "worst_s": 75_600, "unknown_s": 10_800 }
    );
    assert_eq!(days.len(), 4);
    assert_eq!(days[0], &first);
    assert_eq!((&days[1]["worst"], &days[1]["down_s"]), (&"major_outage".into(), &480.into()));
    assert_eq!((&days[2]["worst"], days[2].get("down_s")), (&"degraded_performance".into(), None));
    assert_eq!(password["days_without_data"], 0);
    assert_eq!(json["announcements"][0]["posted_at"], "2026-11-22T09:00:00+08:00");
    assert_eq!(json["components"][4]["uptime_30d"]["ratio"], serde_json::Value::Null);
    assert_eq!(json["outages"][0]["to"], serde_json::Value::Null);
    assert_eq!(json["maintenances"][0]["phase"], "in_progress");
    assert_eq!(json["announcements"][0]["title"]["en"], serde_json::Value::Null);
    let stale = render::cannot_tell(&fixture::site()).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&stale.summary.identity).unwrap();
    assert_eq!(json["verdict"], "unknown");
    assert_eq!(json["generated_at"], serde_json::Value::Null);
}

#[test]
fn every_encoding_reads_back_as_the_same_page() {
    let body = render(&fixture::busy(), fixture::now()).unwrap().zh;
    let mut gzip = Vec::new();
    flate2::read::GzDecoder::new(&*body.gzip).read_to_end(&mut gzip).unwrap();
    let mut br = Vec::new();
    brotli::Decompressor::new(&*body.br, 4096).read_to_end(&mut br).unwrap();
    assert_eq!(gzip, body.identity);
    assert_eq!(br, body.identity);
}

#[test]
fn the_page_that_our_user_agent_names_says_who_to_write_to_in_both_languages() {
    let site = Site { probe_contact: Some("ops@example.com".to_owned()), ..fixture::site() };
    let about = html(&render::about(&site).unwrap());
    for word in ["mailto:ops@example.com", "lang=\"en\"", "lang=\"zh-CN\"", "porchlight/"] {
        assert!(about.contains(word), "{word}");
    }
    assert_eq!(about.matches("mailto:").count(), 2);
}

#[test]
fn below_a_base_path_every_link_stays_there_and_only_public_url_makes_it_whole() {
    let facts = below_a_path(fixture::of(Verdict::Partial));
    let rendered = render(&facts, fixture::now()).unwrap();
    let component = |lang| {
        let page = render::component(&facts, fixture::now(), lang, &fixture::id("sms"));
        html(&page.unwrap().unwrap().body)
    };
    let stale = render::cannot_tell(&facts.site).unwrap();
    let missing = html(&render::missing(&facts.site).unwrap());
    let mut pages = vec![html(&rendered.zh), html(&rendered.en), html(&stale.zh), html(&stale.en), missing];
    pages.extend(Lang::ALL.iter().map(|&lang| component(lang)));
    let mut seen = 0;
    for page in &pages {
        for link in page.split(" href=\"").skip(1).map(|it| it.split('"').next().unwrap()) {
            let ours = link.starts_with('/') || link.contains("status.example.com");
            if ours {
                let path = link.strip_prefix("https://status.example.com").unwrap_or(link);
                assert!(path.starts_with("/login/"), "{link}");
                seen += 1;
            }
        }
    }
    assert!(60 <= seen, "{seen} links");
    assert!(pages[1].contains("<link rel=\"canonical\" href=\"https://status.example.com/login/en/\">"));
    assert!(pages[0].contains("hreflang=\"en\" href=\"https://status.example.com/login/en/\">"));
    assert!(pages[0].contains("href=\"/login/api/v1/summary.json\""));
}

#[test]
fn the_summary_that_cannot_tell_does_not_say_that_storing_fails() {
    let stale = render::cannot_tell(&fixture::site()).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&stale.summary.identity).unwrap();
    let null = serde_json::Value::Null;
    assert_eq!(json["storing"]["works"], null);
    assert_eq!((&json["storing"]["waiting"], &json["storing"]["lost"]), (&null, &null));
}
