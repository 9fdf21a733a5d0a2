//! The extractor for a capability URL: whose stream a proxy goes on with.

use std::{ops::Deref, time::SystemTime};

use axum_core::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use gripware_core::{PrivateStreamError, log, ws::Reply};
use http::{StatusCode, request::Parts};
use thiserror::Error;

use super::LayerMissing;
use crate::{respond::reply, scope};

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
/// expired, 500 if there is no key or no layer.
///
/// ```
/// use axum::{Router, http::{HeaderMap, StatusCode}, response::IntoResponse, routing::get};
/// use gripware_axum::{GripContext, Hold, LastEventId, PrivateStream, Recovery, SseEvents};
///
/// /// The login, whatever it is.
/// fn user(headers: &HeaderMap) -> Option<&str> {
///     headers.get("cookie")?.to_str().ok()?.strip_prefix("user=")
/// }
///
/// /// What a browser asks for.
/// async fn open(
///     headers: HeaderMap,
///     cx: GripContext,
///     cursor: LastEventId,
/// ) -> Result<impl IntoResponse, StatusCode> {
///     let user = user(&headers).ok_or(StatusCode::UNAUTHORIZED)?;
///     Ok(notifications(&cx, user, &format!("user-{user}"), cursor.id()))
/// }
///
/// /// What the proxy asks for, and nobody else can.
/// async fn resume(stream: PrivateStream, cx: GripContext) -> impl IntoResponse {
///     notifications(&cx, stream.user(), stream.channel(), None)
/// }
///
/// fn notifications(
///     cx: &GripContext,
///     user: &str,
///     channel: &str,
///     cursor: Option<&str>,
/// ) -> impl IntoResponse + use<> {
///     let recovery = Recovery::new(cx.last(), channel).or_cursor(cursor);
///     let missed = SseEvents::new(); // Those of the user after `recovery.after()`.
///     let next = cx.private_link("/notifications", user, channel);
///     (Hold::stream_after(&recovery, "41", next), missed)
/// }
///
/// let app: Router = Router::new()
///     .route("/notifications", get(open))
///     .route("/notifications/{capability}", get(resume));
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

impl<S: Sync> FromRequestParts<S> for PrivateStream {
    type Rejection = PrivateStreamRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let cx = scope::context(parts).ok_or(LayerMissing)?;
        Ok(Self(
            cx.private_stream_at(SystemTime::now(), parts.uri.path())?,
        ))
    }
}

/// Why a request is not let into a private stream.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PrivateStreamRejection {
    /// No layer is around the route. 500.
    #[error(transparent)]
    LayerMissing(#[from] LayerMissing),
    /// The capability is not good: 403, or 500 if the application has no key.
    #[error(transparent)]
    Refused(#[from] PrivateStreamError),
}

impl IntoResponse for PrivateStreamRejection {
    fn into_response(self) -> Response {
        match self {
            Self::LayerMissing(missing) => missing.into_response(),
            Self::Refused(PrivateStreamError::NoKey) => {
                log::error(&PrivateStreamError::NoKey);
                let text = "This application has no private streams.\n";
                reply(Reply::text(StatusCode::INTERNAL_SERVER_ERROR, text))
            }
            Self::Refused(error) => {
                log::warning(&error);
                let text = "This link is not, or no longer, one that opens a stream.\n";
                reply(Reply::text(StatusCode::FORBIDDEN, text))
            }
        }
    }
}
