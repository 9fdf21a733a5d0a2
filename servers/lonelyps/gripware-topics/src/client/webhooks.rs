//! Subscriptions of URLs other than this client's own.

use super::{Client, ClientError, Link, send::Sender, subscribe::to_its_end};
use crate::{Address, Pattern};

impl Client {
    /// Subscribes a URL, to which the broadcaster then POSTs: with secrets for
    /// [Standard Webhooks](crate::webhook) any webhook receiver, else the whole URL of a subscriber of
    /// this protocol, as `http://192.0.2.1:3002/v1/receive`. A URL that is subscribed to it already
    /// stays as it is.
    ///
    /// At `recovery` it is told of messages that it has missed; `None`: nowhere. A webhook receiver gets
    /// a message without content there.
    ///
    /// What is subscribed here is kept by the broadcaster alone, until it is
    /// [unsubscribed](Self::unsubscribe_url) or does not take messages for days: it is neither among
    /// the [subscriptions of this client](Self::subscribed), nor does [`reconcile`](Self::reconcile)
    /// look for it.
    ///
    /// Cancel safe: where it is dropped before it is done, it goes on in the background.
    ///
    /// # Errors
    /// Where no broadcaster has confirmed it, or it may not POST to one of the URLs, and for a client
    /// over a WebSocket.
    pub async fn subscribe_url(
        &self,
        url: &Address,
        pattern: &Pattern,
        recovery: Option<&Address>,
    ) -> Result<(), ClientError> {
        let (client, talking) = (self.clone(), self.talk().await);
        let (url, pattern, recovery) = (url.clone(), pattern.clone(), recovery.cloned());
        to_its_end(async move {
            let _talking = talking;
            let sender = client.http_sender()?;
            client
                .post_subscribe(sender, &url, recovery.as_ref(), &pattern)
                .await
        })
        .await
    }

    /// Takes back what was [subscribed](Self::subscribe_url), or never was.
    ///
    /// Cancel safe: where it is dropped before it is done, it goes on in the background.
    ///
    /// # Errors
    /// Where no broadcaster has confirmed it, and for a client over a WebSocket.
    pub async fn unsubscribe_url(
        &self,
        url: &Address,
        pattern: &Pattern,
    ) -> Result<(), ClientError> {
        let (client, talking) = (self.clone(), self.talk().await);
        let (url, pattern) = (url.clone(), pattern.clone());
        to_its_end(async move {
            let _talking = talking;
            let sender = client.http_sender()?;
            client.post_unsubscribe(sender, &url, &pattern).await
        })
        .await
    }

    fn http_sender(&self) -> Result<&Sender, ClientError> {
        match &self.0.link {
            Link::Http { sender, .. } => Ok(sender),
            Link::Socket(_) => Err(ClientError::OverWebSocket),
        }
    }
}
