//! What becomes of the origin's response: it is passed on, refused, or the client is held (GRIP 1.4,
//! 1.7). Between the origin and the handoff.

use std::{
    collections::HashSet,
    future::{Ready, ready},
    pin::Pin,
    sync::Arc,
};

use bytes::Bytes;
use gripware_core::{
    Channel, ErrorChain, HoldMode,
    header::is_instruction,
    proxy::{Head, Instruction, InstructionError},
};
use http::{Response, StatusCode, header::CONTENT_LENGTH};
use tokio::{
    sync::oneshot::{self, Receiver},
    time::timeout,
};
use tokio_util::either::Either;

use super::{
    answer::Answer,
    body_prefix::{Begun, OriginBody, whole},
    exchange::Exchange,
    forward::Outcome,
    handoff_slot::{Handoff, HandoffSlot, Leaving, Whom},
    refused::Refused,
    request::absolute,
};
use crate::{
    connection_id::Id,
    handoff::{HeldClient, HoldKind, Holder, Reply},
    http::{
        body::Rest,
        content_coding::{ContentCoding, decode},
        hop_by_hop::strip_hop_by_hop,
        http1_head::{allows_body, set_reason},
        replay_request::ReplayRequest,
    },
    log::TARGET,
    origin::{BoxError, OriginClient, OriginError, collect},
    session::instruction_limits,
};

/// The request behind a response of the origin, and what a hold needs.
pub(super) struct Disposition<'a> {
    pub(super) holder: &'a Arc<dyn Holder>,
    pub(super) origin_client: &'a OriginClient,
    pub(super) slot: Option<&'a Arc<HandoffSlot>>,
    pub(super) exchange: Exchange,
    pub(super) replay: ReplayRequest,
    pub(super) rest: Option<Receiver<Rest>>,
}

/// What becomes of a response: at once, or when an instruction has been obeyed.
pub(super) type Made<'a, B> =
    Either<Ready<Outcome<B>>, Pin<Box<dyn Future<Output = Outcome<B>> + Send + 'a>>>;

/// What a response is by its head.
enum Sorted<B> {
    /// It goes to the client.
    Answer(Response<Answer<B>>),
    Instruction(Box<Head>, Response<B>),
}

