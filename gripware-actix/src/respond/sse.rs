//! Server-sent events as a response.

use actix_web::{HttpRequest, HttpResponse, Responder, http::header::CONTENT_TYPE};
use bytes::Bytes;
use gripware_core::{log, ws::Reply};
use http::StatusCode;

use crate::respond::reply;

gripware_core::adapter_sse_events! {
    /// Server-sent events as a response: what a client gets at once. Beside a
    /// [`Hold`](crate::Hold) those of the channel follow.
    ///
    /// It is made of one [`SseEvent`](crate::SseEvent), of a `Vec` of them, or collected. The
    /// content type is `text/event-stream`; see
    /// [`Policy::write`](gripware_core::Policy::write) for what a hold of it gets by default.
    ///
    /// An event that cannot be sent, such as one with a line break in its id, is a 500, and the log
    /// says what is wrong with it.
    ///
    /// ```
    /// use actix_web::{App, Responder, web};
    /// use gripware_actix::{GripContext, Hold, LastEventId, Recovery, SseEvent, SseEvents};
    ///
    /// /// Misses nothing: what came after the client's cursor, and then what is published.
    /// async fn news(cx: GripContext, cursor: LastEventId) -> impl Responder {
    ///     let recovery = Recovery::new(cx.last(), "news").or_cursor(cursor.id());
    ///     let seen = recovery.after().and_then(|id| id.parse().ok()).unwrap_or(0);
    ///     let stored = ["one", "two", "three"];
    ///     let event = |(index, text): (usize, &&str)| {
    ///         SseEvent::new().id((index + 1).to_string()).data(*text)
    ///     };
    ///     let missed: SseEvents = stored.iter().enumerate().skip(seen).map(event).collect();
    ///     Hold::stream_after(&recovery, stored.len().to_string(), "/news").with(missed)
    /// }
    ///
    /// let app = App::new().route("/news", web::get().to(news));
    /// # let _ = app;
    /// ```
}

impl Responder for SseEvents {
    type Body = Bytes;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse<Bytes> {
        match self.encode() {
            Ok(events) => {
                let status = actix_web::http::StatusCode::OK;
                let mut response = HttpResponse::with_body(status, Bytes::from(events));
                let content_type =
                    actix_web::http::header::HeaderValue::from_static("text/event-stream");
                response.headers_mut().insert(CONTENT_TYPE, content_type);
                response
            }
            Err(error) => {
                log::error(&error);
                let text = "The application made an event that cannot be sent.\n";
                reply(Reply::text(StatusCode::INTERNAL_SERVER_ERROR, text))
            }
        }
    }
}
