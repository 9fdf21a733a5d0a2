//! A turn after the answer, where the proxy makes none by itself.

use std::{
    collections::HashSet,
    error::Error,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::Semaphore,
    time::{sleep, timeout},
};

use crate::{History, Task};

/// How long after a handler has subscribed the proxy is asked for the first time. It is doubled with
/// each time that the proxy does not know the connection yet, so that an answer may take 6 s.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

const ATTEMPTS: u32 = 7;

/// How long after the proxy has taken it once it is asked once more: the first turn may have overtaken
/// the subscription within the proxy.
const SECOND_PAUSE: Duration = Duration::from_secs(1);

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most calls at a time: each may be a connection to the proxy.
const MAX_CALLS: usize = 64;

/// The most WebSockets that wait for their turns. Those beyond it are left to the proxy's next poll.
const MAX_WAITING: usize = 10_000;

type Failure = Box<dyn Error + Send + Sync>;
type Refresh = dyn Fn(String) -> Task<'static, Result<(), Failure>> + Send + Sync;

/// Asks the proxy for turns of WebSockets that have subscribed.
#[derive(Clone)]
pub(crate) struct Refresher(Arc<Inner>);

struct Inner {
    refresh: Box<Refresh>,
    calls: Semaphore,
    waiting: Arc<Semaphore>,
    /// The connections whose first call is yet to come, which serves all that they subscribe to
    /// meanwhile.
    due: Mutex<HashSet<String>>,
}

impl History {
    /// Has the proxy make a turn without events after a WebSocket has
    /// [subscribed](super::SocketResume::subscribe), in which
    /// [`catch_up`](super::SocketResume::catch_up) sends what was published before the subscription
    /// took effect, and the next of several pages. `refresh` gets the `Connection-Id`.
    ///
    /// It is for Pushpin and Fastly Fanout; a hub makes that turn by itself. With Pushpin 1.36 it is
    /// `CommandSocket::refresh_connection` of `gripware-publish`. Later versions take
    /// `WsMessage::refresh()`, published to a channel that the connection alone has subscribed to.
    ///
    /// The turn comes 50 ms after the handler has subscribed, or later where the answer takes longer
    /// than that, and once more a second later. While `refresh` fails it is tried again, for 6 s; up
    /// to 10 000 connections wait for it at a time. Whoever is left out is served by the proxy's
    /// next poll.
    ///
    /// ```
    /// use gripware_state::State;
    ///
    /// let history = State::memory().history().refreshing(|connection| async move {
    ///     // commands.refresh_connection(&connection).await?;
    /// #   drop(connection);
    ///     Ok(())
    /// });
    /// # let _ = history;
    /// ```
    #[must_use]
    pub fn refreshing<F, T>(mut self, refresh: F) -> Self
    where
        F: Fn(String) -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        self.refresher = Some(Refresher(Arc::new(Inner {
            refresh: Box::new(move |connection| Box::pin(refresh(connection))),
            calls: Semaphore::new(MAX_CALLS),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            due: Mutex::default(),
        })));
        self
    }
}

impl History {
    /// Asks for the turns that [`refreshing`](Self::refreshing) tells of, for a WebSocket that has
    /// subscribed without [`SocketResume`](super::SocketResume), by its `Connection-Id`. Returns at
    /// once, and does nothing where it was not set how to ask. It has to be called in a tokio runtime.
    pub fn refresh_soon(&self, connection: &str) {
        if let Some(refresher) = &self.refresher {
            refresher.ask(connection);
        }
    }
}

impl Refresher {
    /// Asks for turns of a connection, without waiting for them.
    pub(super) fn ask(&self, connection: &str) {
        let Self(inner) = self;
        let place = Arc::clone(&inner.waiting).try_acquire_owned();
        let (Ok(place), Ok(runtime)) = (place, Handle::try_current()) else {
            return log(&"too many wait for one, or there is no runtime");
        };
        if !inner.due().insert(connection.to_owned()) {
            return;
        }
        let (inner, connection) = (Arc::clone(inner), connection.to_owned());
        runtime.spawn(async move {
            inner.turns(connection).await;
            drop(place);
        });
    }
}

