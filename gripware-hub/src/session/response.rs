use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use gripware_core::{
    HttpResponse,
    header::is_instruction,
    item::{Action, HttpBody},
    proxy::{self, Instruction, Verdict},
};
use http::{Response, StatusCode, header::CONTENT_LENGTH};

use super::{
    Effect,
    resync::Resync,
    subscription::{Meta, Subscription, filtered},
};
use crate::{
    channels::encoded_item::EncodedItem,
    handoff::Reply,
    http::{compact_headers::CompactHeaders, http1_head::set_reason},
};

/// A request that is answered once.
#[derive(Debug)]
pub(crate) struct ResponseSession {
    pub(crate) resync: Resync,
    /// What the client gets when time is up.
    stored: Stored,
    pub(crate) deadline: Instant,
    /// Taken when the answer is given.
    pub(crate) reply: Option<Reply>,
    pub(crate) answer: Option<Box<Response<Bytes>>>,
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
            stored: Stored::default(),
            deadline: now,
            reply: Some(reply),
            answer: None,
        }
    }

    /// Takes over what an instruction says of the answer.
    pub(crate) fn store(&mut self, instruction: &Instruction, now: Instant) {
        self.stored = Stored::of(instruction);
        self.deadline = now + instruction.timeout();
    }

    /// Whether the task that waits for the answer no longer does. Nothing where none does.
    pub(crate) fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Option<Poll<()>> {
        match &mut self.reply {
            Some(Reply::Channel(sender)) => Some(sender.poll_closed(cx)),
            _ => None,
        }
    }

    /// Nothing came in time: the client gets what was stored.
    pub(crate) fn give_stored(&mut self) {
        self.answer = Some(Box::new(self.stored.to_response()));
    }

    /// Takes an item for one of the subscriptions. `Effect::End` where it is the answer.
    pub(crate) fn take(
        &mut self,
        item: &Arc<EncodedItem>,
        index: usize,
        subscriptions: &mut [Subscription],
        meta: &Meta,
    ) -> Effect {
        let Some(format) = &item.response else {
            return Effect::Idle;
        };
        if self.resync.keeps(item) {
            return Effect::Idle;
        }
        let Some(subscription) = subscriptions.get(index) else {
            return Effect::Idle;
        };
        let is_signal = format.action() != Action::Send && item.is_signal();
        if !is_signal && !subscription.fits(item) {
            self.resync.want_resync();
            return Effect::Ask;
        }
        let (content, is_broken) = match format.body() {
            HttpBody::Content(content) => (content.as_bytes().clone(), false),
            HttpBody::Patch(operations) => match proxy::patch(&self.stored.body, operations) {
                Some(patched) => (patched, false),
                None => (Bytes::new(), true),
            },
            _ => (Bytes::new(), true),
        };
        let wanted = format.content_filters();
        let verdict = filtered(index, subscriptions, meta, item, &content, wanted);
        if matches!(verdict, Verdict::Fail) {
            return Effect::Idle;
        }
        if let Some(subscription) = subscriptions.get_mut(index).filter(|_| !is_signal) {
            subscription.moved(item);
        }
        let Verdict::Send(content) = verdict else {
            return Effect::Idle;
        };
        match format.action() {
            Action::Send => {
                self.answer = Some(Box::new(if is_broken {
                    tracing::warn!(
                        target: "gripware_hub",
                        channel = %item.channel,
                        "a patch does not fit the response that it is for"
                    );
                    bad_gateway()
                } else {
                    merged(&self.stored.to_response(), format, content)
                }));
                Effect::End
            }
            Action::Hint => {
                self.resync.want_resync();
                Effect::Ask
            }
            _ => Effect::Idle,
        }
    }
}

/// The response of an instruction, with its reason phrase.
pub(crate) fn whole(instruction: &Instruction) -> Response<Bytes> {
    let mut response = instruction.response().clone();
    set_reason(&mut response, instruction.reason());
    response
}

/// The item's answer over the one that was stored: its headers replace those of the same name
/// (GRIP 1.11).
fn merged(stored: &Response<Bytes>, format: &HttpResponse, content: Bytes) -> Response<Bytes> {
    let mut answer = Response::new(content);
    *answer.status_mut() = format.status();
    set_reason(&mut answer, format.reason_phrase());
    let headers = answer.headers_mut();
    headers.clone_from(stored.headers());
    for (name, _) in format.headers() {
        headers.remove(name);
    }
    for (name, value) in format.headers() {
        if !is_instruction(name) {
            headers.append(name, value.clone());
        }
    }
    headers.remove(CONTENT_LENGTH);
    answer
}

/// A response without an instruction, as it goes to a client.
pub(crate) fn passed_on(mut response: Response<Bytes>) -> Response<Bytes> {
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    response
}

/// What a client gets where there is no proper answer.
pub(crate) fn bad_gateway() -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from_static(b"Error while proxying to origin.\n"));
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer
}

#[cfg(test)]
mod tests {
    use gripware_core::Item;

    use super::*;

    #[test]
    fn headers_of_an_item_replace_stored_ones_and_tell_clients_nothing_of_the_proxy() {
        let stored = Response::builder()
            .header("etag", "1")
            .header("x-keep", "kept")
            .header("content-length", "5")
            .body(Bytes::from("first"))
            .unwrap();
        let item = HttpResponse::text("second")
            .header("etag", "2")
            .header("etag", "3");
        let item = Item::from(item);
        let format = item.parts().unwrap().http_response.clone().unwrap();
        let answer = merged(&stored, &format, Bytes::from("second"));
        let mut headers: Vec<_> = answer.headers().iter().collect();
        headers.sort_by_key(|(name, value)| (name.as_str(), value.as_bytes()));
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        assert_eq!(headers, ["etag: 2", "etag: 3", "x-keep: kept"]);
    }
}
