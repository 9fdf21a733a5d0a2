//! One POST to a subscriber, and what its answer means.

use std::{error::Error, time::SystemTime};

use bytes::{Buf, Bytes};
use gripware_topics::{
    Address, Authorization, Identifier, Topic, Tracing,
    auth::{Nonce, Refusal, Signed},
    http::{CONTENT_TYPE, Missed as MissedMessage, ReceiveHead, Reply},
    webhook::{TOPIC_HEADER, WebhookKey},
};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use thiserror::Error;
use tokio::time::timeout;

use super::{Deliverer, Message};
use crate::{clock::now, dial::Body, store::Match};

/// Most bytes of an answer. The longest is a confirmation whose authorization and tracing are as long
/// as they can be.
const MAX_ANSWER: usize = 2 + 2 * (2 + 65_535) + 1 + 255 + 4;

/// What a subscriber answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It speaks for so many.
    Confirmed(u32),
    /// It does not want this any more.
    Unsubscribe,
}

/// Why a message is not confirmed.
#[derive(Debug, Error)]
pub(super) enum DeliveryError {
    #[error("as many deliveries wait for it as may")]
    Busy,
    #[error("its turn has not come in time")]
    Late,
    #[error("the broadcaster ends")]
    Ending,
    #[error("it has no recovery URL")]
    NoRecovery,
    #[error("it has not confirmed in time")]
    Timeout,
    #[error("no answer")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
    #[error("the answer is {0}, and not a confirmation")]
    NotConfirmed(StatusCode),
    #[error("the confirmation is refused")]
    Refused(#[source] Refusal),
    #[error("the confirmation is of another message")]
    Other,
}

impl DeliveryError {
    /// Whether the subscriber is to blame: a request to it has failed, or there is no address for one.
    pub(super) fn is_tried(&self) -> bool {
        !matches!(self, Self::Busy | Self::Late | Self::Ending)
    }
}

impl Deliverer {
    /// Delivers a message to one subscriber.
    pub(super) async fn attempt(
        &self,
        to: &Match,
        message: &Message,
    ) -> Result<Outcome, DeliveryError> {
        self.within_bounds(&to.url, async {
            match self.to_subscriber.webhook_key() {
                Some(key) => {
                    self.webhook(key, &to.url, &message.topic, &message.body)
                        .await
                }
                None => self.receive(&to.url, message).await,
            }
        })
        .await
    }

    /// Tells a subscriber that it has missed messages of a topic.
    pub(super) async fn attempt_missed(
        &self,
        recovery: &Address,
        topic: &Topic,
    ) -> Result<Outcome, DeliveryError> {
        self.within_bounds(recovery, async {
            match self.to_subscriber.webhook_key() {
                Some(key) => self.webhook(key, recovery, topic, &Bytes::new()).await,
                None => self.missed(recovery, topic).await,
            }
        })
        .await
    }

    async fn within_bounds(
        &self,
        url: &Address,
        attempt: impl Future<Output = Result<Outcome, DeliveryError>>,
    ) -> Result<Outcome, DeliveryError> {
        let place = self.lanes.enter(url).ok_or(DeliveryError::Busy)?;
        let mut is_tried = false;
        let attempt = async {
            // Neither is ever closed.
            let _lane = place.permits().acquire().await;
            let _all = self.all.acquire().await;
            is_tried = true;
            attempt.await
        };
        let done = tokio::select! {
            biased;
            done = timeout(self.settings.delivery_timeout, attempt) => done,
            () = self.ending.cut() => return Err(DeliveryError::Ending),
        };
        match done {
            Ok(done) => done,
            Err(_) if is_tried => Err(DeliveryError::Timeout),
            Err(_) => Err(DeliveryError::Late),
        }
    }

