//! What a [`Proxy`](crate::Proxy) stands in front of.

#[cfg(feature = "actix")]
mod actix;
#[cfg(feature = "tower")]
mod tower;

use std::{error::Error, fmt, future::Future, pin::Pin};

use bytes::Bytes;
use http::{Request, Response};

#[cfg(feature = "actix")]
pub use self::actix::Actix;
#[cfg(feature = "tower")]
pub use self::tower::Tower;

/// An answer on its way.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, OriginError>> + 'a>>;

/// Why an origin gave no answer at all.
pub type OriginError = Box<dyn Error + Send + Sync>;

/// A web application that answers requests: with whole bodies, and without a network.
///
/// There is one for each kind of [`IntoOrigin`]; another framework needs no more than this.
pub trait Origin: 'static {
    /// Answers one request.
    fn send(&self, request: Request<Bytes>) -> Answering<'_>;
}

impl fmt::Debug for dyn Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Origin")
    }
}

/// What can be made an [`Origin`]. `Kind` is found by the compiler:
///
/// | kind | what |
/// |---|---|
/// | [`Tower`] | a tower service that takes any body, such as an axum `Router`; feature `tower` |
/// | [`Actix`] | what actix-web's `test::init_service` returns; feature `actix` |
/// | [`Closure`] | `Fn(Request<Bytes>)` with a future of a `Response<Bytes>` |
/// | [`Whole`] | an [`Origin`] |
///
#[cfg_attr(not(feature = "tower"), doc = "[`Tower`]: crate::origin")]
#[cfg_attr(not(feature = "actix"), doc = "[`Actix`]: crate::origin")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a `Proxy` can stand in front of",
    note = "it takes tower services whose response body is an `http_body::Body`, and with the \
            feature `actix` what `actix_web::test::init_service` returns"
)]
pub trait IntoOrigin<Kind> {
    /// The origin.
    type Origin: Origin;

    /// Makes it one.
    fn into_origin(self) -> Self::Origin;
}

/// Marks closures; see [`IntoOrigin`].
#[derive(Debug)]
pub enum Closure {}

/// Marks what is an [`Origin`] already; see [`IntoOrigin`].
#[derive(Debug)]
pub enum Whole {}

impl<O: Origin> IntoOrigin<Whole> for O {
    type Origin = Self;

    fn into_origin(self) -> Self {
        self
    }
}

impl<F, A> IntoOrigin<Closure> for F
where
    F: Fn(Request<Bytes>) -> A + 'static,
    A: Future<Output = Response<Bytes>> + 'static,
{
    type Origin = FromFn<F>;

    fn into_origin(self) -> FromFn<F> {
        FromFn(self)
    }
}

/// The origin that a closure is.
pub struct FromFn<F>(F);

impl<F, A> Origin for FromFn<F>
where
    F: Fn(Request<Bytes>) -> A + 'static,
    A: Future<Output = Response<Bytes>> + 'static,
{
    fn send(&self, request: Request<Bytes>) -> Answering<'_> {
        let answer = (self.0)(request);
        Box::pin(async { Ok(answer.await) })
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").finish_non_exhaustive()
    }
}
