use std::fmt;

use actix_web::{
    Error,
    body::{BoxBody, MessageBody, to_bytes},
    dev::{Service, ServiceResponse},
    http::{
        Method,
        header::{HeaderName, HeaderValue},
    },
    test::TestRequest,
};
use bytes::Bytes;
use http::{Request, Response};

use super::{Answering, IntoOrigin, Origin, OriginError};

/// Marks the services of actix-web; see [`IntoOrigin`].
///
/// An error that a handler returns becomes the response that a server would make of it. The
/// headers are converted between the two versions of `http`.
#[derive(Debug)]
pub enum Actix {}

impl<S, B> IntoOrigin<Actix> for S
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Origin = ActixOrigin<S>;

    fn into_origin(self) -> ActixOrigin<S> {
        ActixOrigin(self)
    }
}

/// The origin that a service of actix-web is.
pub struct ActixOrigin<S>(S);

impl<S, B> Origin for ActixOrigin<S>
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    fn send(&self, request: Request<Bytes>) -> Answering<'_> {
        Box::pin(async move {
            let answer = match self.0.call(to_actix(request)?.to_request()).await {
                Ok(response) => {
                    let (_, response) = response.into_parts();
                    response.map_into_boxed_body()
                }
                Err(error) => error.error_response(),
            };
            from_actix(answer).await
        })
    }
}

fn to_actix(request: Request<Bytes>) -> Result<TestRequest, OriginError> {
    let (head, body) = request.into_parts();
    let mut out = TestRequest::with_uri(&head.uri.to_string())
        .method(Method::from_bytes(head.method.as_str().as_bytes())?);
    for (name, value) in &head.headers {
        let name = HeaderName::from_bytes(name.as_str().as_bytes())?;
        let value = HeaderValue::from_bytes(value.as_bytes())?;
        out = out.append_header((name, value));
    }
    Ok(out.set_payload(body))
}

async fn from_actix(
    response: actix_web::HttpResponse<BoxBody>,
) -> Result<Response<Bytes>, OriginError> {
    let (head, body) = response.into_parts();
    let mut out = Response::builder().status(head.status().as_u16());
    for (name, value) in head.headers() {
        out = out.header(name.as_str(), value.as_bytes());
    }
    let body = to_bytes(body).await.map_err(|error| error.to_string())?;
    Ok(out.body(body)?)
}

impl<S> fmt::Debug for ActixOrigin<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActixOrigin").finish_non_exhaustive()
    }
}
