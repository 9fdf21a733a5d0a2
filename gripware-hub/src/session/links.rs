//! Where the origin is asked for what a response or stream hold has missed, and told that its
//! client has gone (GRIP 1.8).

use std::time::{Duration, Instant};

use gripware_core::{
    header::GRIP_LAST,
    proxy::{Instruction, LinkScope, append_last, resolve_link},
};
use http::{HeaderMap, Method, Uri};

use super::{ClientState, Effect, subscription::Subscription};

/// The links of a hold.
#[derive(Debug, Default)]
pub(crate) struct Links {
    // Behind pointers: most holds have none.
    pub(super) next: Option<Box<Next>>,
    gone: Option<Box<Uri>>,
    /// Where the last links came from, where that is not the client's own request.
    pub(super) base: Option<Box<Uri>>,
}

/// Where a stream goes on.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) uri: Uri,
    /// Fetched anyway when nothing has come for so long; zero is never.
    timeout: Duration,
    due: Instant,
    /// Not fetched before, since pages before it were empty.
    pub(super) not_before: Option<Instant>,
}

impl Next {
    /// When it is fetched anyway.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.timeout.is_zero()).then_some(self.due)
    }

    /// Notes that something has come.
    pub(super) fn put_off(&mut self, now: Instant) {
        self.due = now + self.timeout;
    }
}

impl Links {
    /// Follows the links of an instruction. `request` is the address of the client's own request.
    pub(super) fn obey(&mut self, instruction: &Instruction, request: &Uri, now: Instant) {
        let base = self.base.as_deref().unwrap_or(request);
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

    /// Tells the origin that the client has gone, where it wants to be told (GRIP 1.8).
    pub(super) fn tell_gone(&mut self, client: &ClientState) -> Option<Effect> {
        let mut request = client.request_to(*self.gone.take()?);
        *request.method_mut() = Method::POST;
        Some(Effect::Tell(request))
    }
}

/// `Grip-Last` for each channel with a place (GRIP 1.2). What no header can carry is left out.
pub(super) fn write_last(headers: &mut HeaderMap, subscriptions: &[Subscription]) {
    headers.remove(GRIP_LAST);
    for subscription in subscriptions {
        let Some(id) = &subscription.place else {
            continue;
        };
        append_last(headers, &subscription.channel, id);
    }
}
