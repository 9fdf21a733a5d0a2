use std::{error::Error, fmt};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt, Limited};

use super::{Exception, RETURN_CODE, exception::Document};
use crate::BoxError;

/// The most bytes of an exception that are read. What is longer is left out.
const MAX_EXCEPTION: usize = 64 * 1024;

/// An exception at the other end of a pipe: what `raise_for_exception` raises.
#[derive(Debug)]
pub struct EventError {
    status: StatusCode,
    code: Option<u16>,
    exception: Option<Exception>,
}

/// Returns the response, unless it is an error: where its `X-Event-Return-Code` is not 0, or its
/// status is 400 or above.
///
/// # Errors
/// The exception that the handler raised, or the status where the body has none.
///
/// ```
/// use gripware_pipe::{Body, events::raise_for_exception};
/// use http::Response;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fine = Response::new(Body::from("12"));
/// assert_eq!(raise_for_exception(fine).await?.status(), 200);
///
/// let text = r#"{"exception": {"message": "no disk", "traceback": "", "class": "IoError"}}"#;
/// let raised = Response::builder()
///     .status(500)
///     .header("X-Event-Return-Code", 251)
///     .body(Body::from(text))?;
/// let error = raise_for_exception(raised).await.unwrap_err();
/// assert_eq!(error.code(), Some(251));
/// assert_eq!(error.to_string(), "IoError: no disk");
/// # Ok(())
/// # }
/// ```
pub async fn raise_for_exception<B>(response: Response<B>) -> Result<Response<B>, EventError>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let status = response.status();
    let code = response.headers().get(RETURN_CODE);
    let code = code.and_then(|code| code.to_str().ok()?.trim_ascii().parse().ok());
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error && code.is_none_or(|code| code == 0) {
        return Ok(response);
    }
    let body = Limited::new(response.into_body(), MAX_EXCEPTION);
    let exception = match body.collect().await {
        Ok(body) => serde_json::from_slice::<Document>(&body.to_bytes()).ok(),
        Err(_) => None,
    };
    Err(EventError {
        status,
        code,
        exception: exception.map(|document| document.exception),
    })
}

impl EventError {
    /// Returns the status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the code of the handler: 255 where there was none, 251 where it failed, or its own.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        self.code
    }

    /// Returns what the handler said, as far as it was an exception.
    #[must_use]
    pub fn exception(&self) -> Option<&Exception> {
        self.exception.as_ref()
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.exception, self.code) {
            (Some(exception), _) => write!(f, "{}: {}", exception.class, exception.message),
            (None, Some(code)) => write!(f, "the event failed with {} (code {code})", self.status),
            (None, None) => write!(f, "the event failed with {}", self.status),
        }
    }
}

impl Error for EventError {}
