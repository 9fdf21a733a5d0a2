use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use gripware_core::{Carrier, GripContext, Hold, HoldError, Refusal, header::GRIP_HOLD};
use http::{HeaderValue, Method, Response, header::CONTENT_TYPE, response::Parts};
use http_body::Body;
use pin_project::pin_project;

use crate::{body::ResponseBody, log, socket::OpenSocket};

/// The answer of a [`GripService`](crate::GripService), on its way.
#[pin_project]
pub struct ResponseFuture<F, B>(#[pin] State<F, B>);

#[pin_project(project = StateProjection)]
enum State<F, B> {
    Refused(Option<Response<ResponseBody<B>>>),
    Handling {
        #[pin]
        handler: F,
        cx: GripContext,
        method: Method,
        socket: Option<OpenSocket>,
    },
    /// The hold goes into a JSON body, around what the handler answered.
    Enclosing {
        #[pin]
        body: B,
        around: Box<Enclosure>,
        cx: GripContext,
    },
}

/// What a body is put together from, once the handler's own is read.
struct Enclosure {
    head: Parts,
    hold: Hold,
    read: Vec<u8>,
}

impl<F, B> ResponseFuture<F, B> {
    pub(crate) fn new(
        handler: F,
        cx: GripContext,
        method: Method,
        socket: Option<OpenSocket>,
    ) -> Self {
        Self(State::Handling {
            handler,
            cx,
            method,
            socket,
        })
    }

    pub(crate) fn refused(cx: &GripContext, refusal: &Refusal) -> Self {
        Self(State::Refused(Some(refuse(cx, refusal))))
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

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
                    cx,
                    method,
                    socket,
                } => {
                    let response = ready!(handler.poll(task))?;
                    let rescue = socket.as_ref().and_then(|socket| socket.rescue(&response));
                    if let Some(reply) = rescue {
                        return Poll::Ready(Ok(reply.map(ResponseBody::written)));
                    }
                    match release(response, cx, method) {
                        Released::Whole(response) => return Poll::Ready(Ok(response)),
                        Released::Enclose(body, around) => State::Enclosing {
                            body,
                            around,
                            cx: cx.clone(),
                        },
                    }
                }
                StateProjection::Enclosing { body, around, cx } => {
                    let limit = cx.policy().limits().instruct_body;
                    let read = ready!(poll_read(body, &mut around.read, limit, task));
                    return Poll::Ready(Ok(match read.and_then(|()| around.close(cx)) {
                        Ok(response) => response,
                        Err(refusal) => refuse(cx, &refusal),
                    }));
                }
            };
            state.set(next);
        }
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

enum Released<B> {
    Whole(Response<ResponseBody<B>>),
    Enclose(B, Box<Enclosure>),
}

/// Looks at what the handler answered, and writes its hold into the headers where they can carry
/// it.
fn release<B: Body>(mut response: Response<B>, cx: &GripContext, method: &Method) -> Released<B> {
    let policy = cx.policy();
    let Some(hold) = response.extensions_mut().remove::<Hold>() else {
        return Released::Whole(match policy.check_response(cx, response.headers()) {
            Ok(()) => response.map(ResponseBody::untouched),
            Err(refusal) => refuse(cx, &refusal),
        });
    };
    let (mut head, body) = response.into_parts();
    head.headers.remove(GRIP_HOLD);
    let written = match policy.carrier(cx, method, &hold) {
        Ok(Carrier::Body) => {
            let read = Vec::new();
            return Released::Enclose(body, Box::new(Enclosure { head, hold, read }));
        }
        Ok(Carrier::Headers) => {
            let length = body.size_hint().lower();
            policy.write_headers(&hold, &mut head.status, &mut head.headers, length)
        }
        Ok(_) => Ok(()),
        Err(refusal) => Err(refusal),
    };
    Released::Whole(match written {
        Ok(()) => Response::from_parts(head, ResponseBody::untouched(body)),
        Err(refusal) => refuse(cx, &refusal),
    })
}

/// Reads a body to its end, up to a limit.
fn poll_read<B: Body<Data = Bytes>>(
    mut body: Pin<&mut B>,
    read: &mut Vec<u8>,
    limit: usize,
    task: &mut Context<'_>,
) -> Poll<Result<(), Refusal>> {
    while let Some(frame) = ready!(body.as_mut().poll_frame(task)) {
        let Ok(frame) = frame else {
            return Poll::Ready(Err(Refusal::UnreadableResponse));
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        read.extend_from_slice(&data);
        if read.len() > limit {
            let length = read.len();
            return Poll::Ready(Err(HoldError::BodyTooLarge { length, limit }.into()));
        }
    }
    Poll::Ready(Ok(()))
}

impl Enclosure {
    /// Puts what the handler answered into a body with its hold.
    fn close<B>(&mut self, cx: &GripContext) -> Result<Response<ResponseBody<B>>, Refusal> {
        let Parts {
            status, headers, ..
        } = &mut self.head;
        let body = cx
            .policy()
            .write_instruct(&self.hold, status, headers, &self.read)?;
        let head = mem::replace(&mut self.head, Response::new(()).into_parts().0);
        Ok(Response::from_parts(head, ResponseBody::written(body)))
    }
}

fn refuse<B>(cx: &GripContext, refusal: &Refusal) -> Response<ResponseBody<B>> {
    log::refusal(cx, refusal);
    let mut response = Response::new(ResponseBody::written(refusal.message()));
    *response.status_mut() = refusal.status();
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}
