use std::{
    pin::{Pin, pin},
    sync::{Mutex, PoisonError},
};

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, header::CONTENT_LENGTH};
use http_body_util::BodyExt as _;

use super::{
    BoxError, Origin, OriginError,
    client::{AskError, Fetch},
};
use crate::http::body::Body;

/// Asks the application whole requests.
#[derive(Debug)]
pub(crate) struct ServiceFetch<S> {
    /// Cloned for each request. A service need not be `Sync`.
    origin: Mutex<S>,
}

impl<S: Origin> ServiceFetch<S> {
    pub(crate) fn new(origin: S) -> Self {
        Self {
            origin: Mutex::new(origin),
        }
    }
}

impl<S: Origin> Fetch for ServiceFetch<S> {
    fn fetch(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, AskError>> + Send + '_>> {
        let origin = self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = origin.clone();
        Box::pin(fetch(origin, request, limit))
    }
}

/// Sends a request and reads the whole response.
pub(crate) async fn fetch<S: Origin>(
    origin: S,
    mut request: Request<Bytes>,
    limit: usize,
) -> Result<Response<Bytes>, AskError> {
    let length = request.body().len();
    let has_body = length > 0 || !matches!(*request.method(), Method::GET | Method::HEAD);
    let headers = request.headers_mut();
    headers.remove(CONTENT_LENGTH);
    if has_body {
        // In the same process nobody would derive it from the body.
        headers.insert(CONTENT_LENGTH, length.into());
    }
    let response = origin.ask(request.map(Body::whole)).await;
    let (parts, body) = response.map_err(ask_error)?.into_parts();
    let body = collect(body, limit).await?;
    Ok(Response::from_parts(parts, body))
}

/// Reads a body of at most `limit` bytes. One that comes in one piece is not copied.
pub(crate) async fn collect<B>(body: B, limit: usize) -> Result<Bytes, AskError>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    let over = |length: usize| length > limit;
    if usize::try_from(body.size_hint().lower()).is_ok_and(over) {
        return Err(AskError::TooLarge { limit });
    }
    let mut body = pin!(body);
    let (mut first, mut all) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| AskError::Failed(error.into()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if over(
            first
                .len()
                .saturating_add(all.len())
                .saturating_add(data.len()),
        ) {
            return Err(AskError::TooLarge { limit });
        }
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

fn ask_error(error: BoxError) -> AskError {
    match error.downcast::<OriginError>().map(|error| *error) {
        Ok(OriginError::Unreached(error)) => AskError::Unreached(error),
        Ok(OriginError::TimedOut { limit }) => AskError::TimedOut { limit },
        Ok(error @ (OriginError::Failed(_) | OriginError::OutsideBase)) => {
            AskError::Failed(error.into())
        }
        Err(error) => AskError::Failed(error),
    }
}
