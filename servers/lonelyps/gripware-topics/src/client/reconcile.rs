//! What is said to broadcasters about subscriptions over HTTP, and whether they still mean the same.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use super::{Client, ClientError, Link, clock::now, send::Sender, subscribe::to_its_end};
use crate::{
    Address, Authorization, Pattern, Tracing,
    auth::Signed,
    http::{
        CHECK_SUBSCRIPTIONS, CheckSubscriptions, Reply, SET_SUBSCRIPTIONS, SetSubscriptions,
        Subscribe, Unsubscribe,
    },
};

/// How long after a message that nobody wants it is looked, and so the shortest time between two
/// looks. What is being taken back has been taken back by then.
const UNWANTED: Duration = Duration::from_secs(2);

/// Looks every so often, and soon after a message that nobody wants, until the client is gone.
pub(super) fn spawn(client: &Client, every: Duration) {
    let shared = Arc::downgrade(&client.0);
    let unwanted = Arc::clone(&client.0.unwanted);
    tokio::spawn(async move {
        loop {
            if timeout(every, unwanted.notified()).await.is_ok() {
                sleep(UNWANTED).await;
            }
            let Some(shared) = shared.upgrade() else {
                return;
            };
            // Where nobody can be reached now, it is looked again later.
            let _ = Client(shared).reconcile().await;
        }
    });
}

impl Client {
    /// Looks whether the broadcaster means the same subscriptions as this end, and sets them right
    /// where it does not: its store may have been lost. Whether it had to; subscriptions get
    /// [`Event::Missed`](super::Event::Missed) then.
    ///
    /// Over a WebSocket there is nothing to look at: what a broadcaster knows is that of the
    /// connection.
    ///
    /// Cancel safe: where it is dropped before it is done, it goes on in the background.
    ///
    /// # Errors
    /// Where no broadcaster has answered, or the client has no [`host`](super::ClientBuilder::host).
    pub async fn reconcile(&self) -> Result<bool, ClientError> {
        let Link::Http { here, .. } = &self.0.link else {
            return Ok(false);
        };
        if here.is_none() {
            return Err(ClientError::NoHost);
        }
        let (client, talking) = (self.clone(), self.talk().await);
        to_its_end(async move {
            let _talking = talking;
            client.set_right().await
        })
        .await
    }

    async fn set_right(&self) -> Result<bool, ClientError> {
        let Link::Http {
            sender,
            here: Some(here),
        } = &self.0.link
        else {
            return Ok(false);
        };
        let list = self.0.registry.list(Some(&here.recover));
        let etag = list.etag(&here.receive);
        let check = CheckSubscriptions {
            tracing: Tracing::default(),
            url: here.receive.clone(),
        };
        let url = here.receive.as_str();
        let signed = Signed::CheckSubscriptions { url };
        let reply = sender
            .send_bytes(CHECK_SUBSCRIPTIONS, &signed, &check.tracing, check.encode())
            .await?;
        let Reply::Check {
            authorization,
            tracing,
            etag: theirs,
        } = reply
        else {
            return Err(ClientError::Answer("it is one to something else".into()));
        };
        let signed = Signed::Checked { etag: &theirs };
        let authorization = authorization.as_ref().map(Authorization::as_str);
        let verifier = &self.0.to_subscriber;
        verifier.verify(authorization, &signed, &tracing, now())?;
        if theirs == etag {
            return Ok(false);
        }
        let set = SetSubscriptions::new(here.receive.clone(), list, Tracing::default());
        let signed = Signed::SetSubscriptions { url, etag: &etag };
        let reply = sender
            .send_bytes(SET_SUBSCRIPTIONS, &signed, &set.tracing, set.encode())
            .await;
        let done = reply.and_then(|reply| self.generic(reply, &Signed::Set { etag: &etag }));
        // Where it may have been done, the next look finds nothing to be set right.
        if done.as_ref().err().is_none_or(ClientError::is_ambiguous) {
            self.0.registry.note_missed(None);
        }
        done.map(|()| true)
    }

    pub(super) async fn post_subscribe(
        &self,
        sender: &Sender,
        url: &Address,
        recovery: Option<&Address>,
        pattern: &Pattern,
    ) -> Result<(), ClientError> {
        let subscribe = Subscribe {
            url: url.clone(),
            pattern: pattern.clone(),
            recovery: recovery.cloned(),
            tracing: Tracing::default(),
        };
        let (url, recovery) = (url.as_str(), recovery.map(Address::as_str));
        let signed = Signed::Subscribe {
            url,
            recovery,
            pattern,
        };
        let reply = sender.send_bytes(
            subscribe.path(),
            &signed,
            &subscribe.tracing,
            subscribe.encode(),
        );
        match reply.await {
            Ok(reply) => self.generic(
                reply,
                &Signed::ConfirmSubscribe {
                    url,
                    recovery,
                    pattern,
                },
            ),
            // It knows: of a process that was here before, or of a try whose answer was lost.
            Err(ClientError::Refused { status: 409, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn post_unsubscribe(
        &self,
        sender: &Sender,
        url: &Address,
        pattern: &Pattern,
    ) -> Result<(), ClientError> {
        let unsubscribe = Unsubscribe {
            url: url.clone(),
            pattern: pattern.clone(),
            tracing: Tracing::default(),
        };
        let (url, recovery) = (url.as_str(), None);
        let signed = Signed::Subscribe {
            url,
            recovery,
            pattern,
        };
        let reply = sender.send_bytes(
            unsubscribe.path(),
            &signed,
            &unsubscribe.tracing,
            unsubscribe.encode(),
        );
        match reply.await {
            Ok(reply) => self.generic(
                reply,
                &Signed::ConfirmSubscribe {
                    url,
                    recovery,
                    pattern,
                },
            ),
            // It does not know it, which is what was wanted.
            Err(ClientError::Refused { status: 409, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn generic(&self, reply: Reply, signed: &Signed<'_>) -> Result<(), ClientError> {
        let Reply::Generic {
            authorization,
            tracing,
        } = reply
        else {
            return Err(ClientError::Answer("it is one to something else".into()));
        };
        let authorization = authorization.as_ref().map(Authorization::as_str);
        let verifier = &self.0.to_subscriber;
        verifier.verify(authorization, signed, &tracing, now())?;
        Ok(())
    }
}
