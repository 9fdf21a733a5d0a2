//! The last step of a response before hyper: large pieces are cut, and the watch against slow reads
//! learns how the client takes them. HTTP/2 only.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use pin_project::pin_project;

use super::{answer::Answer, progress::Progress, streams::StreamWatch};
use crate::origin::BoxError;

/// How much of an answer is handed to HTTP/2 at once, in bytes. A larger piece would be buffered
/// whole for a client whose window has room for one byte.
const PIECE: usize = 16 * 1024;

/// The body of a response that tells the watch over its stream how the client takes it. There is no
/// watch on HTTP/1.x, where the connection itself tells.
#[pin_project]
pub(super) struct Delivery<B> {
    #[pin]
    answer: Answer<B>,
    /// What is left of a large piece.
    rest: Bytes,
    watch: Option<StreamWatch>,
    /// What was handed over last, in bytes.
    last: usize,
}

impl<B> Delivery<B>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    pub(super) fn new(answer: Answer<B>, watch: Option<StreamWatch>) -> Self {
        if let Some(watch) = &watch {
            // A client with no window at all is never waited for here.
            watch.change(Progress::waits);
            if let Answer::H2Stream(stream) = &answer {
                watch.hold(stream.hold());
            }
        }
        Self {
            answer,
            rest: Bytes::new(),
            watch,
            last: 0,
        }
    }
}

impl<B> http_body::Body for Delivery<B>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let Some(watch) = this.watch else {
            return this.answer.poll_frame(cx);
        };
        // Whoever asks for more has taken what was there.
        let last = std::mem::take(this.last);
        watch.change(|progress| progress.takes(last));
        if this.rest.is_empty() {
            let was_held = matches!(*this.answer, Answer::H2Stream(_));
            let polled = this.answer.as_mut().poll_frame(cx);
            if let (false, Answer::H2Stream(stream)) = (was_held, &*this.answer) {
                watch.hold(stream.hold());
            }
            let Poll::Ready(Some(Ok(frame))) = polled else {
                watch.change(Progress::settles);
                return polled;
            };
            match frame.into_data() {
                Ok(data) => *this.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let piece = this.rest.split_to(PIECE.min(this.rest.len()));
        *this.last = piece.len();
        watch.change(Progress::waits);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (answer, rest) = (self.answer.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(answer.lower().saturating_add(rest));
        if let Some(upper) = answer.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}
