//! Looking after connections: those whose end was never told of, and those that others have to know of.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use gripware_core::ErrorChain;
use gripware_topics::Pattern;
use tokio::time::sleep;

use super::{POLL, Socket, Sockets};
use crate::clock::now;

/// After how many seconds without a turn a connection is forgotten: the proxy has gone without a
/// word, or it would have asked three times.
const FORGET: u64 = 4 * POLL.as_secs();

/// How often it is looked whether other broadcasters still know what the connections want.
const RECONCILE: Duration = Duration::from_secs(10);

/// Looks after connections until nobody has them any more: forgets those whose end was never told of,
/// and sees to it that other broadcasters know what they want.
pub(crate) fn look_after(sockets: &Arc<Sockets>) {
    spawn_every(POLL, sockets, |sockets| async move { sockets.sweep() });
    if sockets.peer.is_some() {
        spawn_every(RECONCILE, sockets, |sockets| async move {
            sockets.reconcile().await;
        });
    }
}

fn spawn_every<F>(
    period: Duration,
    sockets: &Arc<Sockets>,
    work: impl Fn(Arc<Sockets>) -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send,
{
    let sockets = Arc::downgrade(sockets);
    tokio::spawn(async move {
        loop {
            sleep(period).await;
            match sockets.upgrade() {
                Some(sockets) => work(sockets).await,
                None => return,
            }
        }
    });
}

impl Sockets {
    /// Looks whether other broadcasters, where there are any, still know what the connections want. Where
    /// they did not, messages were missed.
    async fn reconcile(&self) {
        let Some(peer) = &self.peer else {
            return;
        };
        let reconciled = peer.reconcile(|pattern| self.read().index.has(pattern));
        let lost = match reconciled.await {
            Ok(lost) => lost,
            Err(error) => {
                let error = ErrorChain(&error);
                tracing::warn!(%error, "other broadcasters may not know what connections want");
                return;
            }
        };
        if lost.is_empty() {
            return;
        }
        let count = lost.len();
        tracing::warn!(
            count,
            "other broadcasters did not know of patterns, and do now"
        );
        let is_glob = |pattern: &Pattern| matches!(pattern, Pattern::Glob(_));
        let (globs, topics): (Vec<_>, Vec<_>) = lost.into_iter().partition(is_glob);
        // Those that end need not be told of topics.
        for glob in &globs {
            self.lose(glob).await;
        }
        for topic in &topics {
            if let Pattern::Exact(topic) = topic {
                self.note_missed(topic).await;
            }
        }
    }

    /// Ends the connections that are subscribed to a pattern of which messages were missed.
    async fn lose(&self, pattern: &Pattern) {
        let sockets: Vec<_> = {
            let inner = self.read();
            let ids = inner.index.subscribers(pattern).into_iter();
            ids.filter_map(|id| inner.sockets.get(&id).cloned())
                .collect()
        };
        for socket in &sockets {
            socket.outbox().lose();
        }
        self.wake(&sockets).await;
    }

    /// Forgets connections that have had no turn for long.
    fn sweep(self: &Arc<Self>) {
        let before = now().saturating_sub(FORGET);
        let is_silent = |socket: &&Arc<Socket>| socket.heard.load(Ordering::Relaxed) < before;
        let silent: Vec<_> = {
            let inner = self.read();
            let silent = inner.sockets.values().filter(is_silent);
            silent.map(|socket| Arc::clone(&socket.id)).collect()
        };
        for id in &silent {
            self.close(id);
        }
        if !silent.is_empty() {
            let count = silent.len();
            tracing::warn!(count, "connections ended without a word of the proxy");
        }
    }
}
