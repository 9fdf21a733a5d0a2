use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::{
    Socket,
    client_io::ClientIo,
    forward::{Client, Peer},
    server::{Connected, Gateway, stopped},
    slot::Slot,
};
use crate::origin::Origin;

/// How much of one response may wait in hyper, in bytes.
const SEND_BUFFER: usize = 64 * 1024;
/// A client that does not answer is gone: nothing else would tell while all its streams are idle.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// Serves a connection until it ends. A hold is one of its streams and stays here.
pub(super) async fn serve<S: Origin>(
    gateway: Arc<Gateway<S>>,
    socket: Socket,
    prefix: Bytes,
    connected: Connected,
) {
    let Connected {
        peer,
        is_tls,
        mut stop,
        permit: _permit,
    } = connected;
    let client = Client {
        origin: gateway.origin(),
        gateway: Arc::clone(&gateway),
        peer: Peer::new(peer, is_tls),
        slot: None,
    };
    let options = &gateway.options;
    let header_size = u32::try_from(options.max_header_size).unwrap_or(u32::MAX);
    let connection = Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .max_concurrent_streams(options.max_streams)
        .max_header_list_size(header_size)
        .max_send_buf_size(SEND_BUFFER)
        .enable_connect_protocol()
        .serve_connection(
            ClientIo::new(socket, prefix, Arc::new(Slot::default())),
            client,
        );
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(target: "gripware_hub", %error, "a connection ended early");
    }
}
