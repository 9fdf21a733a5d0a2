//! The way out: turns the hold of a response into instructions, and closes an open WebSocket
//! whose handler failed.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{
    Error, HttpRequest, HttpResponse,
    body::{BodySize, MessageBody},
    dev::ServiceResponse,
};
use bytes::Bytes;
use gripware_core::{Admission, GripContext, Hold, HoldEncoding, HoldError, Policy, Refusal, log};
use pin_project::pin_project;

use crate::{
    asked::Asked,
    body::ResponseBody,
    convert,
    read::{ReadError, poll_read},
    respond::reply,
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
        asked: Asked,
        socket: Option<OpenSocket>,
    },
    /// In a box, because it is rare and large, and a future is moved more than once.
    Enclosing(Pin<Box<Enclosing<B>>>),
}

/// A hold for which the body of the response has to be read first.
#[pin_project]
struct Enclosing<B> {
    encoding: HoldEncoding,
    #[pin]
    body: B,
    read: Vec<u8>,
    head: Option<(HttpRequest, HttpResponse<()>)>,
    hold: Hold,
    asked: Asked,
}

impl<F, B> ResponseFuture<F, B> {
    pub(crate) fn new(handler: F, asked: Asked, socket: Option<OpenSocket>) -> Self {
        Self(State::Handling {
            handler,
            asked,
            socket,
        })
    }

    pub(crate) fn refused(request: HttpRequest, admission: &Admission, refusal: &Refusal) -> Self {
        let cx = admission.context_for_response();
        Self(State::Refused(Some(refuse(request, &cx, refusal, None))))
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
                    asked,
                    socket,
                } => {
                    let response = ready!(handler.poll(task)).map_err(|error| match socket {
                        Some(socket) => socket.rescue_error(error),
                        None => error,
                    })?;
                    if socket.is_none() && is_plain(response.response()) {
                        return Poll::Ready(Ok(
                            response.map_body(|_, it| ResponseBody::untouched(it))
                        ));
                    }
                    let rescue = socket
                        .as_ref()
                        .and_then(|socket| socket.rescue(response.response()));
                    if let Some(reply) = rescue {
                        let (request, _) = response.into_parts();
                        return Poll::Ready(Ok(written(request, reply)));
                    }
                    match release(response, asked) {
                        Released::Whole(response) => return Poll::Ready(Ok(response)),
                        Released::Enclose(enclosing) => State::Enclosing(enclosing),
                    }
                }
                StateProjection::Enclosing(enclosing) => {
                    return enclosing.as_mut().poll(task).map(Ok);
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
    Enclose(Pin<Box<Enclosing<B>>>),
}

/// Whether a response has nothing for a proxy, as most have.
fn is_plain<B>(response: &HttpResponse<B>) -> bool {
    !response.extensions().contains::<Hold>() && !convert::has_instructions(response.headers())
}

/// Looks at what the handler answered, and writes its hold where the body need not be read for it.
fn release<B: MessageBody>(response: ServiceResponse<B>, asked: &Asked) -> Released<B> {
    let (request, mut response) = response.into_parts();
    let hold = response.extensions_mut().remove::<Hold>();
    let checked = match &hold {
        None => check(asked, &mut response),
        Some(held) => match asked.policy().hold_encoding(
            &asked.context(),
            &asked.method(),
            held,
            length(response.body()),
        ) {
            Ok(encoding) if encoding.reads_body() => {
                let (head, body) = response.into_parts();
                return Released::Enclose(Box::pin(Enclosing {
                    encoding,
                    body,
                    read: Vec::new(),
                    head: Some((request, head)),
                    hold: held.clone(),
                    asked: asked.clone(),
                }));
            }
            Ok(encoding) => write(asked.policy(), encoding, held, &mut response, &[]).map(drop),
            Err(refusal) => Err(refusal),
        },
    };
    Released::Whole(match checked {
        Ok(()) => {
            let response = response.map_body(|_, body| ResponseBody::untouched(body));
            ServiceResponse::new(request, response)
        }
        Err(refusal) => refuse(request, &asked.context(), &refusal, hold.as_ref()),
    })
}

fn length(body: &impl MessageBody) -> Option<u64> {
    match body.size() {
        BodySize::None => Some(0),
        BodySize::Sized(length) => Some(length),
        BodySize::Stream => None,
    }
}

/// Looks at instructions that were written by hand.
fn check<B>(asked: &Asked, response: &mut HttpResponse<B>) -> Result<(), Refusal> {
    let mut headers = convert::response_headers(response.headers());
    let (cx, method) = (asked.context(), asked.method());
    asked.policy().check_response(&cx, &method, &mut headers)?;
    convert::retain_headers(&headers, response.headers_mut());
    Ok(())
}

fn write<B>(
    policy: &Policy,
    encoding: HoldEncoding,
    hold: &Hold,
    response: &mut HttpResponse<B>,
    body: &[u8],
) -> Result<Option<Bytes>, Refusal> {
    let mut status = convert::status(response.status());
    let mut headers = convert::held_headers(response.headers());
    let instruct = policy.write(encoding, hold, &mut status, &mut headers, body)?;
    let status = convert::to_status(status);
    if response.status() != status {
        let head = response.head_mut();
        head.status = status;
        // A reason of the handler's own is that of the other status.
        head.reason = None;
    }
    convert::write_headers(&headers, response.headers_mut());
    Ok(instruct)
}

impl<B: MessageBody> Enclosing<B> {
    /// Reads what the handler answered, and writes its hold.
    fn poll(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<ServiceResponse<ResponseBody<B>>> {
        let this = self.project();
        let limit = this.asked.policy().limits().instruct_body;
        let read = ready!(poll_read(this.body, this.read, limit, task));
        let Some((request, mut head)) = this.head.take() else {
            return Poll::Pending;
        };
        let body = mem::take(this.read);
        let read = read.map_err(|error| match error {
            ReadError::TooLong(length) => HoldError::BodyTooLarge { length, limit }.into(),
            ReadError::Broken(_) => Refusal::UnreadableResponse,
        });
        let policy = this.asked.policy();
        let instruct =
            read.and_then(|()| write(policy, *this.encoding, this.hold, &mut head, &body));
        Poll::Ready(match instruct {
            Ok(instruct) => {
                let body = instruct.unwrap_or_else(|| body.into());
                written(request, head.set_body(body))
            }
            Err(refusal) => refuse(request, &this.asked.context(), &refusal, Some(this.hold)),
        })
    }
}

fn refuse<B>(
    request: HttpRequest,
    cx: &GripContext,
    refusal: &Refusal,
    hold: Option<&Hold>,
) -> ServiceResponse<ResponseBody<B>> {
    log::refusal(cx, refusal, request.path(), hold);
    written(request, reply(refusal.to_reply()))
}

fn written<B>(
    request: HttpRequest,
    response: HttpResponse<Bytes>,
) -> ServiceResponse<ResponseBody<B>> {
    let response = response.map_body(|_, body| ResponseBody::written(body));
    ServiceResponse::new(request, response)
}
