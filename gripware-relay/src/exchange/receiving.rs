//! What a message of the broker does.

use std::{collections::VecDeque, time::Instant};

use bytes::Bytes;
use gripware_core::proxy::decode_message;

use super::Exchange;
use crate::{
    Delivery, Envelope, EnvelopeError, Kind, LossReason, Question, RelayedItem, peers::Seen,
};

impl Exchange {
    pub(super) fn message(&mut self, message: &Bytes, now: Instant, out: &mut VecDeque<Delivery>) {
        self.hearing.came(now);
        if message.first() == Some(&b'{') {
            return self.foreign(message, out);
        }
        let envelope = match Envelope::decode(message) {
            Ok(envelope) => envelope,
            Err(EnvelopeError::Version) => {
                self.counts.skipped += 1;
                return;
            }
            Err(EnvelopeError::Malformed) => {
                self.counts.refused += 1;
                return;
            }
        };
        let is_own =
            envelope.node == self.settings.node && envelope.incarnation == self.incarnation;
        match envelope.kind {
            Kind::Item => {
                if self.note(&envelope, false, is_own, now) {
                    self.counts.received += 1;
                    out.push_back(Delivery::Item(RelayedItem::of_node(envelope, is_own)));
                }
            }
            Kind::Hello | Kind::Beat => {
                self.note(&envelope, true, is_own, now);
                if is_own {
                    let beat = envelope.id.and_then(|beat| beat.parse().ok());
                    self.hearing.heard(beat.unwrap_or(0), now);
                } else if envelope.kind == Kind::Hello {
                    self.hearing.hasten_beat(now);
                }
            }
            Kind::Bye => {
                self.note(&envelope, true, is_own, now);
                self.peers.end(&envelope.node, envelope.incarnation);
            }
            Kind::Ask => {
                if let Some(number) = envelope.id {
                    out.push_back(Delivery::Question(Question {
                        asker: envelope.node,
                        number,
                        body: envelope.body,
                    }));
                }
            }
            Kind::Answer => self.answered(envelope),
            Kind::Unknown => {
                self.counts.skipped += 1;
                if envelope.number > 0 {
                    self.note(&envelope, false, is_own, now);
                }
            }
        }
    }

    /// Whether a number is new. A gap before it is counted and is a loss.
    fn note(&mut self, envelope: &Envelope, is_beat: bool, is_own: bool, now: Instant) -> bool {
        let is_settled = self.hearing.is_settled(now);
        let Envelope {
            node,
            incarnation,
            number,
            ..
        } = envelope;
        let seen = self
            .peers
            .note(node, *incarnation, *number, is_beat, now, is_settled);
        let Seen::New { missed } = seen else {
            self.counts.duplicates += u64::from(!is_beat);
            return false;
        };
        if missed > 0 {
            self.counts.missed = self.counts.missed.saturating_add(missed);
            self.hearing.lost(LossReason::Gap);
        }
        if is_own {
            let end = number.saturating_add(u64::from(is_beat));
            self.outbox.lost(end.saturating_sub(missed), end);
            self.outbox.accepted(*number);
            self.echoed = self.echoed.max(*number);
        }
        true
    }

    fn foreign(&mut self, message: &Bytes, out: &mut VecDeque<Delivery>) {
        match decode_message(message) {
            Ok(items) => {
                self.counts.foreign += 1;
                let items = items.into_iter();
                out.extend(
                    items
                        .map(|(channel, item)| Delivery::Item(RelayedItem::foreign(channel, item))),
                );
            }
            Err(error) => {
                tracing::debug!(%error, "a message of a program that is no node is no item");
                self.counts.refused += 1;
            }
        }
    }
}
