//! What is read from good files.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;
use crate::domain::component::{Lang, RollUp};
use crate::domain::endpoint::{Cadence, Endpoint};
use crate::domain::expect::StatusRange;
use crate::domain::flow::Step;
use crate::domain::request::{Body, Method, Value};

#[test]
fn a_file_of_empty_tables_is_all_defaults() {
    let config = good("[site]");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.store.data, Path::new("/etc/porchlight/data"));
    assert_eq!(config.store.keep_results, Duration::from_secs(90 * 86_400));
    assert_eq!(config.site.name.read(Lang::En).1, "Porchlight");
    assert_eq!(config.site.zone.iana_name(), Some("Asia/Shanghai"));
    assert_eq!(config.site.recovering_for, Duration::from_secs(120));
    assert!(config.sample.is_none() && config.site.sample.is_none() && config.site.lockout.is_none());
    insta::assert_snapshot!(warned("[site]"), @r#"
warning: nothing tells whether people can log in: the page will always say "unknown"
 --> config.toml:1:1
  |
1 | [site]
  | ^
  |
  = help: add a [[component]] with role = "login" and an [[endpoint]] of it
"#);
}

/// The only step of an endpoint.
fn step(endpoint: Endpoint) -> Step {
    endpoint.flow().unwrap().first.clone()
}

#[test]
fn an_endpoint_of_three_lines_has_the_documented_defaults() {
    let config = good(&with(""));
    let endpoint = &config.endpoints[0];
    assert_eq!(endpoint.cadence, Cadence::Every(Duration::from_secs(30)));
    assert_eq!(endpoint.deadline, Duration::from_secs(10));
    assert_eq!(endpoint.degraded_after, Duration::from_secs(5));
    assert_eq!((endpoint.thresholds.failure, endpoint.thresholds.success), (2, 2));
    let step = &endpoint.flow().unwrap().first;
    assert_eq!(step.request.method, Method::Get);
    assert!(step.request.headers.is_empty() && step.request.body.is_none());
    assert!(step.expect.status.is_empty());
    assert_eq!(good(&with("every = \"4s\"")).endpoints[0].deadline, Duration::from_secs(4));
}

#[test]
fn a_schedule_is_read_in_its_own_zone_or_the_page_s() {
    let zone = |lines: &str| match &good(&with(lines)).endpoints[0].cadence {
        Cadence::Schedule { cron, zone } => format!("{cron} in {}", zone.iana_name().unwrap()),
        Cadence::Every(_) => panic!("it has a schedule"),
    };
    assert_eq!(zone("schedule = \"*/5 8-20 * * MON-FRI\""), "*/5 8-20 * * MON-FRI in Asia/Shanghai");
    assert_eq!(
        zone("schedule = \"30 */5 * * * *\"\nzone = \"Europe/Berlin\""),
        "30 */5 * * * * in Europe/Berlin"
    );
}

#[test]
fn statuses_are_numbers_classes_ranges_or_lists_of_them() {
    let status = |lines: &str| step(good(&with(lines)).endpoints.remove(0)).expect.status;
    let range = |from, to| StatusRange { from, to };
    assert_eq!(status("status = 401"), [range(401, 401)]);
    assert_eq!(status("status = \"3xx\""), [range(300, 399)]);
    assert_eq!(
        status("status = [200, \"301-302\", \"4xx\"]"),
        [range(200, 200), range(301, 302), range(400, 499)]
    );
}

#[test]
fn json_is_written_in_the_order_of_the_file() {
    let sent =
        |lines: &str| step(good(&with(&format!("method = \"POST\"\n{lines}"))).endpoints.remove(0)).request;
    let body = |json: &str| match sent(&format!("json = {json}")).body {
        Some(Body::Raw(Value::Plain(text))) => text,
        Some(Body::Raw(Value::Secret(text))) => format!("secret {}", text.expose_secret()),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        body("{ z = 1, a = [true, 0xff, 1.5], \"密码\" = \"x\\n\\\"\" }"),
        r#"{"z":1,"a":[true,255,1.5],"密码":"x\n\""}"#
    );
    assert_eq!(body("{ deep = { pass = { env = \"TOKEN\" } } }"), r#"secret {"deep":{"pass":"hunter2"}}"#);
    assert_eq!(body("{ env = \"prod\", at = 1 }"), r#"{"env":"prod","at":1}"#);
    let headers = |lines: &str| sent(&format!("json = {{}}\n{lines}")).headers;
    assert_eq!(headers("")[0].0, "content-type");
    assert_eq!(headers("headers = { Content-Type = \"application/vnd.api+json\" }").len(), 1);
}

#[test]
fn a_secret_comes_from_its_place() {
    let header = |reference: &str| {
        let config =
            good(&format!("{}\n[sample]", with(&format!("headers = {{ authorization = {reference} }}"))));
        match &config.endpoints[0].flow().unwrap().first.request.headers[0].1 {
            Value::Secret(secret) => secret.expose_secret().to_owned(),
            other => panic!("{other:?} is no secret"),
        }
    };
    assert_eq!(header("{ env = \"TOKEN\" }"), "hunter2");
    assert_eq!(header("{ env = \"TOKEN\", prefix = \"Bearer \" }"), "Bearer hunter2");
    assert_eq!(header("{ file = \"secrets/good\" }"), "hunter2");
    assert_eq!(header("{ file = \"/etc/porchlight/secrets/open\" }"), "hunter2");
    assert_eq!(header("{ sample = \"username\" }"), "probe");
}

#[test]
fn notices_are_read_in_the_page_s_zone() {
    let notices = "[[maintenance]]\nid = \"m\"\ntitle = { en = \"Upgrade\" }\nendpoints = [\"login\"]\n\
        starts_at = \"2026-11-25 00:00\"\nends_at = 2026-11-25T02:00:00\n\
        [[announcement]]\nid = \"a\"\ntitle = \"Hello\"\n";
    let config = good(&format!("{}{notices}", with("")));
    let maintenance = &config.maintenances[0];
    assert_eq!(maintenance.starts_at.to_string(), "2026-11-24T16:00:00Z");
    assert_eq!(maintenance.ends_at.to_string(), "2026-11-24T18:00:00Z");
    assert_eq!(maintenance.published_at.to_string(), "2026-11-23T00:00:00Z");
    assert_eq!(config.announcements[0].starts_at.to_string(), "2026-11-23T00:00:00Z");
    assert_eq!(config.announcements[0].title.written(Lang::Zh), Some("Hello"));
}

#[test]
fn a_component_may_roll_up_any_of_its_endpoints() {
    let text =
        with("").replace("name = \"Web\"", "name = \"Web\"\nroll_up = \"any\"\ncritical = [\"login\"]");
    let RollUp::Any { critical } = &good(&text).components[0].roll_up else { panic!("any") };
    assert_eq!(critical[0].as_str(), "login");
}
