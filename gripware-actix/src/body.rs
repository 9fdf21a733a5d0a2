//! The body of a response that went through the middleware: the handler's, or one in its place.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use pin_project::pin_project;

/// The body of a response that went through a [`GripService`](crate::GripService): the handler's
/// own, or, where the middleware had to write one, that.
#[pin_project]
#[derive(Debug)]
pub struct ResponseBody<B>(#[pin] Inner<B>);

#[pin_project(project = InnerProjection)]
#[derive(Debug)]
enum Inner<B> {
    Untouched(#[pin] B),
    Written(#[pin] Bytes),
}

impl<B> ResponseBody<B> {
    pub(crate) fn untouched(body: B) -> Self {
        Self(Inner::Untouched(body))
    }

    pub(crate) fn written(body: Bytes) -> Self {
        Self(Inner::Written(body))
    }
}

impl<B: MessageBody> MessageBody for ResponseBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        match &self.0 {
            Inner::Untouched(body) => body.size(),
            Inner::Written(body) => body.size(),
        }
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, B::Error>>> {
        match self.project().0.project() {
            InnerProjection::Untouched(body) => body.poll_next(cx),
            InnerProjection::Written(body) => body.poll_next(cx).map_err(|never| match never {}),
        }
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        match self.0 {
            Inner::Untouched(body) => body.try_into_bytes().map_err(Self::untouched),
            Inner::Written(body) => Ok(body),
        }
    }
}
