//! The timer of an HTTP/1.x connection, which is armed once and not for each request.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::rt::{Sleep, Timer};
use tokio::time::{self, Instant};

/// What hyper times the head of a request with.
///
/// hyper asks for a deadline before each head and drops it when the head is there. A timer of tokio's
/// would be entered into the runtime's wheel and taken out of it as often, under a lock. Here one is
/// left where it is when the deadline moves away, and when it fires it is set to the deadline of that
/// moment: once in each period, whatever number of requests comes.
#[derive(Debug, Default)]
pub(super) struct LazyTimer {
    armed: Arc<Mutex<Option<Pin<Box<time::Sleep>>>>>,
}

/// One deadline of a connection.
#[derive(Debug)]
struct Deadline {
    at: Instant,
    armed: Arc<Mutex<Option<Pin<Box<time::Sleep>>>>>,
}

impl Timer for LazyTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Deadline {
            at: deadline.into(),
            armed: Arc::clone(&self.armed),
        })
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into()
    }
}

impl Future for Deadline {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        let sleep = armed.get_or_insert_with(|| Box::pin(time::sleep_until(self.at)));
        if sleep.deadline() > self.at {
            sleep.as_mut().reset(self.at);
        }
        ready!(sleep.as_mut().poll(cx));
        while sleep.deadline() < self.at {
            sleep.as_mut().reset(self.at);
            ready!(sleep.as_mut().poll(cx));
        }
        Poll::Ready(())
    }
}

impl Sleep for Deadline {}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn each_deadline_is_kept_although_the_timer_was_armed_for_an_earlier_one() {
        let timer = LazyTimer::default();
        let start = Instant::now();
        for request in 1..=10_u32 {
            let mut head = timer.sleep(LIMIT);
            let came = time::timeout(LIMIT / 4, head.as_mut()).await;
            assert!(came.is_err(), "{request}");
        }
        assert_eq!(start.elapsed(), LIMIT * 10 / 4);
        timer.sleep(LIMIT).await;
        assert_eq!(start.elapsed(), LIMIT * 10 / 4 + LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_deadline_than_the_one_before_is_kept_too() {
        let timer = LazyTimer::default();
        let start = Instant::now();
        let mut long = timer.sleep(LIMIT);
        assert!(time::timeout(LIMIT / 4, long.as_mut()).await.is_err());
        timer.sleep(LIMIT / 4).await;
        assert_eq!(start.elapsed(), LIMIT / 2);
        long.await;
        assert_eq!(start.elapsed(), LIMIT);
    }
}
