use std::{
    any::Any,
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};

use crate::{message, settings::MAX_HEAD};

/// Any error, as tower and hyper pass it on.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The body of a request or a response: bytes in memory, or a stream.
///
/// What comes from the other end arrives as it is sent, and is not read ahead by more than
/// [`stream_window`](crate::Settings::stream_window). A stream without a byte for
/// [`idle_timeout`](crate::Settings::idle_timeout) ends with an error.
///
/// ```
/// use gripware_pipe::Body;
/// use http_body_util::BodyExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), gripware_pipe::BodyError> {
/// assert_eq!(Body::from("text").collect().await?.to_bytes(), "text");
/// # Ok(())
/// # }
/// ```
pub struct Body {
    kind: Kind,
    idle: Option<Idle>,
    /// A call is under way until its response has been read.
    _permit: Option<OwnedSemaphorePermit>,
}

enum Kind {
    Whole(Bytes),
    Incoming(Incoming),
    Boxed(Pin<Box<dyn HttpBody<Data = Bytes, Error = BoxError> + Send>>),
}

struct Idle {
    limit: Duration,
    /// Runs only while there is nothing to read.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Body {
    /// A body without a byte.
    #[must_use]
    pub fn empty() -> Self {
        Self::of(Kind::Whole(Bytes::new()))
    }

    /// Takes a body of another kind.
    pub fn new<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() {
            return Self::empty();
        }
        // One of ours is not wrapped again.
        let mut body = Some(body);
        let any: &mut dyn Any = &mut body;
        if let Some(own) = any.downcast_mut().and_then(Option::take) {
            return own;
        }
        match body {
            Some(body) => {
                let body = http_body_util::BodyExt::map_err(body, Into::into);
                Self::of(Kind::Boxed(Box::pin(body)))
            }
            None => Self::empty(),
        }
    }

    fn of(kind: Kind) -> Self {
        Self {
            kind,
            idle: None,
            _permit: None,
        }
    }

    pub(crate) fn incoming(body: Incoming) -> Self {
        Self::of(Kind::Incoming(body))
    }

    pub(crate) fn within(mut self, limit: Duration) -> Self {
        self.idle = Some(Idle { limit, sleep: None });
        self
    }

    pub(crate) fn holding(mut self, permit: OwnedSemaphorePermit) -> Self {
        self._permit = Some(permit);
        self
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self::of(Kind::Whole(bytes.into()))
    }
}

impl Kind {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Incoming(incoming) => Pin::new(incoming)
                .poll_frame(cx)
                .map_err(|error| BodyError(Cause::Peer(error))),
            Self::Boxed(body) => body
                .as_mut()
                .poll_frame(cx)
                .map_err(|error| BodyError(Cause::Source(error))),
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = this.kind.poll_frame(cx) else {
            if let Some(idle) = &mut this.idle {
                let limit = idle.limit;
                let sleep = idle.sleep.get_or_insert_with(|| Box::pin(sleep(limit)));
                ready!(sleep.as_mut().poll(cx));
                this.kind = Kind::Whole(Bytes::new());
                return Poll::Ready(Some(Err(BodyError(Cause::Idle { limit }))));
            }
            return Poll::Pending;
        };
        if let Some(idle) = &mut this.idle {
            idle.sleep = None;
        }
        Poll::Ready(frame.map(|frame| frame.and_then(checked)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(bytes) => bytes.is_empty(),
            Kind::Incoming(incoming) => incoming.is_end_stream(),
            Kind::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Incoming(incoming) => incoming.size_hint(),
            Kind::Boxed(body) => body.size_hint(),
        }
    }
}

/// Trailers are headers too: no way around what is removed of those, nor around their limit.
fn checked(mut frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError> {
    if let Some(trailers) = frame.trailers_mut() {
        message::strip(trailers);
        let size = message::size(trailers);
        if size > MAX_HEAD {
            return Err(BodyError(Cause::Trailers { size }));
        }
    }
    Ok(frame)
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Whole(_) => "whole",
            Kind::Incoming(_) => "incoming",
            Kind::Boxed(_) => "stream",
        };
        f.debug_struct("Body").field("kind", &kind).finish()
    }
}

/// Why a body ended early.
#[derive(Debug)]
pub struct BodyError(Cause);

#[derive(Debug)]
enum Cause {
    Idle { limit: Duration },
    Peer(hyper::Error),
    Source(BoxError),
    Trailers { size: usize },
}

impl BodyError {
    /// Returns whether no byte came for the idle timeout.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.0, Cause::Idle { .. })
    }

    /// Returns whether the other end stopped, or the connection to it was lost.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        matches!(self.0, Cause::Peer(_))
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Idle { limit } => write!(f, "no byte of the body came for {limit:?}"),
            Cause::Peer(_) => f.write_str("the body was cut off"),
            Cause::Source(_) => f.write_str("the body could not be made"),
            Cause::Trailers { size } => {
                write!(f, "the trailers have {size} bytes, more than {MAX_HEAD}")
            }
        }
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Cause::Peer(error) => Some(error),
            Cause::Source(error) => Some(&**error),
            Cause::Idle { .. } | Cause::Trailers { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http_body_util::{BodyExt, Channel, Full, channel::Sender};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_without_a_byte_ends_with_an_error() {
        let (mut sender, body): (Sender<Bytes, BoxError>, _) = Channel::new(1);
        let mut body = Body::new(body).within(Duration::from_secs(3));
        sender.send_data("a".into()).await.unwrap();
        let first = body.frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "a");
        let error = body.frame().await.unwrap().unwrap_err();
        assert!(error.is_idle() && !error.is_cut_off(), "{error}");
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_body_of_this_kind_is_not_wrapped_again() {
        let body = Body::new(Body::new(Full::new(Bytes::from_static(b"ab"))));
        assert!(matches!(body.kind, Kind::Boxed(_)));
        let body = Body::new(Body::from("ab"));
        assert!(matches!(body.kind, Kind::Whole(_)));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "ab");
    }

    #[test]
    fn large_trailers_are_refused() {
        let mut trailers = HeaderMap::new();
        trailers.insert("connection", "close".parse().unwrap());
        let frame = checked(Frame::trailers(trailers.clone())).unwrap();
        assert!(frame.trailers_ref().unwrap().is_empty());
        trailers.insert("x", "y".repeat(MAX_HEAD).parse().unwrap());
        assert!(checked(Frame::trailers(trailers)).is_err());
    }
}
