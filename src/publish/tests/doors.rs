//! How pages are served: headers, encodings, freshness, addresses.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body as HttpBody;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use bytes::Bytes;
use tower::ServiceExt;

use super::*;
use crate::domain::component::Lang;
use crate::domain::verdict::Verdict;

/// A publisher whose clock stands where the test puts it.
struct Door {
    publisher: Arc<Publisher>,
    facts: watch::Sender<Arc<Facts>>,
    mono: Arc<AtomicU64>,
}

impl Door {
    fn new(facts: Facts) -> Self {
        let mono = Arc::new(AtomicU64::new(fixture::now().mono.as_secs()));
        let clock = Arc::clone(&mono);
        let now = move || {
            let passed = clock.load(Ordering::SeqCst) - fixture::now().mono.as_secs();
            fixture::now().after(Duration::from_secs(passed))
        };
        let site = Arc::clone(&facts.site);
        let (facts, receiver) = watch::channel(Arc::new(facts));
        let publisher = Arc::new(Publisher::new(&site, receiver, Arc::new(now)).unwrap());
        Self { publisher, facts, mono }
    }

    fn open(facts: Facts) -> Self {
        let door = Self::new(facts);
        door.publish();
        door
    }

    fn publish(&self) {
        let now = (self.publisher.now)();
        let facts = self.facts.borrow().clone();
        let rendered = render(&facts, now).unwrap();
        self.publisher.publish(facts, rendered).unwrap();
    }

