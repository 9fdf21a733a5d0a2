//! A hold as a response, alone or beside another.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder, Responder,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
};
use gripware_core::header::UNWRITTEN_HOLD;

use crate::convert;

gripware_core::adapter_hold! {
    /// Asks the proxy to hold the client's connection.
    ///
    /// It is a whole response, or a part of one beside a status, headers and a body: what the
    /// client gets at once (a stream) or in the end (a long poll). [`with`](Self::with) puts it
    /// beside any responder, [`HoldExt::hold`] into a response that is being built. It needs
    /// [`GripMiddleware`](crate::GripMiddleware) around the route, which writes it as the proxy
    /// needs it.
    ///
    /// Where no proxy is in front that could obey, the client gets a 501 that says so; a `HEAD`
    /// request is answered and never held; a hold that no proxy would take is a 500, and the log
    /// says which limit it breaks. Without the middleware a proxy refuses the answer, and a client
    /// that comes without one gets it with a `Grip-Hold` that says so.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use actix_web::{App, HttpResponse, Responder, web};
    /// use gripware_actix::{Hold, HoldExt, KeepAlive};
    ///
    /// // Server-sent events: the keep-alive brings the content type along.
    /// async fn events() -> Hold {
    ///     Hold::stream("news").keep_alive(KeepAlive::sse(Duration::from_secs(20)))
    /// }
    ///
    /// // A long poll: 304 after 25 seconds without an item.
    /// async fn poll() -> impl Responder {
    ///     let hold = Hold::response("news").timeout(Duration::from_secs(25));
    ///     HttpResponse::NotModified().hold(hold).finish()
    /// }
    ///
    /// // A stream that starts with JSON.
    /// async fn list() -> impl Responder {
    ///     Hold::stream("news").with(web::Json(["first", "second"]))
    /// }
    ///
    /// let app = App::new()
    ///     .route("/events", web::get().to(events))
    ///     .route("/poll", web::get().to(poll))
    ///     .route("/list", web::get().to(list));
    /// # let _ = app;
    /// ```
}

impl Hold {
    /// Returns the hold beside this response.
    pub fn with<R: Responder>(self, response: R) -> Held<R> {
        Held {
            hold: self,
            response,
        }
    }
}

impl Responder for Hold {
    type Body = ();

    fn respond_to(self, _: &HttpRequest) -> HttpResponse<()> {
        let mut response = HttpResponse::with_body(StatusCode::OK, ());
        put_hold(self, &mut response);
        response
    }
}

/// A hold beside a response; see [`Hold::with`].
#[derive(Clone, Debug)]
#[must_use = "a hold does nothing unless it is returned"]
pub struct Held<R> {
    hold: Hold,
    response: R,
}

impl<R: Responder> Responder for Held<R> {
    type Body = R::Body;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse<R::Body> {
        let mut response = self.response.respond_to(request);
        put_hold(self.hold, &mut response);
        response
    }
}

/// Lets [`HttpResponseBuilder`] take a hold.
///
/// ```
/// use actix_web::{HttpResponse, http::header::CONTENT_TYPE};
/// use gripware_actix::{Hold, HoldExt};
///
/// let response = HttpResponse::Ok()
///     .content_type("text/plain")
///     .hold(Hold::stream("news"))
///     .body("welcome\n");
/// assert_eq!(response.headers().get(CONTENT_TYPE).unwrap(), "text/plain");
/// ```
pub trait HoldExt {
    /// Puts a hold into the response. A later one takes its place.
    ///
    /// # Panics
    /// If the response has been taken out of the builder already, as its other methods do.
    fn hold(&mut self, hold: impl Into<Hold>) -> &mut Self;
}

impl HoldExt for HttpResponseBuilder {
    fn hold(&mut self, hold: impl Into<Hold>) -> &mut Self {
        self.extensions_mut().insert(hold.into().into_core());
        self.insert_header(unwritten_hold())
    }
}

fn put_hold<B>(hold: Hold, response: &mut HttpResponse<B>) {
    let (name, value) = unwritten_hold();
    response.headers_mut().insert(name, value);
    response.extensions_mut().insert(hold.into_core());
}

fn unwritten_hold() -> (HeaderName, HeaderValue) {
    let name = HeaderName::from_static("grip-hold");
    (name, convert::to_value(&UNWRITTEN_HOLD))
}
