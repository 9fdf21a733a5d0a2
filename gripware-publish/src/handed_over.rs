//! What was handed over, until it is known what became of it.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::{
    PublishError,
    batch::Reply,
    endpoints::Queues,
    failure::{EndpointFailure, Failures},
    sink_handle::AwaitedConfirmation,
};

type Answered = oneshot::Receiver<Result<(), Arc<EndpointFailure>>>;

/// Items at the endpoints and sinks of a publisher, whose answers are awaited.
pub(crate) struct HandedOver {
    queues: Queues,
    sinks: usize,
    answers: Vec<(usize, Answered)>,
    confirmations: Vec<(usize, AwaitedConfirmation)>,
    failures: Failures,
}

impl HandedOver {
    pub(crate) fn new(queues: Queues, sinks: usize) -> Self {
        Self {
            queues,
            sinks,
            answers: Vec::new(),
            confirmations: Vec::new(),
            failures: Failures::default(),
        }
    }

    /// Returns how the queue at this place answers.
    pub(crate) fn reply(&mut self, index: usize) -> Reply {
        let (reply, answer) = oneshot::channel();
        self.answers.push((index, answer));
        reply
    }

    /// Notes where the answers of queues at these places come from.
    pub(crate) fn answers(&mut self, answers: Vec<(usize, Answered)>) {
        self.answers.extend(answers);
    }

    /// Notes what the sink at this place said.
    pub(crate) fn sink(
        &mut self,
        index: usize,
        delivered: Result<Option<AwaitedConfirmation>, EndpointFailure>,
    ) {
        let index = self.queues.len() + index;
        match delivered {
            Ok(confirmation) => self
                .confirmations
                .extend(confirmation.map(|it| (index, it))),
            Err(failure) => self.failures.add_one(index, &failure),
        }
    }

    /// Waits for all answers.
    pub(crate) async fn failures(mut self) -> Failures {
        for (index, answer) in self.answers {
            // An answer that never comes is that of a task which was dropped.
            let stopped = || {
                let queue = self.queues.get(index);
                queue.map_or(Ok(()), |queue| Err(queue.stopped()))
            };
            if let Err(failure) = answer.await.unwrap_or_else(|_| stopped()) {
                self.failures.add_one(index, &failure);
            }
        }
        for (index, confirmation) in self.confirmations {
            if let Err(failure) = confirmation.wait().await {
                self.failures.add_one(index, &failure);
            }
        }
        self.failures
    }

    /// Waits for all answers, and says what they come to.
    pub(crate) async fn outcome(self) -> Result<(), PublishError> {
        let of = self.queues.len() + self.sinks;
        PublishError::endpoints(self.failures().await.into_list(), of)
    }
}
