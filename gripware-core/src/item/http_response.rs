//! What a client in a response hold is answered with.

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING},
};
use serde::Serialize;

use super::{
    Action, Content,
    error::{FirstError, ItemError},
};
use crate::{Filter, header::is_instruction};

/// What the clients of `response` holds get: the answer to their request, or an [`Action`].
///
/// It takes the place of the response that came with the hold. Headers of the same name are
/// replaced, others stay as they were (GRIP 1.11).
///
/// ```
/// use gripware_core::item::{HttpResponse, Item, ItemError};
/// use http::StatusCode;
///
/// let answer = HttpResponse::text("moved\n").code(410).header("ETag", "\"10\"");
/// assert_eq!(answer.status(), StatusCode::GONE);
///
/// let broken = HttpResponse::text("x").header("X-A", "1\r\nSet-Cookie: a=b");
/// assert_eq!(
///     Item::from(broken).check(),
///     Err(ItemError::HeaderValue { name: "x-a".to_owned() }),
/// );
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct HttpResponse {
    action: Action,
    code: StatusCode,
    reason: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: HttpBody,
    content_filters: Vec<Filter>,
    pub(super) error: FirstError,
}

/// The body of a [`HttpResponse`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpBody {
    /// A text or bytes.
    Content(Content),
    /// A JSON Patch, as JSON, to the body of the response that came with the hold.
    Patch(Bytes),
}

impl Default for HttpBody {
    fn default() -> Self {
        Self::Content(Content::default())
    }
}

