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

/// The whole body, or none where it is over the limit.
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
