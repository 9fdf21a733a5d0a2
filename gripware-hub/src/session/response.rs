//! A response hold: a request that is answered once, by an item, by the origin when it is asked
//! again, or with what the instruction stored when time is up (GRIP 1.7, 1.11).

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use gripware_core::{
    HoldMode, HttpResponse,
    item::{Action, HttpBody},
    proxy::{self, Instruction, Resync, Verdict},
};
use http::{Response, StatusCode, header::CONTENT_LENGTH};

use super::{
    ClientState, Effect, Input, OriginFailure, OriginRequest, follow, instruction_limits,
    links::{Links, write_last},
};
use crate::{
    channels::encoded_item::EncodedItem,
    handoff::Reply,
    http::{compact_headers::CompactHeaders, http1_head::set_reason, refusal::bad_gateway},
};

/// A request that is answered once.
#[derive(Debug)]
pub(crate) struct ResponseSession {
    pub(super) resync: Resync<Arc<EncodedItem>>,
    links: Links,
    /// What the client gets when time is up.
    stored: Stored,
    deadline: Instant,
    /// Taken when the answer is given.
    reply: Option<Reply>,
}

/// An answer in few bytes, which are no slices of the buffer that it was read into.
#[derive(Debug, Default)]
struct Stored {
    status: StatusCode,
    reason: Option<Box<str>>,
    headers: CompactHeaders,
    body: Bytes,
}

impl Stored {
    fn of(instruction: &Instruction) -> Self {
        let response = instruction.response();
        Self {
            status: response.status(),
            reason: instruction.reason().map(Into::into),
            headers: response.headers().into(),
            body: Bytes::copy_from_slice(response.body()),
        }
    }

    fn to_response(&self) -> Response<Bytes> {
        let mut response = Response::new(self.body.clone());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.unpack();
        set_reason(&mut response, self.reason.as_deref());
        response
    }
}

impl ResponseSession {
    pub(crate) fn new(reply: Reply, now: Instant) -> Self {
        Self {
            resync: Resync::default(),
            links: Links::default(),
            stored: Stored::default(),
            deadline: now,
            reply: Some(reply),
        }
    }

