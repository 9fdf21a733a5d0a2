//! One HTTP/2 connection, from its preface to its end. Its holds are streams and stay on it.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    forward::{Client, Peer},
    frame_meter::FrameMeter,
    http2_io::{Http2Io, SharedMeter},
    server::{Connected, Gateway},
    streams::Streams,
};
use crate::{log::TARGET, origin::Origin, socket::Socket};

/// How much of one response may wait in hyper, in bytes.
const SEND_BUFFER: usize = 64 * 1024;
/// A client that does not answer is gone: nothing else would tell while all its streams are idle.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How many streams of a client the hub may have to reset for its mistakes (CVE-2025-8671).
const ERROR_RESETS: usize = 100;
/// How long a client may take to go that was told to.
const GOODBYE: Duration = Duration::from_secs(5);

/// Serves a connection until it ends. A hold is one of its streams and stays here.
pub(super) async fn serve<S: Origin>(
    gateway: Arc<Gateway<S>>,
    socket: Socket,
    prefix: Bytes,
    connected: Connected,
) {
    let Connected {
        peer,
        permit: _permit,
    } = connected;
    let client = Client {
        origin: gateway.origin(),
        gateway: Arc::clone(&gateway),
        peer: Arc::new(Peer::new(peer, gateway.options.is_tls(), &gateway.shares)),
        slot: None,
    };
    let options = &gateway.options;
    let header_size = u32::try_from(options.max_header_size).unwrap_or(u32::MAX);
    let max_streams = u32::try_from(options.max_streams).unwrap_or(u32::MAX);
    let meter = SharedMeter::new(FrameMeter::new(max_streams, Instant::now()));
    let streams = Streams::new(options.answer_timeout, Arc::clone(&gateway.holder));
    let connection = Builder::new(streams.clone())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .max_concurrent_streams(max_streams)
        .max_header_list_size(header_size)
        .max_send_buf_size(SEND_BUFFER)
        .max_local_error_reset_streams(ERROR_RESETS)
        .enable_connect_protocol()
        .serve_connection(
            TokioIo::new(Http2Io::new(socket, prefix, meter.clone())),
            client,
        );
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = gateway.server.stop().cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = idle(&streams, &meter, options.header_timeout) => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = unanswered(&streams, &meter) => Ok(()),
            }
        }
    };
    let Err(error) = ended else {
        return;
    };
    match meter.lock().flood() {
        Some(flood) => {
            gateway.holder.metrics().floods_closed.add(1);
            let peer = peer.map(tracing::field::display);
            tracing::warn!(target: TARGET, peer, "a connection is ended: {flood}");
        }
        None => tracing::debug!(target: TARGET, %error, "a connection ended early"),
    }
}

/// Waits until nothing was asked for as long as an idle connection is kept, or the head of a request
/// has taken as long. What else the client sends, such as pings, does not count.
async fn idle(streams: &Streams, meter: &SharedMeter, limit: Duration) {
    loop {
        let head_since = meter.lock().head_since();
        let since = streams.idle_since().into_iter().chain(head_since).min();
        let now = Instant::now();
        // A limit that is further away than the clock goes is none.
        let Some(until) = since.unwrap_or(now).checked_add(limit) else {
            return std::future::pending().await;
        };
        if until <= now {
            return;
        }
        // Later at the most: whatever begins meanwhile may take as long.
        sleep_until(until).await;
    }
}

/// Waits for a while for the client to go, and for what it still had asked.
async fn unanswered(streams: &Streams, meter: &SharedMeter) {
    loop {
        sleep(GOODBYE).await;
        if streams.idle_since().is_some() || meter.lock().head_since().is_some() {
            return;
        }
    }
}
