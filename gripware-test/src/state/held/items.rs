//! What becomes of an item that is published to a client that is held.

use bytes::Bytes;
use gripware_core::{
    Channel, Filter, HoldMode,
    item::{Action, HttpBody},
    proxy::{ResyncState, merge, patch},
};
use http::{Response, StatusCode};

use super::super::{Client, Line, Verdict, order::Order};
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
        let is_poll = held.mode == HoldMode::Response;
        if is_poll && held.resync.state() != ResyncState::Synced {
            // The answer that comes has it.
            return;
        }
        if !held.resync.buffer(published) {
            self.process(published, order);
        }
    }

    /// Takes the origin's answer, and delivers what came while it was being asked.
    pub(super) fn resume(&mut self, order: &mut Order) {
        let Line::Held(held) = &mut self.line else {
            return;
        };
        let channels = &self.channels;
        let ready = held.resync.resume(|item| {
            let channel = channels.iter().find(|it| it.name() == item.channel())?;
            Some(follows(channel, item))
        });
        for published in ready {
            self.deliver_held(&published, order);
        }
    }

    fn process(&mut self, published: &Published, order: &mut Order) {
        let (name, parts) = (published.channel(), published.parts());
        let Some(channel) = self.channels.iter().find(|it| it.name() == name) else {
            return;
        };
        let has_place = channel.prev_id().is_some();
        if !follows(channel, published) {
            order.forget_last(name);
            self.want_update();
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
            Action::Hint => self.want_update(),
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

/// Whether an item follows what the client has seen of its channel.
fn follows(channel: &Channel, item: &Published) -> bool {
    let prev_id = channel.prev_id();
    prev_id.is_none() || prev_id == item.parts().prev_id.as_deref()
}

/// What an item's format asks for.
struct Act {
    action: Action,
    content: Bytes,
    wanted: Vec<Filter>,
    is_broken: bool,
}

/// What a client gets where a patch does not fit.
fn bad_gateway() -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from_static(b"Error while proxying to origin.\n"));
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer
}
