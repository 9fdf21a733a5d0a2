use std::{fmt, sync::Arc, time::SystemTime};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ACCEPT, CONTENT_TYPE},
};

use crate::{
    authorize::Authorizer,
    delivery::{Failed, Retry},
    failure::FailureReason,
    transport::Transport,
};

/// The longest first line of an answer that is told, in bytes.
const MAX_MESSAGE: usize = 200;
/// The control API of a proxy (GRIP 3.1).
pub(crate) struct ControlApi {
    pub(crate) uri: Uri,
    pub(crate) authorizer: Authorizer,
    pub(crate) transport: Arc<dyn Transport>,
}

impl ControlApi {
    /// Sends one request.
    pub(crate) async fn post(&self, body: Bytes) -> Result<(), Failed> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("text/plain, */*;q=0.1"));
        let credentials = self.authorizer.header(SystemTime::now());
        if let Some((name, value)) = credentials.map_err(|error| Failed {
            reason: FailureReason::Credentials(error),
            retry: Retry::Never,
        })? {
            headers.insert(name, value);
        }
        let response = self.transport.send(request).await.map_err(|error| {
            let message = error.to_string();
            if error.is_connect() {
                Failed {
                    reason: FailureReason::Connect { message },
                    retry: Retry::Always,
                }
            } else {
                Failed {
                    reason: FailureReason::Broken { message },
                    retry: Retry::WithId,
                }
            }
        })?;
        self.read(&response)
    }

    fn read(&self, response: &Response<Bytes>) -> Result<(), Failed> {
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let retry = match status {
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY => Retry::Apart,
            _ if status.is_server_error() => Retry::WithId,
            _ => Retry::Never,
        };
        let mut message = first_line(response.body());
        // Of all that came: what is cut off or left out below must not hide a part of a secret.
        let all = String::from_utf8_lossy(response.body());
        let query = self.uri.query().filter(|query| !query.is_empty());
        let shows_query = query.is_some_and(|query| all.contains(query));
        if shows_query || self.authorizer.is_shown_by(&all) || self.authorizer.is_shown_by(&message)
        {
            "[redacted]".clone_into(&mut message);
        }
        Err(Failed {
            reason: FailureReason::Status { status, message },
            retry,
        })
    }
}

impl fmt::Debug for ControlApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URI may have a secret in its query.
        f.debug_struct("ControlApi")
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

/// The start of an answer, in a form that does no harm in a log.
fn first_line(body: &[u8]) -> String {
    let line = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.get(..MAX_MESSAGE).unwrap_or(line);
    String::from_utf8_lossy(line)
        .chars()
        .filter(|c| !c.is_control() && !turns_text(*c))
        .collect()
}

/// Whether a character makes a log show the text around it in another order, or on another line.
fn turns_text(character: char) -> bool {
    matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_short_line() {
        assert_eq!(
            first_line(b"Body is not valid JSON.\n"),
            "Body is not valid JSON."
        );
        assert_eq!(first_line(b"a\x1b[31m\r\nb"), "a[31m");
        assert_eq!(first_line(&[b'x'; 300]).len(), 200);
        assert_eq!(first_line(b""), "");
        assert_eq!(first_line("a\u{202e}b\u{2028}c".as_bytes()), "abc");
    }
}
