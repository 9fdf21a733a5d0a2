//! Items are published, for a channel or for one client.

use gripware_core::{
    Channel, HttpResponse, HttpStream, Item as Published, WsMessage, ws::CloseCode,
};

use super::{
    model::{CHANNELS, ENDING, Item, To},
    operation::Operation,
    play::{LONGEST, Play},
    token::{Format, Token},
};
use crate::clock;

impl Play {
    pub(super) fn publish(&mut self, operation: Operation) {
        let channel = usize::from(operation.who) % CHANNELS.len();
        let (item, published) = self.item(To::Channel(channel), operation);
        let name = Channel::new(CHANNELS[channel]).unwrap();
        let parts = published.parts().unwrap();
        self.inner.try_publish(&name, parts).expect("room for it");
        let has_formats = !item.formats.is_empty();
        let number = self.model.published(item);
        let is_duplicate = self.model.items[number].is_duplicate;
        if self.has_witnesses && channel != ENDING && has_formats && !is_duplicate {
            self.awaited.push(number);
        }
    }

    pub(super) async fn publish_to(&mut self, who: usize, operation: Operation) {
        let (item, published) = self.item(To::Client(who), operation);
        self.model.published(item);
        let parts = published.parts().unwrap();
        let id = self.clients[who].id;
        self.inner.publish_to(id, parts).await;
    }

    /// Makes an item. Those that end holds, or have nothing to say, are noted without a format.
    fn item(&mut self, to: To, operation: Operation) -> (Item, Published) {
        let number = self.model.items.len();
        let Operation { what, how, .. } = operation;
        let padding = [0, 20, 300, LONGEST - 10][usize::from(how >> 3 & 3)];
        let text = |format| Token::Item(number, format).text(padding);
        let may_end = to == To::Channel(ENDING);
        let mut published = Published::new();
        let mut formats = Vec::new();
        let bits = if what & 7 == 0 { 7 } else { what & 7 };
        let (mut says, mut is_signal) = (true, false);
        match what >> 3 & 7 {
            5 => {
                is_signal = true;
                published = published
                    .http_stream(HttpStream::hint())
                    .http_response(HttpResponse::hint());
                says = false;
            }
            6 if may_end => {
                published = published
                    .http_stream(HttpStream::close())
                    .ws_message(WsMessage::close(CloseCode::NORMAL, "bye"));
                says = false;
            }
            7 if may_end => {
                published = published.ws_message(WsMessage::refresh());
                says = false;
            }
            _ => {}
        }
        if says {
            if bits & 1 != 0 {
                published = published.http_stream(HttpStream::text(text(Format::Stream)));
                formats.push(Format::Stream);
            }
            if bits & 2 != 0 {
                published = published.http_response(HttpResponse::text(text(Format::Response)));
                formats.push(Format::Response);
            }
            if bits & 4 != 0 {
                published = published.ws_message(WsMessage::text(text(Format::Message)));
                formats.push(Format::Message);
            }
        }
        let (mut id, mut prev_id) = (None, None);
        if let To::Channel(channel) = to
            && !is_signal
        {
            (id, prev_id) = self.ids(channel, how & 7);
        }
        let no_seq = how & 0x80 != 0;
        if let Some(id) = id {
            published = published.id(id.to_string());
        }
        if let Some(prev_id) = prev_id {
            published = published.prev_id(prev_id.to_string());
        }
        if no_seq {
            published = published.no_seq();
        }
        let item = Item {
            step: self.model.step,
            at: clock::now(),
            to,
            id,
            prev_id,
            no_seq,
            is_duplicate: false,
            formats,
        };
        (item, published)
    }

    /// The id of an item and that of the one before it.
    fn ids(&mut self, channel: usize, how: u8) -> (Option<u32>, Option<u32>) {
        let channel = &mut self.model.channels[channel];
        let last = channel.next.saturating_sub(1);
        match how {
            0 => (None, None),
            1 => (None, Some(last)),
            // The same once more.
            6 => (Some(last), last.checked_sub(1)),
            // The one that was left out.
            7 if channel.skipped.is_some() => {
                let id = channel.skipped.take().unwrap_or_default();
                (Some(id), id.checked_sub(1))
            }
            _ => {
                if how == 5 {
                    channel.skipped = Some(channel.next);
                    channel.next += 1;
                }
                let id = channel.next;
                channel.next += 1;
                (Some(id), (how != 2).then(|| id.checked_sub(1)).flatten())
            }
        }
    }
}
