mod items;

use bytes::Bytes;
use gripware_core::{
    Channel, HoldMode,
    header::GRIP_LAST,
    proxy::{LinkScope, Resync, append_last, resolve_link},
};
use http::{Method, Response, Uri};

use super::{Client, Context, Id, Line, State, order::Order};
use crate::{Instruction, Published, request::Outgoing, transcript::Transcript};

/// A client whose request is held.
#[derive(Debug)]
pub(crate) struct Held {
    /// The client's request, which is repeated.
    request: Outgoing,
    pub(crate) instruction: Instruction,
    mode: HoldMode,
    /// Where the stream is, so that a relative link can be followed from there.
    current: Uri,
    next: Option<Uri>,
    gone: Option<Uri>,
    pub(super) resync: Resync<Published>,
    /// What the client has got of a stream, and the test has not read.
    pub(crate) unread: Vec<u8>,
    /// The head of a stream, or the whole answer to a long-poll.
    pub(crate) answer: Option<Response<Bytes>>,
    pub(crate) is_open: bool,
}

impl State {
    /// Holds a client, as the response to its request says.
    pub(crate) fn hold(
        &mut self,
        request: Outgoing,
        response: &Response<Bytes>,
        transcript: Transcript,
    ) -> Result<Id, String> {
        let instruction = read(response)?.ok_or("the response holds nothing")?;
        if instruction.mode().is_none() && instruction.next().is_none() {
            return Err("the response holds nothing".to_owned());
        }
        let held = Held {
            current: request.address()?,
            request,
            mode: HoldMode::Stream,
            instruction: instruction.clone(),
            next: None,
            gone: None,
            resync: Resync::default(),
            unread: Vec::new(),
            answer: None,
            is_open: true,
        };
        let id = self.connect(transcript, Line::Held(Box::new(held)));
        match self.client(id) {
            Some((client, mut context)) => client.begin(instruction, &mut context)?,
            None => return Err("the client is gone".to_owned()),
        }
        Ok(id)
    }
}

impl Client {
    /// Obeys the instruction in the answer to the client's own request.
    fn begin(&mut self, instruction: Instruction, context: &mut Context<'_>) -> Result<(), String> {
        let Line::Held(held) = &mut self.line else {
            return Ok(());
        };
        let is_poll = instruction.mode() == Some(HoldMode::Response);
        held.mode = if is_poll {
            HoldMode::Response
        } else {
            HoldMode::Stream
        };
        if !is_poll {
            held.unread.extend_from_slice(instruction.response().body());
            held.answer = Some(instruction.response().clone());
        }
        let mut contradicts = false;
        for channel in instruction.channels() {
            contradicts |= context.order.contradicts(channel.name(), channel.prev_id());
        }
        self.obey(instruction, context)?;
        if contradicts {
            self.want_update();
        }
        Ok(())
    }

    /// Follows the channels of an instruction, and its next link.
    fn obey(&mut self, instruction: Instruction, context: &mut Context<'_>) -> Result<(), String> {
        let Line::Held(held) = &mut self.line else {
            return Ok(());
        };
        held.next = held.follow(instruction.next())?;
        held.gone = held.follow(instruction.gone())?;
        let (mode, is_poll) = (instruction.mode(), held.mode == HoldMode::Response);
        self.meta.clone_from(instruction.metas());
        let channels = instruction.channels().to_vec();
        let needs_link = channels.iter().find(|channel| channel.prev_id().is_some());
        if let Some(channel) =
            needs_link.filter(|_| mode.is_some() && !is_poll && held.next.is_none())
        {
            return Err(format!(
                "a proxy would end the stream: the channel {} has a previous id, and there is no \
                 next link",
                channel.name()
            ));
        }
        held.instruction = instruction;
        match mode {
            Some(_) => {
                let is_first = self.resubscribe(channels, context.order, is_poll);
                self.resume(context.order);
                if is_first && context.repeats_first {
                    self.want_update();
                }
            }
            None if held.next.is_some() => held.resync.want_page(),
            None => self.end(context.order),
        }
        Ok(())
    }

    /// The request that finds out what was missed: the client's own again, or the next link.
    pub(super) fn want_update(&mut self) {
        if let Line::Held(held) = &mut self.line
            && held.is_open
            && (held.mode == HoldMode::Response || held.next.is_some())
        {
            held.resync.want();
        }
    }

