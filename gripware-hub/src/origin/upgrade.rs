//! Requests after which a connection may leave HTTP: a 101 of the application (RFC 9110, section
//! 7.8).

use http::{Request, Response};
use hyper::{body::Incoming, client, server, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::duplex;

use super::{Origin, OriginError};
use crate::http::{body::Body, header_count::MAX_HEADERS};

/// How many bytes may wait in either direction between the hub and an application in this process.
const BUFFER: usize = 16 * 1024;

/// Asks an application in this process over a connection of its own. A server's frameworks take the
/// upgrade from the connection that hyper serves, and have no other way to a socket.
///
/// The answer has the upgrade, where it is a 101.
pub(crate) async fn send_within(
    origin: impl Origin,
    request: Request<Body>,
) -> Result<Response<Incoming>, OriginError> {
    let (near, far) = duplex(BUFFER);
    // Such as the client's address.
    let extensions = request.extensions().clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::passing);
        request.extensions_mut().extend(extensions.clone());
        let origin = origin.clone();
        async move { origin.send(&mut request).await }
    });
    let serving = server::conn::http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(far), service)
        .with_upgrades();
    // Both end with the connection, which ends with the answer or with its upgrade.
    tokio::spawn(serving);
    let mut connecting = client::conn::http1::Builder::new();
    let connecting = connecting.max_headers(MAX_HEADERS);
    let connected = connecting.handshake(TokioIo::new(near)).await;
    let (mut sender, connection) = connected.map_err(failed)?;
    tokio::spawn(connection.with_upgrades());
    sender.send_request(request).await.map_err(failed)
}

fn failed(error: hyper::Error) -> OriginError {
    OriginError::Failed(error.into())
}
