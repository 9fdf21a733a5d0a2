//! What is to be acknowledged, in the order in which it came.

use std::collections::VecDeque;

use crate::{
    Authorization, Identifier, Tracing,
    auth::Signed,
    ws::{Counter, FromSubscriber},
};

/// Most messages and parts that are not acknowledged. Broadcasters have three; the original can be
/// set to have more.
const MAX: usize = 255;

/// Acknowledgements of one connection, which have the order of what they acknowledge.
#[derive(Debug, Default)]
pub(super) struct Acks {
    waiting: VecDeque<Ack>,
    next: u64,
}

#[derive(Debug)]
struct Ack {
    number: u64,
    identifier: Identifier,
    what: What,
}

#[derive(Debug)]
enum What {
    /// A part that is not the last one.
    Part(u64),
    /// A message: for how many subscribers, once the client has worked on it.
    Message(Option<u32>),
}

impl Acks {
    /// Adds a part, which is acknowledged as soon as it is its turn. `None` if there are too many.
    pub(super) fn push_part(&mut self, identifier: Identifier, part: u64) -> Option<()> {
        self.push(identifier, What::Part(part)).map(drop)
    }

    /// Adds a message, and returns the number by which it is [confirmed](Self::confirm). `None` if
    /// there are too many.
    pub(super) fn push_message(&mut self, identifier: Identifier) -> Option<u64> {
        self.push(identifier, What::Message(None))
    }

    fn push(&mut self, identifier: Identifier, what: What) -> Option<u64> {
        if self.waiting.len() >= MAX {
            return None;
        }
        self.next += 1;
        self.waiting.push_back(Ack {
            number: self.next,
            identifier,
            what,
        });
        Some(self.next)
    }

    /// The client has worked on a message.
    pub(super) fn confirm(&mut self, number: u64, subscribers: u32) {
        let is_it = |ack: &&mut Ack| ack.number == number;
        if let Some(ack) = self.waiting.iter_mut().find(is_it) {
            ack.what = What::Message(Some(subscribers));
        }
    }

    /// Takes the next acknowledgement that may be sent now.
    pub(super) fn pop(
        &mut self,
        counter: &mut Counter,
        sign: impl FnOnce(&Signed<'_>) -> Option<Authorization>,
    ) -> Option<FromSubscriber> {
        let is_due = |ack: &Ack| !matches!(ack.what, What::Message(None));
        self.waiting.front().filter(|ack| is_due(ack))?;
        let Ack {
            identifier, what, ..
        } = self.waiting.pop_front()?;
        let (url, tracing) = (counter.next_url(), Tracing::default());
        Some(match what {
            What::Part(part) => FromSubscriber::ContinueReceive {
                authorization: sign(&Signed::ContinueReceive {
                    identifier: &identifier,
                    part,
                    url: &url,
                }),
                identifier,
                part,
                tracing,
            },
            What::Message(subscribers) => {
                let subscribers = subscribers.unwrap_or_default();
                FromSubscriber::ConfirmReceive {
                    authorization: sign(&Signed::ConfirmReceive {
                        identifier: &identifier,
                        subscribers,
                        url: &url,
                    }),
                    identifier,
                    subscribers,
                    tracing,
                }
            }
        })
    }
}
