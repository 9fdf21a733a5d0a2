//! One HTTP/1.x connection, from its first request until it ends or leaves hyper for a hold.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use bytes::{Bytes, BytesMut};
use hyper::server::conn::http1::Builder;

use super::{
    forward::{Client, Peer},
    handoff_slot::{HandoffSlot, Leaving},
    lazy_timer::LazyTimer,
    linger::linger,
    progress::StallTimer,
    rewind::Rewind,
    server::{Connected, Gateway},
};
use crate::{
    handoff::ClientConn, http::header_count::MAX_HEADERS, log::TARGET, origin::Origin,
    socket::Socket,
};

/// How hyper is done with a connection.
enum End {
    Ended(hyper::Result<()>),
    /// It is held from now on.
    Left,
    Stalled,
}

/// Serves a connection until it ends or is held. `prefix` is what was read of it already.
pub(super) async fn serve<S: Origin>(
    gateway: Arc<Gateway<S>>,
    socket: Socket,
    prefix: Bytes,
    connected: Connected,
) {
    let Connected { peer, permit } = connected;
    let slot = Arc::new(HandoffSlot::new(gateway.options.answer_timeout));
    let client = Client {
        origin: gateway.origin(),
        gateway: Arc::clone(&gateway),
        peer: Arc::new(Peer::new(peer, gateway.options.is_tls(), &gateway.shares)),
        slot: Some(Arc::clone(&slot)),
    };
    let options = &gateway.options;
    let mut connection = Builder::new()
        .timer(LazyTimer::default())
        .half_close(true)
        .header_read_timeout(options.header_timeout)
        .max_header_size(options.max_header_size)
        .max_headers(MAX_HEADERS)
        .serve_connection(Rewind::new(socket, prefix, Arc::clone(&slot)), client);
    let mut is_stopping = false;
    let mut stall = StallTimer::default();
    let ended = {
        let mut stopping = pin!(gateway.server.stop().cancelled());
        poll_fn(|cx| {
            if !is_stopping && stopping.as_mut().poll(cx).is_ready() {
                is_stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            slot.set_flushed(false);
            match Pin::new(&mut connection).poll(cx) {
                Poll::Ready(ended) => Poll::Ready(End::Ended(ended)),
                Poll::Pending if slot.is_ready() => Poll::Ready(End::Left),
                Poll::Pending => {
                    let deadline = slot.progress().deadline();
                    stall.poll(cx, deadline).map(|()| End::Stalled)
                }
            }
        })
        .await
    };
    match ended {
        End::Left => {}
        End::Ended(ended) => {
            if let Err(error) = ended {
                // Clients leave in the middle of everything.
                tracing::debug!(target: TARGET, %error, "a connection ended early");
            } else if slot.may_have_unread() && !is_stopping {
                let (socket, _) = connection.into_parts().io.into_parts();
                linger(socket).await;
            }
            return;
        }
        End::Stalled => {
            gateway.holder.metrics().stalled_closed.add(1);
            tracing::debug!(target: TARGET, "an answer is ended: its client does not take it, or has left");
            return;
        }
    }
    let parts = connection.into_parts();
    let (Some(leaving), (socket, rest)) = (slot.take(), parts.io.into_parts()) else {
        return;
    };
    drop(permit);
    let unread = join(&parts.read_buf, &rest);
    let handoff = match leaving {
        Leaving::Held(handoff) => handoff,
        Leaving::Passed(passage) => return passage.run(socket, unread).await,
    };
    let Ok(socket) = socket.detach() else {
        return;
    };
    let holder = Arc::clone(&gateway.holder);
    let resume_http = (handoff.keep_alive && !is_stopping).then_some(gateway as Arc<_>);
    let conn = ClientConn {
        socket,
        unread,
        resume_http,
    };
    handoff.hand_over(conn, &*holder);
}

fn join(first: &Bytes, second: &Bytes) -> Bytes {
    if second.is_empty() {
        // What is left of hyper's buffer would keep all of it.
        return Bytes::copy_from_slice(first);
    }
    let mut joined = BytesMut::with_capacity(first.len() + second.len());
    joined.extend_from_slice(first);
    joined.extend_from_slice(second);
    joined.freeze()
}
