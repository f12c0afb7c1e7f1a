//! Behind nginx and Caddy, with the files of contrib/ as an operator would copy them.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::pki::Pki;
use crate::support::{Answer, Daemon, free_port, logging, wait_until};

const NAME: &str = "localhost";
const CONFIG: &str = "[[component]]\nid = \"web\"\nname = \"Web\"\n";

/// A proxy in front of a Porchlight, both ended with the test.
struct Front {
    pki: Pki,
    port: u16,
    proxy: Child,
}

impl Front {
    /// Fills in what an operator fills in.
    fn start(what: &str, dir: &Path, behind: SocketAddr, below: &str) -> Self {
        let (pki, port) = (Pki::new(), free_port());
        let (chain, key) = pki.pems();
        std::fs::write(dir.join("fullchain.pem"), chain).unwrap();
        std::fs::write(dir.join("key.pem"), key).unwrap();
        let shown = dir.display();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib");
        let mut command = if what == "nginx" {
            let site = std::fs::read_to_string(shipped.join("nginx/porchlight.conf")).unwrap();
            let site = site
                .replace("listen 443", &format!("listen 127.0.0.1:{port}"))
                .replace("    listen [::]:443 ssl http2;\n", "")
                .replace("status.example.com;", &format!("{NAME};"))
                .replace("/etc/ssl/status.example.com", &shown.to_string())
                .replace("127.0.0.1:8080", &behind.to_string())
                .replace("location / {", &format!("location {below} {{"));
            std::fs::write(dir.join("site.conf"), site).unwrap();
            let whole = format!(
                "daemon off; worker_processes 1; pid {shown}/nginx.pid; error_log {shown}/front.log info;\n\
                 events {{}}\nhttp {{ access_log off; client_body_temp_path {shown}/a; proxy_temp_path {shown}/b;\n\
                 fastcgi_temp_path {shown}/c; uwsgi_temp_path {shown}/d; scgi_temp_path {shown}/e;\n\
                 gzip on; gzip_types *;\ninclude {shown}/site.conf; }}\n"
            );
            std::fs::write(dir.join("nginx.conf"), whole).unwrap();
            let mut command = Command::new("nginx");
            command.arg("-e").arg(dir.join("front.log")).arg("-c").arg(dir.join("nginx.conf"));
            command
        } else {
            let site = std::fs::read_to_string(shipped.join("caddy/Caddyfile")).unwrap();
            let handle =
                if below == "/" { "handle".into() } else { format!("handle {}*", &below[..below.len() - 1]) };
            let tls = format!("https://{NAME}:{port} {{\n\ttls {shown}/fullchain.pem {shown}/key.pem");
            let site = site
                .replace("\nstatus.example.com {", &format!("\n{tls}"))
                .replace("127.0.0.1:8080", &behind.to_string())
                .replace("\thandle {", &format!("\t{handle} {{"));
            std::fs::write(
                dir.join("Caddyfile"),
                format!("{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{site}"),
            )
            .unwrap();
            let mut command = Command::new("caddy");
            command.args(["run", "--adapter", "caddyfile", "--config"]).arg(dir.join("Caddyfile"));
            command.env("XDG_DATA_HOME", dir).env("XDG_CONFIG_HOME", dir).env("HOME", dir);
            command
        };
        let log = std::fs::File::create(dir.join("front.log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let proxy = command.spawn();
        let proxy = proxy.unwrap_or_else(|error| {
            panic!("this test needs {what}; tests/run installs it or skips by name: {error}")
        });
        let mut front = Self { pki, port, proxy };
        wait_until("the proxy listens", || {
            if let Some(status) = front.proxy.try_wait().unwrap() {
                panic!(
                    "{what} ended with {status}: {}",
                    std::fs::read_to_string(dir.join("front.log")).unwrap()
                );
            }
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        front
    }

    fn get(&self, path: &str, extra: &str) -> Answer {
        let settings = Arc::new(self.pki.client(&["http/1.1"]));
        let mut session = rustls::ClientConnection::new(settings, NAME.try_into().unwrap()).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
        let mut tls = rustls::Stream::new(&mut session, &mut stream);
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: {NAME}:{}\r\nConnection: close\r\n{extra}\r\n", self.port);
        tls.write_all(head.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        let _ = tls.read_to_end(&mut bytes);
        crate::support::parsed(bytes).unwrap()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // Asked to end first, so that a master takes its workers along.
        let _ = Command::new("kill").args(["-TERM", &self.proxy.id().to_string()]).status();
        let _ = self.proxy.wait();
    }
}

/// Every path of ours that a page links to.
fn links(page: &str, origin: &str) -> BTreeSet<String> {
    let links = page.split(" href=\"").skip(1).filter_map(|it| it.split('"').next());
    links
        .filter_map(|it| it.strip_prefix(origin).or(Some(it)).filter(|it| it.starts_with('/')))
        .map(str::to_owned)
        .collect()
}

fn behind(what: &str, below: &str) {
    let dir = tempfile::tempdir().unwrap();
    let behind = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let front = Front::start(what, dir.path(), behind, below);
    let origin = format!("https://{NAME}:{}", front.port);
    let server = format!("public_url = \"{origin}{below}\"\ntrusted_proxies = [\"127.0.0.1\"]");
    let mut daemon =
        Daemon::start_served(dir.path(), CONFIG, behind, &server, logging(dir.path(), "info,serve=debug"));
    let mut to_see: Vec<String> = vec![below.to_owned()];
    let mut seen = BTreeSet::new();
    while let Some(path) = to_see.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        assert!(path.starts_with(below), "{path}");
        let answer = front.get(&path, "");
        assert_eq!(answer.status, 200, "{what} {path}: {}", answer.head);
        if answer.header("content-type").is_some_and(|it| it.starts_with("text/html")) {
            to_see.extend(links(&answer.text(), &origin));
        }
    }
    for path in ["", "en/", "c/web", "en/c/web", "api/v1/summary.json"] {
        assert!(seen.contains(&format!("{below}{path}")), "{what}: no link leads to {path}: {seen:?}");
    }
    let english = front.get(&format!("{below}en"), "");
    assert_eq!((english.status, english.header("location")), (308, Some(&*format!("{below}en/"))));
    let front_page = front.get(below, "");
    assert!(front_page.text().contains(&format!("rel=\"canonical\" href=\"{origin}{below}\"")));
    for encoding in ["br", "gzip"] {
        let asked = format!("Accept-Encoding: {encoding}\r\n");
        let packed = front.get(below, &asked);
        assert_eq!(packed.header("content-encoding"), Some(encoding), "{what}");
        assert!(packed.body.len() * 2 < front_page.body.len());
        let tag = packed.header("etag").unwrap().to_owned();
        let held = front.get(below, &format!("{asked}If-None-Match: {tag}\r\n"));
        assert_eq!((held.status, held.body.len()), (304, 0), "{what} {encoding}");
        assert!(held.header("cache-control").is_some());
    }
    // A visitor's word on who he is ends at the proxy.
    front.get(&format!("{below}en/?spoofed"), "X-Forwarded-For: 198.51.100.7\r\n");
    assert!(!daemon.log().contains("198.51.100.7"));
    daemon.kill();
    for _ in 0..3 {
        let away = front.get(below, "");
        assert_eq!(away.status, 502, "{what}: {}", away.head);
        assert!(!away.text().contains("<main"));
    }
}

#[test]
fn behind_nginx_the_page_is_whole_and_goes_with_porchlight() {
    behind("nginx", "/");
    behind("nginx", "/login/");
}

#[test]
fn behind_caddy_the_page_is_whole_and_goes_with_porchlight() {
    behind("caddy", "/");
    behind("caddy", "/login/");
}
