//! An application that has gone silent in the middle of a plain request.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use thiserror::Error;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// Nothing came of the application for as long as it may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the origin was silent for {limit:?}")]
pub(crate) struct Silent {
    pub(crate) limit: Duration,
}

/// How long an application may be silent while a plain request is in progress: no head of an answer
/// comes, and nothing more is read of the request.
///
/// The time that a client takes to send its request is not the application's, however long it is.
#[derive(Debug)]
pub(crate) struct Silence {
    limit: Duration,
    /// Since when it is the application's turn; `None` while the client's request is waited for.
    since: Mutex<Option<Instant>>,
}

impl Silence {
    /// Returns `None` if there is no limit, which is zero.
    pub(crate) fn new(limit: Duration) -> Option<Arc<Self>> {
        (!limit.is_zero()).then(|| {
            Arc::new(Self {
                limit,
                since: Mutex::new(Some(Instant::now())),
            })
        })
    }

    /// The application has read, or could read, what there is of the request.
    pub(crate) fn is_its_turn(&self) {
        self.set(Some(Instant::now()));
    }

    /// It waits for the client.
    pub(crate) fn awaits_client(&self) {
        self.set(None);
    }

    /// Waits for an answer, and no longer than the application may be silent.
    pub(crate) async fn within<T, E: From<Silent>>(
        silence: Option<&Self>,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let Some(silence) = silence else {
            return answer.await;
        };
        tokio::select! {
            answer = answer => answer,
            () = silence.is_over() => Err(Silent { limit: silence.limit }.into()),
        }
    }

    async fn is_over(&self) {
        loop {
            match self.deadline() {
                Some(deadline) if deadline <= Instant::now() => return,
                Some(deadline) => sleep_until(deadline).await,
                // No turn that begins meanwhile can be over before.
                None => sleep(self.limit).await,
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.map(|since| since + self.limit)
    }

    fn set(&self, since: Option<Instant>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// The same for the body of an answer: how long it may be asked for more in vain.
#[derive(Debug)]
pub(crate) struct BodySilence {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl BodySilence {
    /// Zero is no limit.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, timer: None }
    }

    /// Takes what was read of the body; the error is that nothing has come for too long.
    pub(crate) fn check<T>(
        &mut self,
        cx: &mut Context<'_>,
        read: Poll<T>,
    ) -> Poll<Result<T, Silent>> {
        let limit = self.limit;
        match read {
            Poll::Ready(read) => {
                self.timer = None;
                Poll::Ready(Ok(read))
            }
            Poll::Pending if limit.is_zero() => Poll::Pending,
            Poll::Pending => {
                let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
                timer.as_mut().poll(cx).map(|()| Err(Silent { limit }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn an_application_is_silent_from_its_last_turn_on() {
        let silence = Silence::new(LIMIT).unwrap();
        let start = Instant::now();
        let upload = async {
            for _ in 0..70 {
                silence.awaits_client();
                sleep(Duration::from_secs(1)).await;
                silence.is_its_turn();
            }
            pending::<()>().await;
        };
        tokio::select! {
            () = silence.is_over() => {}
            () = upload => {}
        }
        assert_eq!(start.elapsed(), Duration::from_secs(70) + LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_may_take_its_time() {
        let silence = Silence::new(LIMIT).unwrap();
        silence.awaits_client();
        let answer = async {
            sleep(100 * LIMIT).await;
            Ok::<_, Silent>(())
        };
        assert!(Silence::within(Some(&silence), answer).await.is_ok());
        assert!(Silence::new(Duration::ZERO).is_none());
    }
}
