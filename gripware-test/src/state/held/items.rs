//! What becomes of an item that is published to a client that is held.

use bytes::Bytes;
use gripware_core::{
    Channel, Filter, HoldMode,
    item::{Action, HttpBody, HttpResponse},
    proxy::patch,
};
use http::{Response, StatusCode, header::CONTENT_LENGTH};

use super::{
    super::{Client, Line, Verdict, order::Order},
    Update,
};
use crate::Published;

impl Client {
    pub(in crate::state) fn deliver_held(&mut self, published: &Published, order: &mut Order) {
        let Line::Held(held) = &mut self.line else {
            return;
        };
        let parts = published.parts();
        let has_format = match held.mode {
            HoldMode::Response => parts.http_response.is_some(),
            _ => parts.http_stream.is_some(),
        };
        if !held.is_open || !has_format {
            return;
        }
        if held.update == Update::No {
            held.queue.push_back(published.clone());
            self.process_queue(order);
        } else if held.mode == HoldMode::Stream {
            held.queue.push_back(published.clone());
        }
    }

    /// Sends what came while the origin was being asked, from the first item on that follows what
    /// it answered.
    pub(super) fn send_queue(&mut self, order: &mut Order) {
        let channels = &self.channels;
        if let Line::Held(held) = &mut self.line {
            let follows = |it: &Published| {
                let channel = channels
                    .iter()
                    .find(|channel| channel.name() == it.channel());
                channel.is_some_and(|channel| {
                    let prev_id = channel.prev_id();
                    prev_id.is_none() || prev_id == it.parts().prev_id.as_deref()
                })
            };
            while held.queue.front().is_some_and(|it| !follows(it)) {
                held.queue.pop_front();
            }
        }
        self.process_queue(order);
    }

    fn process_queue(&mut self, order: &mut Order) {
        while let Line::Held(held) = &mut self.line
            && held.is_open
            && held.update == Update::No
            && let Some(published) = held.queue.pop_front()
        {
            self.process(&published, order);
        }
    }

    fn process(&mut self, published: &Published, order: &mut Order) {
        let (name, parts) = (published.channel(), published.parts());
        let Some(channel) = self.channels.iter().find(|it| it.name() == name) else {
            return;
        };
        let has_place = channel.prev_id().is_some();
        if has_place && channel.prev_id() != parts.prev_id.as_deref() {
            order.forget_last(name);
            self.want_update();
            if let Line::Held(held) = &mut self.line {
                held.queue.clear();
            }
            return;
        }
        let Some(act) = self.act(published) else {
            return;
        };
        let verdict = self.filter(published, &act.content, &act.wanted);
        if verdict == Verdict::Fail {
            return;
        }
        if has_place {
            self.move_on(name, parts.id.as_deref());
        }
        if let Verdict::Send(content) = verdict {
            self.carry_out(published, &act, content, order);
        }
    }

    /// What the format for this client asks for.
    fn act(&self, published: &Published) -> Option<Act> {
        let Line::Held(held) = &self.line else {
            return None;
        };
        let parts = published.parts();
        Some(match held.mode {
            HoldMode::Response => {
                let format = parts.http_response.as_ref()?;
                let stored = held.instruction.response().body();
                let (content, is_broken) = match format.body() {
                    HttpBody::Content(content) => (content.as_bytes().clone(), false),
                    HttpBody::Patch(operations) => match patch(stored, operations) {
                        Some(patched) => (patched, false),
                        None => (Bytes::new(), true),
                    },
                    _ => return None,
                };
                Act {
                    action: format.action(),
                    content,
                    wanted: format.content_filters().to_vec(),
                    is_broken,
                }
            }
            _ => {
                let format = parts.http_stream.as_ref()?;
                Act {
                    action: format.action(),
                    content: format.content().as_bytes().clone(),
                    wanted: format.content_filters().to_vec(),
                    is_broken: false,
                }
            }
        })
    }

    fn carry_out(&mut self, published: &Published, act: &Act, content: Bytes, order: &mut Order) {
        let Line::Held(held) = &mut self.line else {
            return;
        };
        let is_poll = held.mode == HoldMode::Response;
        match act.action {
            Action::Send if is_poll => {
                let Some(format) = &published.parts().http_response else {
                    return;
                };
                held.answer = Some(if act.is_broken {
                    bad_gateway()
                } else {
                    merge(held.instruction.response(), format, content)
                });
                self.end(order);
            }
            Action::Send => held.unread.extend_from_slice(&content),
            Action::Hint => {
                held.queue.clear();
                self.want_update();
            }
            Action::Close if !is_poll => self.end(order),
            _ => {}
        }
    }

    /// Notes the id up to which the client has seen a channel.
    fn move_on(&mut self, name: &str, id: Option<&str>) {
        for channel in &mut self.channels {
            if channel.name() == name {
                let mut moved = Channel::new(name).ok();
                if let Some(id) = id {
                    moved = moved.and_then(|it| it.with_prev_id(id).ok());
                }
                let filters = channel.filters().iter().cloned();
                if let Some(moved) = moved {
                    *channel = filters.fold(moved, Channel::with_filter);
                }
            }
        }
    }
}

/// What an item's format asks for.
struct Act {
    action: Action,
    content: Bytes,
    wanted: Vec<Filter>,
    is_broken: bool,
}

/// The item's answer over the one that was stored: its headers replace those of the same name.
fn merge(stored: &Response<Bytes>, format: &HttpResponse, content: Bytes) -> Response<Bytes> {
    let mut answer = Response::new(content);
    *answer.status_mut() = format.status();
    let headers = answer.headers_mut();
    headers.clone_from(stored.headers());
    for (name, _) in format.headers() {
        headers.remove(name);
    }
    for (name, value) in format.headers() {
        headers.append(name, value.clone());
    }
    headers.remove(CONTENT_LENGTH);
    answer
}

/// What a client gets where a patch does not fit.
fn bad_gateway() -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from_static(b"Error while proxying to origin.\n"));
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer
}
