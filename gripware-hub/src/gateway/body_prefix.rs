//! Bodies that a hold needs, from either side.

use std::{future::poll_fn, pin::Pin, task::Poll};

use bytes::{Bytes, BytesMut};
use gripware_core::ErrorChain;
use http_body::Body as _;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::sync::oneshot::Receiver;

use super::refused::Refused;
use crate::{
    http::body::Rest,
    origin::{BoxError, OriginError, collect},
};

/// How much of a stream is sent with the head at most, in bytes.
const MAX_PREFIX: usize = 16 * 1024;

/// The body of an answer that is an instruction, without its codings.
pub(super) type OriginBody = UnsyncBoxBody<Bytes, BoxError>;

/// The first bytes of a stream, and the rest where there is one.
pub(super) enum Begun {
    Whole(Bytes),
    More(Bytes, OriginBody),
}

/// Reads what is there of a body, without waiting for more.
pub(super) async fn read_prefix(mut body: OriginBody) -> Result<Begun, Refused> {
    if body.is_end_stream() {
        return Ok(Begun::Whole(Bytes::new()));
    }
    let mut prefix = BytesMut::new();
    while prefix.len() < MAX_PREFIX {
        let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await;
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    prefix.extend_from_slice(&data);
                }
            }
            Poll::Ready(Some(Err(error))) => {
                return Err(Refused::Failed(ErrorChain(&*error).to_string()));
            }
            Poll::Ready(None) => return Ok(Begun::Whole(prefix.freeze())),
            Poll::Pending => break,
        }
    }
    Ok(Begun::More(prefix.freeze(), body))
}

/// The whole body of a request: what the application has read, and what it has not.
pub(super) async fn whole(rest: Receiver<Rest>, limit: usize) -> Result<Bytes, Refused> {
    let rest = rest.await.map_err(|_| Refused::RequestFailed)?;
    let Some(room) = limit.checked_sub(rest.length) else {
        return Err(Refused::RequestTooLarge);
    };
    let unread = collect(rest.incoming, room).await;
    let unread = unread.map_err(|error| match error {
        OriginError::TooLarge { .. } => Refused::RequestTooLarge,
        _ => Refused::RequestFailed,
    })?;
    let mut body = rest.taken;
    // A copy, so that the client's few bytes do not keep the buffers that they were read into.
    body.extend_from_slice(&unread);
    Ok(Bytes::from(body.freeze().to_vec().into_boxed_slice()))
}
