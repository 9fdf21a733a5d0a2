//! Reading the bodies of control requests, within limits of length and time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header::EXPECT};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::answer::Refused;

/// How many bytes a body may have around the largest item: the list, and some blanks.
const ENVELOPE: usize = 64;

/// How much of a body that is too large is read beyond the limit, so that a client that writes before
/// it reads gets to see the answer.
const MAX_DISCARDED: usize = 16_000_000;

/// How long a body may take.
const TIME: Duration = Duration::from_secs(30);

/// Returns how many bytes a body may have, of which an item may have `max_item`.
pub(super) fn max_body(max_item: usize) -> usize {
    max_item.saturating_add(ENVELOPE)
}

/// Reads a body of at most `limit` bytes (GRIP 3.1).
pub(super) async fn read<B>(headers: &HeaderMap, body: B, limit: usize) -> Result<Bytes, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let too_large = |length| {
        let what = format!("Request body too large: {length} bytes, and the limit is {limit}.");
        Refused::new(StatusCode::BAD_REQUEST, what)
    };
    let most = limit.saturating_add(MAX_DISCARDED);
    if announced > most || announced > limit && headers.contains_key(EXPECT) {
        return Err(too_large(announced));
    }
    match timeout(TIME, collect(body, announced, limit)).await {
        Ok(Ok(Ok(body))) => Ok(body),
        Ok(Ok(Err(length))) => Err(too_large(length.max(announced))),
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

/// Returns the whole body, or how long one over the limit is, as far as it was read.
async fn collect<B>(
    mut body: B,
    announced: usize,
    limit: usize,
) -> Result<Result<Bytes, usize>, B::Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut collected = BytesMut::new();
    let mut length = 0_usize;
    if announced <= limit {
        // No more than what most need before they have sent any of it.
        collected.reserve(announced.min(64 * 1024));
    }
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        length = length.saturating_add(data.len());
        if length > limit.saturating_add(MAX_DISCARDED) {
            break;
        }
        if length > limit {
            collected = BytesMut::new();
        } else {
            collected.extend_from_slice(&data);
        }
    }
    Ok(match length {
        length if length > limit => Err(length),
        _ => Ok(collected.freeze()),
    })
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

    const LIMIT: usize = 1_000_000;

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
        for length in [0, 10, LIMIT, 2 * LIMIT] {
            let refused = read(&headers, Stuck(length), LIMIT).await.unwrap_err();
            assert_eq!(status(refused), StatusCode::REQUEST_TIMEOUT);
        }
        let endless = Stuck(LIMIT + MAX_DISCARDED + 1);
        let refused = read(&headers, endless, LIMIT).await.unwrap_err();
        assert_eq!(status(refused), StatusCode::BAD_REQUEST);
    }
}
