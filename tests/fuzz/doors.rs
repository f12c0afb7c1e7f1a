//! Doors that are not HTTP, on real sockets: name servers, mail servers, lines.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use porchlight::clock::{Clock, SystemClock};
use porchlight::config::{Config, Surroundings};
use porchlight::domain::endpoint::Endpoint;
use porchlight::domain::flow::Depth;
use porchlight::probe::own::OwnHealth;
use porchlight::probe::{Outbound, Prober};

use crate::fuzz;

/// Each is a knock on a real socket, and those that hear nothing last a deadline.
const KNOCKS: usize = 100;

fn endpoint(lines: &str) -> Endpoint {
    let file = format!(
        "[[component]]\nid = \"web\"\nname = \"Web\"\n[[endpoint]]\nid = \"door\"\ncomponent = \"web\"\n\
         every = \"60s\"\ndeadline = \"100ms\"\n{lines}"
    );
    match Config::parse(&file, "config.toml", &Surroundings::none(), jiff::Timestamp::UNIX_EPOCH) {
        Ok((config, _)) => config.endpoints.into_iter().next().unwrap(),
        Err(faults) => panic!("{faults}"),
    }
}

fn knock(endpoint: &Endpoint) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let own = Arc::new(OwnHealth::new(clock.clone()));
        let prober = Prober::new(Outbound::new(), own, clock, Arc::default());
        drop(prober.probe(endpoint, Depth::Whole, Duration::from_secs(60)).await);
    });
}

/// Says what it was last given to whoever connects, and hangs up.
fn speaker() -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let says = Arc::new(Mutex::new(Vec::new()));
    let said: Arc<Mutex<Vec<u8>>> = says.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
            let _ = stream.write_all(&said.lock().unwrap().clone());
            let _ = stream.shutdown(std::net::Shutdown::Write);
            while matches!(stream.read(&mut [0; 1024]), Ok(1..)) {}
        }
    });
    (port, says)
}

#[test]
fn mail_servers_may_say_anything() {
    let (port, says) = speaker();
    let endpoint = endpoint(&format!("url = \"smtp://127.0.0.1:{port}\"\n"));
    fuzz("smtp", KNOCKS, move |bytes| {
        *says.lock().unwrap() = bytes.to_vec();
        knock(&endpoint);
    });
}

#[test]
fn lines_may_say_anything() {
    let (port, says) = speaker();
    let dialog = r"dialog = [{ matches = '^(\d+)[- ](.*)' }, { send = '{{1}} {{2}}' }, { expect = 'bye' }]";
    let endpoint = endpoint(&format!("url = \"tcp://127.0.0.1:{port}\"\n{dialog}\n"));
    fuzz("smtp", KNOCKS, move |bytes| {
        *says.lock().unwrap() = bytes.to_vec();
        knock(&endpoint);
    });
}

#[test]
fn name_servers_may_say_anything() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let says = Arc::new(Mutex::new(Vec::<u8>::new()));
    let said = says.clone();
    std::thread::spawn(move || {
        let mut query = [0; 1500];
        while let Ok((_, peer)) = socket.recv_from(&mut query) {
            let mut answer = said.lock().unwrap().clone();
            // Under the number that was asked, or nobody would look at it.
            for (byte, asked) in answer.iter_mut().zip(&query[..2]) {
                *byte = *asked;
            }
            let _ = socket.send_to(&answer, peer);
        }
    });
    let endpoint = endpoint(&format!("url = \"dns://127.0.0.1:{port}\"\nask = \"example.test\"\n"));
    fuzz("dns", KNOCKS, move |bytes| {
        *says.lock().unwrap() = bytes.to_vec();
        knock(&endpoint);
    });
}
