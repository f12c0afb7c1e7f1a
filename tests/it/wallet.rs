//! A config that watches a sample wallet on ports of its own, and its breaking.

use std::net::SocketAddr;
use std::path::Path;

use crate::support::{Daemon, free_port, request, wait_until};

pub struct Wallet {
    pub listen: u16,
    pub control: u16,
}

impl Wallet {
    pub fn new() -> Self {
        Self { listen: free_port(), control: free_port() }
    }

    /// Watches two ways in, each by one endpoint, every `every`.
    pub fn config(&self, every: &str) -> String {
        let Self { listen, control } = self;
        format!(
            r#"
[site]
name = {{ zh = "试钱包", en = "Test wallet" }}
recovering_for = "1s"

[sample]
listen = "127.0.0.1:{listen}"
control = "127.0.0.1:{control}"

[[component]]
id = "web"
name = {{ zh = "网页登录", en = "Web sign-in" }}

[[component]]
id = "app"
name = {{ zh = "App 登录", en = "App sign-in" }}
alternative_to = ["web"]

[[endpoint]]
id = "login-page"
component = "web"
url = "http://127.0.0.1:{listen}/login"
every = "{every}"
deadline = "900ms"
contains = "csrf_token"

[[endpoint]]
id = "app-signin"
component = "app"
method = "POST"
url = "http://127.0.0.1:{listen}/api/app/login"
json = {{ username = {{ sample = "username" }}, password = {{ sample = "password" }} }}
every = "{every}"
deadline = "900ms"
contains = "\"ok\":true"
"#
        )
    }

    /// A daemon that watches it every second, and has found both ways open.
    pub fn watched(&self, dir: &Path) -> Daemon {
        let daemon = Daemon::start(dir, &self.config("1s"));
        wait_until("it knocks", || (daemon.summary()["verdict"] == "yes").then_some(()));
        daemon
    }

    /// Sets one door, or `all`, to a mode.
    pub fn set(&self, door: &str, mode: &str) {
        let control = SocketAddr::from(([127, 0, 0, 1], self.control));
        let body = format!("{{\"door\":\"{door}\",\"mode\":\"{mode}\"}}");
        let answer =
            request(control, "POST", "/api/break", "Content-Type: application/json\r\n", &body).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}