impl<'a> Disposition<'a> {
    /// Passes a response on, or holds the client (GRIP 1.4, 1.7).
    ///
    /// What is passed on is there at once: the future of each plain request would have room for the
    /// rest.
    pub(super) fn make<B>(mut self, response: Response<B>) -> Made<'a, B>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let outcome = match sort(response) {
            Ok(Sorted::Answer(response)) => {
                self.exchange.log(response.status(), "none");
                Outcome::Answer(response)
            }
            Ok(Sorted::Instruction(head, response)) => {
                return Either::Right(Box::pin(async move {
                    let outcome = self.obey(*head, response).await;
                    outcome.unwrap_or_else(|refused| self.refuse(&refused).into())
                }));
            }
            Err(refused) => self.refuse(&refused).into(),
        };
        Either::Left(ready(outcome))
    }

    /// Obeys an instruction whose body is needed, without the codings of its content.
    async fn obey<B>(
        &mut self,
        mut head: Head,
        response: Response<B>,
    ) -> Result<Outcome<B>, Refused>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let (mut parts, body) = response.into_parts();
        let codings = ContentCoding::take(&mut parts.headers);
        let codings = codings.map_err(|unknown| Refused::Instruction(unknown.to_string()))?;
        let body = decode(body, &codings);
        let limits = instruction_limits();
        if !codings.is_empty() {
            // What clients get of it has none of the codings.
            let read = Instruction::read_head_within(parts.status, &parts.headers, &limits);
            head = read.map_err(|error| wrong(&error))?;
        }
        match head {
            // A page that does not hold is the first of several.
            Head::Held(instruction) if instruction.mode() != Some(HoldMode::Response) => {
                self.stream(instruction, body).await
            }
            _ => self.hold(Response::from_parts(parts, body)).await,
        }
    }

    /// Obeys an instruction that needs the body.
    async fn hold<B>(&mut self, response: Response<OriginBody>) -> Result<Outcome<B>, Refused> {
        let (parts, body) = response.into_parts();
        let body = self.collect(body).await?;
        let limits = instruction_limits();
        let response = Response::from_parts(parts, body);
        let instruction = Instruction::read_within(&response, &limits);
        let instruction = instruction.map_err(|error| wrong(&error))?;
        let Some(instruction) = instruction else {
            return Err(Refused::Instruction("it has gone".to_owned()));
        };
        match instruction.mode() {
            None if instruction.next().is_none() => {
                let body = instruction.response().body().clone();
                let mut response = head_of(&instruction).map(|()| body);
                response.headers_mut().remove(CONTENT_LENGTH);
                self.exchange.log(response.status(), "none");
                Ok(response.into())
            }
            Some(HoldMode::Stream) | None => {
                let body = instruction.response().body().clone();
                self.begin_stream(instruction, Begun::Whole(body)).await
            }
            Some(_) => self.hold_response(instruction).await,
        }
    }

    async fn hold_response<B>(&mut self, instruction: Instruction) -> Result<Outcome<B>, Refused> {
        let status = instruction.response().status();
        let (version, is_head) = (self.exchange.version, self.exchange.is_head());
        let (reply, answer) = if self.slot.is_some() {
            (Reply::Http1 { version, is_head }, None)
        } else {
            let (reply, answer) = oneshot::channel();
            (Reply::Channel(reply), Some(answer))
        };
        let client = self.held(HoldKind::Response { instruction, reply }).await?;
        self.holder.metrics().held_responses.add(1);
        self.exchange.log_held(status, "response", Some(client.id));
        let Some(answer) = answer else {
            return Ok(Outcome::Leave(Leaving::Held(Box::new(Handoff {
                client: Whom::Client(Box::new(client)),
                keep_alive: self.exchange.keep_alive,
                opened: None,
            }))));
        };
        self.holder.hold(client);
        let Ok(mut response) = answer.await else {
            return Ok(Outcome::Abandon);
        };
        let length = response.body().len();
        strip_hop_by_hop(response.headers_mut());
        response.headers_mut().remove(CONTENT_LENGTH);
        if is_head && allows_body(response.status()) {
            response.headers_mut().insert(CONTENT_LENGTH, length.into());
            *response.body_mut() = Bytes::new();
        }
        Ok(response.into())
    }

    /// Makes a held client of the one that asked, but for its connection. Reads what it still sends,
    /// since a request has to be whole to be asked again, and what is left of it on the connection
    /// would be taken for the next request (request smuggling).
    pub(super) async fn held(&mut self, kind: HoldKind) -> Result<HeldClient, Refused> {
        let settings = self.holder.settings();
        if self.replay.head_len() > settings.max_held_head {
            return Err(Refused::HeadTooLarge);
        }
        let limit = settings.max_channels;
        if let Some(count) = channels(&kind).filter(|count| *count > limit) {
            let why = format!("it has {count} channels, over the limit of {limit} (max_channels)");
            return Err(Refused::Instruction(why));
        }
        let mut replay = self.replay.clone();
        if let Some(rest) = self.rest.take() {
            let body = whole(rest, settings.max_held_request);
            let body = timeout(settings.origin_timeout, body).await;
            replay = replay.with_body(body.unwrap_or(Err(Refused::RequestFailed))?);
        }
        let uri = absolute(replay.uri(), replay.host(), self.exchange.is_tls);
        Ok(HeldClient {
            id: Id::random(),
            peer: self.exchange.peer,
            since: self.exchange.since,
            request: replay.with_uri(uri),
            origin_client: self.origin_client.clone(),
            kind,
            conn: None,
            arrival: None,
        })
    }

    async fn collect(&self, body: OriginBody) -> Result<Bytes, Refused> {
        let settings = self.holder.settings();
        let (limit, wait) = (settings.max_held_response, settings.origin_timeout);
        let collected = timeout(wait, collect(body, limit)).await;
        let collected = collected.unwrap_or(Err(OriginError::TimedOut { limit: wait }));
        collected.map_err(|error| match error {
            OriginError::TooLarge { .. } => Refused::TooLarge,
            error => Refused::Failed(ErrorChain(&error).to_string()),
        })
    }

    fn refuse(&self, refused: &Refused) -> Response<Bytes> {
        let (why, response) = refused.to_response(self.holder.settings());
        tracing::warn!(
            target: TARGET,
            method = %self.exchange.method,
            path = self.exchange.uri.path(),
            reason = %why,
            "an answer of the origin cannot be obeyed"
        );
        if response.status() == StatusCode::BAD_GATEWAY {
            self.holder.metrics().bad_gateway.add(1);
        }
        self.exchange.log(response.status(), "none");
        response
    }
}

/// Tells plain answers from instructions, without a look at the body.
fn sort<B>(response: Response<B>) -> Result<Sorted<B>, Refused> {
    let (mut parts, body) = response.into_parts();
    strip_hop_by_hop(&mut parts.headers);
    if parts.status.is_informational() {
        let status = parts.status.as_u16();
        return Err(Refused::Failed(format!("it answered with status {status}")));
    }
    let limits = instruction_limits();
    let head = Instruction::read_head_within(parts.status, &parts.headers, &limits);
    match head.map_err(|error| wrong(&error))? {
        Head::Plain => {
            let response = Response::from_parts(parts, Answer::Origin(body));
            Ok(Sorted::Answer(response))
        }
        Head::Held(instruction) if instruction.mode().is_none() && instruction.next().is_none() => {
            let response = head_of(&instruction).map(|()| Answer::Origin(body));
            Ok(Sorted::Answer(response))
        }
        head @ (Head::Held(_) | Head::InBody) => {
            let response = Response::from_parts(parts, body);
            Ok(Sorted::Instruction(Box::new(head), response))
        }
        _ => Err(Refused::Instruction("it is of an unknown form".to_owned())),
    }
}

fn wrong(error: &InstructionError) -> Refused {
    Refused::Instruction(ErrorChain(error).to_string())
}

/// Returns how many channels a client is to follow; `None` for a WebSocket, which follows them as its
/// session goes on.
fn channels(kind: &HoldKind) -> Option<usize> {
    let (HoldKind::Response { instruction, .. } | HoldKind::Stream { instruction, .. }) = kind
    else {
        return None;
    };
    let names: HashSet<_> = instruction.channels().iter().map(Channel::name).collect();
    Some(names.len())
}

/// Returns the response that the client sees, without a body.
pub(super) fn head_of(instruction: &Instruction) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = instruction.response().status();
    let headers = response.headers_mut();
    headers.clone_from(instruction.response().headers());
    strip_hop_by_hop(headers);
    debug_assert!(!headers.keys().any(is_instruction));
    set_reason(&mut response, instruction.reason());
    response
}
