use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ACCEPT, CONTENT_TYPE},
};
use tokio::time::{sleep, timeout};

use crate::{
    authorize::Authorizer, batch::Batch, error::FailureReason, random::jittered, trace,
    transport::Transport,
};

/// The longest first line of an answer that is told, in bytes.
const MAX_MESSAGE: usize = 200;
/// How long is waited before the first retry; twice as long before each further one.
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Sends batches to the control API of a proxy (GRIP 3.1).
pub(crate) struct HttpDelivery {
    pub(crate) name: String,
    pub(crate) uri: Uri,
    pub(crate) authorizer: Authorizer,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
}

/// One request that failed.
struct Failed {
    reason: FailureReason,
    retry: Retry,
}

/// What may be done after a request that failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Retry {
    Never,
    /// The endpoint has not seen it.
    Always,
    /// The endpoint may have taken it: only items with an id may come again.
    WithId,
    /// The endpoint refused all of it, maybe for one item.
    Apart,
}

impl HttpDelivery {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Sends a batch until it has been answered or given up. One that is refused for what is in
    /// it is halved until the item to blame stands alone, so that no other is lost with it.
    pub(crate) async fn deliver(&self, batch: Batch<'_>) {
        let mut batches = vec![batch];
        while let Some(mut batch) = batches.pop() {
            match self.send(&mut batch).await {
                Ok(()) => batch.accept(),
                Err((_, failed)) if failed.retry == Retry::Apart && batch.len() > 1 => {
                    let rest = batch.split();
                    batches.push(rest);
                    batches.push(batch);
                }
                Err((attempts, failed)) => batch.fail(attempts, failed.reason),
            }
        }
    }

    /// Sends a batch, again and again where that may help. An error comes with the number of
    /// attempts.
    async fn send(&self, batch: &mut Batch<'_>) -> Result<(), (u32, Failed)> {
        let mut attempts = 1;
        loop {
            let Err(failed) = self.request(batch.to_json()).await else {
                return Ok(());
            };
            let may_retry = match failed.retry {
                Retry::Never | Retry::Apart => false,
                Retry::Always | Retry::WithId => attempts <= self.retries,
            };
            if !may_retry {
                return Err((attempts, failed));
            }
            if failed.retry == Retry::WithId {
                batch.fail_unrepeatable(attempts, &failed.reason);
                if batch.is_empty() {
                    return Ok(());
                }
            }
            let delay = delay(attempts);
            trace::debug!(
                endpoint = %self.name,
                items = batch.len(),
                attempt = attempts,
                reason = %failed.reason,
                delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
                "publishing is tried again"
            );
            sleep(delay).await;
            attempts += 1;
        }
    }

    async fn request(&self, body: Bytes) -> Result<(), Failed> {
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
        match timeout(self.timeout, self.transport.send(request)).await {
            Ok(Ok(response)) => self.read(&response),
            Ok(Err(error)) => {
                let message = error.to_string();
                Err(if error.is_connect() {
                    Failed {
                        reason: FailureReason::Connect { message },
                        retry: Retry::Always,
                    }
                } else {
                    Failed {
                        reason: FailureReason::Broken { message },
                        retry: Retry::WithId,
                    }
                })
            }
            Err(_) => Err(Failed {
                reason: FailureReason::TimedOut {
                    after: self.timeout,
                },
                retry: Retry::WithId,
            }),
        }
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
        if self.authorizer.is_shown_by(&message) {
            "[redacted]".clone_into(&mut message);
        }
        Err(Failed {
            reason: FailureReason::Status { status, message },
            retry,
        })
    }
}

impl fmt::Debug for HttpDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpDelivery")
            .field("name", &self.name)
            .field("timeout", &self.timeout)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

/// The wait after so many attempts.
fn delay(attempts: u32) -> Duration {
    let factor = 1_u32
        .checked_shl(attempts.saturating_sub(1))
        .unwrap_or(u32::MAX);
    jittered(FIRST_DELAY.saturating_mul(factor).min(LONGEST_DELAY))
}

/// The start of an answer, in a form that does no harm in a log.
fn first_line(body: &[u8]) -> String {
    let line = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.get(..MAX_MESSAGE).unwrap_or(line);
    String::from_utf8_lossy(line)
        .chars()
        .filter(|c| !c.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        for (attempts, longest) in [(1, 100), (2, 200), (3, 400), (7, 5000), (40, 5000)] {
            let longest = Duration::from_millis(longest);
            let delay = delay(attempts);
            assert!(
                delay >= longest / 2 && delay <= longest,
                "{attempts}: {delay:?}"
            );
        }
    }

    #[test]
    fn a_message_is_one_short_line() {
        assert_eq!(
            first_line(b"Body is not valid JSON.\n"),
            "Body is not valid JSON."
        );
        assert_eq!(first_line(b"a\x1b[31m\r\nb"), "a[31m");
        assert_eq!(first_line(&[b'x'; 300]).len(), 200);
        assert_eq!(first_line(b""), "");
    }
}
