//! A resumed stream as a response of actix-web.

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderName, HeaderValue},
    },
    web::Bytes,
};
use gripware_core::header::UNWRITTEN_HOLD;

use super::ResumedStream;

/// As the adapter's `Hold` beside a body: its middleware writes the hold.
impl Responder for ResumedStream {
    type Body = Bytes;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse<Bytes> {
        let (hold, content_type, body) = self.into_parts();
        let mut response = HttpResponse::with_body(StatusCode::OK, body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        // actix-web has another version of `http`.
        if let Ok(value) = HeaderValue::from_bytes(UNWRITTEN_HOLD.as_bytes()) {
            headers.insert(HeaderName::from_static("grip-hold"), value);
        }
        response.extensions_mut().insert(hold);
        response
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{body::MessageBody, test::TestRequest};
    use gripware_core::{Hold, LastEventId, Policy, SseEvent};

    use super::*;
    use crate::State;

    #[tokio::test]
    async fn the_hold_is_where_the_middleware_finds_it() {
        let history = State::memory().history();
        let appended = history
            .append("news", SseEvent::new().data("hi"))
            .await
            .unwrap();
        let cx = std::sync::Arc::new(Policy::new())
            .admit(&http::HeaderMap::new(), std::time::SystemTime::now);
        let stream = history.stream("news", "/news");
        let resumed = stream.resume(&cx, &LastEventId::default()).await.unwrap();
        let response = resumed.respond_to(&TestRequest::default().to_http_request());
        assert_eq!(
            response.headers().get(CONTENT_TYPE).unwrap(),
            "text/event-stream"
        );
        assert!(response.headers().contains_key("grip-hold"));
        let hold = response.extensions().get::<Hold>().cloned().unwrap();
        assert_eq!(
            hold.channels()[0].prev_id(),
            Some(&*appended.id().to_string())
        );
        let body = response.into_body().try_into_bytes().unwrap();
        assert_eq!(body, format!("id: {}\ndata: hi\n\n", appended.id()));
    }
}
