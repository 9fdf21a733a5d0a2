//! The body of a request on its way to the application, of which a copy is kept while the client may
//! still be held.

mod lent;

use std::{
    error::Error,
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;

pub(crate) use self::lent::Lent;
use super::{
    hop_by_hop::{is_hop_by_hop, retain},
    reserved::{is_forwarding, is_reserved},
    silence::Silence,
};

/// The body of a request as an application in the same process gets it: what the client sends, as it
/// arrives, or bytes that the hub has whole.
///
/// A request that the application answers with a hold can be asked again, so the hub keeps a copy of
/// what passes, of up to 100 000 bytes, until the answer is there. Nothing else is copied.
pub struct Body {
    kind: Kind,
}

/// Takes a request from where it stands, and leaves an empty one.
///
/// Futures that send a request refer to it: each that had it by value would have room for it, twice.
pub(crate) fn take(request: &mut Request<Body>) -> Request<Body> {
    mem::replace(request, Request::new(Body::whole(Bytes::new())))
}

enum Kind {
    Whole(Bytes),
    Client(Client),
    /// It may go to another origin yet.
    Lent(Lent),
}

struct Client {
    /// `None` once it was given back.
    incoming: Option<Incoming>,
    /// One piece, however many the client sends: a thousand frames of a byte each are a kilobyte.
    taken: BytesMut,
    length: usize,
    limit: usize,
    back: Option<oneshot::Sender<Rest>>,
    /// Whose turn it is, where that counts.
    silence: Option<Arc<Silence>>,
}

/// What the application has read of a body, and what it has not.
#[derive(Debug)]
pub(crate) struct Rest {
    pub(crate) taken: BytesMut,
    /// How many bytes were read; `taken` is empty if they are over the limit.
    pub(crate) length: usize,
    pub(crate) incoming: Incoming,
}

impl Body {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self {
            kind: Kind::Whole(bytes),
        }
    }

    fn lent(lent: Lent) -> Self {
        let kind = Kind::Lent(lent);
        Self { kind }
    }

    /// Passes a body on without a copy.
    pub(crate) fn passing(incoming: Incoming) -> Self {
        Self::kept(incoming, 0).0
    }

    /// Passes a body on with a copy of up to `limit` bytes. The copy and the rest come back once the
    /// application has dropped the body.
    pub(crate) fn kept(incoming: Incoming, limit: usize) -> (Self, oneshot::Receiver<Rest>) {
        let (back, rest) = oneshot::channel();
        // What is known to be over the limit is not kept for nothing.
        let announced = incoming.size_hint().lower();
        let is_over = usize::try_from(announced).is_ok_and(|announced| announced > limit);
        let limit = if is_over { 0 } else { limit };
        let client = Client {
            incoming: Some(incoming),
            taken: BytesMut::new(),
            length: 0,
            limit,
            back: Some(back),
            silence: None,
        };
        let kind = Kind::Client(client);
        (Self { kind }, rest)
    }
}

impl Body {
    /// Whether nothing of it has to be waited for.
    pub(crate) fn is_whole(&self) -> bool {
        match &self.kind {
            Kind::Whole(_) => true,
            Kind::Client(_) => self.is_end_stream(),
            Kind::Lent(lent) => lent.shared().body.is_whole(),
        }
    }

    /// Tells whether the application waits for the client or has what there is.
    pub(crate) fn with_silence(mut self, silence: Option<Arc<Silence>>) -> Self {
        if let Kind::Client(client) = &mut self.kind {
            client.silence = silence;
        }
        self
    }
}

impl Client {
    /// Reads what the client sends.
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(incoming).poll_frame(cx);
        if let Some(silence) = &self.silence {
            match &polled {
                Poll::Ready(_) => silence.is_its_turn(),
                Poll::Pending => silence.awaits_client(),
            }
        }
        polled
    }

    fn keep(&mut self, data: &Bytes) {
        self.length = self.length.saturating_add(data.len());
        if self.length > self.limit {
            self.taken = BytesMut::new();
        } else {
            self.taken.extend_from_slice(data);
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(silence) = &self.silence {
            silence.is_its_turn();
        }
        if let (Some(back), Some(incoming)) = (self.back.take(), self.incoming.take()) {
            let rest = Rest {
                taken: mem::take(&mut self.taken),
                length: self.length,
                incoming,
            };
            // Where the client is gone nobody waits for it.
            let _ = back.send(rest);
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let client = match &mut self.get_mut().kind {
            Kind::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Kind::Whole(bytes) => {
                let frame = Frame::data(mem::take(bytes));
                return Poll::Ready(Some(Ok(frame)));
            }
            Kind::Client(client) => client,
            Kind::Lent(lent) => {
                let mut shared = lent.shared();
                shared.is_read = true;
                return Pin::new(&mut shared.body).poll_frame(cx);
            }
        };
        let mut frame = std::task::ready!(client.poll_incoming(cx));
        if let Some(Ok(frame)) = &mut frame {
            if let Some(data) = frame.data_ref() {
                client.keep(data);
            } else if let Some(trailers) = frame.trailers_mut() {
                clean(trailers);
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(bytes) => bytes.is_empty(),
            Kind::Lent(lent) => lent.shared().body.is_end_stream(),
            Kind::Client(client) => client
                .incoming
                .as_ref()
                .is_none_or(http_body::Body::is_end_stream),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Lent(lent) => lent.shared().body.size_hint(),
            Kind::Client(client) => client
                .incoming
                .as_ref()
                .map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint),
        }
    }
}

/// Trailers are no way around what is removed of the headers.
fn clean(trailers: &mut HeaderMap) {
    retain(trailers, |name| {
        !is_reserved(name) && !is_forwarding(name) && !is_hop_by_hop(name)
    });
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

/// Why the body of a request ended early: mostly the client has gone.
#[derive(Debug)]
pub struct BodyError(hyper::Error);

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client's request was cut off")
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
