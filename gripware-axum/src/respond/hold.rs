//! A hold as a response, alone or beside a status, headers and a body.

use std::convert::Infallible;

use axum_core::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use gripware_core::header::{GRIP_HOLD, UNWRITTEN_HOLD};

gripware_core::adapter_hold! {
    /// Asks the proxy to hold the client's connection.
    ///
    /// It is a whole response, or a part of one beside a status, headers and a body: what the
    /// client gets at once (a stream) or in the end (a long poll). It needs
    /// [`GripLayer`](crate::GripLayer) around the route, which writes it as the proxy needs it.
    ///
    /// Where no proxy is in front that could obey, the client gets a 501 that says so; a `HEAD`
    /// request is answered and never held; a hold that no proxy would take is a 500, and the log
    /// says which limit it breaks. Without the layer a proxy refuses the answer, and a client that
    /// comes without one gets it with a `Grip-Hold` that says so.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use axum::{Router, http::StatusCode, response::IntoResponse, routing::get};
    /// use gripware_axum::{Hold, KeepAlive};
    ///
    /// // Server-sent events: the keep-alive brings the content type along.
    /// async fn events() -> Hold {
    ///     Hold::stream("news").keep_alive(KeepAlive::sse(Duration::from_secs(20)))
    /// }
    ///
    /// // A long poll: 304 after 25 seconds without an item.
    /// async fn poll() -> impl IntoResponse {
    ///     let hold = Hold::response("news").timeout(Duration::from_secs(25));
    ///     (StatusCode::NOT_MODIFIED, hold)
    /// }
    ///
    /// let app: Router = Router::new()
    ///     .route("/events", get(events))
    ///     .route("/poll", get(poll));
    /// # let _ = app;
    /// ```
}

impl IntoResponseParts for Hold {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        parts.headers_mut().insert(GRIP_HOLD, UNWRITTEN_HOLD);
        parts.extensions_mut().insert(self.into_core());
        Ok(parts)
    }
}

impl IntoResponse for Hold {
    fn into_response(self) -> Response {
        (self, ()).into_response()
    }
}
