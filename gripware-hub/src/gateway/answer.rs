//! The body of a response on its way to hyper: the origin's own, bytes of the hub, or a stream whose
//! hold goes on when the body so far has been sent.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use gripware_core::header::is_instruction;
use http_body::{Frame, SizeHint};
use pin_project::pin_project;

use super::{
    body_prefix::OriginBody,
    h2_stream::{H2StreamBody, arrive_on_h2_stream},
    handoff_slot::{Handoff, HandoffSlot},
};
use crate::{
    handoff::Awaited,
    http::hop_by_hop::{is_hop_by_hop, retain},
    origin::BoxError,
};

/// The body of a response as hyper sends it.
#[pin_project(project = AnswerParts)]
pub(super) enum Answer<B> {
    Whole(Bytes),
    Origin(#[pin] B),
    /// The same, of a request that asked for another protocol.
    Boxed(OriginBody),
    /// The beginning of a stream, whose client is held and gets the rest when it has this.
    Opening(Opening),
    H2Stream(H2StreamBody),
}

pub(super) struct Opening {
    /// What was read of the body already.
    first: Bytes,
    rest: OriginBody,
    /// `None` once it has happened.
    then: Option<Afterwards>,
}

/// What happens when the beginning has ended.
pub(super) enum Afterwards {
    /// The HTTP/1.x connection leaves hyper.
    Leave(Arc<HandoffSlot>, Box<Handoff>),
    /// The body goes on with a hold on HTTP/2.
    H2Stream(Awaited),
}

impl Afterwards {
    /// Ready where the hold has been cut off meanwhile.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Leave(_, handoff) => handoff.poll_cut(cx),
            Self::H2Stream(client) => client.poll_cut(cx),
        }
    }
}

/// The hold of a stream has ended before its beginning was sent.
#[derive(Debug, thiserror::Error)]
#[error("the hold has been cut off")]
struct CutOff;

impl<B> Answer<B> {
    pub(super) fn opening(first: Bytes, rest: OriginBody, then: Afterwards) -> Self {
        Self::Opening(Opening {
            first,
            rest,
            then: Some(then),
        })
    }
}

impl Answer<OriginBody> {
    /// The same among answers with bodies of another type.
    pub(super) fn boxed<B>(self) -> Answer<B> {
        match self {
            Self::Whole(bytes) => Answer::Whole(bytes),
            Self::Origin(body) | Self::Boxed(body) => Answer::Boxed(body),
            Self::Opening(opening) => Answer::Opening(opening),
            Self::H2Stream(stream) => Answer::H2Stream(stream),
        }
    }
}

impl<B> http_body::Body for Answer<B>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            let stream = match self.as_mut().project() {
                AnswerParts::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
                AnswerParts::Whole(bytes) => return data(std::mem::take(bytes)),
                AnswerParts::Origin(body) => {
                    let frame = ready!(body.poll_frame(cx));
                    return Poll::Ready(frame.map(|frame| frame.map(clean).map_err(Into::into)));
                }
                AnswerParts::Boxed(body) => {
                    let frame = ready!(Pin::new(body).poll_frame(cx));
                    return Poll::Ready(frame.map(|frame| frame.map(clean)));
                }
                AnswerParts::H2Stream(stream) => {
                    let read = ready!(stream.poll_data(cx));
                    return Poll::Ready(
                        read.map(|read| read.map(Frame::data).map_err(BoxError::from)),
                    );
                }
                AnswerParts::Opening(opening) => {
                    if !opening.first.is_empty() {
                        return data(std::mem::take(&mut opening.first));
                    }
                    let Some(then) = &mut opening.then else {
                        return Poll::Pending;
                    };
                    if then.poll_cut(cx).is_ready() {
                        return Poll::Ready(Some(Err(CutOff.into())));
                    }
                    match ready!(Pin::new(&mut opening.rest).poll_frame(cx)) {
                        Some(Ok(frame)) if frame.is_data() => return Poll::Ready(Some(Ok(frame))),
                        // Trailers: the stream does not end here.
                        Some(Ok(_)) => continue,
                        Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                        None => match opening.then.take() {
                            Some(Afterwards::H2Stream(client)) => Some(arrive_on_h2_stream(client)),
                            Some(Afterwards::Leave(slot, handoff)) => {
                                slot.put(handoff);
                                None
                            }
                            None => None,
                        },
                    }
                }
            };
            match stream {
                Some(stream) => self.set(Self::H2Stream(stream)),
                None => return Poll::Pending,
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Origin(body) => body.is_end_stream(),
            Self::Boxed(body) => body.is_end_stream(),
            Self::Opening(_) | Self::H2Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Origin(body) => body.size_hint(),
            Self::Boxed(body) => body.size_hint(),
            Self::Opening(_) | Self::H2Stream(_) => SizeHint::default(),
        }
    }
}

/// Trailers are no way around what is removed of the headers.
fn clean(mut frame: Frame<Bytes>) -> Frame<Bytes> {
    if let Some(trailers) = frame.trailers_mut() {
        retain(trailers, |name| {
            !is_instruction(name) && !is_hop_by_hop(name)
        });
    }
    frame
}

fn data<E>(bytes: Bytes) -> Poll<Option<Result<Frame<Bytes>, E>>> {
    Poll::Ready(Some(Ok(Frame::data(bytes))))
}