    pub(super) fn handle(
        &mut self,
        client: &mut ClientState,
        input: Input<'_>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        if self.is_over() {
            return;
        }
        match input {
            Input::Begin(instruction) => {
                self.obey(client, instruction, now);
                effects.push(follow(instruction, false));
            }
            Input::Item(item, index) => self.take(client, item, index, effects),
            Input::Answer(answer) => self.repeated(client, answer, now, effects),
            Input::Subscribed { contradicts: true } | Input::Recover => {
                self.resync.want();
                effects.push(Effect::Ask);
            }
            Input::Elapsed | Input::Finish(_) => self.answer(self.stored.to_response(), effects),
            Input::Gone => {
                self.reply = None;
                effects.extend(self.links.tell_gone(client));
            }
            Input::TooManyChannels { limit } => {
                let why = format!("an instruction has more than {limit} channels (max_channels)");
                effects.push(Effect::Note(why.into()));
                self.answer(bad_gateway(None), effects);
            }
            Input::Overflow => effects.push(Effect::Cut),
            Input::Subscribed { .. } | Input::Drained => {}
            // For WebSockets.
            Input::Refresh => {}
        }
    }

    /// Returns the held request once more, where something was missed and nobody asks yet.
    pub(super) fn next_request(&mut self, client: &ClientState) -> Option<OriginRequest> {
        if self.is_over() || !self.resync.ask() {
            return None;
        }
        let mut request = client.request.to_request();
        write_last(request.headers_mut(), &client.subscriptions);
        Some(OriginRequest::Repeat(request))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        (!self.is_over()).then_some(self.deadline)
    }

    /// Returns whether the request is answered, or the client gone.
    pub(super) fn is_over(&self) -> bool {
        self.reply.is_none()
    }

    /// Polls whether the task that waits for the answer no longer does; `None` if none does.
    pub(super) fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Option<Poll<()>> {
        match &mut self.reply {
            Some(Reply::Channel(sender)) => Some(sender.poll_closed(cx)),
            _ => None,
        }
    }

    /// Takes over what an instruction says.
    fn obey(&mut self, client: &mut ClientState, instruction: &Instruction, now: Instant) {
        client.meta.replace(instruction.metas());
        self.links.obey(instruction, client.request.uri(), now);
        self.stored = Stored::of(instruction);
        self.deadline = now + instruction.timeout();
    }

    fn answer(&mut self, response: Response<Bytes>, effects: &mut Vec<Effect>) {
        if let Some(reply) = self.reply.take() {
            let response = Box::new(response);
            effects.push(Effect::Answer { reply, response });
        }
    }

    /// The origin has answered the request that was sent once more.
    fn repeated(
        &mut self,
        client: &mut ClientState,
        answer: Result<&Response<Bytes>, OriginFailure>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Ok(answer) = answer else {
            // It is still held, and gets what was stored when time is up.
            effects.extend([Effect::Redeliver, Effect::Ask]);
            return;
        };
        let response = match Instruction::read_within(answer, &instruction_limits()) {
            Ok(Some(instruction)) if instruction.mode() == Some(HoldMode::Response) => {
                self.obey(client, &instruction, now);
                effects.extend([follow(&instruction, true), Effect::Redeliver, Effect::Ask]);
                return;
            }
            Ok(Some(instruction)) if instruction.mode().is_none() => whole(&instruction),
            Ok(None) => passed_on(answer.clone()),
            Ok(Some(_)) => {
                let why = "a request that was held for one response is now to be a stream";
                effects.push(Effect::Note(why.into()));
                bad_gateway(None)
            }
            Err(error) => {
                let why = format!("an instruction was refused: {error}");
                effects.push(Effect::Note(why.into()));
                bad_gateway(None)
            }
        };
        self.answer(response, effects);
    }

    /// Takes an item, which may be the answer.
    fn take(
        &mut self,
        client: &mut ClientState,
        item: &Arc<EncodedItem>,
        index: Option<usize>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(format) = &item.response else {
            return;
        };
        // What is for this client alone has no place among the others.
        if index.is_some() && self.resync.buffer(item) {
            return;
        }
        let is_signal = format.action() != Action::Send && item.is_signal();
        if !is_signal && !client.fits(index, item) {
            self.resync.want();
            effects.push(Effect::Ask);
            return;
        }
        let content = match format.body() {
            HttpBody::Content(content) => Some(content.as_bytes().clone()),
            HttpBody::Patch(operations) => proxy::patch(&self.stored.body, operations),
            _ => None,
        };
        let is_broken = content.is_none();
        let content = content.unwrap_or_default();
        let verdict = client.filtered(index, item, &content, format.content_filters());
        if verdict == Verdict::Fail {
            return;
        }
        if !is_signal {
            client.moved(index, item);
        }
        let Verdict::Send(content) = verdict else {
            return;
        };
        match format.action() {
            Action::Send if is_broken => {
                tracing::warn!(
                    target: crate::log::TARGET,
                    channel = %item.channel,
                    "a patch does not fit the response that it is for"
                );
                self.answer(bad_gateway(None), effects);
            }
            Action::Send => {
                let response = merged(&self.stored.to_response(), format, content);
                self.answer(response, effects);
            }
            Action::Hint => {
                self.resync.want();
                effects.push(Effect::Ask);
            }
            _ => {}
        }
    }
}

/// The response of an instruction, with its reason phrase.
fn whole(instruction: &Instruction) -> Response<Bytes> {
    let mut response = instruction.response().clone();
    set_reason(&mut response, instruction.reason());
    response
}

/// An item's answer over the one that was stored, with its reason phrase.
fn merged(stored: &Response<Bytes>, format: &HttpResponse, content: Bytes) -> Response<Bytes> {
    let mut answer = proxy::merge(stored, format, content);
    set_reason(&mut answer, format.reason_phrase());
    answer
}

/// A response without an instruction, as it goes to a client.
fn passed_on(mut response: Response<Bytes>) -> Response<Bytes> {
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    response
}
