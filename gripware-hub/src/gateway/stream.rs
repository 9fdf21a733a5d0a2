//! How a stream hold begins.

use bytes::{BufMut as _, Bytes, BytesMut};
use gripware_core::proxy::Instruction;
use http::{Response, Version, header::CONTENT_LENGTH};

use super::{
    answer::{Afterwards, Answer},
    body_prefix::{Begun, OriginBody, read_prefix},
    disposition::{Disposition, head_of},
    forward::Outcome,
    h2_stream::arrive_on_h2_stream,
    handoff_slot::{Handoff, Whom},
    refused::Refused,
};
use crate::{
    handoff::{Framing, HoldKind},
    http::{
        chunked::chunk,
        http1_head::{Length, allows_body, write_head},
    },
};

impl Disposition<'_> {
    /// A stream whose first bytes are the origin's body, which may be large or slow.
    pub(super) async fn stream<B>(
        &mut self,
        instruction: Instruction,
        body: OriginBody,
    ) -> Result<Outcome<B>, Refused> {
        let begun = read_prefix(body).await?;
        self.begin_stream(instruction, begun).await
    }

    pub(super) async fn begin_stream<B>(
        &mut self,
        instruction: Instruction,
        begun: Begun,
    ) -> Result<Outcome<B>, Refused> {
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
        self.exchange.log_held(status, "stream", Some(client.id));
        let handoff = |client| {
            Box::new(Handoff {
                client,
                keep_alive,
                opened: None,
            })
        };
        let slot = self.slot.cloned();
        if slot.is_some() && rest.is_none() {
            // Nothing goes out before the shard has it.
            return Ok(Outcome::Leave(
                handoff(Whom::Client(Box::new(client))).into(),
            ));
        }
        // Whoever has read a byte of the answer follows its channels.
        let Some(client) = client.hold_ahead(&**self.holder).await else {
            return Ok(Outcome::Abandon);
        };
        let answer = match rest {
            None => Answer::H2Stream(arrive_on_h2_stream(client)),
            Some(rest) => {
                let then = match slot {
                    Some(slot) => {
                        slot.is_followed();
                        Afterwards::Leave(slot, handoff(Whom::Awaited(client)))
                    }
                    None => Afterwards::H2Stream(client),
                };
                Answer::opening(first, rest, then)
            }
        };
        Ok(Outcome::Answer(response.map(|()| answer)))
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