impl Inner {
    async fn turns(&self, connection: String) {
        sleep(FIRST_PAUSE).await;
        self.due().remove(&connection);
        for attempt in 1..=ATTEMPTS {
            match self.call(&connection).await {
                Ok(()) => break,
                // It has left, or the proxy is away.
                Err(error) if attempt == ATTEMPTS => {
                    return log(&gripware_core::ErrorChain(&*error));
                }
                Err(_) => sleep(FIRST_PAUSE * 2_u32.pow(attempt)).await,
            }
        }
        sleep(SECOND_PAUSE).await;
        if let Err(error) = self.call(&connection).await {
            log(&gripware_core::ErrorChain(&*error));
        }
    }

    async fn call(&self, connection: &str) -> Result<(), Failure> {
        // It is never closed.
        let _call = self.calls.acquire().await?;
        timeout(PATIENCE, (self.refresh)(connection.to_owned())).await?
    }

    fn due(&self) -> MutexGuard<'_, HashSet<String>> {
        // Nothing panics while it is locked.
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Refresher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refresher")
    }
}

/// Says why a connection gets no turn.
fn log(reason: &dyn fmt::Display) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: "gripware", "a WebSocket gets no turn after it has subscribed: {reason}");
    #[cfg(not(feature = "tracing"))]
    let _ = reason;
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::State;

    /// When it was called, in milliseconds, and for whom.
    type Calls = Mutex<Vec<(u128, String)>>;

    /// A refresher that refuses so many calls.
    fn refresher(refused: usize) -> (Refresher, Arc<Calls>) {
        let (begin, calls) = (Instant::now(), Arc::new(Calls::default()));
        let heard = Arc::clone(&calls);
        let history = State::memory().history().refreshing(move |connection| {
            let mut calls = heard.lock().unwrap();
            calls.push((begin.elapsed().as_millis(), connection));
            let is_taken = calls.len() > refused;
            async move { is_taken.then_some(()).ok_or_else(|| "not found".into()) }
        });
        (history.refresher.unwrap(), calls)
    }

    fn times(calls: &Calls, of: &str) -> Vec<u128> {
        let calls = calls.lock().unwrap();
        let of_one = calls.iter().filter(|(_, connection)| connection == of);
        of_one.map(|(time, _)| *time).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_gets_one_turn_for_all_that_it_subscribes_to_and_one_to_be_sure() {
        let (refresher, calls) = refresher(0);
        refresher.ask("a");
        refresher.ask("a");
        refresher.ask("b");
        sleep(Duration::from_secs(60)).await;
        assert_eq!(times(&calls, "a"), [50, 1050]);
        assert_eq!(times(&calls, "b"), [50, 1050]);
        refresher.ask("a");
        sleep(Duration::from_secs(60)).await;
        assert_eq!(times(&calls, "a").len(), 4);
        assert!(refresher.0.due().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_proxy_does_not_know_the_connection_it_is_asked_again() {
        let (refresher, calls) = refresher(3);
        refresher.ask("a");
        sleep(Duration::from_secs(60)).await;
        assert_eq!(times(&calls, "a"), [50, 150, 350, 750, 1750]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_left_is_asked_for_no_longer_than_an_answer_takes() {
        let (refresher, calls) = refresher(usize::MAX);
        refresher.ask("a");
        sleep(Duration::from_secs(600)).await;
        assert_eq!(times(&calls, "a"), [50, 150, 350, 750, 1550, 3150, 6350]);
        assert_eq!(refresher.0.waiting.available_permits(), MAX_WAITING);
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_a_bound_are_left_out() {
        let (refresher, calls) = refresher(0);
        for number in 0..MAX_WAITING + 5 {
            refresher.ask(&number.to_string());
        }
        sleep(Duration::from_secs(60)).await;
        assert_eq!(calls.lock().unwrap().len(), 2 * MAX_WAITING);
    }
}
