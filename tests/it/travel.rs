//! One broken login travels: bell, probe, judge, SQLite, page in both languages.

use crate::support::{Daemon, get, health, wait_until};
use crate::wallet::Wallet;

fn verdict(daemon: &Daemon) -> String {
    daemon.summary()["verdict"].as_str().unwrap_or_default().to_owned()
}

fn wait_for(daemon: &Daemon, wanted: &str) {
    wait_until(&format!("the verdict is {wanted}"), || (verdict(daemon) == wanted).then_some(()));
}

#[test]
fn a_broken_login_shows_in_both_languages_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let wallet = Wallet::new();
    let daemon = Daemon::start(dir.path(), &wallet.config("1s"));
    wait_for(&daemon, "yes");
    assert!(get(daemon.addr, "/").text().contains("现在可以登录"));
    assert!(get(daemon.addr, "/en/").text().contains("You can log in now"));

    wallet.set("app", "error503");
    wait_for(&daemon, "partial");
    assert!(get(daemon.addr, "/").text().contains("部分用户"));
    assert_eq!(health(&daemon.summary(), "app-signin"), "down");

    wallet.set("all", "refuse");
    wait_for(&daemon, "no");
    assert!(get(daemon.addr, "/").text().contains("暂时无法登录"));
    assert!(get(daemon.addr, "/en/c/web").text().contains("login-page"));

    wallet.set("all", "works");
    wait_for(&daemon, "yes");
    let outages = daemon.summary()["outages"].as_array().unwrap().len();
    assert_eq!(outages, 2, "{}", daemon.summary());
}

#[test]
fn each_way_the_sample_breaks_is_told_by_class() {
    let dir = tempfile::tempdir().unwrap();
    let wallet = Wallet::new();
    let daemon = Daemon::start(dir.path(), &wallet.config("1s"));
    for (mode, kind) in [
        ("error503", "http_5xx"),
        ("slow", "timeout_ttfb"),
        ("drip", "timeout_body"),
        ("refuse", "connect_refused"),
        ("wrong_page", "assertion"),
        ("maintenance", "maintenance_page"),
        ("locked", "http_4xx"),
    ] {
        wallet.set("all", mode);
        wait_until(&format!("{mode} is told as {kind}"), || {
            let summary = daemon.summary();
            let web = summary["components"].as_array()?.first()?["endpoints"].as_array()?.first()?.clone();
            let speaks_to = if kind == "http_4xx" { "app_version" } else { "server" };
            (web["health"] == "down" && web["reason"] == kind && web["speaks_to"] == speaks_to).then_some(())
        });
    }
}