    async fn receive(&self, url: &Address, message: &Message) -> Result<Outcome, DeliveryError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(DeliveryError::of)?;
        let identifier = Identifier::try_from(&random).map_err(DeliveryError::of)?;
        let head = ReceiveHead {
            tracing: Tracing::default(),
            topic: message.topic.clone(),
            identifier: identifier.clone(),
            length: message.body.len() as u64,
        };
        let signed = Signed::Receive {
            url: url.as_str(),
            topic: &message.topic,
            identifier: &identifier,
            digest: &message.digest,
        };
        let mut request = self.signed(url, &signed, head.encode(), message.body.clone());
        let digest = HeaderValue::try_from(message.digest.to_repr_digest());
        let digest = digest.map_err(DeliveryError::of)?;
        request.headers_mut().insert("repr-digest", digest);
        let (status, reply) = self.send(request).await?;
        match reply {
            Reply::UnsubscribeImmediate => Ok(Outcome::Unsubscribe),
            Reply::ConfirmReceive {
                authorization,
                tracing,
                identifier: confirmed,
                subscribers,
            } => {
                if confirmed != identifier {
                    return Err(DeliveryError::Other);
                }
                let signed = Signed::ConfirmReceive {
                    identifier: &confirmed,
                    subscribers,
                    url: url.as_str(),
                };
                let authorization = authorization.as_ref().map(Authorization::as_str);
                // The identifier is of this attempt alone: there is no second time to remember it for.
                self.to_broadcaster
                    .credential()
                    .check(authorization, &signed, &tracing, now())
                    .map_err(DeliveryError::Refused)?;
                Ok(Outcome::Confirmed(subscribers))
            }
            _ => Err(DeliveryError::NotConfirmed(status)),
        }
    }

    async fn missed(&self, recovery: &Address, topic: &Topic) -> Result<Outcome, DeliveryError> {
        let message = MissedMessage {
            tracing: Tracing::default(),
            topic: topic.clone(),
        };
        let signed = Signed::Missed {
            url: recovery.as_str(),
            topic,
        };
        let request = self.signed(recovery, &signed, message.encode(), Bytes::new());
        let (status, reply) = self.send(request).await?;
        match reply {
            Reply::UnsubscribeImmediate => Ok(Outcome::Unsubscribe),
            Reply::ConfirmMissed {
                authorization,
                tracing,
            } => {
                let signed = Signed::ConfirmMissed {
                    topic,
                    url: recovery.as_str(),
                };
                let authorization = authorization.as_ref().map(Authorization::as_str);
                self.to_broadcaster
                    .verify(authorization, &signed, &tracing, now())
                    .map_err(DeliveryError::Refused)?;
                Ok(Outcome::Confirmed(1))
            }
            _ => Err(DeliveryError::NotConfirmed(status)),
        }
    }

    /// A Standard Webhook. A missed message is one without content.
    async fn webhook(
        &self,
        key: &WebhookKey,
        url: &Address,
        topic: &Topic,
        body: &Bytes,
    ) -> Result<Outcome, DeliveryError> {
        let id = format!("msg_{}", Nonce::random().as_str());
        let signature = key.sign(&id, SystemTime::now(), body);
        let topic = percent_encode(topic.as_bytes(), NON_ALPHANUMERIC).to_string();
        let topic = HeaderValue::try_from(topic).map_err(DeliveryError::of)?;
        let mut request = post(url, body.clone(), Bytes::new());
        let headers = request.headers_mut();
        headers.extend(signature.map_err(DeliveryError::of)?);
        headers.insert(TOPIC_HEADER, topic);
        let response = self.request(request).await?;
        match response.status() {
            StatusCode::GONE => Ok(Outcome::Unsubscribe),
            status if status.is_success() => Ok(Outcome::Confirmed(1)),
            status => Err(DeliveryError::NotConfirmed(status)),
        }
    }

    fn signed(
        &self,
        url: &Address,
        signed: &Signed<'_>,
        head: Bytes,
        body: Bytes,
    ) -> Request<Body> {
        let mut request = post(url, head, body);
        let none = Tracing::default();
        let authorization = self
            .to_subscriber
            .sign(signed, &none, now(), &Nonce::random());
        // A token is visible ASCII, and so is a code.
        let value = authorization.and_then(|text| HeaderValue::try_from(text.as_str()).ok());
        if let Some(mut value) = value {
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        request
    }

    /// Sends a request. What the answer says counts, whatever its status.
    async fn send(&self, request: Request<Body>) -> Result<(StatusCode, Reply), DeliveryError> {
        let response = self.request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER);
        let body = body.collect().await.map_err(DeliveryError::Failed)?;
        match Reply::decode(body.to_bytes()) {
            Ok(reply) => Ok((status, reply)),
            Err(_) => Err(DeliveryError::NotConfirmed(status)),
        }
    }

    async fn request(&self, request: Request<Body>) -> Result<Response<Incoming>, DeliveryError> {
        let response = self.sender.request(request).await;
        response.map_err(DeliveryError::of)
    }
}

fn post(url: &Address, head: Bytes, body: Bytes) -> Request<Body> {
    let mut request = Request::new(Full::new(head.chain(body)));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = url.uri();
    let octets = HeaderValue::from_static(CONTENT_TYPE);
    request.headers_mut().insert(header::CONTENT_TYPE, octets);
    request
}
