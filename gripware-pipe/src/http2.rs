//! HTTP/2 as both ends speak it, in either role.

use hyper::{client, server};
use hyper_util::rt::TokioTimer;

use crate::{
    scope::Scope,
    settings::{MAX_HEAD, Settings},
};

/// How much of one body may wait for the socket. The receiver's window bounds it further.
const SEND_BUFFER: usize = 256 * 1024;

/// The sending end of HTTP/2.
pub(crate) fn client(scope: &Scope, settings: &Settings) -> client::conn::http2::Builder<Scope> {
    let mut builder = client::conn::http2::Builder::new(scope.clone());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(settings.heartbeat_interval)
        .keep_alive_timeout(settings.heartbeat_timeout)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(settings.stream_window)
        .initial_connection_window_size(settings.connection_window())
        .max_header_list_size(LIST_SIZE)
        .max_send_buf_size(SEND_BUFFER)
        // Calls that are given up on. The default is 10, and after that the peer's last frames for
        // a stream would be an error of the connection.
        .max_concurrent_reset_streams(settings.max_calls.saturating_mul(4) as usize);
    builder
}

/// The answering end of HTTP/2.
pub(crate) fn server(scope: &Scope, settings: &Settings) -> server::conn::http2::Builder<Scope> {
    let mut builder = server::conn::http2::Builder::new(scope.clone());
    let resets = settings.max_calls.saturating_mul(4) as usize;
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(settings.heartbeat_interval)
        .keep_alive_timeout(settings.heartbeat_timeout)
        .initial_stream_window_size(settings.stream_window)
        .initial_connection_window_size(settings.connection_window())
        .max_concurrent_streams(settings.max_calls)
        .max_header_list_size(LIST_SIZE)
        .max_send_buf_size(SEND_BUFFER)
        // Rapid reset (CVE-2023-44487): the peer is known and its calls are bounded, but callers
        // behind it may all leave at once, and that must not end the pipe.
        .max_pending_accept_reset_streams(resets)
        .max_local_error_reset_streams(resets);
    builder
}

/// A little more than what is ever sent, so that a head just below the limit is never refused.
#[expect(clippy::cast_possible_truncation, reason = "it is far below 4 GiB")]
pub(crate) const LIST_SIZE: u32 = MAX_HEAD as u32 + 1024;
