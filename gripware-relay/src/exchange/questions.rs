//! What nodes ask each other, and what they answer.

use std::{collections::HashSet, fmt, time::Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::Exchange;
use crate::{Answers, Envelope, Kind, Lane, NodeId, Question};

/// The most questions of this node that wait for answers, and the most questions and answers that
/// wait to be sent. Each is somebody's call that waits half a second.
const MAX_SIGNALS: usize = 1024;

/// Whether an answer makes the others unnecessary.
pub(crate) type Enough = Box<dyn Fn(&[u8]) -> bool + Send>;

/// A question of this node.
pub(super) struct Asked {
    missing: HashSet<NodeId>,
    answers: Answers,
    is_enough: Enough,
    done: Option<oneshot::Sender<()>>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("missing", &self.missing)
            .field("answers", &self.answers)
            .finish_non_exhaustive()
    }
}

impl Exchange {
    /// Asks every other node that lives. The receiver is told when all have answered, or one has
    /// answered enough; none where there is nobody to ask, the question is larger than `limit`, or
    /// there is too much to send already.
    pub(crate) fn ask(
        &mut self,
        body: &Bytes,
        limit: usize,
        is_enough: Enough,
        now: Instant,
    ) -> Option<(u64, oneshot::Receiver<()>)> {
        let nodes: HashSet<NodeId> = self.nodes(now).cloned().collect();
        let is_full =
            self.questions.len() >= MAX_SIGNALS || self.signals.len() + nodes.len() > MAX_SIGNALS;
        if nodes.is_empty() || is_full || self.is_closed {
            return None;
        }
        self.last_question += 1;
        let mut envelope = self.envelope(Kind::Ask, 0);
        envelope.id = Some(self.last_question.to_string());
        envelope.body = body.clone();
        let message = envelope.encode();
        if message.len() > limit {
            return None;
        }
        for node in &nodes {
            self.signals
                .push_back((Lane::Node(node.clone()), message.clone()));
        }
        let (done, receiver) = oneshot::channel();
        let asked = Asked {
            answers: Answers {
                asked: nodes.len(),
                ..Answers::default()
            },
            missing: nodes,
            is_enough,
            done: Some(done),
        };
        self.questions.insert(self.last_question, asked);
        Some((self.last_question, receiver))
    }

    /// What has been answered by now, after which answers are too late.
    pub(crate) fn answers(&mut self, question: u64) -> Answers {
        let asked = self.questions.remove(&question);
        asked.map(|asked| asked.answers).unwrap_or_default()
    }

    /// Answers, unless the answer is larger than `limit` or there is too much to send already.
    pub(crate) fn answer(&mut self, question: &Question, body: Bytes, limit: usize) {
        if self.signals.len() >= MAX_SIGNALS {
            return;
        }
        let mut envelope = self.envelope(Kind::Answer, 0);
        envelope.id = Some(question.number.clone());
        envelope.body = body;
        let message = envelope.encode();
        if message.len() <= limit {
            self.signals
                .push_back((Lane::Node(question.asker.clone()), message));
        }
    }

    pub(super) fn answered(&mut self, envelope: Envelope) {
        let number = envelope.id.and_then(|number| number.parse().ok());
        let Some(asked) = number.and_then(|number: u64| self.questions.get_mut(&number)) else {
            return;
        };
        let mut is_enough = false;
        if asked.missing.remove(&envelope.node) {
            is_enough = (asked.is_enough)(&envelope.body);
            asked.answers.answers.push((envelope.node, envelope.body));
        }
        if (is_enough || asked.missing.is_empty())
            && let Some(done) = asked.done.take()
        {
            let _ = done.send(());
        }
    }
}
