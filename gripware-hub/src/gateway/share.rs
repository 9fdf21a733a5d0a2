//! What one client address may have in progress at the origin, so that no client takes all of the
//! origin's connections, or of the hub's descriptors, and leaves a 502 for everybody else.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use pin_project::pin_project;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    http::silence::BodySilence,
    origin::{BoxError, OriginError},
};

/// How long a request waits in line for another one of its address to end. Page loads with many
/// requests behind one address get through; what waits longer is told to come again, which is
/// better than a queue that grows.
const LINE_TIMEOUT: Duration = Duration::from_secs(10);

/// The shares of all addresses that are connected.
#[derive(Debug)]
pub(super) struct Shares {
    limit: usize,
    by_address: Mutex<HashMap<IpAddr, Weak<Share>>>,
}

/// The share of one address, until its last connection and request have ended.
#[derive(Debug)]
pub(super) struct Share {
    address: IpAddr,
    all: Arc<Shares>,
    permits: Arc<Semaphore>,
}

/// One request in progress.
#[derive(Debug)]
pub(super) struct InProgress {
    _permit: OwnedSemaphorePermit,
    /// A share that is forgotten too early would be had twice.
    _share: Arc<Share>,
}

impl Shares {
    /// `limit` is how many requests each address may have in progress.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit: limit.min(Semaphore::MAX_PERMITS),
            by_address: Mutex::default(),
        })
    }

    pub(super) fn of(self: &Arc<Self>, address: IpAddr) -> Arc<Share> {
        let address = network(address);
        let mut by_address = self.lock();
        if let Some(share) = by_address.get(&address).and_then(Weak::upgrade) {
            return share;
        }
        let share = Arc::new(Share {
            address,
            all: Arc::clone(self),
            permits: Arc::new(Semaphore::new(self.limit)),
        });
        by_address.insert(address, Arc::downgrade(&share));
        share
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Weak<Share>>> {
        self.by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// An address has too many requests in progress, and has waited in vain.
#[derive(Debug)]
pub(super) struct Busy;

/// Waits until one more request of a client may be in progress. A client without an address has no
/// share, and no limit.
///
/// Safe to cancel: whoever no longer waits has left the line.
pub(super) async fn enter(share: Option<Arc<Share>>) -> Result<Option<InProgress>, Busy> {
    let Some(share) = share else {
        return Ok(None);
    };
    let permits = Arc::clone(&share.permits);
    let permit = match Arc::clone(&permits).try_acquire_owned() {
        Ok(permit) => permit,
        // In a box, since the future of each request would have room for it.
        Err(_) => match Box::pin(timeout(LINE_TIMEOUT, permits.acquire_owned())).await {
            Ok(Ok(permit)) => permit,
            // Nobody closes it.
            Ok(Err(_)) | Err(_) => return Err(Busy),
        },
    };
    Ok(Some(InProgress {
        _permit: permit,
        _share: share,
    }))
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut by_address = self.all.lock();
        // Another one may have been made meanwhile.
        if by_address
            .get(&self.address)
            .is_some_and(|share| share.strong_count() == 0)
        {
            by_address.remove(&self.address);
        }
    }
}

/// Whom an address counts as: a subscriber of IPv6 is given 2^64 of them, and an IPv4 client of an
/// IPv6 listener is one of IPv4.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(prefix).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// The body of an origin's answer, which is in progress until it has ended or is dropped.
#[pin_project]
pub(super) struct Counted<B> {
    #[pin]
    body: B,
    in_progress: Option<InProgress>,
    silence: BodySilence,
}

impl<B> Counted<B> {
    /// `silence` is how long nothing may come of it; zero is no limit.
    pub(super) fn new(body: B, in_progress: Option<InProgress>, silence: Duration) -> Self {
        Self {
            body,
            in_progress,
            silence: BodySilence::new(silence),
        }
    }
}

impl<B> http_body::Body for Counted<B>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        let read = this.body.poll_frame(cx);
        let frame = match ready!(this.silence.check(cx, read)) {
            Ok(frame) => frame,
            Err(silent) => return Poll::Ready(Some(Err(OriginError::from(silent).into()))),
        };
        if frame.is_none() {
            *this.in_progress = None;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn enter_from(
        shares: &Arc<Shares>,
        from: &str,
    ) -> impl Future<Output = Result<Option<InProgress>, Busy>> + use<> {
        enter(Some(shares.of(address(from))))
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_waits_for_itself_alone_and_not_for_ever() {
        let shares = Shares::new(2);
        let one = enter_from(&shares, "10.0.0.1").await.unwrap();
        let _other = enter_from(&shares, "::ffff:10.0.0.1").await.unwrap();
        assert!(enter_from(&shares, "10.0.0.1").await.is_err());
        assert!(enter_from(&shares, "10.0.0.2").await.is_ok());
        let waiting = tokio::spawn(enter_from(&shares, "10.0.0.1"));
        tokio::task::yield_now().await;
        drop(one);
        assert!(waiting.await.unwrap().is_ok());
        assert!(enter(None).await.unwrap().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_of_ipv6_is_its_network() {
        let shares = Shares::new(1);
        let _one = enter_from(&shares, "2001:db8::1").await.unwrap();
        assert!(enter_from(&shares, "2001:db8::ffff:1").await.is_err());
        assert!(enter_from(&shares, "2001:db8:0:1::1").await.is_ok());
    }

    #[tokio::test]
    async fn nothing_is_kept_of_an_address_that_has_left() {
        let shares = Shares::new(1);
        let share = shares.of(address("10.0.0.1"));
        let in_progress = enter(Some(Arc::clone(&share))).await;
        drop(share);
        // The request counts on.
        let share = shares.of(address("10.0.0.1"));
        assert_eq!(share.permits.available_permits(), 0);
        drop((share, in_progress));
        assert!(shares.lock().is_empty());
    }
}
