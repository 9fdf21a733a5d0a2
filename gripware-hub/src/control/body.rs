//! Reading the bodies of control requests, within limits of length and time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header::EXPECT};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::answer::Refused;

/// The most bytes that a body may have (GRIP 3.1).
pub(super) const MAX_BODY: usize = 1_000_000;

/// How much of a body that is too large is read, so that a client that writes before it reads gets
/// to see the answer.
const MAX_DISCARDED: usize = 16 * MAX_BODY;

/// How long a body may take.
const TIME: Duration = Duration::from_secs(30);

/// Reads a body.
pub(super) async fn read<B>(headers: &HeaderMap, body: B) -> Result<Bytes, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    let too_large = || Refused::new(StatusCode::BAD_REQUEST, "Request body too large.");
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > MAX_DISCARDED || announced > MAX_BODY && headers.contains_key(EXPECT) {
        return Err(too_large());
    }
    match timeout(TIME, collect(body, announced)).await {
        Ok(Ok(Some(body))) => Ok(body),
        Ok(Ok(None)) => Err(too_large()),
        Ok(Err(_)) => Err(Refused::new(
            StatusCode::BAD_REQUEST,
            "Request body cut off.",
        )),
        Err(_) => Err(Refused::new(
            StatusCode::REQUEST_TIMEOUT,
            "Request body too slow.",
        )),
    }
}

/// Returns the whole body; `None` if it is over the limit.
async fn collect<B>(mut body: B, announced: usize) -> Result<Option<Bytes>, B::Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut collected = BytesMut::new();
    let mut length = 0_usize;
    if announced <= MAX_BODY {
        // No more than what most need before they have sent any of it.
        collected.reserve(announced.min(64 * 1024));
    }
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        length = length.saturating_add(data.len());
        if length > MAX_DISCARDED {
            break;
        }
        if length > MAX_BODY {
            collected = BytesMut::new();
        } else {
            collected.extend_from_slice(&data);
        }
    }
    Ok((length <= MAX_BODY).then(|| collected.freeze()))
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        pin::Pin,
        task::{Context, Poll},
    };

    use http_body::Frame;

    use super::{
        super::answer::{Answer, Refused},
        *,
    };

    /// So many bytes, a piece at a time, and then nothing more.
    struct Stuck(usize);

    impl Body for Stuck {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let length = self.0.min(64 * 1024);
            self.0 -= length;
            if length == 0 {
                return Poll::Pending;
            }
            Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b' '; length])))))
        }
    }

    fn status(refused: Refused) -> StatusCode {
        Answer::from(refused).status()
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_end_is_given_up() {
        let headers = HeaderMap::new();
        for length in [0, 10, MAX_BODY, 2 * MAX_BODY] {
            let refused = read(&headers, Stuck(length)).await.unwrap_err();
            assert_eq!(status(refused), StatusCode::REQUEST_TIMEOUT);
        }
        let refused = read(&headers, Stuck(MAX_DISCARDED + 1)).await.unwrap_err();
        assert_eq!(status(refused), StatusCode::BAD_REQUEST);
    }
}
