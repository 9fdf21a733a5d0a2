//! Turns of WebSockets: how many requests with what clients have said may be under way to the
//! application, and whose is next.
//!
//! One client that opens many WebSockets on a slow handler would otherwise have all the places, and
//! everybody else would wait behind its line.

mod client;
mod queue;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

pub(crate) use self::client::Client;
use self::queue::FairQueue;

/// The places for turns, and those who wait for one.
#[derive(Debug)]
pub(crate) struct Turns {
    queue: Mutex<FairQueue<Client, oneshot::Sender<Place>>>,
}

/// A place for a turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    /// Taken where it has been given back already.
    turns: Option<Arc<Turns>>,
    client: Client,
}

impl Turns {
    /// `limit` turns at a time, of which one client has up to `limit_each`.
    pub(crate) fn new(limit: usize, limit_each: usize) -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::new(FairQueue::new(limit, limit_each)),
        })
    }

    /// Waits for a place. Cancel safe: whoever no longer waits is passed over.
    ///
    /// `None` is never seen, as whoever waits is either given a place or dropped.
    pub(crate) async fn place(self: &Arc<Self>, client: Client) -> Option<Place> {
        if self.queue().take(&client) {
            return Some(Place {
                turns: Some(Arc::clone(self)),
                client,
            });
        }
        let (sender, place) = oneshot::channel();
        self.queue().push(client, sender);
        self.hand_out();
        place.await.ok()
    }

    fn hand_out(self: &Arc<Self>) {
        loop {
            let Some((client, sender)) = self.queue().next() else {
                return;
            };
            let place = Place {
                turns: Some(Arc::clone(self)),
                client,
            };
            if let Err(mut place) = sender.send(place) {
                // Given back here and not by its drop, which would hand out again, one call deeper
                // for each that no longer waits.
                place.turns = None;
                self.queue().give_back(&client);
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, FairQueue<Client, oneshot::Sender<Place>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(turns) = self.turns.take() {
            turns.queue().give_back(&self.client);
            turns.hand_out();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, net::Ipv4Addr, pin::pin, task::Poll};

    use super::*;

    const ONE: Client = Client::V4(Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: Client = Client::V4(Ipv4Addr::new(192, 0, 2, 2));

    async fn is_ready<F: Future>(future: F) -> Result<F::Output, ()> {
        let mut future = pin!(future);
        std::future::poll_fn(|cx| {
            Poll::Ready(match future.as_mut().poll(cx) {
                Poll::Ready(output) => Ok(output),
                Poll::Pending => Err(()),
            })
        })
        .await
    }

    #[tokio::test]
    async fn whoever_no_longer_waits_is_passed_over() {
        let turns = Turns::new(1, 1);
        let place = turns.place(ONE).await;
        // As many as would not fit on a stack, were they passed over one call deeper each.
        for _ in 0..200_000 {
            assert!(is_ready(turns.place(ONE)).await.is_err());
        }
        let mut waits = pin!(turns.place(ONE));
        assert!(is_ready(waits.as_mut()).await.is_err());
        drop(place);
        assert!(is_ready(waits.as_mut()).await.is_ok());
        assert!(is_ready(turns.place(OTHER)).await.is_ok());
    }

    #[tokio::test]
    async fn a_place_that_comes_when_nobody_waits_any_more_goes_to_the_next() {
        let turns = Turns::new(1, 1);
        let place = turns.place(ONE).await;
        let mut first = Box::pin(turns.place(ONE));
        assert!(is_ready(first.as_mut()).await.is_err());
        let mut second = pin!(turns.place(OTHER));
        assert!(is_ready(second.as_mut()).await.is_err());
        drop(place);
        // It has its place by now, and goes without having looked.
        drop(first);
        assert!(is_ready(second.as_mut()).await.is_ok());
    }
}
