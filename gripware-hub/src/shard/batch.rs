//! Items of one channel that came in a row.

use std::{cell::OnceCell, sync::Arc};

use bytes::{Bytes, BytesMut};
use gripware_core::item::Action as ItemAction;

use crate::{
    channels::encoded_item::{EncodedItem, SocketPart},
    handoff::Framing,
    ws::deflate::Window,
};

/// A single item of more bytes than that is shared between threads rather than copied for each.
const MAX_COPIED: usize = 16 * 1024;

/// Items of one channel that came in a row, for all connections of the shard.
///
/// Those who get each item as it is get all of them as one piece of bytes, which is put together
/// once. It is a copy of the shard's own, so its reference count is never contended.
pub(super) struct Batch<'a> {
    pub(super) items: &'a [Arc<EncodedItem>],
    chunks: OnceCell<Piece>,
    raw: OnceCell<Piece>,
    frames: OnceCell<Piece>,
    deflated: [OnceCell<Piece>; Window::COUNT],
    pub(super) streams_are_plain: bool,
    pub(super) sockets_are_plain: bool,
}

#[derive(Clone, Default)]
pub(super) struct Piece {
    pub(super) bytes: Bytes,
    pub(super) messages: u32,
}

impl<'a> Batch<'a> {
    pub(super) fn new(items: &'a [Arc<EncodedItem>]) -> Self {
        let streams_are_plain = items.iter().all(|item| {
            item.stream.as_ref().is_none_or(|part| {
                part.action == ItemAction::Send && part.content_filters.is_empty()
            })
        });
        let sockets_are_plain = items.iter().all(|item| match &item.socket {
            None => true,
            Some(SocketPart::Send(message)) => message.content_filters.is_empty(),
            Some(_) => false,
        });
        Self {
            items,
            chunks: OnceCell::new(),
            raw: OnceCell::new(),
            frames: OnceCell::new(),
            deflated: [const { OnceCell::new() }; Window::COUNT],
            streams_are_plain,
            sockets_are_plain,
        }
    }

    pub(super) fn stream(&self, framing: Framing) -> &Piece {
        match framing {
            Framing::Chunked => self
                .chunks
                .get_or_init(|| self.gather(|item| item.stream.as_ref().map(|part| &part.chunk))),
            Framing::Raw => self
                .raw
                .get_or_init(|| self.gather(|item| item.stream.as_ref().map(|part| &part.content))),
        }
    }

    /// Frames for WebSockets that have agreed to this window.
    pub(super) fn frames(&self, window: Option<Window>) -> &Piece {
        let deflated = window.and_then(|window| self.deflated.get(window as usize));
        deflated.unwrap_or(&self.frames).get_or_init(|| {
            self.gather(|item| match &item.socket {
                Some(SocketPart::Send(message)) => Some(message.frame(window)),
                _ => None,
            })
        })
    }

    fn gather(&self, part: impl Fn(&'a EncodedItem) -> Option<&'a Bytes>) -> Piece {
        let parts = || self.items.iter().filter_map(|item| part(item));
        if let ([_], Some(bytes)) = (self.items, parts().next())
            && bytes.len() > MAX_COPIED
        {
            return Piece {
                bytes: bytes.clone(),
                messages: 1,
            };
        }
        let mut bytes = BytesMut::with_capacity(parts().map(Bytes::len).sum());
        let mut messages = 0;
        for part in parts() {
            bytes.extend_from_slice(part);
            messages += 1;
        }
        Piece {
            bytes: bytes.freeze(),
            messages,
        }
    }
}
