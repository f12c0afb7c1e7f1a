//! For tests on virtual time: requests answered in memory, HTTP spoken at both ends.
//!
//! What is passed by: the resolver, the connection, TLS, and the client's own
//! headers and decompression. All else of a knock is as it is.

use std::pin::Pin;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use url::Url;

use super::marks::{self, Trace};

/// Who answers for an address: one end of a connection whose other end is served.
/// None is silence, as if every packet were lost.
pub trait Wire: Send + Sync {
    fn connect(&self, url: &Url) -> Option<DuplexStream>;
    /// Runs our end of it beside the request; it ends with the connection.
    fn run(&self, connection: Pin<Box<dyn Future<Output = ()> + Send>>);
}

/// Sends over a fresh connection. Where none can be had, or none stays, nothing
/// is ever heard: an error of the client is not ours to make up.
pub(super) async fn send(
    wire: &Arc<dyn Wire>,
    request: reqwest::Request,
    trace: &Trace,
) -> Result<reqwest::Response, reqwest::Error> {
    let url = request.url().clone();
    match exchange(wire, &url, request, trace).await {
        Some(response) => Ok(response),
        None => std::future::pending().await,
    }
}

async fn exchange(
    wire: &Arc<dyn Wire>,
    url: &Url,
    request: reqwest::Request,
    trace: &Trace,
) -> Option<reqwest::Response> {
    trace.note(|marks| marks.connect_began = Some(marks::now()));
    let stream = wire.connect(url)?;
    trace.note(|marks| marks.connect_ended = Some(marks::now()));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    let mut request: hyper::Request<reqwest::Body> = request.try_into().ok()?;
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    request.headers_mut().insert(hyper::header::HOST, host.parse().ok()?);
    *request.uri_mut() = url[url::Position::BeforePath..url::Position::AfterQuery].parse().ok()?;
    wire.run(Box::pin(async move { drop(connection.await) }));
    let response = sender.send_request(request).await.ok()?;
    Some(response.map(reqwest::Body::wrap).into())
}