    fn pass(&self, seconds: u64) {
        self.mono.fetch_add(seconds, Ordering::SeqCst);
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(header::HeaderName, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request.body(HttpBody::empty()).unwrap();
        let response = Arc::clone(&self.publisher).router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[]).await
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

#[tokio::test]
async fn before_the_first_render_we_cannot_tell() {
    let door = Door::new(fixture::of(Verdict::Yes));
    for (path, words) in
        [("/", "暂时"), ("/en/", "tell right now"), ("/api/v1/summary.json", "\"verdict\":\"unknown\"")]
    {
        let answer = door.get(path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        assert!(answer.text().contains(words), "{path}");
    }
}

#[tokio::test]
async fn a_fresh_page_says_how_long_it_may_be_kept_and_a_stale_one_is_never_served() {
    let door = Door::open(fixture::of(Verdict::Yes));
    let fresh = door.get("/").await;
    assert_eq!(fresh.header(header::CACHE_CONTROL), "public, max-age=15, must-revalidate");
    assert!(fresh.text().contains("现在<wbr>可以登录"));
    door.pass(50);
    assert_eq!(door.get("/").await.header(header::CACHE_CONTROL), "public, max-age=10, must-revalidate");
    door.pass(9);
    assert_eq!(door.get("/en/").await.header(header::CACHE_CONTROL), "public, max-age=1, must-revalidate");
    door.pass(1);
    let stale = door.get("/").await;
    assert_eq!(stale.header(header::CACHE_CONTROL), "no-store");
    assert!(stale.text().contains("暂时<wbr>无法判断") && !stale.text().contains("可以登录"));
}

#[tokio::test]
async fn every_page_carries_its_headers() {
    let door = Door::open(fixture::of(Verdict::Yes));
    for (path, language) in [
        ("/", "zh-CN"),
        ("/en/", "en"),
        ("/c/sms", "zh-CN"),
        ("/en/c/sms", "en"),
        ("/api/v1/summary.json", "zh-CN, en"),
    ] {
        let answer = door.get(path).await;
        assert_eq!(answer.header(header::CONTENT_LANGUAGE), language);
        assert_eq!(answer.header(header::VARY), "accept-encoding");
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(answer.header(header::REFERRER_POLICY), "no-referrer");
        assert!(
            answer
                .header(header::CONTENT_SECURITY_POLICY)
                .starts_with("default-src 'none'; style-src 'sha256-")
        );
        let cors = if path.starts_with("/api") { "*" } else { "" };
        assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), cors);
    }
}

#[tokio::test]
async fn each_encoding_has_a_tag_of_its_own_and_what_is_held_is_not_sent_again() {
    let door = Door::open(fixture::of(Verdict::Yes));
    let mut tags = Vec::new();
    for accept in ["identity", "gzip", "gzip, br"] {
        let first = door.ask(Method::GET, "/", &[(header::ACCEPT_ENCODING, accept)]).await;
        let etag = first.header(header::ETAG).to_owned();
        let held = [(header::ACCEPT_ENCODING, accept), (header::IF_NONE_MATCH, etag.as_str())];
        let again = door.ask(Method::GET, "/", &held).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
        assert!(again.body.is_empty());
        assert_eq!(again.header(header::ETAG), etag);
        assert!(again.header(header::CACHE_CONTROL).contains("must-revalidate"));
        tags.push(etag);
    }
    tags.dedup();
    assert_eq!(tags.len(), 3, "{tags:?}");
}

#[tokio::test]
async fn head_tells_the_length_and_sends_nothing() {
    let door = Door::open(fixture::of(Verdict::Yes));
    let head = door.ask(Method::HEAD, "/", &[]).await;
    let get = door.get("/").await;
    assert_eq!(head.status, StatusCode::OK);
    assert!(head.body.is_empty());
    assert_eq!(head.header(header::CONTENT_LENGTH), get.body.len().to_string());
}

/// What a door answers to who comes with nothing in hand.
fn opens(path: &str) -> StatusCode {
    match path {
        "/en" => StatusCode::PERMANENT_REDIRECT,
        _ if path.starts_with("/push/") => StatusCode::UNAUTHORIZED,
        _ => StatusCode::OK,
    }
}

#[tokio::test]
async fn every_door_in_the_inventory_opens_and_no_other_method_does() {
    let door = Door::open(fixture::of(Verdict::Yes));
    for (method, path) in ROUTES {
        let path = path.replace("{id}", "sms");
        let answer = door.ask(method.parse().unwrap(), &path, &[]).await;
        assert_eq!(answer.status, opens(&path), "{path}");
        let other = if path.starts_with("/push/") { Method::PUT } else { Method::POST };
        assert_eq!(door.ask(other, &path, &[]).await.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
}

#[tokio::test]
async fn addresses_that_lead_nowhere_are_not_found_in_both_languages() {
    let mut facts = fixture::of(Verdict::Yes);
    let mut components = facts.components.to_vec();
    components[2].public = false;
    facts.components = components.into();
    let door = Door::open(facts);
    for path in ["/nowhere", "/c/", "/c/nobody", "/c/email", "/en/c/..", "/c/%ff", "/c/sms/", "/api/v1/"] {
        let answer = door.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text().contains("没有这一页") && answer.text().contains("no such page"), "{path}");
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    }
}

#[tokio::test]
async fn a_component_page_is_kept_until_new_facts_are_published() {
    let door = Door::open(fixture::of(Verdict::Yes));
    let before = door.get("/en/c/sms").await;
    assert!(before.text().contains("<h1>SMS code</h1>"));
    door.facts.send_replace(Arc::new(fixture::of(Verdict::Partial)));
    assert_eq!(door.get("/en/c/sms").await.body, before.body);
    door.publish();
    assert!(door.get("/en/c/sms").await.text().contains("Major outage"));
}

#[tokio::test]
async fn a_component_page_past_its_truth_is_made_anew() {
    let door = Door::open(fixture::of(Verdict::Yes));
    let before = door.get("/c/sms").await;
    door.pass(90);
    let after = door.get("/c/sms").await;
    assert_ne!(after.body, before.body);
    assert!(after.text().contains("没有最新数据") || after.text().contains("无数据"));
    assert!(after.header(header::CACHE_CONTROL).starts_with("public"));
}

#[tokio::test]
async fn those_who_ask_together_share_one_rendering() {
    let door = Door::open(fixture::busy());
    let mut asks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let publisher = Arc::clone(&door.publisher);
        asks.spawn(async move {
            let facts = Arc::clone(&publisher.edition.load().facts);
            publisher
                .pages
                .get((0, facts), fixture::now(), Lang::Zh, fixture::id("sms"))
                .await
                .unwrap()
                .unwrap()
        });
    }
    let made = asks.join_all().await;
    assert!(made.iter().all(|page| Arc::ptr_eq(page, &made[0])));
}

#[tokio::test]
async fn below_a_base_path_every_door_opens_and_none_beside_it() {
    let door = Door::open(below_a_path(fixture::of(Verdict::Yes)));
    for path in HEALTH {
        assert_eq!(door.get(path).await.status, StatusCode::OK, "{path}");
        assert_eq!(door.get(&format!("/login{path}")).await.status, StatusCode::NOT_FOUND, "/login{path}");
    }
    for (method, path) in ROUTES.iter().filter(|(_, path)| !HEALTH.contains(path)) {
        let path = path.replace("{id}", "sms");
        let answer = door.ask(method.parse().unwrap(), &format!("/login{path}"), &[]).await;
        assert_eq!(answer.status, opens(&path), "/login{path}");
        if path != "/" {
            assert_eq!(door.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    for (path, to) in [("/login", "/login/"), ("/login/en", "/login/en/"), ("/", "/login/")] {
        let answer = door.get(path).await;
        assert!(answer.status.is_redirection(), "{path}");
        assert_eq!(answer.header(header::LOCATION), to);
    }
    let counted = door.publisher.meters.requests();
    assert!(counted.contains(&("/c/{id}", "2xx", 1)) && counted.contains(&("/en", "3xx", 2)), "{counted:?}");
}

#[tokio::test]
async fn what_a_stranger_says_of_himself_changes_nothing() {
    let headers = [
        "host",
        "forwarded",
        "x-forwarded-host",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-scheme",
        "x-forwarded-server",
        "x-forwarded-path",
        "x-forwarded-uri",
        "x-forwarded-user",
        "x-forwarded-email",
        "x-forwarded-groups",
        "x-original-url",
        "x-original-host",
        "x-original-uri",
        "x-original-method",
        "x-rewrite-url",
        "x-real-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-remote-ip",
        "x-remote-addr",
        "x-host",
        "x-http-host-override",
        "x-url-scheme",
        "x-scheme",
        "x-proxyuser-ip",
        "x-script-name",
        "x-accel-redirect",
        "x-sendfile",
        "x-user",
        "x-user-id",
        "x-role",
        "x-roles",
        "x-admin",
        "x-remote-user",
        "x-auth-user",
        "x-auth-request-user",
        "x-webauth-user",
        "x-authenticated-user",
        "x-is-admin",
        "is-admin",
        "is-authenticated",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "true-client-ip",
        "cf-connecting-ip",
        "fastly-client-ip",
        "via",
        "front-end-https",
        "base-url",
        "x-base-url",
        "remote-user",
        "authorization",
        "cookie",
        "origin",
        "referer",
        "range",
        "accept-language",
    ];
    assert!(60 <= headers.len());
    for facts in [fixture::of(Verdict::Partial), below_a_path(fixture::of(Verdict::Partial))] {
        let base = facts.site.base().to_owned();
        let door = Door::open(facts);
        for path in ["", "en", "en/", "c/sms", "nowhere", "api/v1/summary.json"] {
            let path = format!("{base}{path}");
            let plain = door.get(&path).await;
            for name in headers {
                let name = header::HeaderName::from_static(name);
                let told = door.ask(Method::GET, &path, &[(name.clone(), "/evil.example")]).await;
                assert_eq!((told.status, &told.headers), (plain.status, &plain.headers), "{name} at {path}");
                assert_eq!(told.body, plain.body, "{name} at {path}");
            }
        }
    }
}

#[tokio::test]
async fn health_is_asked_in_text_or_json_and_is_never_kept() {
    let door = Door::open(fixture::of(Verdict::Yes));
    for (path, checks) in [("/livez", 3), ("/readyz", 6)] {
        let text = door.get(path).await;
        assert_eq!((text.status, text.header(header::CACHE_CONTROL)), (StatusCode::OK, "no-store"));
        assert_eq!(text.text().lines().filter(|it| it.starts_with("ok ")).count(), checks, "{}", text.text());
        let json = door.ask(Method::GET, path, &[(header::ACCEPT, "application/json")]).await;
        let json: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
        assert_eq!(json["ok"], true);
        assert_eq!(json["checks"].as_object().unwrap().len(), checks);
        let head = door.ask(Method::HEAD, path, &[]).await;
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    }
    door.pass(90);
    let ready = door.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(ready.text().contains("FAILED  rendering: the page is not being rendered"), "{}", ready.text());
    let live = door.get("/livez").await;
    assert_eq!(live.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(live.text().contains("FAILED  renderer"), "{}", live.text());
    let dead = Vitals { ticked_at: std::time::Duration::ZERO, writer: false, files: Soundness::default() };
    door.publisher.ask(Box::new(move || dead));
    let live = door.get("/livez").await;
    let live = live.text();
    assert!(live.contains("FAILED  ticker") && live.contains("FAILED  writer"), "{live}");
    // The service manager hears no more of us for the same reasons.
    assert_eq!(door.publisher.faults(), crate::domain::readiness::Fault::ALL);
}

#[tokio::test]
async fn every_request_is_counted_by_its_door() {
    let door = Door::open(fixture::of(Verdict::Yes));
    for path in ["/", "/", "/c/sms", "/nowhere", "/c/nobody"] {
        door.get(path).await;
    }
    let counted = door.publisher.meters.requests();
    assert_eq!(counted, [("/", "2xx", 2), ("/c/{id}", "2xx", 1), ("/c/{id}", "4xx", 1), ("other", "4xx", 1)]);
}
