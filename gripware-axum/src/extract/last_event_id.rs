//! The extractor for the cursor of a client that comes back.

use std::{convert::Infallible, ops::Deref};

use axum_core::extract::FromRequestParts;
use http::request::Parts;

/// Where the client stands in a stream: the id of the last event that it has, from the header
/// `Last-Event-ID`, otherwise from the query parameter `last-event-id`.
///
/// Its methods are those of [`gripware_core::LastEventId`], which says what counts as an id and
/// which ids to use. It is no rejection if there is none. It needs no layer.
///
/// ```
/// use axum::{Router, body::{Body, to_bytes}, http::Request, routing::get};
/// use gripware_axum::LastEventId;
/// use tower::ServiceExt;
///
/// async fn after(cursor: LastEventId) -> String {
///     cursor.id().unwrap_or("the beginning").to_owned()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app: Router = Router::new().route("/", get(after));
/// for (request, expected) in [
///     (Request::get("/?last-event-id=6").header("last-event-id", "7"), "7"),
///     (Request::get("/?last-event-id=6"), "6"),
///     (Request::get("/"), "the beginning"),
/// ] {
///     let response = app.clone().oneshot(request.body(Body::empty())?).await?;
///     assert_eq!(to_bytes(response.into_body(), 100).await?, expected);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastEventId(gripware_core::LastEventId);

impl Deref for LastEventId {
    type Target = gripware_core::LastEventId;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = parts.uri.query();
        let cursor = gripware_core::LastEventId::from_request(&parts.headers, query);
        Ok(Self(cursor))
    }
}
