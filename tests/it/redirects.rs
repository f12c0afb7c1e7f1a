//! Where a target may send us: nothing secret goes along, and nothing of ours is reached.

use std::sync::Arc;

use porchlight::domain::flow::Depth;
use porchlight::probe::Outbound;

use crate::flow::{Door, answer, endpoint, knock, knock_at, prober, redirect};
use crate::knock::told;
use crate::pki::Pki;

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_cookies_never_go_to_where_a_target_sends_us() {
    for (status, by, expected) in [
        ("307 Temporary Redirect", "redirect", "failure/redirect_blocked"),
        ("302 Found", "redirect", "failure/redirect_blocked"),
        ("308 Permanent Redirect", "redirect", "failure/redirect_blocked"),
        ("200 OK", "captured", "failure/redirect_blocked"),
        ("200 OK", "form", "failure/redirect_blocked"),
    ] {
        let sink = Door::new(|_| answer("200 OK", "", "thanks"));
        let there = sink.url("localhost");
        let door = Door::new(move |request| match request {
            it if it.starts_with("GET /login") => answer(
                "200 OK",
                &format!(
                    "x-next: {there}\r\nSet-Cookie: sid=secret-cookie; Domain=localhost\r\nSet-Cookie: b=secret-cookie\r\n"
                ),
                &format!("<form action='{there}'><input type=hidden name=csrf value=1></form>"),
            ),
            _ => redirect(status, &there),
        });
        let address = match by {
            "redirect" => "url = \"/in\"\nredirects = 3\nform = { u = \"{{username}}\" }",
            "captured" => "url = \"{{next}}\"\nform = { u = \"{{username}}\" }",
            _ => "form = { of = \"page\", u = \"{{username}}\" }",
        };
        let lines = format!(
            "account = \"sample\"\nevery = \"5s\"\n[[endpoint.step]]\nname = \"page\"\nurl = \"/login\"\ncapture.next = {{ header = \"x-next\" }}\ncapture.page = {{ form = \"form\" }}\n[[endpoint.step]]\nname = \"in\"\n{address}\n[probe]\nallow_private = [\"localhost\"]"
        );
        let probed = knock(&endpoint(&door.here(), &lines)).await;
        assert_eq!(told(probed.result.outcome), expected, "{status} {by}: {:?}", probed.error);
        assert_eq!(sink.asked(), Vec::<String>::new(), "{status} {by}");
    }
    // Without anything secret it is gone to, and no cookie goes along.
    let sink = Door::new(|_| answer("200 OK", "", "hello"));
    let there = sink.url("localhost");
    let door = Door::new(move |_| {
        let set = format!(
            "Location: {there}\r\nSet-Cookie: sid=secret-cookie; Domain=localhost\r\nSet-Cookie: b=secret-cookie\r\n"
        );
        answer("302 Found", &set, "")
    });
    let open = "redirects = 1\n[probe]\nallow_private = [\"localhost\"]";
    let probed = knock(&endpoint(&door.here(), open)).await;
    assert_eq!(told(probed.result.outcome), "success", "{:?}", probed.error);
    assert_eq!(sink.lines(), ["GET /"]);
    assert!(!sink.asked()[0].contains("secret-cookie"), "{}", sink.asked()[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_cannot_send_us_into_our_own_house() {
    let house = Door::new(|_| answer("200 OK", "", "keys"));
    let port = house.target.addr.port();
    for (to, allowed, expected, reached) in [
        (house.url("localhost"), "", "failure/redirect_blocked", 0),
        (house.url("[::ffff:127.0.0.1]"), "", "failure/redirect_blocked", 0),
        (house.url("127.1.2.3"), "", "failure/redirect_blocked", 0),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), "0.0.0.0/0", "failure/redirect_blocked", 0),
        ("file:///etc/passwd".to_owned(), "", "failure/redirect_scheme", 0),
        (house.url("localhost"), "10.0.0.0/8", "failure/redirect_blocked", 0),
        // The host that the operator wrote down may be private, whatever its port.
        (house.here(), "", "success", 1),
    ] {
        let before = house.asked().len();
        let leads = to.clone();
        let door = Door::new(move |_| redirect("302 Found", &leads));
        let lines = format!(
            "redirects = 2\n[probe]\nallow_private = [{}]",
            if allowed.is_empty() { String::new() } else { format!("\"{allowed}\"") }
        );
        let probed = knock(&endpoint(&door.here(), &lines)).await;
        assert_eq!(told(probed.result.outcome), expected, "{to} {allowed}: {:?}", probed.error);
        assert_eq!(house.asked().len() - before, reached, "{to} {allowed}");
    }
    // Our own listeners never.
    let door = Door::new(move |_| redirect("302 Found", &format!("http://127.0.0.1:{port}/")));
    let before = house.asked().len();
    let lines = format!(
        "redirects = 2\n[probe]\nallow_private = [\"127.0.0.0/8\"]\n[metrics]\nlisten = \"127.0.0.1:{port}\""
    );
    let probed = knock(&endpoint(&door.here(), &lines)).await;
    assert_eq!(told(probed.result.outcome), "failure/redirect_blocked", "{:?}", probed.error);
    assert_eq!(house.asked().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_counted_and_never_go_round() {
    let count = |path: &str| path.trim_start_matches('/').parse::<u32>().unwrap_or_default();
    let door = Door::new(move |request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        if path == "/3" {
            answer("200 OK", "", "here")
        } else {
            redirect("302 Found", &format!("/{}", count(path) + 1))
        }
    });
    for (redirects, expected, asked) in
        [(3, "success", 4), (2, "failure/redirect_loop", 3), (0, "failure/redirect_unexpected", 1)]
    {
        let before = door.asked().len();
        let probed = knock(&endpoint(&door.here(), &format!("redirects = {redirects}"))).await;
        assert_eq!(told(probed.result.outcome), expected, "{redirects}: {:?}", probed.error);
        assert_eq!(door.asked().len() - before, asked);
    }
    let round =
        Door::new(|request| redirect("302 Found", if request.starts_with("GET /a") { "/b" } else { "/a" }));
    let probed = knock(&endpoint(&format!("{}a", round.here()), "redirects = 10")).await;
    assert_eq!(told(probed.result.outcome), "failure/redirect_loop");
    assert_eq!(round.lines(), ["GET /a", "GET /b"]);
    // A cookie makes it another request: many pages try so whether one is kept.
    let tries = Door::new(|request| match request.contains("cookie: seen=1") {
        true => answer("200 OK", "", "here"),
        false => answer("302 Found", "Location: /\r\nSet-Cookie: seen=1\r\n", ""),
    });
    let probed = knock(&endpoint(&tries.here(), "redirects = 1")).await;
    assert_eq!(told(probed.result.outcome), "success", "{:?}", probed.error);
}

/// Serves these bytes over TLS, for `localhost`.
async fn tls_door(pki: &Pki, answer: String) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (chain, key) = pki.pems();
    let chain: Vec<_> = pem(&chain, "CERTIFICATE").into_iter().map(Into::into).collect();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(pem(&key, "PRIVATE KEY").remove(0).into());
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

fn pem(text: &str, what: &str) -> Vec<Vec<u8>> {
    use base64::Engine as _;
    let begins = format!("-----BEGIN {what}-----");
    let parts = text.split(&begins).skip(1).filter_map(|it| it.split("-----END").next());
    let decode =
        |it: &str| base64::engine::general_purpose::STANDARD.decode(it.replace(['\n', '\r'], "")).unwrap();
    parts.map(decode).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hop_shows_a_certificate_of_its_own() {
    let pki = Pki::new();
    let [expired, good] = [pki.serve("expired").await, pki.serve("good").await];
    let plain = Door::new(|_| answer("200 OK", "", "hello"));
    for (to, expected) in [
        (format!("https://localhost:{expired}/"), "failure/tls_expired"),
        (format!("https://localhost:{good}/"), "success"),
        (plain.url("localhost"), "failure/redirect_downgrade"),
    ] {
        let port = tls_door(&pki, redirect("302 Found", &to)).await;
        let wanted = endpoint(&format!("https://localhost:{port}/"), "redirects = 1");
        let (prober, own) = prober(Outbound::trusting(pki.verifier()));
        let probed = knock_at(&prober, &own, &wanted, Depth::Whole).await;
        assert_eq!(told(probed.result.outcome), expected, "{to}: {:?}", probed.error);
    }
    assert_eq!(plain.asked(), Vec::<String>::new());
}
