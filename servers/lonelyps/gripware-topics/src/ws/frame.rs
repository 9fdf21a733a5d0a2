//! What all messages have in common: flags, type and headers.

use bytes::{BufMut, Bytes, BytesMut};

use super::MAX_IDENTIFIER;
use crate::{
    Authorization, Digest, Glob, Identifier, Topic, Tracing, WireError,
    wire::{Reader, Write, utf8},
};

const MINIMAL: u16 = 1;

/// The headers, by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is the name that `as_str` returns")]
pub enum Header {
    Authorization,
    BroadcasterNonce,
    CompressedLength,
    CompressedSha512,
    CompressionLevel,
    Compressor,
    DecompressedLength,
    EnableTraining,
    EnableZstd,
    Glob,
    Identifier,
    InitialDict,
    MaxSize,
    MinSize,
    NumSubscribers,
    PartId,
    Sha512,
    SubscriberNonce,
    Subscribers,
    Topic,
    Tracing,
}

impl Header {
    /// Returns the name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::BroadcasterNonce => "x-broadcaster-nonce",
            Self::CompressedLength => "x-compressed-length",
            Self::CompressedSha512 => "x-compressed-sha512",
            Self::CompressionLevel => "x-compression-level",
            Self::Compressor => "x-compressor",
            Self::DecompressedLength => "x-decompressed-length",
            Self::EnableTraining => "x-enable-training",
            Self::EnableZstd => "x-enable-zstd",
            Self::Glob => "x-glob",
            Self::Identifier => "x-identifier",
            Self::InitialDict => "x-initial-dict",
            Self::MaxSize => "x-max-size",
            Self::MinSize => "x-min-size",
            Self::NumSubscribers => "x-num-subscribers",
            Self::PartId => "x-part-id",
            Self::Sha512 => "x-sha512",
            Self::SubscriberNonce => "x-subscriber-nonce",
            Self::Subscribers => "x-subscribers",
            Self::Topic => "x-topic",
            Self::Tracing => "x-tracing",
        }
    }
}

/// Writes a message.
pub(super) struct Encoder(Vec<(Header, Bytes)>);

impl Encoder {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(9))
    }

    pub(super) fn bytes(mut self, header: Header, value: impl Into<Bytes>) -> Self {
        self.0.push((header, value.into()));
        self
    }

    pub(super) fn signed(self, authorization: Option<&Authorization>, tracing: &Tracing) -> Self {
        let authorization = authorization.map(Authorization::as_str).unwrap_or_default();
        self.bytes(Header::Authorization, authorization.to_owned())
            .bytes(Header::Tracing, tracing.to_bytes())
    }

    /// As few bytes as the number has, and one for zero.
    pub(super) fn number(self, header: Header, value: u64) -> Self {
        let bytes = value.to_be_bytes();
        let zeros = usize::try_from(value.leading_zeros() / 8)
            .unwrap_or(7)
            .min(7);
        self.bytes(header, bytes.get(zeros..).unwrap_or_default().to_vec())
    }

    pub(super) fn identifier(self, identifier: &Identifier) -> Result<Self, WireError> {
        check_identifier(identifier)?;
        Ok(self.bytes(Header::Identifier, identifier.to_bytes()))
    }

    pub(super) fn finish(self, kind: u16, minimal: bool, payload: &[u8]) -> Bytes {
        let headers: usize = self.0.iter().map(|(_, value)| value.len() + 26).sum();
        let mut out = BytesMut::with_capacity(6 + headers + payload.len());
        out.put_u16(u16::from(minimal) * MINIMAL);
        out.put_u16(kind);
        if !minimal {
            // No message has more than nine.
            out.put_u16(u16::try_from(self.0.len()).unwrap_or(u16::MAX));
        }
        for (header, value) in &self.0 {
            if !minimal {
                out.l2(header.as_str().as_bytes());
            }
            out.l2(value);
        }
        out.put_slice(payload);
        out.freeze()
    }
}

