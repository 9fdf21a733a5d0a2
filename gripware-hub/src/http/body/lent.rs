//! A body that can be taken back, for another origin, as long as nothing was read of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Body;

/// A body that is lent to a request.
#[derive(Debug)]
pub(crate) struct Lent {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) body: Body,
    pub(super) is_read: bool,
}

impl Lent {
    /// Returns a body for a request, and the way to get it back.
    pub(crate) fn of(body: Body) -> (Body, Self) {
        let is_read = false;
        let shared = Arc::new(Mutex::new(Shared { body, is_read }));
        let lent = Self {
            shared: Arc::clone(&shared),
        };
        (Body::lent(lent), Self { shared })
    }

    /// Takes the body back; `None` if some of it was read, or the request is still there.
    pub(crate) fn take(self) -> Option<Body> {
        let shared = Arc::into_inner(self.shared)?;
        let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        (!shared.is_read).then_some(shared.body)
    }

    pub(super) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_body_comes_back_as_long_as_nobody_has_read_of_it() {
        let (lent, back) = Lent::of(Body::whole(Bytes::from("body")));
        drop(lent);
        let (lent, back) = Lent::of(back.take().unwrap());
        assert_eq!(lent.collect().await.unwrap().to_bytes(), "body");
        assert!(back.take().is_none());

        let (_lent, back) = Lent::of(Body::whole(Bytes::new()));
        assert!(back.take().is_none());
    }
}
