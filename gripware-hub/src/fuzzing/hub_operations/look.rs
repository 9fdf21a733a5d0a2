//! What is there is compared with what is known.

use super::{
    client::Client,
    model::{CHANNELS, ENDING, Known, Model, To},
    play::{LONGEST, Play, WITNESSES},
    token::{Format, Token},
};
use crate::{ConnectionInfo, ConnectionKind, clock, fuzzing::frames::CLOSE};

/// What the end of a hold takes at most: a close frame, which is the longest.
const END_BYTES: usize = 127;

impl Play {
    /// Compares what is there with what is known.
    pub(super) fn look(&mut self, listed: &[ConnectionInfo]) {
        assert_eq!(self.here.faults(), 0, "a guard has met a panic");
        self.give_up();
        let Self {
            clients,
            known,
            model,
            ..
        } = self;
        for (client, known) in clients.iter().zip(&mut *known) {
            model.check(&mut known.model, &client.tokens, self.has_witnesses);
        }
        let settings = &self.inner.settings;
        for one in listed {
            let client = self
                .clients
                .iter()
                .position(|it| it.id.to_string() == one.id);
            let known = &self.known[client.expect("somebody")];
            for channel in &one.channels {
                let channel = CHANNELS.iter().position(|it| it == channel).unwrap();
                assert!(known.model.follows(channel), "{channel} {known:?}");
            }
            // No item is larger than a queue. Pages and ends are written whatever there is.
            let most = settings.queue_bytes + END_BYTES + page_bytes(&known.model, &self.model);
            assert!(one.queued <= most, "{} bytes for {known:?}", one.queued);
        }
        let metrics = &self.inner.metrics;
        self.is_lossy |= metrics.dropped.value() > 0 || metrics.slow_closed.value() > 0;
        let read: u64 = self.clients.iter().map(|it| it.read).sum();
        assert!(read <= metrics.sent_bytes.value());
        assert!(self.items_read() <= metrics.deliveries.value());
        self.look_at_told();
        if self.has_witnesses {
            assert_eq!(metrics.duplicates.value(), self.model.duplicates);
            self.look_at_witnesses(listed);
        }
    }

    /// How many items have been read.
    fn items_read(&self) -> u64 {
        let tokens = self.clients.iter().flat_map(|it| &it.tokens);
        tokens.filter(|it| matches!(it, Token::Item(..))).count() as u64
    }

    /// What the origin was told of a WebSocket is what its client said, as far as it got.
    fn look_at_told(&self) {
        for (client, known) in self.clients.iter().zip(&self.known) {
            if known.is_told_all {
                let said = client.said.iter().filter(|it| it.opcode != CLOSE);
                let said: Vec<_> = said.take(known.told.len()).collect();
                let told: Vec<_> = known.told.iter().collect();
                assert_eq!(told, said);
            }
            assert!(known.gone <= 1, "told twice that it has gone: {known:?}");
        }
    }

    /// What the witness of a kind has seen, of the channels that do not end it.
    pub(super) fn witnessed(&self, kind: ConnectionKind) -> Vec<usize> {
        let witness = match kind {
            ConnectionKind::Stream => 0,
            ConnectionKind::WebSocket => 1,
            ConnectionKind::Response | ConnectionKind::Passed => return Vec::new(),
        };
        match self.clients.get(witness) {
            Some(client) if self.has_witnesses => self.seen(client),
            _ => Vec::new(),
        }
    }

    fn seen(&self, client: &Client) -> Vec<usize> {
        let items = client.tokens.iter().filter_map(|it| match it {
            Token::Item(number, _) => Some(*number),
            _ => None,
        });
        let is_plain = |number: &usize| match self.model.items[*number].to {
            To::Channel(channel) => channel != ENDING,
            _ => false,
        };
        items.filter(is_plain).collect()
    }

    fn look_at_witnesses(&mut self, listed: &[ConnectionInfo]) {
        let now = clock::now();
        let both = [ConnectionKind::Stream, ConnectionKind::WebSocket].map(|it| self.witnessed(it));
        let Self { awaited, model, .. } = self;
        awaited.retain(|number| {
            let item = &model.items[*number];
            let is_seen =
                |format, seen: &[usize]| !item.formats.contains(&format) || seen.contains(number);
            let is_there = is_seen(Format::Stream, &both[0]) && is_seen(Format::Message, &both[1]);
            assert!(
                is_there || !model.is_due(*number, now),
                "{number} does not come: {item:?}, {both:?}"
            );
            !is_there
        });
        for (number, client) in self.clients.iter().enumerate().skip(WITNESSES.len()) {
            let known = &self.known[number];
            let witnessed = match client.kind {
                ConnectionKind::Stream => &both[0],
                ConnectionKind::WebSocket => &both[1],
                ConnectionKind::Response | ConnectionKind::Passed => continue,
            };
            if !known.is_plain {
                continue;
            }
            let is_listed = listed.iter().any(|it| it.id == client.id.to_string());
            let is_held = client.end.is_none() && !client.is_over && is_listed;
            let held = *self.known[number].held.get_or_insert(if is_held {
                witnessed.len()
            } else {
                usize::MAX
            });
            let known = &self.known[number];
            let is_for = |number: &&usize| match self.model.items[**number].to {
                To::Channel(channel) => known.model.follows(channel),
                _ => false,
            };
            // What came before it was held it may have got, and from then on it gets everything.
            let early = witnessed.iter().take(held).skip(known.came).filter(is_for);
            let expected: Vec<_> = witnessed.iter().skip(held).filter(is_for).collect();
            let seen = self.seen(client);
            let is_lossy = self.is_lossy && !known.is_roomy;
            if is_held && client.reads && !is_lossy {
                let start = seen.len().checked_sub(expected.len());
                let rest = start.map(|start| &seen[start..]).unwrap_or_default();
                assert!(
                    rest.iter().eq(expected.iter().copied()),
                    "{seen:?} is not {expected:?} for {known:?}"
                );
            }
            let mut all = early.chain(expected.iter().copied());
            for item in &seen {
                assert!(
                    all.any(|it| it == item),
                    "{item} is out of order: {known:?}"
                );
            }
        }
    }
}

/// How many bytes of pages there may be for a client.
fn page_bytes(known: &Known, model: &Model) -> usize {
    let pages = model.pages.iter().filter(|it| match it.to {
        To::Client(client) => client == known.number,
        _ => known.has_shared_link,
    });
    pages.count() * (LONGEST + 20)
}