impl HttpResponse {
    /// Creates a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::send(HttpBody::Content(Content::text(text.into())))
    }

    /// Bytes.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::send(HttpBody::Content(Content::binary(bytes.into())))
    }

    /// Creates a value as JSON, with the header `Content-Type: application/json`.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Self {
        let mut error = FirstError::default();
        let content = Content::json(value, "", &mut error);
        let json = HeaderValue::from_static("application/json");
        Self {
            headers: vec![(CONTENT_TYPE, json)],
            error,
            ..Self::send(HttpBody::Content(content))
        }
    }

    /// Creates a JSON Patch to the JSON body of the response that came with the hold: anything that
    /// becomes a list of operations (RFC 6902) in JSON.
    ///
    /// Where the patch does not fit that body, Pushpin answers the client with 502.
    pub fn json_patch<T: Serialize + ?Sized>(operations: &T) -> Self {
        let mut error = FirstError::default();
        let patch = Content::json(operations, "", &mut error);
        if !patch.as_bytes().starts_with(b"[") {
            error.set(ItemError::Patch);
        }
        Self {
            error,
            ..Self::send(HttpBody::Patch(patch.as_bytes().clone()))
        }
    }

    /// The proxy repeats the held request to the origin, which then answers it.
    pub fn hint() -> Self {
        Self::act(Action::Hint)
    }

    /// The hold ends. Pushpin accepts it without a visible effect.
    pub fn close() -> Self {
        Self::act(Action::Close)
    }

    /// The proxy asks the origin again. Not before Pushpin 1.38: earlier ones refuse the item.
    pub fn refresh() -> Self {
        Self::act(Action::Refresh)
    }

    /// Sets the status code, 200 to 599. Default 200.
    pub fn code(mut self, code: u16) -> Self {
        match StatusCode::from_u16(code) {
            Ok(status) if (200..600).contains(&code) => self.code = status,
            _ => self.error.set(ItemError::StatusCode { code }),
        }
        self
    }

    /// Sets the reason phrase. Default: the usual one of the code.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        match reason.char_indices().find(|(_, c)| c.is_control()) {
            Some((position, _)) => self.error.set(ItemError::Reason { position }),
            None => self.reason = Some(reason),
        }
        self
    }

    /// Adds a header. Several of one name are sent as several.
    ///
    /// Refused are those that belong to a connection (`Connection`, `Content-Length`,
    /// `Transfer-Encoding`) or to the proxy (`Grip-` and what follows): the proxy would take them
    /// out.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let Ok(name) = name.try_into() else {
            self.error.set(ItemError::HeaderName);
            return self;
        };
        if [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name) || is_instruction(&name)
        {
            self.error.set(ItemError::ReservedHeader {
                name: name.as_str().to_owned(),
            });
            return self;
        }
        match value.try_into() {
            // JSON is UTF-8, so a value in another encoding could not be carried as it is.
            Ok(value) if std::str::from_utf8(value.as_bytes()).is_ok() => {
                self.headers.push((name, value));
            }
            _ => self.error.set(ItemError::HeaderValue {
                name: name.as_str().to_owned(),
            }),
        }
        self
    }

    /// Names a filter that changes the content. The item is then delivered only where the
    /// subscription has the same filters that change content, in the same order (GRIP 1.9).
    pub fn content_filter(mut self, filter: Filter) -> Self {
        self.content_filters.push(filter);
        self
    }

    /// What is asked of the proxy.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// Returns the status code.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.code
    }

    /// Returns the reason phrase, where it is not the usual one.
    #[must_use]
    pub fn reason_phrase(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Returns the headers, in their order.
    #[must_use]
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    /// Returns the body. Empty for every action but [`Action::Send`].
    #[must_use]
    pub fn body(&self) -> &HttpBody {
        &self.body
    }

    /// Returns the filters that change the content.
    #[must_use]
    pub fn content_filters(&self) -> &[Filter] {
        &self.content_filters
    }

    /// A response as a proxy has read and checked it: of wider codes than are published from here.
    #[cfg(feature = "proxy")]
    pub(crate) fn from_wire(
        code: StatusCode,
        reason: Option<String>,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: HttpBody,
        content_filters: Vec<Filter>,
    ) -> Self {
        Self {
            code,
            reason,
            headers,
            content_filters,
            ..Self::send(body)
        }
    }

    fn send(body: HttpBody) -> Self {
        Self {
            body,
            ..Self::default()
        }
    }

    pub(crate) fn act(action: Action) -> Self {
        Self {
            action,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Item;

    fn checked(response: HttpResponse) -> Result<(), ItemError> {
        Item::from(response).check()
    }

    #[test]
    fn a_code_is_one_that_can_end_a_request() {
        for code in [200, 204, 304, 599] {
            assert_eq!(checked(HttpResponse::text("").code(code)), Ok(()));
        }
        for code in [0, 100, 199, 600, 999, 1000] {
            assert_eq!(
                checked(HttpResponse::text("").code(code)),
                Err(ItemError::StatusCode { code })
            );
        }
    }

    #[test]
    fn nothing_can_break_out_of_the_head() {
        let response = || HttpResponse::text("");
        assert_eq!(
            checked(response().reason("OK\r\nX: y")),
            Err(ItemError::Reason { position: 2 })
        );
        for name in ["", "a b", "a:", "a\n", "é"] {
            assert_eq!(
                checked(response().header(name, "x")),
                Err(ItemError::HeaderName)
            );
        }
        let value = || ItemError::HeaderValue {
            name: "x".to_owned(),
        };
        for text in ["a\r", "a\n", "a\0", "\u{7f}"] {
            assert_eq!(checked(response().header("X", text)), Err(value()));
        }
        let latin = HeaderValue::from_bytes(b"\xe9").unwrap();
        assert_eq!(checked(response().header("X", latin)), Err(value()));
        for name in [
            "Content-Length",
            "grip-hold",
            "Transfer-Encoding",
            "connection",
        ] {
            assert_eq!(
                checked(response().header(name, "1")),
                Err(ItemError::ReservedHeader {
                    name: name.to_ascii_lowercase()
                })
            );
        }
        assert_eq!(checked(response().header("ETag", "\"é\"")), Ok(()));
    }

    #[test]
    fn a_patch_is_a_list() {
        assert_eq!(
            checked(HttpResponse::json_patch(&serde_json::json!({"op": "test"}))),
            Err(ItemError::Patch)
        );
        assert_eq!(checked(HttpResponse::json_patch::<[u8]>(&[])), Ok(()));
    }
}
