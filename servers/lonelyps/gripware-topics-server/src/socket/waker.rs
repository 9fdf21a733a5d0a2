//! How the proxy is told to make a turn for connections.

use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc};

use gripware_axum::{Publisher, WsMessage};
use gripware_core::ErrorChain;
use tokio::{sync::Semaphore, task::JoinSet};

type Failure = Box<dyn Error + Send + Sync>;

type Asking = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// Most connections that are asked for by calls at a time: each of Pushpin's commands is a connection
/// of its own.
const CALLS: usize = 16;

/// How the proxy is told.
#[derive(Clone)]
pub(crate) enum Waker {
    /// By the publisher: a proxy in this process is told of all connections at once, and another one by
    /// an item for the channel of each.
    Items(Publisher),
    /// By a call for each, with its `Connection-Id`.
    Calls(Arc<dyn Fn(String) -> Asking + Send + Sync>),
}

impl Waker {
    pub(crate) fn calling<F, T>(refresh: F) -> Self
    where
        F: Fn(String) -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        Self::Calls(Arc::new(move |id| Box::pin(refresh(id))))
    }

    /// Makes turns for connections. Returns those that it failed for.
    pub(super) async fn wake(&self, ids: Vec<Arc<str>>) -> Vec<Arc<str>> {
        match self {
            Self::Items(publisher) => {
                // A proxy in this process finds them by themselves.
                if publisher.refresh(ids.iter().map(|id| &**id)) {
                    return Vec::new();
                }
                let items = ids.iter().map(|id| (channel(id), WsMessage::refresh()));
                match publisher.publish_all(items).await {
                    Ok(()) => Vec::new(),
                    Err(error) => {
                        warn(&error);
                        ids
                    }
                }
            }
            Self::Calls(call) => {
                let room = Arc::new(Semaphore::new(CALLS));
                let mut calls = JoinSet::new();
                for id in ids {
                    let (call, room) = (Arc::clone(call), Arc::clone(&room));
                    calls.spawn(async move {
                        let _permit = room.acquire().await;
                        let called = call(id.as_ref().to_owned()).await;
                        called.err().map(|error| {
                            warn(&*error);
                            id
                        })
                    });
                }
                calls.join_all().await.into_iter().flatten().collect()
            }
        }
    }
}

/// The channel that a connection alone is subscribed to.
pub(super) fn channel(id: &str) -> String {
    ["topics-", id].concat()
}

fn warn(error: &(dyn Error + 'static)) {
    let error = ErrorChain(error);
    tracing::warn!(%error, "connections are not woken, and wait for a poll");
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Items(_) => "Items",
            Self::Calls(_) => "Calls",
        })
    }
}
