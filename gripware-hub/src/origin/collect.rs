//! Reading bodies that are needed whole, within a limit.

use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;

use super::{BoxError, OriginError};

/// Reads a body of at most `limit` bytes. One that comes in one piece is not copied.
///
/// `http_body_util::Limited` would keep each frame with the buffer that it is a slice of: a body
/// that comes in a thousand frames of a byte each would take megabytes.
pub(crate) async fn collect<B>(body: B, limit: usize) -> Result<Bytes, OriginError>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    let over = |length: usize| length > limit;
    if usize::try_from(body.size_hint().lower()).is_ok_and(over) {
        return Err(OriginError::TooLarge { limit });
    }
    let mut body = pin!(body);
    let (mut first, mut all) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| OriginError::CutOff(error.into()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let length = first.len().saturating_add(all.len());
        if over(length.saturating_add(data.len())) {
            return Err(OriginError::TooLarge { limit });
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
