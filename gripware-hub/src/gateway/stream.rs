//! How a stream hold begins.

use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use gripware_core::proxy::Instruction;
use http::{Response, Version, header::CONTENT_LENGTH};

use super::{
    answer::{Afterwards, Answer},
    body_prefix::{Begun, read_prefix},
    disposition::{Disposition, head_of},
    forward::Outcome,
    h2_stream::hold_h2_stream,
    handoff_slot::Handoff,
    refused::Refused,
};
use crate::{
    handoff::{Framing, HoldKind},
    http::{
        chunked::chunk,
        http1_head::{Length, allows_body, write_head},
    },
    origin::BoxError,
};

impl Disposition<'_> {
    /// A stream whose first bytes are the origin's body, which may be large or slow.
    pub(super) async fn stream<B>(
        &mut self,
        instruction: Instruction,
        body: B,
    ) -> Result<Outcome<B>, Refused>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let begun = read_prefix(body).await?;
        self.begin_stream(instruction, begun).await
    }

    pub(super) async fn begin_stream<B>(
        &mut self,
        instruction: Instruction,
        begun: Begun<B>,
    ) -> Result<Outcome<B>, Refused>
    where
        B: Send + 'static,
    {
        let mut response = head_of(&instruction);
        response.headers_mut().remove(CONTENT_LENGTH);
        let status = response.status();
        if self.exchange.is_head() || !allows_body(status) {
            // There is nothing that could be appended to.
            self.exchange.log(status, "none");
            return Ok(response.map(|()| Bytes::new()).into());
        }
        // What is not kept of it does not count, and takes no room meanwhile.
        self.replay = self.replay.clone().without_headers();
        let version = self.exchange.version;
        let framing = match self.slot {
            Some(_) if version != Version::HTTP_10 => Framing::Chunked,
            _ => Framing::Raw,
        };
        let keep_alive = framing == Framing::Chunked && self.exchange.keep_alive;
        let (first, rest) = match begun {
            Begun::Whole(first) => (first, None),
            Begun::More(first, rest) => (first, Some(rest)),
        };
        let head = match (&rest, self.slot) {
            (Some(_), _) => Bytes::new(),
            (None, Some(_)) => stream_head(&response, version, framing, keep_alive, &first),
            (None, None) => first.clone(),
        };
        let kind = HoldKind::Stream {
            instruction,
            head,
            framing,
        };
        let client = self.held(kind).await?;
        self.holder.metrics().held_streams.add(1);
        self.exchange.log(status, "stream");
        let Some(slot) = self.slot.cloned() else {
            let answer = match rest {
                Some(rest) => {
                    let then = Afterwards::H2Stream(Arc::clone(self.holder), Box::new(client));
                    Answer::opening(first, rest, then)
                }
                None => Answer::H2Stream(hold_h2_stream(&**self.holder, client)),
            };
            return Ok(Outcome::Answer(response.map(|()| answer)));
        };
        let handoff = Box::new(Handoff {
            client,
            keep_alive,
            opened: None,
        });
        Ok(match rest {
            Some(rest) => {
                let then = Afterwards::Leave(slot, handoff);
                Outcome::Answer(response.map(|()| Answer::opening(first, rest, then)))
            }
            None => Outcome::Leave(handoff),
        })
    }
}

/// Head and first bytes of a stream.
fn stream_head(
    response: &Response<()>,
    version: Version,
    framing: Framing,
    keep_alive: bool,
    first: &Bytes,
) -> Bytes {
    let mut head = BytesMut::with_capacity(256 + first.len());
    let length = match framing {
        Framing::Chunked => Length::Chunked,
        Framing::Raw => Length::UntilClose,
    };
    write_head(&mut head, response, version, length, keep_alive);
    match framing {
        Framing::Chunked => head.put_slice(&chunk(first)),
        Framing::Raw => head.put_slice(first),
    }
    head.freeze()
}
