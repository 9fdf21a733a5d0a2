//! The application: whoever plays answers its requests, when he likes and as he likes.

use std::{
    collections::VecDeque,
    future::Future,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use gripware_core::header::{CONNECTION_ID, is_websocket_events};
use http::{Request, Response};
use tokio::sync::oneshot;

use crate::origin::OriginError;

/// The requests that wait for an answer, the oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin(Arc<Mutex<VecDeque<Asked>>>);

/// A request that is under way.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) what: Asks,
    pub(super) limit: usize,
    answer: oneshot::Sender<Result<Response<Bytes>, OriginError>>,
}

/// Who is asked for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// A response hold's own request once more, of a client by its number.
    Again(usize),
    /// A next link of one client.
    Next(usize),
    /// A next link that many may have.
    SharedNext,
    /// It is told that a client has gone.
    Gone(usize),
    /// A WebSocket's events, by its id.
    Events { id: String, body: Bytes },
}

impl Asks {
    fn of(request: Request<Bytes>) -> Self {
        let headers = request.headers();
        if is_websocket_events(headers) {
            let id = headers[CONNECTION_ID].to_str().unwrap().to_owned();
            return Self::Events {
                id,
                body: request.into_body(),
            };
        }
        let path = request.uri().path().to_owned();
        let number = || path.rsplit_once('/').unwrap().1.parse().unwrap();
        match path.split('/').nth(1).unwrap() {
            "again" => Self::Again(number()),
            "next" => Self::Next(number()),
            "shared" => Self::SharedNext,
            "gone" => Self::Gone(number()),
            _ => panic!("nobody named {path}"),
        }
    }
}

impl Asked {
    /// Answers. Where nobody waits any more it is of no use.
    pub(super) fn answer(self, answer: Result<Response<Bytes>, OriginError>) {
        let answer = answer.and_then(|answer| {
            if answer.body().len() > self.limit {
                return Err(OriginError::TooLarge { limit: self.limit });
            }
            Ok(answer)
        });
        let _ = self.answer.send(answer);
    }
}

impl Origin {
    /// Takes the requests whose answer nobody waits for any more.
    pub(super) fn given_up(&self) -> Vec<Asks> {
        let mut waiting = self.0.lock().unwrap();
        let given_up = waiting.iter().filter(|it| it.answer.is_closed());
        let given_up = given_up.map(|it| it.what.clone()).collect();
        waiting.retain(|it| !it.answer.is_closed());
        given_up
    }

    /// Takes one of the requests that wait.
    pub(super) fn next(&self, which: u8) -> Option<Asked> {
        let mut waiting = self.0.lock().unwrap();
        let index = usize::from(which).checked_rem(waiting.len())?;
        waiting.remove(index)
    }

    /// Whether nobody else can ask anything.
    pub(super) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl Origin {
    /// Lets a request wait until it is answered.
    pub(super) fn fetch(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> impl Future<Output = Result<Response<Bytes>, OriginError>> + use<> {
        let (answer, answered) = oneshot::channel();
        self.0.lock().unwrap().push_back(Asked {
            what: Asks::of(request),
            limit,
            answer,
        });
        async { answered.await.unwrap_or(Err(OriginError::Ended)) }
    }
}
