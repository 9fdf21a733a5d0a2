//! What response and stream holds have in common: a place in their channels, and the origin to ask
//! where something was missed (GRIP 1.8).

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use gripware_core::{
    header::GRIP_LAST,
    proxy::{Instruction, LinkScope, append_last, resolve_link},
};
use http::{HeaderMap, Method, Uri};

use super::{ClientState, Effect, subscription::Subscription};
use crate::channels::encoded_item::EncodedItem;

/// How many items are kept while the origin is being asked. With more, it is asked again.
const MAX_KEPT: usize = 100;

/// The same in bytes.
const MAX_KEPT_BYTES: usize = 1 << 20;

/// Whether the origin has to be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ResyncState {
    #[default]
    No,
    Wanted,
    Asked,
}

/// A hold's synchronisation with the origin.
#[derive(Debug, Default)]
pub(crate) struct Resync {
    pub(crate) update: ResyncState,
    /// Items that came while the origin was being asked.
    kept: VecDeque<Arc<EncodedItem>>,
    kept_bytes: usize,
    /// Whether the answer to what is being asked may be too old, so that it is asked again.
    is_outdated: bool,
    /// Links are behind pointers: most holds have none.
    pub(crate) next: Option<Box<Next>>,
    pub(crate) gone: Option<Box<Uri>>,
    /// Where the last links came from, where that is not the client's own request.
    pub(crate) base: Option<Box<Uri>>,
}

/// Where a stream goes on.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) uri: Uri,
    /// Fetched anyway when nothing has come for so long; zero is never.
    timeout: Duration,
    due: Instant,
    /// Not fetched before, since pages before it were empty.
    pub(crate) not_before: Option<Instant>,
}

impl Next {
    /// When it is fetched anyway.
    pub(crate) fn due(&self) -> Option<Instant> {
        (!self.timeout.is_zero()).then_some(self.due)
    }

    /// Notes that something has come.
    pub(crate) fn put_off(&mut self, now: Instant) {
        self.due = now + self.timeout;
    }
}

impl Resync {
    /// Follows the links of an instruction. `request` is the address of the client's own request.
    pub(crate) fn obey(&mut self, instruction: &Instruction, request: &Uri, now: Instant) {
        let base = self.base.as_deref().unwrap_or(request);
        self.update = ResyncState::No;
        self.next = instruction.next().and_then(|link| {
            let timeout = instruction.next_timeout();
            Some(Box::new(Next {
                uri: resolve_link(base, link, LinkScope::SameHost)?,
                timeout,
                due: now + timeout,
                not_before: None,
            }))
        });
        let gone = instruction.gone();
        let gone = gone.and_then(|link| resolve_link(base, link, LinkScope::SameHost));
        self.gone = gone.map(Box::new);
    }

    /// Keeps an item for after the answer; whether the origin is being asked at all.
    pub(crate) fn keeps(&mut self, item: &Arc<EncodedItem>) -> bool {
        if self.update == ResyncState::No {
            return false;
        }
        self.kept_bytes = self.kept_bytes.saturating_add(item.cost);
        if self.kept.len() < MAX_KEPT && self.kept_bytes <= MAX_KEPT_BYTES {
            self.kept.push_back(Arc::clone(item));
        } else {
            self.is_outdated = true;
        }
        true
    }

    /// What came while the origin was asked: of each channel from the first item on that follows
    /// what it said. Nothing where the answer may be too old: then it has to be asked again.
    pub(crate) fn drain_buffered(
        &mut self,
        subscriptions: &[Subscription],
    ) -> VecDeque<Arc<EncodedItem>> {
        let mut kept = self.forget_kept();
        if std::mem::take(&mut self.is_outdated) {
            self.update = ResyncState::Wanted;
            return VecDeque::new();
        }
        let mut followed: Vec<Arc<str>> = Vec::new();
        kept.retain(|item| {
            let found = subscriptions.iter().find(|it| it.channel == item.channel);
            let Some(subscription) = found else {
                return false;
            };
            let is_unordered = item.is_signal() || item.no_seq;
            let follows = followed.contains(&item.channel) || is_unordered;
            if !follows && subscription.fits(item) {
                followed.push(Arc::clone(&item.channel));
                return true;
            }
            follows
        });
        kept
    }

    /// Wants the origin to be asked, and what came before does not count. Where it is being asked,
    /// it may not have known yet what there is now, and is asked once more.
    pub(crate) fn want_resync(&mut self) {
        self.forget_kept();
        self.is_outdated = self.update == ResyncState::Asked;
        if self.update == ResyncState::No {
            self.update = ResyncState::Wanted;
        }
    }

    /// Tells the origin that the client has gone, where it wants to be told (GRIP 1.8).
    pub(crate) fn tell_gone(&mut self, client: &ClientState) -> Option<Effect> {
        let mut request = client.request_to(*self.gone.take()?);
        *request.method_mut() = Method::POST;
        Some(Effect::Tell(request))
    }

    fn forget_kept(&mut self) -> VecDeque<Arc<EncodedItem>> {
        self.kept_bytes = 0;
        std::mem::take(&mut self.kept)
    }
}

/// `Grip-Last` for each channel with a place (GRIP 1.2). What no header can carry is left out.
pub(crate) fn write_last(headers: &mut HeaderMap, subscriptions: &[Subscription]) {
    headers.remove(GRIP_LAST);
    for subscription in subscriptions {
        let Some(id) = &subscription.place else {
            continue;
        };
        append_last(headers, &subscription.channel, id);
    }
}
