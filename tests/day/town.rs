//! A thousand targets that answer in memory, each well or in trouble as planned.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use porchlight::domain::component::{Component, Lang, Role, RollUp, Text};
use porchlight::domain::endpoint::{Cadence, Endpoint, Id};
use porchlight::domain::facts::Site;
use porchlight::probe::Wire;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use url::Url;

use crate::house::Time;

pub const EVERY: Duration = Duration::from_secs(60);
const PAGE: &str = "<form id=\"login\"><input type=\"hidden\" name=\"csrf_token\" value=\"t\"></form>";
/// What a connection holds in flight.
const PIPE: usize = 16 * 1024;

/// How a target is in trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Error503,
    WrongPage,
    /// No connection is ever answered.
    Silence,
    /// The head comes and the body does not.
    HalfAnAnswer,
    /// The body is cut off.
    Cut,
}

impl Trouble {
    pub const ALL: [Self; 5] =
        [Self::Error503, Self::WrongPage, Self::Silence, Self::HalfAnAnswer, Self::Cut];
}

#[derive(Debug, Clone, Copy)]
pub struct Outage {
    pub from: Duration,
    pub to: Duration,
    pub trouble: Trouble,
}

/// What is planned for every target.
pub struct Town {
    pub time: Arc<Time>,
    pub outages: Vec<Vec<Outage>>,
}

impl Town {
    pub fn well(time: &Arc<Time>, targets: usize) -> Arc<Self> {
        Arc::new(Self { time: time.clone(), outages: vec![Vec::new(); targets] })
    }

    pub fn endpoints(&self) -> (Site, Vec<Component>, Vec<Endpoint>) {
        let web = Component {
            id: Id::parse("web").unwrap(),
            name: Text::One(Lang::En, "Web".into()),
            group: None,
            role: Role::Login,
            public: true,
            alternative_to: vec![],
            roll_up: RollUp::All,
            was: vec![],
        };
        let endpoints = (0..self.outages.len()).map(|index| {
            let id = Id::parse(&format!("t{index}")).unwrap();
            let url = format!("http://{}/login", address(index)).parse().unwrap();
            let mut endpoint = Endpoint::get(id, web.id.clone(), url);
            endpoint.cadence = Cadence::Every(EVERY);
            if let Some(flow) = endpoint.flow_mut() {
                flow.first.expect.contains = vec!["csrf_token".into()];
            }
            endpoint
        });
        let endpoints = endpoints.collect();
        (site(), vec![web], endpoints)
    }

    fn trouble(&self, target: usize) -> Option<Trouble> {
        let now = self.time.since_start();
        let planned = &self.outages[target];
        planned.iter().find(|it| (it.from..it.to).contains(&now)).map(|it| it.trouble)
    }
}

pub fn site() -> Site {
    Site {
        name: Text::One(Lang::En, "Town".into()),
        zone: jiff::tz::TimeZone::UTC,
        support: vec![],
        lockout: None,
        recovering_for: Duration::from_secs(300),
        sample: None,
        public_url: None,
    }
}

fn address(index: usize) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + u32::try_from(index).unwrap())
}

/// As `Outbound` is given it.
pub struct Streets(pub Arc<Town>);

impl Wire for Streets {
    fn connect(&self, url: &Url) -> Option<DuplexStream> {
        let address: Ipv4Addr = url.host_str()?.parse().ok()?;
        let target = usize::try_from(u32::from(address) - 0x0a00_0000).ok()?;
        let trouble = self.0.trouble(target);
        if trouble == Some(Trouble::Silence) {
            return None;
        }
        let (ours, theirs) = tokio::io::duplex(PIPE);
        tokio::spawn(serve(theirs, trouble));
        Some(ours)
    }
}

async fn serve(mut stream: DuplexStream, trouble: Option<Trouble>) {
    let length = if trouble == Some(Trouble::Cut) { 5000 } else { PAGE.len() };
    if matches!(trouble, Some(Trouble::HalfAnAnswer | Trouble::Cut)) {
        let _ = stream.read(&mut [0; 4096]).await;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        let _ = stream.write_all(head.as_bytes()).await;
        if trouble == Some(Trouble::HalfAnAnswer) {
            let _ = stream.read(&mut [0; 16]).await;
        }
        return;
    }
    let service = service_fn(move |_: Request<hyper::body::Incoming>| async move {
        tokio::time::sleep(Duration::from_millis(rand::random_range(1..80))).await;
        let (status, body) = match trouble {
            Some(Trouble::Error503) => (503, "busy"),
            Some(Trouble::WrongPage) => (200, "<h1>Welcome</h1>"),
            _ => (200, PAGE),
        };
        Ok::<_, std::convert::Infallible>(Response::builder().status(status).body(body.to_owned()).unwrap())
    });
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}
