use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project::pin_project;

/// The body of a response that went through a [`GripService`](crate::GripService): the handler's
/// own, or, where the layer had to write one, that.
#[pin_project]
#[derive(Debug)]
pub struct ResponseBody<B>(#[pin] Inner<B>);

#[pin_project(project = InnerProjection)]
#[derive(Debug)]
enum Inner<B> {
    Untouched(#[pin] B),
    Written(#[pin] Full<Bytes>),
}

impl<B> ResponseBody<B> {
    pub(crate) fn untouched(body: B) -> Self {
        Self(Inner::Untouched(body))
    }

    pub(crate) fn written(body: impl Into<Bytes>) -> Self {
        Self(Inner::Written(Full::new(body.into())))
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().0.project() {
            InnerProjection::Untouched(body) => body.poll_frame(cx),
            InnerProjection::Written(body) => body.poll_frame(cx).map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Untouched(body) => body.is_end_stream(),
            Inner::Written(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Untouched(body) => body.size_hint(),
            Inner::Written(body) => body.size_hint(),
        }
    }
}
