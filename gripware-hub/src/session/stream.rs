//! A stream hold: a response that items are appended to, and that goes on at its next link where
//! something was missed (GRIP 1.7, 1.8).

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gripware_core::{
    HoldMode,
    item::Action,
    proxy::{Instruction, Resync, ResyncState, Verdict},
};
use http::Response;

use super::{
    ClientState, Effect, Input, OriginRequest, follow, instruction_limits,
    links::{Links, write_last},
};
use crate::{
    channels::encoded_item::EncodedItem,
    handoff::Framing,
    http::chunked::{LAST_CHUNK, chunk},
};

/// How long is waited after an empty page that names a next one and does not hold, so that such pages
/// are no loop as fast as the origin. It doubles with each in a row.
const EMPTY_PAGE_PAUSE: Duration = Duration::from_millis(100);

/// The longest such pause.
const MAX_EMPTY_PAGE_PAUSE: Duration = Duration::from_secs(10);

/// A response that is appended to.
#[derive(Debug)]
pub(crate) struct StreamSession {
    pub(crate) framing: Framing,
    pub(super) resync: Resync<Arc<EncodedItem>>,
    links: Links,
    keep_alive: Option<KeepAlive>,
    is_over: bool,
    /// Whether items were dropped since the client did not read, so that it has to be asked for them
    /// when it does.
    has_lost: bool,
    /// How many pages in a row have brought nothing.
    empty_pages: u8,
}

#[derive(Debug)]
struct KeepAlive {
    /// As it stands on the line.
    bytes: Bytes,
    every: Duration,
    is_interval: bool,
    due: Instant,
}

impl StreamSession {
    pub(crate) fn new(framing: Framing) -> Self {
        Self {
            framing,
            resync: Resync::default(),
            links: Links::default(),
            keep_alive: None,
            is_over: false,
            has_lost: false,
            empty_pages: 0,
        }
    }

