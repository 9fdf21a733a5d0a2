//! The way out: turns the hold of a response into instructions, and closes an open WebSocket
//! whose handler failed.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum_core::{BoxError, body::Body, response::Response};
use bytes::Bytes;
use gripware_core::{Admission, Hold, HoldEncoding, HoldError, Refusal, header::has_instructions};
use http::{Uri, response::Parts};
use http_body::Body as _;
use pin_project::pin_project;

use crate::{
    asked::{Asked, refuse},
    scope,
    socket::OpenSocket,
};

/// The answer of a [`GripService`](crate::GripService), on its way.
#[pin_project]
pub struct ResponseFuture<F>(#[pin] State<F>);

#[pin_project(project = StateProjection)]
enum State<F> {
    Refused(Option<Response>),
    Handling {
        #[pin]
        handler: F,
        asked: Asked,
        socket: Option<OpenSocket>,
    },
    /// In a box, because it is rare and large, and a future is moved more than once.
    Enclosing(Box<Enclosing>),
}

/// A hold for which the body of the response has to be read first.
struct Enclosing {
    encoding: HoldEncoding,
    body: Body,
    read: Vec<u8>,
    head: Parts,
    hold: Hold,
    asked: Asked,
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(handler: F, asked: Asked, socket: Option<OpenSocket>) -> Self {
        Self(State::Handling {
            handler,
            asked,
            socket,
        })
    }

    pub(crate) fn refused(admission: &Admission, refusal: &Refusal, uri: &Uri) -> Self {
        let cx = admission.context_for_response();
        Self(State::Refused(Some(refuse(&cx, refusal, uri.path(), None))))
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<http::Response<B>, E>>,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().0;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Refused(response) => match response.take() {
                    Some(response) => return Poll::Ready(Ok(response)),
                    None => return Poll::Pending,
                },
                StateProjection::Handling {
                    handler,
                    asked,
                    socket,
                } => {
                    let answer = scope::run(&asked.admission, || handler.poll(task));
                    let response = ready!(answer)?;
                    // What is an axum body already stays as it is.
                    if socket.is_none() && is_plain(&response) {
                        return Poll::Ready(Ok(response.map(Body::new)));
                    }
                    let response = response.map(Body::new);
                    let rescue = socket.as_ref().and_then(|socket| socket.rescue(&response));
                    if let Some(reply) = rescue {
                        return Poll::Ready(Ok(reply));
                    }
                    match release(response, asked) {
                        Released::Whole(response) => return Poll::Ready(Ok(response)),
                        Released::Enclose(enclosing) => State::Enclosing(enclosing),
                    }
                }
                StateProjection::Enclosing(enclosing) => {
                    return enclosing.poll(task).map(Ok);
                }
            };
            state.set(next);
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

enum Released {
    Whole(Response),
    Enclose(Box<Enclosing>),
}

/// Whether a response has nothing for a proxy, as most have.
fn is_plain<B>(response: &http::Response<B>) -> bool {
    let headers = response.headers().iter();
    response.extensions().get::<Hold>().is_none()
        && !has_instructions(headers.map(|(name, value)| (name.as_str(), value.as_bytes())))
}

/// Looks at what the handler answered, and writes its hold where the body need not be read for it.
fn release(mut response: Response, asked: &Asked) -> Released {
    let Some(hold) = response.extensions_mut().remove::<Hold>() else {
        return Released::Whole(check(response, asked));
    };
    let (mut head, body) = response.into_parts();
    let policy = asked.policy();
    let length = body.size_hint().exact();
    let written = match policy.hold_encoding(&asked.context(), &asked.method(), &hold, length) {
        Ok(encoding) if encoding.reads_body() => {
            return Released::Enclose(Box::new(Enclosing {
                encoding,
                body,
                read: Vec::new(),
                head,
                hold,
                asked: asked.clone(),
            }));
        }
        Ok(encoding) => policy
            .write(encoding, &hold, &mut head.status, &mut head.headers, &[])
            .map(drop),
        Err(refusal) => Err(refusal),
    };
    Released::Whole(match written {
        Ok(()) => Response::from_parts(head, body),
        Err(refusal) => asked.refuse(&refusal, Some(&hold)),
    })
}

/// Looks for instructions that were written by hand.
fn check(mut response: Response, asked: &Asked) -> Response {
    let (cx, method) = (asked.context(), asked.method());
    let checked = asked
        .policy()
        .check_response(&cx, &method, response.headers_mut());
    match checked {
        Ok(()) => response,
        Err(refusal) => asked.refuse(&refusal, None),
    }
}

impl Enclosing {
    /// Reads what the handler answered, and writes its hold.
    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Response> {
        let read = ready!(self.poll_read(task));
        let mut head = mem::replace(&mut self.head, Response::new(()).into_parts().0);
        let body = mem::take(&mut self.read);
        let written = read.and_then(|()| {
            self.asked.policy().write(
                self.encoding,
                &self.hold,
                &mut head.status,
                &mut head.headers,
                &body,
            )
        });
        Poll::Ready(match written {
            Ok(instruct) => {
                let body = instruct.unwrap_or_else(|| body.into());
                Response::from_parts(head, Body::from(body))
            }
            Err(refusal) => self.asked.refuse(&refusal, Some(&self.hold)),
        })
    }

    /// Reads the body to its end, up to the limit.
    fn poll_read(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        let limit = self.asked.policy().limits().instruct_body;
        while let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(task)) {
            let Ok(frame) = frame else {
                return Poll::Ready(Err(Refusal::UnreadableResponse));
            };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            self.read.extend_from_slice(&data);
            if self.read.len() > limit {
                let length = self.read.len();
                return Poll::Ready(Err(HoldError::BodyTooLarge { length, limit }.into()));
            }
        }
        Poll::Ready(Ok(()))
    }
}
