//! A connection that the application took out of HTTP by a 101: bytes go through as they come, in
//! both directions.

use std::{io, time::Duration};

use bytes::Bytes;
use gripware_core::header::is_instruction;
use http::{
    HeaderMap, HeaderValue,
    header::{CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, UPGRADE},
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, copy, split},
    time::timeout,
};

use crate::{
    http::hop_by_hop::{retain, strip_hop_by_hop},
    passed::PassedSocket,
    ws::extensions,
};

/// How long the application's connection may take from its 101 until it carries the new protocol.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take to close a connection whose other end has closed.
const LINGER: Duration = Duration::from_secs(10);

/// A connection that is passed through as soon as the client's side has left HTTP.
#[derive(Debug)]
pub(super) struct Passage {
    /// The 101 for the client; empty if hyper has sent its like.
    pub(super) head: Bytes,
    pub(super) origin: OnUpgrade,
    pub(super) listed: PassedSocket,
}

impl Passage {
    /// Passes bytes until both sides have ended, or the hub ends it. `unread` is what the client has
    /// sent behind its request.
    ///
    /// Each direction has a buffer of 8 KiB, and is read only as fast as the other end takes it
    /// (backpressure).
    pub(super) async fn run(self, mut client: impl AsyncRead + AsyncWrite + Unpin, unread: Bytes) {
        let passing = async {
            let upgraded = timeout(UPGRADE_TIMEOUT, self.origin).await;
            let Ok(Ok(origin)) = upgraded else {
                return Err(io::ErrorKind::ConnectionAborted.into());
            };
            client.write_all(&self.head).await?;
            pass(&mut client, TokioIo::new(origin), &unread).await
        };
        // How a connection of others ends is their affair.
        tokio::select! {
            _ = passing => {}
            () = self.listed.ended() => {}
        }
        let _ = timeout(LINGER, client.shutdown()).await;
    }
}

async fn pass(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    origin: TokioIo<Upgraded>,
    unread: &[u8],
) -> io::Result<()> {
    let (mut client_reader, mut client_writer) = split(client);
    let (mut origin_reader, mut origin_writer) = split(origin);
    let up = async {
        origin_writer.write_all(unread).await?;
        copy(&mut client_reader, &mut origin_writer).await?;
        origin_writer.shutdown().await
    };
    let down = async {
        copy(&mut origin_reader, &mut client_writer).await?;
        client_writer.shutdown().await
    };
    tokio::pin!(up, down);
    tokio::select! {
        // A client that has no more to say may still read.
        sent = &mut up => {
            sent?;
            down.await
        }
        received = &mut down => {
            received?;
            timeout(LINGER, up).await.unwrap_or(Ok(()))
        }
    }
}

/// Returns what of the application's 101 the client sees of it beside its own connection's headers.
pub(super) fn for_client(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    strip_hop_by_hop(&mut headers);
    retain(&mut headers, |name| {
        !is_instruction(name) && *name != CONTENT_LENGTH
    });
    extensions::remove_grip(&mut headers);
    headers
}

/// Makes of it the head of a 101 for HTTP/1.1.
pub(super) fn switching(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(UPGRADE, protocol);
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
}

/// Makes of it the head of a 200 for HTTP/2, where there is no key (RFC 8441).
pub(super) fn accepting(headers: &mut HeaderMap) {
    headers.remove(SEC_WEBSOCKET_ACCEPT);
}
