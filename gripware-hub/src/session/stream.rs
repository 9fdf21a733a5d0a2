use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gripware_core::{
    item::Action,
    proxy::{Instruction, Verdict},
};

use super::{
    Effect,
    resync::{Resync, ResyncState},
    subscription::{Meta, Subscription, filtered},
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
    pub(crate) resync: Resync,
    keep_alive: Option<KeepAlive>,
    /// Whether items were dropped since the client did not read, so that it has to be asked for them
    /// when it does.
    pub(crate) has_lost: bool,
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
            keep_alive: None,
            has_lost: false,
            empty_pages: 0,
        }
    }

    /// Takes over what an instruction says of keep-alives.
    pub(crate) fn set_keep_alive(&mut self, instruction: &Instruction, now: Instant) {
        self.keep_alive = instruction.keep_alive().map(|it| KeepAlive {
            bytes: self.framed(&it.content),
            every: it.timeout,
            is_interval: it.is_interval,
            due: now + it.timeout,
        });
    }

    /// Bytes as they stand on the line.
    pub(crate) fn framed(&self, content: &Bytes) -> Bytes {
        match self.framing {
            Framing::Chunked => chunk(content),
            Framing::Raw => content.clone(),
        }
    }

    /// What stands at the end.
    pub(crate) fn last(&self) -> Bytes {
        match self.framing {
            Framing::Chunked => LAST_CHUNK,
            Framing::Raw => Bytes::new(),
        }
    }

    /// Whether items reach the client as they are, without a look at each.
    pub(crate) fn is_plain(&self) -> bool {
        self.resync.update == ResyncState::No && !self.has_lost
    }

    /// Takes an item for one of the subscriptions; what it adds goes to `write`.
    pub(crate) fn take(
        &mut self,
        item: &Arc<EncodedItem>,
        index: usize,
        subscriptions: &mut [Subscription],
        meta: &Meta,
        write: &mut Vec<Bytes>,
    ) -> Effect {
        let Some(part) = &item.stream else {
            return Effect::Idle;
        };
        if self.resync.keeps(item) {
            return Effect::Idle;
        }
        let Some(subscription) = subscriptions.get(index) else {
            return Effect::Idle;
        };
        let is_signal = part.action != Action::Send && item.is_signal();
        if !is_signal && !subscription.fits(item) {
            self.resync.want_resync();
            return Effect::Ask;
        }
        let verdict = filtered(
            index,
            subscriptions,
            meta,
            item,
            &part.content,
            &part.content_filters,
        );
        if matches!(verdict, Verdict::Fail) {
            return Effect::Idle;
        }
        if let Some(subscription) = subscriptions.get_mut(index).filter(|_| !is_signal) {
            subscription.moved(item);
        }
        let Verdict::Send(content) = verdict else {
            return Effect::Idle;
        };
        match part.action {
            Action::Send => {
                let is_shared = content.as_ptr() == part.content.as_ptr();
                write.push(match self.framing {
                    Framing::Chunked if is_shared => part.chunk.clone(),
                    _ => self.framed(&content),
                });
                Effect::Write
            }
            Action::Hint if self.resync.next.is_some() => {
                self.resync.want_resync();
                Effect::Ask
            }
            Action::Close => Effect::End,
            _ => Effect::Idle,
        }
    }

    /// Notes that something was written, so that idle keep-alives and polls come later.
    pub(crate) fn sent(&mut self, now: Instant) {
        if let Some(keep_alive) = self.keep_alive.as_mut().filter(|it| !it.is_interval) {
            keep_alive.due = now + keep_alive.every;
        }
        if let Some(next) = &mut self.resync.next {
            next.put_off(now);
        }
    }

    /// Notes a page of a next link. One that brings nothing, not even a hold, is followed by a pause.
    pub(crate) fn note_page(&mut self, brings_nothing: bool, now: Instant) {
        if !brings_nothing {
            self.empty_pages = 0;
            return;
        }
        let pause = EMPTY_PAGE_PAUSE * (1 << self.empty_pages.min(10));
        self.empty_pages = self.empty_pages.saturating_add(1);
        if let Some(next) = &mut self.resync.next {
            next.not_before = Some(now + pause.min(MAX_EMPTY_PAGE_PAUSE));
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let keep_alive = self.keep_alive.as_ref().map(|it| it.due);
        let asks = self.polls_at().or_else(|| self.pauses_until());
        keep_alive.into_iter().chain(asks).min()
    }

    /// When the next link may be fetched that is wanted.
    fn pauses_until(&self) -> Option<Instant> {
        let next = self.resync.next.as_ref()?;
        next.not_before
            .filter(|_| self.resync.update == ResyncState::Wanted)
    }

    /// When the next link is fetched although nothing has come.
    fn polls_at(&self) -> Option<Instant> {
        let next = self.resync.next.as_ref()?.due();
        next.filter(|_| self.resync.update == ResyncState::No)
    }

    /// Does what is due.
    pub(crate) fn elapsed(&mut self, now: Instant, write: &mut Vec<Bytes>) -> Effect {
        let mut then = Effect::Idle;
        if let Some(keep_alive) = self.keep_alive.as_mut().filter(|it| it.due <= now) {
            keep_alive.due = now + keep_alive.every;
            write.push(keep_alive.bytes.clone());
            then = Effect::Write;
        }
        if self.pauses_until().is_some_and(|until| until <= now) {
            if let Some(next) = &mut self.resync.next {
                next.not_before = None;
            }
            then = Effect::Ask;
        }
        if self.polls_at().is_some_and(|due| due <= now) {
            self.resync.want_resync();
            then = Effect::Ask;
        }
        then
    }
}
