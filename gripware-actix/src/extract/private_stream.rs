//! The extractor for a capability URL: whose stream a proxy goes on with.

use std::{
    future::{Ready, ready},
    ops::Deref,
    time::SystemTime,
};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, ResponseError, body::BoxBody, dev::Payload,
};
use gripware_core::{PrivateStreamError, log, ws::Reply};
use http::StatusCode;
use thiserror::Error;

use super::MiddlewareMissing;
use crate::{admission, convert, respond::reply};

/// Whose stream of which channel a request is for, as the last segment of its path proves: a next
/// link that [`GripContext::private_link`](crate::GripContext::private_link) made.
///
/// A proxy follows the link of a stream without the client's cookie, so a route of its own takes it,
/// without the login. The capability is checked before the handler runs, and the handler holds the
/// channel that it is for. What it protects from, and from what not, is in
/// [`gripware_core::manual::logins`].
///
/// # Rejections
/// [`PrivateStreamRejection`]: 403 if the capability was not issued by this application or has
/// expired, 500 if there is no key or no middleware.
///
/// ```
/// use actix_web::{App, Error, HttpRequest, Responder, error::ErrorUnauthorized, web};
/// use gripware_actix::{GripContext, Hold, LastEventId, PrivateStream, Recovery, SseEvents};
///
/// /// The login, whatever it is.
/// fn user(request: &HttpRequest) -> Option<&str> {
///     request.headers().get("cookie")?.to_str().ok()?.strip_prefix("user=")
/// }
///
/// /// What a browser asks for.
/// async fn open(
///     request: HttpRequest,
///     cx: GripContext,
///     cursor: LastEventId,
/// ) -> Result<impl Responder, Error> {
///     let user = user(&request).ok_or_else(|| ErrorUnauthorized("who are you?"))?;
///     Ok(notifications(&cx, user, &format!("user-{user}"), cursor.id()))
/// }
///
/// /// What the proxy asks for, and nobody else can.
/// async fn resume(stream: PrivateStream, cx: GripContext) -> impl Responder {
///     notifications(&cx, stream.user(), stream.channel(), None)
/// }
///
/// fn notifications(
///     cx: &GripContext,
///     user: &str,
///     channel: &str,
///     cursor: Option<&str>,
/// ) -> impl Responder + use<> {
///     let recovery = Recovery::new(cx.last(), channel).or_cursor(cursor);
///     let missed = SseEvents::new(); // Those of the user after `recovery.after()`.
///     let next = cx.private_link("/notifications", user, channel);
///     Hold::stream_after(&recovery, "41", next).with(missed)
/// }
///
/// let app = App::new()
///     .route("/notifications", web::get().to(open))
///     .route("/notifications/{capability}", web::get().to(resume));
/// # let _ = app;
/// ```
#[derive(Clone, Debug)]
pub struct PrivateStream(gripware_core::PrivateStream);

impl Deref for PrivateStream {
    type Target = gripware_core::PrivateStream;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl FromRequest for PrivateStream {
    type Error = PrivateStreamRejection;
    type Future = Ready<Result<Self, PrivateStreamRejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let stream = || {
            let cx = admission::context(request).ok_or(MiddlewareMissing)?;
            Ok(Self(
                cx.private_stream_at(SystemTime::now(), request.path())?,
            ))
        };
        ready(stream())
    }
}

/// Why a request is not let into a private stream.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PrivateStreamRejection {
    /// No middleware is around the route. 500.
    #[error(transparent)]
    MiddlewareMissing(#[from] MiddlewareMissing),
    /// The capability is not good: 403, or 500 if the application has no key.
    #[error(transparent)]
    Refused(#[from] PrivateStreamError),
}

impl ResponseError for PrivateStreamRejection {
    fn status_code(&self) -> actix_web::http::StatusCode {
        convert::to_status(match self {
            Self::MiddlewareMissing(_) | Self::Refused(PrivateStreamError::NoKey) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::Refused(_) => StatusCode::FORBIDDEN,
        })
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let answer = match self {
            Self::MiddlewareMissing(missing) => return missing.error_response(),
            Self::Refused(PrivateStreamError::NoKey) => {
                log::error(&PrivateStreamError::NoKey);
                let text = "This application has no private streams.\n";
                Reply::text(StatusCode::INTERNAL_SERVER_ERROR, text)
            }
            Self::Refused(error) => {
                log::warning(error);
                let text = "This link is not, or no longer, one that opens a stream.\n";
                Reply::text(StatusCode::FORBIDDEN, text)
            }
        };
        reply(answer).map_into_boxed_body()
    }
}