/// Reads a message.
pub(super) struct Decoder {
    reader: Reader,
    /// `None` where headers are minimal, and read in their order.
    expanded: Option<Vec<(Bytes, Bytes)>>,
}

impl Decoder {
    /// Returns the type, and what reads the headers.
    pub(super) fn new(message: Bytes) -> Result<(u16, Self), WireError> {
        let mut reader = Reader::new(message);
        let minimal = reader.u16()? & MINIMAL != 0;
        let kind = reader.u16()?;
        let expanded = match minimal {
            true => None,
            false => {
                // The count is not trusted: nothing is reserved for what has not come.
                let mut headers = Vec::new();
                for _ in 0..reader.u16()? {
                    headers.push((reader.l2()?, reader.l2()?));
                }
                Some(headers)
            }
        };
        Ok((kind, Self { reader, expanded }))
    }

    /// Returns the value of a header. Of several of one name, the last counts.
    pub(super) fn bytes(&mut self, header: Header) -> Result<Bytes, WireError> {
        let Some(headers) = &self.expanded else {
            return self.reader.l2();
        };
        let name = header.as_str().as_bytes();
        let found = headers
            .iter()
            .rev()
            .find(|(given, _)| given.eq_ignore_ascii_case(name));
        let missing = WireError::MissingHeader(header.as_str());
        found.map(|(_, value)| value.clone()).ok_or(missing)
    }

    /// Returns a number of at most `most` bytes. An empty one is zero.
    pub(super) fn number(&mut self, header: Header, most: usize) -> Result<u64, WireError> {
        let bytes = self.bytes(header)?;
        let field = header.as_str();
        if bytes.len() > most {
            return Err(WireError::TooLong {
                field,
                length: bytes.len(),
                limit: most,
            });
        }
        Ok(bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
    }

    pub(super) fn flag(&mut self, header: Header) -> Result<bool, WireError> {
        match self.number(header, 1)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(WireError::Value {
                field: header.as_str(),
            }),
        }
    }

    pub(super) fn nonce(&mut self, header: Header) -> Result<[u8; 32], WireError> {
        let bytes = self.bytes(header)?;
        bytes.as_ref().try_into().map_err(|_| WireError::Length {
            field: header.as_str(),
            length: bytes.len(),
            expected: 32,
        })
    }

    pub(super) fn digest(&mut self, header: Header) -> Result<Digest, WireError> {
        Digest::from_wire(&self.bytes(header)?, header.as_str())
    }

    pub(super) fn authorization(&mut self) -> Result<Option<Authorization>, WireError> {
        Authorization::from_wire(&self.bytes(Header::Authorization)?)
    }

    pub(super) fn tracing(&mut self) -> Result<Tracing, WireError> {
        Tracing::try_from(&*self.bytes(Header::Tracing)?)
    }

    pub(super) fn topic(&mut self) -> Result<Topic, WireError> {
        Topic::try_from(&*self.bytes(Header::Topic)?)
    }

    pub(super) fn glob(&mut self) -> Result<Glob, WireError> {
        Glob::new(utf8(&self.bytes(Header::Glob)?, "x-glob")?)
    }

    pub(super) fn identifier(&mut self) -> Result<Identifier, WireError> {
        let identifier = Identifier::try_from(&*self.bytes(Header::Identifier)?)?;
        check_identifier(&identifier)?;
        Ok(identifier)
    }

    pub(super) fn payload(self) -> Bytes {
        self.reader.rest()
    }
}

fn check_identifier(identifier: &Identifier) -> Result<(), WireError> {
    match identifier.as_bytes().len() {
        length if length > MAX_IDENTIFIER => Err(WireError::TooLong {
            field: Header::Identifier.as_str(),
            length,
            limit: MAX_IDENTIFIER,
        }),
        _ => Ok(()),
    }
}
