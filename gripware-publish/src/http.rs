//! Posts a batch to a control API, and reads from the answer what may be done next.

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
    redirect::{self, MAX_REDIRECTS},
    retry_after,
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
    /// Sends one request, and sends it on where the endpoint moved within its host.
    pub(crate) async fn post(&self, body: Bytes) -> Result<(), Failed> {
        let mut uri = self.uri.clone();
        let mut redirects = 0;
        loop {
            let response = self.post_to(uri.clone(), body.clone()).await?;
            let target = redirect::target(&uri, response.status(), response.headers());
            match target.filter(|_| redirects < MAX_REDIRECTS) {
                Some(target) => uri = target,
                None => return self.read(&response),
            }
            redirects += 1;
        }
    }

    async fn post_to(&self, uri: Uri, body: Bytes) -> Result<Response<Bytes>, Failed> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("text/plain, */*;q=0.1"));
        let now = SystemTime::now();
        let credentials = self.authorizer.header(now);
        let credentials = credentials
            .map_err(|error| Failed::new(FailureReason::Credentials(error), Retry::Never))?;
        if let Some((name, value)) = credentials {
            headers.insert(name, value);
        }
        let response = self.transport.send(request).await;
        response.map_err(|error| {
            let message = error.to_string();
            if error.is_connect() {
                Failed::new(FailureReason::Connect { message }, Retry::Always)
            } else {
                Failed::new(FailureReason::Broken { message }, Retry::WithId)
            }
        })
    }

    fn read(&self, response: &Response<Bytes>) -> Result<(), Failed> {
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let wait = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                retry_after::read(response.headers(), SystemTime::now())
            }
            _ => None,
        };
        let retry = match status {
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY => Retry::Bisect,
            // Whoever limits rates does so before it looks at a request.
            StatusCode::TOO_MANY_REQUESTS if wait.is_some() => Retry::Always,
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
        let reason = FailureReason::Status { status, message };
        Err(Failed {
            wait,
            ..Failed::new(reason, retry)
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
