use http::{
    HeaderMap, HeaderName,
    header::{CONNECTION, CONTENT_LENGTH, HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE},
};

use crate::header::trim_ows;

/// Whether a header belongs to one connection and the framing on it, which a proxy decides anew for
/// its client.
pub(super) fn is_framing(name: &HeaderName) -> bool {
    const OF_THE_CONNECTION: [HeaderName; 8] = [
        CONNECTION,
        CONTENT_LENGTH,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    OF_THE_CONNECTION.contains(name)
}

/// The names that `Connection` adds to those.
pub(super) fn named_by_connection(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    headers
        .get_all(CONNECTION)
        .into_iter()
        .filter_map(|value: &HeaderValue| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(trim_ows(name)).ok())
}
