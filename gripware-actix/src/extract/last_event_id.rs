//! The extractor for the cursor of a client that comes back.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    ops::Deref,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};

use crate::convert;

/// Where the client stands in a stream: the id of the last event that it has, from the header
/// `Last-Event-ID`, otherwise from the query parameter `last-event-id`.
///
/// Its methods are those of [`gripware_core::LastEventId`], which says what counts as an id and
/// which ids to use. It is no rejection if there is none. It needs no middleware.
///
/// ```
/// use actix_web::{App, test, web};
/// use gripware_actix::LastEventId;
///
/// async fn after(cursor: LastEventId) -> String {
///     cursor.id().unwrap_or("the beginning").to_owned()
/// }
///
/// # #[actix_web::main]
/// # async fn main() {
/// let app = test::init_service(App::new().route("/", web::get().to(after))).await;
/// let get = |uri| test::TestRequest::get().uri(uri);
/// for (request, expected) in [
///     (get("/?last-event-id=6").insert_header(("last-event-id", "7")), "7"),
///     (get("/?last-event-id=6"), "6"),
///     (get("/"), "the beginning"),
/// ] {
///     let body = test::call_and_read_body(&app, request.to_request()).await;
///     assert_eq!(body, expected);
/// }
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

impl FromRequest for LastEventId {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = convert::cursor_headers(request.headers());
        let query = request.uri().query();
        let cursor = gripware_core::LastEventId::from_request(&headers, query);
        ready(Ok(Self(cursor)))
    }
}
