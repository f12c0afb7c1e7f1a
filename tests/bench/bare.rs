//! The programs ours is held against: a server and a prober with nothing around them.
//!
//! Each is this binary called by itself, and ends when its standard input does,
//! so that none outlives the run.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, DATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

use crate::process::Process;

/// How often the bare prober stores what it has.
const STORE_EVERY: Duration = Duration::from_millis(200);
/// Every endpoint, as the daemon beside it does.
const KNOCK_EVERY: Duration = Duration::from_secs(1);

/// Starts one of these programs in a process of its own.
pub fn spawn(arguments: &[&str], log: &Path) -> anyhow::Result<Process> {
    let own = std::env::current_exe().context("finding this program")?;
    Process::spawn(Command::new(own).args(arguments), log)
}

/// Answers `/` with the answer that is in `file`, head and body.
pub fn server(port: &str, file: &Path) -> anyhow::Result<()> {
    let answer = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let (headers, body) = parts(&answer)?;
    let address = format!("127.0.0.1:{port}");
    let ended = when_hung_up();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let page = move || {
            let mut response = Response::new(Body::from(body.clone()));
            *response.headers_mut() = headers.clone();
            std::future::ready(response)
        };
        let listener = TcpListener::bind(address).await.context("listening as a bare server")?;
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        tokio::select! {
            served = axum::serve(listener, Router::new().route("/", get(page))) => served.context("serving"),
            _ = ended => Ok(()),
        }
    })
}

/// An answer as it came over the wire, without what every server says for itself.
fn parts(answer: &[u8]) -> anyhow::Result<(HeaderMap, Bytes)> {
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").context("no head in the answer")?;
    let (head, body) = answer.split_at(end + 4);
    let mut headers = HeaderMap::new();
    for line in std::str::from_utf8(head)?.lines().skip(1) {
        let Some((name, value)) = line.split_once(": ") else { continue };
        let name: HeaderName = name.parse()?;
        if ![CONNECTION, CONTENT_LENGTH, DATE].contains(&name) {
            headers.append(name, HeaderValue::from_str(value)?);
        }
    }
    Ok((headers, Bytes::copy_from_slice(body)))
}

/// A result as the bare prober stores it.
struct Result {
    endpoint: u32,
    at_ms: i64,
    status: u16,
    total_us: i64,
}

/// Knocks at `count` pages below `base` each second, on a new connection each,
/// and stores what it saw in `file`.
pub fn prober(base: &str, count: &str, file: &Path) -> anyhow::Result<()> {
    let count: u32 = count.parse().context("reading the count")?;
    // The client is built without a provider of its own, as the daemon's is.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client =
        reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(KNOCK_EVERY).build()?;
    let (results, waiting) = mpsc::sync_channel(100_000);
    let connection = rusqlite::Connection::open(file)?;
    let writer = std::thread::spawn(move || store(connection, &waiting));
    let ended = when_hung_up();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let start = tokio::time::Instant::now();
        for endpoint in 0..count {
            let phase = KNOCK_EVERY * endpoint / count;
            let mut interval = tokio::time::interval_at(start + phase, KNOCK_EVERY);
            interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
            let (client, results, url) =
                (client.clone(), results.clone(), format!("{base}/login/{endpoint}"));
            tokio::spawn(async move {
                loop {
                    interval.tick().await;
                    // The writer has ended: so has the measurement.
                    let Ok(result) = knock(&client, &url, endpoint).await else { return };
                    if results.send(result).is_err() {
                        return;
                    }
                }
            });
        }
        let _ = ended.await;
    });
    // The knocking tasks go with it, and then the writer has heard all.
    drop((runtime, results));
    writer.join().map_err(|_| anyhow::anyhow!("the bare writer panicked"))?.context("storing")
}

async fn knock(client: &reqwest::Client, url: &str, endpoint: u32) -> anyhow::Result<Result> {
    let at_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis().try_into()?;
    let began = Instant::now();
    let status = match client.get(url).send().await {
        Ok(response) => {
            let status = response.status().as_u16();
            response.bytes().await.map_or(0, |_| status)
        }
        Err(_) => 0,
    };
    Ok(Result { endpoint, at_ms, status, total_us: began.elapsed().as_micros().try_into()? })
}

fn store(mut connection: rusqlite::Connection, waiting: &mpsc::Receiver<Result>) -> rusqlite::Result<()> {
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         CREATE TABLE IF NOT EXISTS result (endpoint INTEGER, at_ms INTEGER, status INTEGER, total_us INTEGER)",
    )?;
    while let Ok(first) = waiting.recv() {
        std::thread::sleep(STORE_EVERY);
        let tx = connection.transaction()?;
        {
            let mut insert = tx.prepare_cached("INSERT INTO result VALUES (?1, ?2, ?3, ?4)")?;
            for it in std::iter::once(first).chain(waiting.try_iter()) {
                insert.execute((it.endpoint, it.at_ms, it.status, it.total_us))?;
            }
        }
        tx.commit()?;
    }
    Ok(())
}

/// Resolves when whoever started this process closes its standard input, or is gone.
pub fn when_hung_up() -> oneshot::Receiver<()> {
    let (hung_up, ended) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        drop(hung_up);
    });
    ended
}
