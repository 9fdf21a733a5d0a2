//! How a stream hold begins.

use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use gripware_core::proxy::Instruction;
use http::{Response, Version, header::CONTENT_LENGTH};

use super::{
    answer::{Afterwards, Answer},
    body_prefix::{Begun, gather},
    disposition::{Disposition, Prepared, head_of},
    forward::Outcome,
    h2_stream::{PipeBody, pipe},
    handoff_slot::Handoff,
    refused::Refused,
};
use crate::{
    handoff::{ClientConn, Framing, HoldKind},
    http::http1_head::{Length, allows_body, write_head},
    origin::BoxError,
    socket::DetachedSocket,
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
        let begun = gather(body).await?;
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
        self.kept = self.kept.clone().without_headers();
        let held = self.prepare().await?;
        self.holder.metrics().held_streams.add(1);
        self.exchange.log(status, "stream");
        if self.slot.is_none() {
            return Ok(Outcome::Answer(self.stream_in_pipe(
                response,
                instruction,
                held,
                begun,
            )));
        }
        let version = self.exchange.version;
        let framing = match version {
            Version::HTTP_10 => Framing::Raw,
            _ => Framing::Chunked,
        };
        Ok(match begun {
            Begun::Whole(first) => {
                let keep_alive = self.keeps_alive_after(framing);
                let head = stream_head(&response, version, framing, keep_alive, &first);
                Outcome::Leave(self.stream_handoff(instruction, held, framing, head))
            }
            Begun::More(first, rest) => {
                let handoff = self.stream_handoff(instruction, held, framing, Bytes::new());
                let slot = self.slot.cloned();
                let then: Afterwards = Box::new(move || {
                    if let Some(slot) = slot {
                        slot.put(handoff);
                    }
                    None
                });
                Outcome::Answer(response.map(|()| Answer::opening(first, rest, then)))
            }
        })
    }

    fn keeps_alive_after(&self, framing: Framing) -> bool {
        framing == Framing::Chunked && self.exchange.keep_alive
    }

    fn stream_handoff(
        &self,
        instruction: Instruction,
        held: Prepared,
        framing: Framing,
        head: Bytes,
    ) -> Handoff {
        let keep_alive = self.keeps_alive_after(framing);
        let handoff = self.handoff(move |line| {
            held.with(HoldKind::Stream {
                instruction,
                line,
                head,
                framing,
            })
        });
        Handoff {
            keep_alive,
            ..handoff
        }
    }

    fn stream_in_pipe<B>(
        &self,
        response: Response<()>,
        instruction: Instruction,
        held: Prepared,
        begun: Begun<B>,
    ) -> Response<Answer<B>> {
        let holder = Arc::clone(self.holder);
        let hold = move |head: Bytes| -> PipeBody {
            let (wire, body) = pipe();
            let line = ClientConn {
                wire: DetachedSocket::Other(Box::new(wire)),
                unread: Bytes::new(),
                resume_http: None,
            };
            holder.hold(held.with(HoldKind::Stream {
                instruction,
                line,
                head,
                framing: Framing::Raw,
            }));
            body
        };
        match begun {
            Begun::Whole(first) => response.map(|()| Answer::Pipe(hold(first))),
            Begun::More(first, rest) => {
                let then: Afterwards = Box::new(move || Some(hold(Bytes::new())));
                response.map(|()| Answer::opening(first, rest, then))
            }
        }
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
        Framing::Chunked if !first.is_empty() => {
            head.put_slice(format!("{:x}\r\n", first.len()).as_bytes());
            head.put_slice(first);
            head.put_slice(b"\r\n");
        }
        Framing::Chunked => {}
        Framing::Raw => head.put_slice(first),
    }
    head.freeze()
}
