//! Which names a request may ask for, once the operator has told ours.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use url::Url;

/// The names of this server.
#[derive(Debug, Clone)]
pub struct Hosts {
    /// The host of `public_url`, with brackets around an IPv6 address.
    name: String,
    port: Option<u16>,
    /// As browsers send it, so that it is known at a glance.
    usual: String,
    listen: IpAddr,
    /// Paths that those ask for who know an address, not a name: supervisors and load balancers.
    open: &'static [&'static str],
}

impl Hosts {
    pub fn new(public_url: &Url, listen: SocketAddr, open: &'static [&'static str]) -> Self {
        let name = public_url.host_str().unwrap_or_default().to_owned();
        let port = public_url.port_or_known_default();
        let usual = match public_url.port() {
            Some(port) => format!("{name}:{port}"),
            None => name.clone(),
        };
        Self { name, port, usual, listen: listen.ip(), open }
    }

    /// The answer to a request that asks for somebody else, or does not say for whom.
    ///
    /// | the request names | answer |
    /// | --- | --- |
    /// | the host of `public_url`, with its port or none | goes on |
    /// | `localhost`, a loopback address or the one we listen at, any port | goes on: the operator, on the machine |
    /// | anybody else, in `Host`, `:authority` or the request's line | 421 |
    /// | nobody, two hosts, or something that is no host | 400 |
    /// | whatever, for one of the paths that are open | goes on |
    pub fn refusal(&self, uri: &Uri, headers: &HeaderMap) -> Option<Response<Body>> {
        let status = self.minds(uri, headers)?;
        let why = if status == StatusCode::BAD_REQUEST {
            "This request does not say, in one host name, whom it asks.\n"
        } else {
            "The host this request asks for is not served here.\n"
        };
        let mut response = Response::new(Body::from(why));
        *response.status_mut() = status;
        let kept = [
            (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        for (name, value) in kept {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        Some(response)
    }

    fn minds(&self, uri: &Uri, headers: &HeaderMap) -> Option<StatusCode> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (first, second) = (hosts.next(), hosts.next());
        if first.is_some_and(|it| it == self.usual.as_str()) && second.is_none() && uri.authority().is_none()
        {
            return None;
        }
        if self.open.contains(&uri.path()) {
            return None;
        }
        let written = first.map(|it| Authority::try_from(it.as_bytes()));
        let Ok(written) = written.transpose() else { return Some(StatusCode::BAD_REQUEST) };
        let mut asked = written.as_ref().into_iter().chain(uri.authority()).peekable();
        let is_plain = |it: &Authority| !it.as_str().contains('@') && !it.host().is_empty();
        if second.is_some() || asked.peek().is_none() || !asked.clone().all(is_plain) {
            return Some(StatusCode::BAD_REQUEST);
        }
        (!asked.all(|it| self.is_ours(it))).then_some(StatusCode::MISDIRECTED_REQUEST)
    }

    fn is_ours(&self, asked: &Authority) -> bool {
        let host = asked.host().strip_suffix('.').unwrap_or(asked.host());
        if host.eq_ignore_ascii_case(&self.name) {
            return asked.port().is_none() || asked.port_u16() == self.port;
        }
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_here = |ip: IpAddr| ip.to_canonical().is_loopback() || ip == self.listen;
        host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| is_here(ip) && !ip.is_unspecified())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str, hosts: &[&str]) -> u16 {
        let url = Url::parse("https://status.example.com/login/").unwrap();
        let ours = Hosts::new(&url, "192.0.2.7:8080".parse().unwrap(), &["/livez", "/readyz"]);
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap());
        }
        ours.refusal(&line.parse().unwrap(), &headers).map_or(200, |it| it.status().as_u16())
    }

    #[test]
    fn the_table_of_hosts() {
        for (line, hosts, wanted) in [
            ("/login/", &["status.example.com"][..], 200),
            ("/login/", &["Status.Example.COM"], 200),
            ("/login/", &["status.example.com."], 200),
            ("/login/", &["status.example.com:443"], 200),
            ("/login/", &["status.example.com:80"], 421),
            ("/login/", &["localhost:8080"], 200),
            ("/login/", &["127.0.0.1:1"], 200),
            ("/login/", &["127.8.8.8"], 200),
            ("/login/", &["[::1]:8080"], 200),
            ("/login/", &["192.0.2.7:8080"], 200),
            ("/login/", &["192.0.2.8:8080"], 421),
            ("/login/", &["0.0.0.0"], 421),
            ("/login/", &["evil.example"], 421),
            ("/login/", &["status.example.com.evil.example"], 421),
            ("/login/", &["localhost.evil.example"], 421),
            ("/login/", &["evil@status.example.com"], 400),
            ("/login/", &["status.example.com/"], 400),
            ("/login/", &["status.example.com", "status.example.com"], 400),
            ("/login/", &["a b"], 400),
            ("/login/", &["\u{fc}"], 400),
            ("/login/", &[""], 400),
            ("/login/", &[], 400),
            ("/livez", &[], 200),
            ("/readyz", &["10.0.0.1:8080"], 200),
            ("/livez?verbose", &["10.0.0.1:8080"], 200),
            ("/livez/", &["10.0.0.1:8080"], 421),
            ("/login/livez", &["10.0.0.1:8080"], 421),
            ("https://status.example.com/login/", &[], 200),
            ("https://status.example.com/login/", &["status.example.com"], 200),
            ("http://evil.example/login/", &["status.example.com"], 421),
            ("https://status.example.com/login/", &["evil.example"], 421),
        ] {
            assert_eq!(answer(line, hosts), wanted, "{line} {hosts:?}");
        }
    }

    #[test]
    fn a_port_that_is_not_the_usual_one_belongs_to_the_name() {
        let url = Url::parse("http://[2001:db8::1]:8080/").unwrap();
        let ours = Hosts::new(&url, "[::]:8080".parse().unwrap(), &[]);
        let minds = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            ours.minds(&"/".parse().unwrap(), &headers)
        };
        assert_eq!(minds("[2001:db8::1]:8080"), None);
        assert_eq!(minds("[2001:db8::1]"), None);
        assert_eq!(minds("[2001:db8::1]:80"), Some(StatusCode::MISDIRECTED_REQUEST));
        assert_eq!(minds("[::]:8080"), Some(StatusCode::MISDIRECTED_REQUEST));
    }
}
