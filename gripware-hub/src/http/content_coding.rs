//! Codings of a message's content (RFC 9110, section 8.4), for answers that the hub has to read.
//!
//! A plain answer passes as it is. One that is an instruction is decoded, since what is published
//! later cannot be appended to a compressed body, or applied to it as a patch.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_compression::{
    tokio::bufread::{BrotliDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder},
    zstd::DParameter,
};
use bytes::{Bytes, BytesMut};
use gripware_core::header::trim_ows_bytes;
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_LENGTH},
};
use http_body::{Body, Frame};
use http_body_util::{BodyDataStream, BodyExt as _, combinators::UnsyncBoxBody};
use thiserror::Error;
use tokio::io::{AsyncRead, BufReader};
use tokio_util::io::{StreamReader, poll_read_buf};

use super::BoxError;

/// How much is decoded at once, in bytes.
const CHUNK: usize = 8 * 1024;

/// How many codings may lie upon each other. Nobody has use for two.
const MAX_CODINGS: usize = 2;

/// The largest window of zstd, as a power of two: 8 MiB, which every decoder for HTTP has (RFC 9659).
/// More would let a few bytes of the origin take 128 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// A coding that can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// A coding that cannot be decoded, or too many of them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("its Content-Encoding {0:?} cannot be decoded")]
pub(crate) struct UnknownCoding(String);

impl ContentCoding {
    /// Takes the codings of a message out of its head, and its length with them; in the order in
    /// which they were applied.
    ///
    /// # Errors
    /// Where one is unknown; the head is then as it was.
    pub(crate) fn take(headers: &mut HeaderMap) -> Result<Vec<Self>, UnknownCoding> {
        let values = headers.get_all(CONTENT_ENCODING).into_iter();
        let names = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        let mut codings = Vec::new();
        for name in names.map(trim_ows_bytes).filter(|name| !is_identity(name)) {
            let unknown = || UnknownCoding(String::from_utf8_lossy(name).into_owned());
            let coding = Self::of(name).filter(|_| codings.len() < MAX_CODINGS);
            codings.push(coding.ok_or_else(unknown)?);
        }
        headers.remove(CONTENT_ENCODING);
        if !codings.is_empty() {
            headers.remove(CONTENT_LENGTH);
        }
        Ok(codings)
    }

    fn of(name: &[u8]) -> Option<Self> {
        const NAMES: [(&str, ContentCoding); 5] = [
            ("gzip", ContentCoding::Gzip),
            // RFC 9110, section 8.4.1.3.
            ("x-gzip", ContentCoding::Gzip),
            ("deflate", ContentCoding::Deflate),
            ("br", ContentCoding::Brotli),
            ("zstd", ContentCoding::Zstd),
        ];
        let known = |(known, _): &&(&str, _)| name.eq_ignore_ascii_case(known.as_bytes());
        NAMES.iter().find(known).map(|(_, coding)| *coding)
    }

    fn decode(self, coded: Reader) -> Reader {
        let coded = BufReader::with_capacity(CHUNK, coded);
        match self {
            Self::Gzip => {
                let mut decoder = GzipDecoder::new(coded);
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
            Self::Deflate => Box::pin(ZlibDecoder::new(coded)),
            Self::Brotli => Box::pin(BrotliDecoder::new(coded)),
            Self::Zstd => {
                let window = DParameter::window_log_max(ZSTD_WINDOW_LOG);
                let mut decoder = ZstdDecoder::with_params(coded, &[window]);
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
        }
    }
}

fn is_identity(name: &[u8]) -> bool {
    name.is_empty() || name.eq_ignore_ascii_case(b"identity")
}

type Reader = Pin<Box<dyn AsyncRead + Send>>;

/// The body of a message without its codings. It is decoded as it is read, and trailers are dropped.
pub(crate) fn decode<B>(body: B, codings: &[ContentCoding]) -> UnsyncBoxBody<Bytes, BoxError>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    // The answer to a HEAD says how it would be coded.
    if codings.is_empty() || body.is_end_stream() {
        return body.map_err(Into::into).boxed_unsync();
    }
    let body = BodyDataStream::new(body.map_err(io::Error::other));
    let coded: Reader = Box::pin(StreamReader::new(body));
    let decoders = codings.iter().rev();
    let reader = decoders.fold(coded, |coded, coding| coding.decode(coded));
    Decoded { reader }.boxed_unsync()
}

/// A body that is decoded as it is read.
struct Decoded {
    reader: Reader,
}

impl Body for Decoded {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut data = BytesMut::with_capacity(CHUNK);
        let reader = self.get_mut().reader.as_mut();
        Poll::Ready(match ready!(poll_read_buf(reader, cx, &mut data)) {
            Ok(0) => None,
            Ok(_) => Some(Ok(Frame::data(data.freeze()))),
            Err(error) => Some(Err(error.into())),
        })
    }
}

