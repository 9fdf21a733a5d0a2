//! Fetching next links (GRIP 1.8).

use std::{
    collections::{HashMap, hash_map::Entry},
    rc::Rc,
    time::Duration,
};

use bytes::Bytes;
use gripware_core::header::GRIP_LAST;
use http::{HeaderValue, Request, Response, Uri};
use tokio::{task::spawn_local, time::sleep};

use super::{Shard, connection::Connection};
use crate::{
    origin::{OriginClient, OriginError},
    session::{Input, OriginFailure},
};

/// How often a next link that could not be fetched is tried again.
const RETRIES: u32 = 5;

/// The most bytes that the answer to a next link has. A handler with more to say names a next link
/// again.
pub(super) const MAX_PAGE: usize = 1_000_000;

/// Requests for next links that are to be sent, and who waits for each.
///
/// One answer serves several clients only where the request is the same to the last byte: address,
/// query and last ids. It has none of the clients' headers. Nobody joins a request that is under
/// way: its answer may have been made before there was what he wants to hear of.
#[derive(Debug, Default)]
pub(super) struct Fetches(HashMap<FetchKey, Vec<Rc<Connection>>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct FetchKey {
    origin: usize,
    uri: Uri,
    host: Option<HeaderValue>,
    last: Vec<HeaderValue>,
}

#[cfg(any(test, fuzzing))]
impl Fetches {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Shard {
    /// Fetches a next link for a connection, or waits for the answer to one that is the same.
    pub(super) fn fetch(self: &Rc<Self>, connection: &Rc<Connection>, request: Request<Bytes>) {
        let origin_client = connection.with(|state| state.origin_client.clone());
        let headers = request.headers();
        let mut last: Vec<_> = headers.get_all(GRIP_LAST).iter().cloned().collect();
        last.sort_unstable();
        let key = FetchKey {
            origin: origin_client.identity(),
            uri: request.uri().clone(),
            host: headers.get(http::header::HOST).cloned(),
            last,
        };
        let connection = Rc::clone(connection);
        match self.fetches.borrow_mut().0.entry(key.clone()) {
            Entry::Occupied(mut waiting) => {
                waiting.get_mut().push(connection);
                return;
            }
            Entry::Vacant(entry) => {
                entry.insert(vec![connection]);
            }
        }
        let shard = Rc::clone(self);
        spawn_local(async move {
            let waiting = shard.fetches.borrow_mut().0.remove(&key);
            let page = shard.fetch_page(&origin_client, request).await;
            for connection in waiting.unwrap_or_default() {
                let page = page.as_ref().ok_or(OriginFailure::Failed);
                shard.isolate(&connection, || {
                    shard.input(&connection, Input::Answer(page));
                });
            }
        });
    }

    async fn fetch_page(
        &self,
        origin_client: &OriginClient,
        request: Request<Bytes>,
    ) -> Option<Response<Bytes>> {
        let metrics = &self.shared.metrics;
        let mut attempt = 0;
        loop {
            metrics.asks.add(1);
            let why = match origin_client.ask(request.clone(), MAX_PAGE).await {
                Ok(page) if page.status().is_success() => return Some(page),
                Ok(page) => format!("it is answered with {}", page.status()),
                Err(error) => {
                    if matches!(error, OriginError::TooLarge { .. } | OriginError::Ended) {
                        attempt = RETRIES;
                    }
                    error.to_string()
                }
            };
            metrics.asks_failed.add(1);
            // Without the query, which may have a token.
            let path = request.uri().path();
            tracing::warn!(target: crate::log::TARGET, path, attempt, "a next link was not fetched: {why}");
            if attempt >= RETRIES || self.is_draining.get() {
                return None;
            }
            sleep(Duration::from_secs(1 << attempt) + jitter()).await;
            attempt += 1;
        }
    }
}

/// A random time up to a second, so that those who failed together do not come back together.
pub(super) fn jitter() -> Duration {
    let mut byte = [0];
    // Without randomness they do.
    let _ = getrandom::fill(&mut byte);
    Duration::from_millis(u64::from(byte[0]) * 1000 / 256)
}
