use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{
    Error, HttpRequest, HttpResponse,
    body::{BodySize, MessageBody},
    dev::ServiceResponse,
};
use gripware_core::{Carrier, GripContext, Hold, HoldError, Refusal};
use http::Method;
use pin_project::pin_project;

use crate::{
    answer,
    body::ResponseBody,
    convert, log,
    read::{ReadError, poll_read},
    respond,
    socket::OpenSocket,
};

/// The answer of a [`GripService`](crate::GripService), on its way.
#[pin_project]
pub struct ResponseFuture<F, B>(#[pin] State<F, B>);

#[pin_project(project = StateProjection)]
enum State<F, B> {
    Refused(Option<ServiceResponse<ResponseBody<B>>>),
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
        around: Option<Box<Enclosure>>,
        cx: GripContext,
    },
}

/// What a body is put together from, once the handler's own is read.
struct Enclosure {
    request: HttpRequest,
    head: HttpResponse<()>,
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

    pub(crate) fn refused(request: HttpRequest, cx: &GripContext, refusal: &Refusal) -> Self {
        Self(State::Refused(Some(refuse(request, cx, refusal))))
    }
}

impl<F, B> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<ResponseBody<B>>, Error>;

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
                    let response = match (ready!(handler.poll(task)), &socket) {
                        (Ok(response), _) => response,
                        (Err(error), Some(socket)) => {
                            return Poll::Ready(Err(socket.rescue_error(error)));
                        }
                        (Err(error), None) => return Poll::Ready(Err(error)),
                    };
                    let rescue = socket
                        .as_ref()
                        .and_then(|socket| socket.rescue(response.response()));
                    if let Some(reply) = rescue {
                        let reply = reply.map_body(|_, body| ResponseBody::written(body));
                        return Poll::Ready(Ok(response.into_response(reply)));
                    }
                    match release(response, cx, method) {
                        Released::Whole(response) => return Poll::Ready(Ok(response)),
                        Released::Enclose(body, around) => State::Enclosing {
                            body,
                            around: Some(around),
                            cx: cx.clone(),
                        },
                    }
                }
                StateProjection::Enclosing { body, around, cx } => {
                    let Some(enclosure) = around else {
                        return Poll::Pending;
                    };
                    let limit = cx.policy().limits().instruct_body;
                    let read = ready!(poll_read(body, &mut enclosure.read, limit, task));
                    let Some(enclosure) = around.take() else {
                        return Poll::Pending;
                    };
                    let read = read.map_err(|error| match error {
                        ReadError::TooLong(length) => {
                            HoldError::BodyTooLarge { length, limit }.into()
                        }
                        ReadError::Broken(_) => Refusal::UnreadableResponse,
                    });
                    return Poll::Ready(Ok(enclosure.close(read, cx)));
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
    Whole(ServiceResponse<ResponseBody<B>>),
    Enclose(B, Box<Enclosure>),
}

/// Looks at what the handler answered, and writes its hold into the headers where they can carry
/// it.
fn release<B: MessageBody>(
    response: ServiceResponse<B>,
    cx: &GripContext,
    method: &Method,
) -> Released<B> {
    let policy = cx.policy();
    let (request, mut response) = response.into_parts();
    let Some(hold) = respond::take_hold(&mut response) else {
        let headers = convert::response_headers(response.headers());
        return Released::Whole(match policy.check_response(cx, &headers) {
            Ok(()) => untouched(request, response),
            Err(refusal) => refuse(request, cx, &refusal),
        });
    };
    let written = match policy.carrier(cx, method, &hold) {
        Ok(Carrier::Body) => {
            let (head, body) = response.into_parts();
            let enclosure = Enclosure {
                request,
                head,
                hold,
                read: Vec::new(),
            };
            return Released::Enclose(body, Box::new(enclosure));
        }
        Ok(Carrier::Headers) => {
            let length = match response.body().size() {
                BodySize::Sized(length) => length,
                BodySize::None | BodySize::Stream => 0,
            };
            let mut status = convert::status(response.status());
            let mut headers = convert::response_headers(response.headers());
            let written = policy.write_headers(&hold, &mut status, &mut headers, length);
            write_head(&mut response, status, &headers);
            written
        }
        Ok(_) => Ok(()),
        Err(refusal) => Err(refusal),
    };
    Released::Whole(match written {
        Ok(()) => untouched(request, response),
        Err(refusal) => refuse(request, cx, &refusal),
    })
}

impl Enclosure {
    /// Puts what the handler answered into a body with its hold.
    fn close<B>(
        self,
        read: Result<(), Refusal>,
        cx: &GripContext,
    ) -> ServiceResponse<ResponseBody<B>> {
        let mut status = convert::status(self.head.status());
        let mut headers = convert::all_headers(self.head.headers());
        let written = read.and_then(|()| {
            cx.policy()
                .write_instruct(&self.hold, &mut status, &mut headers, &self.read)
        });
        match written {
            Ok(body) => {
                let mut head = self.head;
                head.headers_mut().clear();
                write_head(&mut head, status, &headers);
                ServiceResponse::new(self.request, head.set_body(ResponseBody::written(body)))
            }
            Err(refusal) => refuse(self.request, cx, &refusal),
        }
    }
}

/// A status of its own reason keeps it, a new one has none.
fn write_head<B>(
    response: &mut HttpResponse<B>,
    status: http::StatusCode,
    headers: &http::HeaderMap,
) {
    let status = convert::to_status(status);
    if response.status() != status {
        let head = response.head_mut();
        head.status = status;
        head.reason = None;
    }
    convert::write_headers(headers, response.headers_mut());
}

fn untouched<B>(
    request: HttpRequest,
    response: HttpResponse<B>,
) -> ServiceResponse<ResponseBody<B>> {
    let response = response.map_body(|_, body| ResponseBody::untouched(body));
    ServiceResponse::new(request, response)
}

fn refuse<B>(
    request: HttpRequest,
    cx: &GripContext,
    refusal: &Refusal,
) -> ServiceResponse<ResponseBody<B>> {
    log::refusal(cx, refusal);
    let response = answer::text(refusal.status(), refusal.message());
    let response = response.map_body(|_, body| ResponseBody::written(body));
    ServiceResponse::new(request, response)
}
