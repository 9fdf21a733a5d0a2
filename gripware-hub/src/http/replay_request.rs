//! The request of a client that is held, from which the hub makes its own to the origin.

use bytes::Bytes;
use http::{
    HeaderMap, Method, Request, Uri,
    header::{ACCEPT_ENCODING, HOST, TE},
    request::Parts,
};

use super::compact_headers::CompactHeaders;

/// A client's request in few bytes, stored while the client is held so that the origin can be asked
/// again (GRIP 1.8, 2.2).
///
/// It is what goes to the origin, without `Grip-Sig` and `Grip-Feature`, which are added anew each
/// time, and without `Accept-Encoding` and `TE`: the hub reads what is answered then.
#[derive(Clone, Debug)]
pub(crate) struct ReplayRequest {
    method: Method,
    uri: Uri,
    headers: CompactHeaders,
    body: Bytes,
}

impl ReplayRequest {
    /// Stores a request. Its URI has to be absolute, as it goes to the origin.
    pub(crate) fn new(parts: &Parts, body: Bytes) -> Self {
        let headers = parts.headers.iter();
        let headers = headers.filter(|(name, _)| ![ACCEPT_ENCODING, TE].contains(name));
        Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: headers.collect(),
            body,
        }
    }

    /// Sets the body.
    pub(crate) fn with_body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    pub(crate) fn with_uri(mut self, uri: Uri) -> Self {
        self.uri = uri;
        self
    }

    /// Lets go of the buffer that the request was read into, which the address and the body are
    /// slices of and would keep. The headers are copied too: they were written while the buffers of
    /// the connection were there, and would keep the gap that those leave from being used.
    pub(crate) fn detach_from_buffer(mut self) -> Self {
        if let Ok(uri) = self.uri.to_string().parse() {
            self.uri = uri;
        }
        self.body = Bytes::copy_from_slice(&self.body);
        self.headers = self.headers.to_moved();
        self
    }

    /// Drops the body and all headers but `Host`: requests for next links carry none of the client's.
    pub(crate) fn without_headers(mut self) -> Self {
        self.headers = self.headers.only(&HOST);
        self.body = Bytes::new();
        self
    }

    /// Returns the bytes of the address and the headers, which go out again with every request on
    /// behalf of the client.
    pub(crate) fn head_len(&self) -> usize {
        let uri = &self.uri;
        let authority = uri.authority().map_or(0, |it| it.as_str().len());
        let target = uri.path_and_query().map_or(0, |it| it.as_str().len());
        authority + target + self.headers.len()
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn host(&self) -> Option<&[u8]> {
        self.headers.get(&HOST)
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        self.headers.unpack()
    }

    /// Returns the request once more.
    pub(crate) fn to_request(&self) -> Request<Bytes> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers();
        request
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_request_is_kept_as_it_was() {
        let request = Request::builder()
            .method("POST")
            .uri("http://example.org/a?b=c")
            .header("host", "example.org")
            .header("cookie", "a=1")
            .header("x-empty", "")
            .header("cookie", "b=2; \u{e9}")
            .body(())
            .unwrap();
        let (mut parts, ()) = request.into_parts();
        let reads_gzip = HeaderValue::from_static("gzip");
        parts.headers.insert(ACCEPT_ENCODING, reads_gzip);
        let trailers = HeaderValue::from_static("trailers");
        parts.headers.insert(TE, trailers);
        let kept = ReplayRequest::new(&parts, Bytes::from("body"));
        parts.headers.remove(ACCEPT_ENCODING);
        parts.headers.remove(TE);
        let again = kept.to_request();
        assert_eq!(again.method(), Method::POST);
        assert_eq!(again.uri(), "http://example.org/a?b=c");
        assert_eq!(*again.headers(), parts.headers);
        assert_eq!(again.body(), "body");

        assert_eq!(
            kept.head_len(),
            "example.org/a?b=c".len() + kept.headers.len()
        );

        let bare = kept.without_headers().to_request();
        assert_eq!(bare.headers().len(), 1);
        assert_eq!(bare.headers()["host"], "example.org");
        assert_eq!(bare.body(), "");

        parts.headers.remove(HOST);
        let without_host = ReplayRequest::new(&parts, Bytes::new()).without_headers();
        assert_eq!(without_host.host(), None);
        assert!(without_host.to_request().headers().is_empty());
    }
}