impl fmt::Debug for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoded").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
    use http::HeaderValue;
    use http_body_util::{Full, channel::Channel};
    use tokio::io::AsyncWriteExt as _;

    use super::*;
    use crate::origin::{OriginError, collect};

    fn taken(values: &[&'static str]) -> Result<Vec<ContentCoding>, UnknownCoding> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
        }
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("7"));
        let codings = ContentCoding::take(&mut headers);
        let is_coded = codings.as_ref().is_ok_and(|codings| !codings.is_empty());
        assert_eq!(headers.contains_key(CONTENT_ENCODING), codings.is_err());
        assert_eq!(headers.contains_key(CONTENT_LENGTH), !is_coded);
        codings
    }

    #[test]
    fn codings_are_read_in_any_spelling_and_identity_is_none() {
        use ContentCoding::{Brotli, Deflate, Gzip, Zstd};
        assert_eq!(taken(&[" GZip "]), Ok(vec![Gzip]));
        assert_eq!(taken(&["x-gzip"]), Ok(vec![Gzip]));
        assert_eq!(taken(&["identity,,br", "zstd"]), Ok(vec![Brotli, Zstd]));
        assert_eq!(taken(&["deflate"]), Ok(vec![Deflate]));
        assert_eq!(taken(&["identity"]), Ok(vec![]));
        for unknown in ["aes128gcm", "gzip, compress", "br, br, br"] {
            assert!(taken(&[unknown]).is_err(), "{unknown}");
        }
    }

    macro_rules! coded {
        ($encoder:ident, $text:expr) => {{
            let mut encoder = $encoder::new(Vec::new());
            encoder.write_all($text).await.unwrap();
            encoder.shutdown().await.unwrap();
            encoder.into_inner()
        }};
    }

    /// The same text in each of the codings.
    async fn all(text: &[u8]) -> [(&'static str, Vec<u8>); 4] {
        [
            ("gzip", coded!(GzipEncoder, text)),
            ("deflate", coded!(ZlibEncoder, text)),
            ("br", coded!(BrotliEncoder, text)),
            ("zstd", coded!(ZstdEncoder, text)),
        ]
    }

    async fn decoded(
        body: Vec<u8>,
        name: &'static str,
        limit: usize,
    ) -> Result<Bytes, OriginError> {
        let codings = taken(&[name]).unwrap();
        collect(decode(Full::new(Bytes::from(body)), &codings), limit).await
    }

    #[tokio::test]
    async fn a_body_is_decoded_and_one_that_is_cut_off_is_an_error() {
        for (name, body) in all(b"hello").await {
            let half = body[..body.len() / 2].to_vec();
            assert_eq!(decoded(body, name, 5).await.unwrap(), "hello", "{name}");
            let cut = decoded(half, name, 5).await;
            assert!(
                matches!(cut, Err(OriginError::CutOff(_))),
                "{name}: {cut:?}"
            );
            assert_eq!(decoded(Vec::new(), name, 5).await.unwrap(), "", "{name}");
        }
        let [(_, one), _, _, _] = all(b"hel").await;
        let [(_, two), _, _, _] = all(b"lo").await;
        let both = decoded([one, two].concat(), "gzip", 5).await;
        assert_eq!(both.unwrap(), "hello");
        let twice = coded!(BrotliEncoder, &coded!(GzipEncoder, b"hello"));
        assert_eq!(decoded(twice, "gzip, br", 5).await.unwrap(), "hello");
    }

    #[tokio::test]
    async fn a_decompression_bomb_ends_at_the_limit() {
        for (name, body) in all(&vec![0; 50 << 20]).await {
            assert!(body.len() < 100_000, "{name}");
            let bomb = decoded(body, name, 1 << 20).await;
            assert!(
                matches!(bomb, Err(OriginError::TooLarge { .. })),
                "{name}: {bomb:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_flushed_is_decoded_before_more_comes() {
        let mut encoder = GzipEncoder::new(Vec::new());
        encoder.write_all(b"first").await.unwrap();
        encoder.flush().await.unwrap();
        let flushed = encoder.get_ref().len();
        encoder.write_all(b"second").await.unwrap();
        encoder.shutdown().await.unwrap();
        let mut all = Bytes::from(encoder.into_inner());
        let (mut sender, body) = Channel::<Bytes, io::Error>::new(2);
        let mut body = decode(body, &[ContentCoding::Gzip]);
        sender.send_data(all.split_to(flushed)).await.unwrap();
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "first");
        sender.send_data(all).await.unwrap();
        drop(sender);
        assert_eq!(body.collect().await.unwrap().to_bytes(), "second");
    }
}