    pub(super) fn handle(
        &mut self,
        client: &mut ClientState,
        input: Input<'_>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        if self.is_over {
            return;
        }
        match input {
            Input::Begin(instruction) => {
                self.obey(client, instruction, now);
                if instruction.mode().is_some() {
                    effects.push(follow(instruction, false));
                } else {
                    self.go_on_or_end(client, effects);
                }
            }
            Input::Subscribed { contradicts } => self.subscribed(client, contradicts, effects),
            Input::Item(item, index) => self.take(client, item, index, effects),
            Input::Answer(page) => self.continued(client, page.ok(), now, effects),
            Input::Elapsed => self.elapsed(now, effects),
            Input::Recover => self.want_resync(effects),
            Input::Drained if self.has_lost => {
                self.has_lost = false;
                self.want_resync(effects);
            }
            // The next page was not asked for while this one was unread.
            Input::Drained if self.resync.state() == ResyncState::Wanted => {
                effects.push(Effect::Ask);
            }
            Input::Drained => {}
            // For WebSockets.
            Input::Refresh => {}
            Input::TooManyChannels { limit } => {
                effects.push(Effect::Refuse(format!(
                    "The stream has more than {limit} channels (max_channels).\n"
                )));
                self.end(client, effects);
            }
            Input::Overflow => effects.push(Effect::Cut),
            Input::Finish(_) => self.end(client, effects),
            Input::Gone => {
                self.is_over = true;
                effects.extend(self.links.tell_gone(client));
            }
        }
    }

    /// Returns the request for the next link, where it is wanted and nobody asks for it yet.
    pub(super) fn next_request(
        &mut self,
        client: &ClientState,
        has_room: bool,
        now: Instant,
    ) -> Option<OriginRequest> {
        if self.is_over || self.resync.state() != ResyncState::Wanted {
            return None;
        }
        let Some(next) = &self.links.next else {
            // Nobody can be asked: items go to the client again.
            self.resync = Resync::default();
            return None;
        };
        // Asked for when the pause is over, or the client has read what there is.
        if next.not_before.is_some_and(|time| time > now) || !has_room {
            return None;
        }
        let mut request = client.request_to(next.uri.clone());
        write_last(request.headers_mut(), &client.subscriptions);
        self.resync.ask();
        Some(OriginRequest::Page(request))
    }

    /// Returns whether the stream has ended, or its client is gone.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Returns whether items reach the client as they are, without a look at each.
    pub(crate) fn is_plain(&self) -> bool {
        self.resync.state() == ResyncState::Synced && !self.has_lost
    }

    #[cfg(any(test, feature = "relay"))]
    pub(super) fn has_next_link(&self) -> bool {
        self.links.next.is_some()
    }

    pub(super) fn has_lost(&self) -> bool {
        self.has_lost
    }

    /// Notes that a message was dropped.
    pub(super) fn dropped(&mut self) {
        self.has_lost |= self.links.next.is_some();
    }

    /// Encodes bytes as they stand on the line.
    pub(crate) fn framed(&self, content: &Bytes) -> Bytes {
        match self.framing {
            Framing::Chunked => chunk(content),
            Framing::Raw => content.clone(),
        }
    }

    /// Takes over what an instruction says.
    fn obey(&mut self, client: &mut ClientState, instruction: &Instruction, now: Instant) {
        client.meta.replace(instruction.metas());
        self.links.obey(instruction, client.request.uri(), now);
        self.keep_alive = instruction.keep_alive().map(|it| KeepAlive {
            bytes: self.framed(&it.content),
            every: it.timeout,
            is_interval: it.is_interval,
            due: now + it.timeout,
        });
    }

    /// Wants the next link to be asked what was missed, if there is one.
    fn want_resync(&mut self, effects: &mut Vec<Effect>) {
        if self.links.next.is_some() {
            self.resync.want();
            effects.push(Effect::Ask);
        }
    }

    fn go_on_or_end(&mut self, client: &ClientState, effects: &mut Vec<Effect>) {
        if self.links.next.is_some() {
            self.resync.want_page();
            effects.push(Effect::Ask);
        } else {
            self.end(client, effects);
        }
    }

    fn end(&mut self, client: &ClientState, effects: &mut Vec<Effect>) {
        self.is_over = true;
        // Whoever has ended it: the client is not held any more.
        effects.extend(self.links.tell_gone(client));
        let is_reusable = self.framing == Framing::Chunked;
        if is_reusable {
            effects.push(Effect::Write {
                bytes: LAST_CHUNK,
                messages: 0,
            });
        }
        effects.push(Effect::End { is_reusable });
    }

    /// Cuts off a client that cannot be told what it missed, so that it connects again.
    fn cut_off(effects: &mut Vec<Effect>, why: impl Into<Cow<'static, str>>) {
        effects.extend([
            Effect::Note(why.into()),
            Effect::Note("a stream that cannot be recovered is cut off".into()),
            Effect::Cut,
        ]);
    }

    fn subscribed(&mut self, client: &ClientState, contradicts: bool, effects: &mut Vec<Effect>) {
        let needs_link = client.subscriptions.iter().find(|it| it.place.is_some());
        match needs_link {
            Some(subscription) if self.links.next.is_none() => {
                effects.push(Effect::Refuse(format!(
                    "The channel {} has a previous id, and there is no next link to recover from.\n",
                    subscription.channel
                )));
                self.end(client, effects);
            }
            _ if contradicts => self.want_resync(effects),
            _ => {}
        }
    }

    /// The next link has been fetched, or could not be.
    fn continued(
        &mut self,
        client: &mut ClientState,
        page: Option<&Response<Bytes>>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        if self.resync.state() != ResyncState::Asked {
            return;
        }
        let Some(page) = page else {
            return Self::cut_off(effects, "a next link could not be fetched");
        };
        let instruction = match Instruction::read_within(page, &instruction_limits()) {
            Ok(instruction) => instruction,
            Err(error) => {
                return Self::cut_off(effects, format!("an instruction was refused: {error}"));
            }
        };
        let mode = instruction.as_ref().and_then(Instruction::mode);
        if mode == Some(HoldMode::Response) {
            return Self::cut_off(effects, "a next link is answered with a response hold");
        }
        self.links.base = self.links.next.take().map(|next| Box::new(next.uri));
        let body = match &instruction {
            Some(instruction) => instruction.response().body(),
            None => page.body(),
        };
        let bytes = self.framed(body);
        let is_empty = bytes.is_empty();
        if !is_empty {
            // What was asked for is not dropped: it is as long as one answer at most.
            effects.push(Effect::Write { bytes, messages: 1 });
            self.sent(now);
        }
        let Some(instruction) = instruction else {
            return self.end(client, effects);
        };
        self.obey(client, &instruction, now);
        self.note_page(is_empty && mode.is_none(), now);
        if mode.is_some() {
            effects.extend([follow(&instruction, true), Effect::Redeliver, Effect::Ask]);
        } else {
            self.go_on_or_end(client, effects);
        }
    }

    /// Takes an item, which is appended, or says what else becomes of the stream.
    fn take(
        &mut self,
        client: &mut ClientState,
        item: &Arc<EncodedItem>,
        index: Option<usize>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(part) = &item.stream else {
            return;
        };
        // What is for this client alone has no place among the others.
        if index.is_some() && self.resync.buffer(item) {
            return;
        }
        let is_signal = part.action != Action::Send && item.is_signal();
        if !is_signal && !client.fits(index, item) {
            self.resync.want();
            effects.push(Effect::Ask);
            return;
        }
        let verdict = client.filtered(index, item, &part.content, &part.content_filters);
        if verdict == Verdict::Fail {
            return;
        }
        if !is_signal {
            client.moved(index, item);
        }
        let Verdict::Send(content) = verdict else {
            return;
        };
        match part.action {
            Action::Send => {
                let is_shared = content.as_ptr() == part.content.as_ptr();
                effects.push(Effect::Send(match self.framing {
                    Framing::Chunked if is_shared => part.chunk.clone(),
                    _ => self.framed(&content),
                }));
            }
            Action::Hint => self.want_resync(effects),
            Action::Close => self.end(client, effects),
            _ => {}
        }
    }

    /// Notes that something was written, so that idle keep-alives and polls come later.
    pub(super) fn sent(&mut self, now: Instant) {
        if let Some(keep_alive) = self.keep_alive.as_mut().filter(|it| !it.is_interval) {
            keep_alive.due = now + keep_alive.every;
        }
        if let Some(next) = &mut self.links.next {
            next.put_off(now);
        }
    }

    /// Notes a page of a next link. One that brings nothing, not even a hold, is followed by a pause.
    fn note_page(&mut self, brings_nothing: bool, now: Instant) {
        if !brings_nothing {
            self.empty_pages = 0;
            return;
        }
        let pause = EMPTY_PAGE_PAUSE * (1 << self.empty_pages.min(10));
        self.empty_pages = self.empty_pages.saturating_add(1);
        if let Some(next) = &mut self.links.next {
            next.not_before = Some(now + pause.min(MAX_EMPTY_PAGE_PAUSE));
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.is_over {
            return None;
        }
        let keep_alive = self.keep_alive.as_ref().map(|it| it.due);
        let asks = self.polls_at().or_else(|| self.pauses_until());
        keep_alive.into_iter().chain(asks).min()
    }

    /// When the next link may be fetched that is wanted.
    fn pauses_until(&self) -> Option<Instant> {
        let next = self.links.next.as_ref()?;
        next.not_before
            .filter(|_| self.resync.state() == ResyncState::Wanted)
    }

    /// When the next link is fetched although nothing has come.
    fn polls_at(&self) -> Option<Instant> {
        let next = self.links.next.as_ref()?.due();
        next.filter(|_| self.resync.state() == ResyncState::Synced)
    }

    /// Does what is due.
    fn elapsed(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if let Some(keep_alive) = self.keep_alive.as_mut().filter(|it| it.due <= now) {
            keep_alive.due = now + keep_alive.every;
            effects.push(Effect::KeepAlive(keep_alive.bytes.clone()));
        }
        if self.pauses_until().is_some_and(|until| until <= now) {
            if let Some(next) = &mut self.links.next {
                next.not_before = None;
            }
            effects.push(Effect::Ask);
        }
        if self.polls_at().is_some_and(|due| due <= now) {
            self.want_resync(effects);
        }
    }
}
