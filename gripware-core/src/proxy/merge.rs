use bytes::Bytes;
use http::{Response, header::CONTENT_LENGTH};

use crate::{HttpResponse, header::is_instruction};

/// Returns the answer to a response hold: what an item says, over the response that is stored.
///
/// Headers of the item replace those of the same name, and none that instructs a proxy reaches the
/// client (GRIP 1.11). `content` is the item's, behind its filters. There is no `Content-Length`,
/// which is the sender's to write.
///
/// ```
/// use bytes::Bytes;
/// use gripware_core::{HttpResponse, proxy::merge};
/// use http::Response;
///
/// let stored = Response::builder().header("ETag", "1").header("Vary", "Accept").body(Bytes::new())?;
/// let item = HttpResponse::text("news").header("ETag", "2");
/// let answer = merge(&stored, &item, Bytes::from("news"));
/// assert_eq!(answer.headers()["etag"], "2");
/// assert_eq!(answer.headers()["vary"], "Accept");
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn merge(stored: &Response<Bytes>, item: &HttpResponse, content: Bytes) -> Response<Bytes> {
    let mut answer = Response::new(content);
    *answer.status_mut() = item.status();
    let headers = answer.headers_mut();
    headers.clone_from(stored.headers());
    for (name, _) in item.headers() {
        headers.remove(name);
    }
    for (name, value) in item.headers() {
        if !is_instruction(name) {
            headers.append(name, value.clone());
        }
    }
    headers.remove(CONTENT_LENGTH);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_an_item_replace_stored_ones() {
        let stored = Response::builder()
            .header("etag", "1")
            .header("x-keep", "kept")
            .header("content-length", "5")
            .body(Bytes::from("first"))
            .unwrap();
        let item = HttpResponse::text("second")
            .header("etag", "2")
            .header("etag", "3");
        let answer = merge(&stored, &item, Bytes::from("second"));
        let mut headers: Vec<_> = answer.headers().iter().collect();
        headers.sort_by_key(|(name, value)| (name.as_str(), value.as_bytes()));
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        assert_eq!(headers, ["etag: 2", "etag: 3", "x-keep: kept"]);
    }
}