    /// Obeys the answer to a repeated request, or to a next link.
    pub(super) fn take_update(
        &mut self,
        response: &Response<Bytes>,
        context: &mut Context<'_>,
    ) -> Result<(), String> {
        let Line::Held(held) = &mut self.line else {
            return Ok(());
        };
        let instruction = read(response)?;
        if held.mode == HoldMode::Response {
            return match instruction {
                Some(instruction) if instruction.mode().is_some() => {
                    self.begin(instruction, context)
                }
                instruction => {
                    let plain = || response.clone();
                    held.answer = Some(instruction.map_or_else(plain, |it| it.response().clone()));
                    self.end(context.order);
                    Ok(())
                }
            };
        }
        if !response.status().is_success() {
            return Err(format!(
                "a proxy would try five times and then end the stream: its next link answers {}",
                response.status()
            ));
        }
        if let Some(next) = held.next.take() {
            held.current = next;
        }
        let Some(instruction) = instruction else {
            held.unread.extend_from_slice(response.body());
            self.end(context.order);
            return Ok(());
        };
        if instruction.mode() == Some(HoldMode::Response) {
            return Err("a next link cannot be answered with a response hold".to_owned());
        }
        held.unread.extend_from_slice(instruction.response().body());
        self.obey(instruction, context)
    }

    /// The response that was stored goes to the client, since nothing came in time.
    pub(crate) fn time_out(&mut self, context: &mut Context<'_>) -> Result<(), String> {
        let Line::Held(held) = &mut self.line else {
            return Ok(());
        };
        if held.mode != HoldMode::Response {
            return Err("a stream has no timeout".to_owned());
        }
        if !held.is_open {
            return Err("the request is answered already".to_owned());
        }
        held.answer = Some(held.instruction.response().clone());
        self.end(context.order);
        Ok(())
    }

    /// The next link is fetched, since nothing came for long.
    pub(crate) fn follow_next(&mut self) -> Result<(), String> {
        match &mut self.line {
            Line::Held(held) if held.is_open && held.next.is_some() => {
                held.resync.want();
                Ok(())
            }
            _ => Err("there is no next link to follow".to_owned()),
        }
    }

    /// The client goes. Gives the request that tells the origin, where it wants to be told.
    pub(crate) fn leave(&mut self, context: &mut Context<'_>) -> Option<Outgoing> {
        let gone = match &mut self.line {
            Line::Held(held) if held.is_open => held.gone.take(),
            _ => None,
        };
        self.end(context.order);
        gone.map(|gone| Outgoing::to(Method::POST, &gone))
    }

    fn end(&mut self, order: &mut Order) {
        let mut lingers = false;
        if let Line::Held(held) = &mut self.line {
            held.is_open = false;
            held.resync = Resync::default();
            lingers = held.mode == HoldMode::Response;
        }
        self.resubscribe(Vec::new(), order, lingers);
    }
}

impl Held {
    /// Where a link leads from here. Without a name in the client's `Host` header the proxy stands
    /// for all hosts.
    fn follow(&self, link: Option<&str>) -> Result<Option<Uri>, String> {
        let scope = match self.current.host() {
            Some(_) => LinkScope::SameHost,
            None => LinkScope::AnyHost,
        };
        let Some(link) = link else {
            return Ok(None);
        };
        match resolve_link(&self.current, link, scope) {
            Some(target) => Ok(Some(target)),
            None => Err(format!(
                "a proxy would not ask the origin: the link <{link}> leads elsewhere"
            )),
        }
    }

    pub(super) fn next_request(&mut self, channels: &[Channel]) -> Option<Outgoing> {
        if !self.resync.ask() {
            return None;
        }
        let mut request = match (self.mode, &self.next) {
            (HoldMode::Response, _) => self.request.clone(),
            // None of the client's own headers.
            (_, Some(next)) => Outgoing::to(Method::GET, next),
            _ => return None,
        };
        request.headers.remove(GRIP_LAST);
        for channel in channels {
            if let Some(id) = channel.prev_id() {
                append_last(&mut request.headers, channel.name(), id);
            }
        }
        Some(request)
    }
}

fn read(response: &Response<Bytes>) -> Result<Option<Instruction>, String> {
    Instruction::read(response).map_err(|error| format!("a proxy would answer 502: {error}"))
}
