//! What broadcasters POST here.

use std::{future::IntoFuture, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use tokio::{
    net::TcpListener,
    time::{Instant, timeout_at},
};

use super::{Client, Here, beside::beside, clock::now};
use crate::{
    Digest, Tracing, WireError,
    auth::{Refusal, Signed},
    http::{CONTENT_TYPE, MAX_HEAD, Missed, RECEIVE, RECOVER, ReceiveHead, Reply},
};

/// How long a message may take to come.
const BODY: Duration = Duration::from_secs(60);

/// Most bytes that say what was missed: two fields of 65 535 bytes and their lengths.
const MAX_MISSED: usize = 2 * (2 + 65_535);

impl Client {
    /// Returns the routes that broadcasters POST to, to be nested at the path of
    /// [`host`](super::ClientBuilder::host). Clients that differ only by a fragment need a router
    /// that tells them apart in front of theirs.
    pub fn router(&self) -> Router {
        Router::new()
            .route(RECEIVE, post(receive))
            .route(RECOVER, post(recover))
            .with_state(self.clone())
    }

    /// Serves [`router`](Self::router) at the path of [`host`](super::ClientBuilder::host), until what it
    /// returns is dropped.
    ///
    /// # Errors
    /// Where the listener fails for good.
    pub fn serve(
        &self,
        listener: TcpListener,
    ) -> impl Future<Output = std::io::Result<()>> + Send + use<> {
        let path = self.here().map(|here| {
            let uri = here.receive.uri();
            let path = uri.path();
            path.strip_suffix(RECEIVE).unwrap_or(path).to_owned()
        });
        let router = match path {
            Some(path) if !path.is_empty() => Router::new().nest(&path, self.router()),
            _ => self.router(),
        };
        axum::serve(listener, router).into_future()
    }

    fn verify_from_broadcaster(
        &self,
        headers: &HeaderMap,
        signed: &Signed<'_>,
        tracing: &Tracing,
    ) -> Result<(), Failure> {
        let given = headers.get(header::AUTHORIZATION);
        let given = given
            .map(|value| value.to_str().map_err(|_| Refusal::Malformed))
            .transpose()?;
        self.0.to_subscriber.verify(given, signed, tracing, now())?;
        Ok(())
    }

    fn here_or_gone(&self) -> Result<&Here, Failure> {
        self.here().ok_or(Failure::Unwanted)
    }

    /// Nobody wants a message: the broadcaster is told so by [`reconcile`](Client::reconcile), and not
    /// by the answer. Whoever subscribes meanwhile would be unsubscribed by the answer, which the
    /// broadcaster may read after that. Returns for how many subscribers the message is confirmed.
    fn unwanted(&self) -> u32 {
        self.0.unwanted.notify_one();
        0
    }
}

async fn receive(
    State(client): State<Client>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let url = client.here_or_gone()?.receive.as_str();
    let digest = headers
        .get("repr-digest")
        .and_then(|value| Digest::from_repr_digest(value.to_str().ok()?))
        .ok_or(Failure::Malformed("the header Repr-Digest is missing"))?;
    let deadline = Instant::now() + BODY;
    let mut pieces = Pieces { body, deadline };
    let mut arrived = Bytes::new();
    let (head, length) = loop {
        if let Some(head) = ReceiveHead::decode(&arrived)? {
            break head;
        }
        if arrived.len() > MAX_HEAD {
            return Err(Failure::TooLarge);
        }
        // Nobody else has what has arrived, so that it is not copied with each piece.
        let mut longer = BytesMut::from(arrived);
        longer.extend_from_slice(&pieces.need().await?);
        arrived = longer.freeze();
    };
    let signed = Signed::Receive {
        url,
        topic: &head.topic,
        identifier: &head.identifier,
        digest: &digest,
    };
    client.verify_from_broadcaster(&headers, &signed, &head.tracing)?;
    let message = usize::try_from(head.length).unwrap_or(usize::MAX);
    if message > client.0.max_message {
        return Err(Failure::TooLarge);
    }
    let mut data = BytesMut::from(arrived.slice(length..));
    data.reserve(message.saturating_sub(data.len()));
    while let Some(piece) = pieces.next().await? {
        if data.len() + piece.len() > message {
            return Err(Failure::Malformed("the message is too long"));
        }
        data.extend_from_slice(&piece);
    }
    let data = data.freeze();
    let hashed = data.clone();
    let is_whole = move || hashed.len() == message && Digest::of(&hashed) == digest;
    if !beside(data.len(), is_whole)
        .await
        .map_err(|_| Failure::Ending)?
    {
        return Err(Failure::Malformed(
            "the message has another length or digest",
        ));
    }
    let handed = client.0.registry.hand_out(&head.topic, &data).await;
    let subscribers = match handed {
        Some(is_done) => u32::from(is_done),
        None => client.unwanted(),
    };
    let signed = Signed::ConfirmReceive {
        identifier: &head.identifier,
        subscribers,
        url,
    };
    let tracing = Tracing::default();
    Ok(answer(
        StatusCode::OK,
        &Reply::ConfirmReceive {
            authorization: client.0.to_broadcaster.sign(&signed, &tracing, now()),
            tracing,
            identifier: head.identifier.clone(),
            subscribers,
        },
    ))
}

async fn recover(
    State(client): State<Client>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let url = client.here_or_gone()?.recover.as_str();
    let deadline = Instant::now() + BODY;
    let mut pieces = Pieces { body, deadline };
    let mut whole = BytesMut::new();
    while let Some(piece) = pieces.next().await? {
        if whole.len() + piece.len() > MAX_MISSED {
            return Err(Failure::TooLarge);
        }
        whole.extend_from_slice(&piece);
    }
    let Missed { tracing, topic } = Missed::decode(whole.freeze())?;
    let signed = Signed::Missed { url, topic: &topic };
    client.verify_from_broadcaster(&headers, &signed, &tracing)?;
    if !client.0.registry.note_missed(Some(&topic)) {
        client.unwanted();
    }
    let signed = Signed::ConfirmMissed { topic: &topic, url };
    let tracing = Tracing::default();
    Ok(answer(
        StatusCode::OK,
        &Reply::ConfirmMissed {
            authorization: client.0.to_broadcaster.sign(&signed, &tracing, now()),
            tracing,
        },
    ))
}

/// A body in pieces, all of which have to come in time.
struct Pieces {
    body: Body,
    deadline: Instant,
}

impl Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let broken = Failure::Malformed("the body ends before it is complete");
        loop {
            match timeout_at(self.deadline, self.body.frame()).await {
                Err(_) => return Err(Failure::Slow),
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(broken),
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    async fn need(&mut self) -> Result<Bytes, Failure> {
        let piece = self.next().await?;
        piece.ok_or(Failure::Malformed("the message ends too early"))
    }
}

fn answer(status: StatusCode, reply: &Reply) -> Response {
    let octets = [(header::CONTENT_TYPE, CONTENT_TYPE)];
    (status, octets, Body::from(reply.encode())).into_response()
}

/// Why something is not taken. A broadcaster that is refused is not told to unsubscribe, as the
/// original does: whoever can be refused could end subscriptions.
enum Failure {
    Malformed(&'static str),
    Wire(WireError),
    Refused(Refusal),
    Slow,
    TooLarge,
    /// The runtime ends.
    Ending,
    /// Nobody here wants messages: the client has no host.
    Unwanted,
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Malformed(text) => (StatusCode::BAD_REQUEST, text).into_response(),
            Self::Wire(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
            Self::Refused(refusal) => {
                let status = StatusCode::from_u16(refusal.status());
                status.unwrap_or(StatusCode::FORBIDDEN).into_response()
            }
            Self::Slow => StatusCode::REQUEST_TIMEOUT.into_response(),
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            Self::Ending => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            Self::Unwanted => answer(StatusCode::NOT_FOUND, &Reply::UnsubscribeImmediate),
        }
    }
}
