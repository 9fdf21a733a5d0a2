//! What a broadcaster answers over HTTP.

mod body;
mod notify;
mod peer;
mod subscriptions;

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use gripware_core::ErrorChain;
use gripware_topics::{
    Authorization, Tracing, WireError,
    auth::{Kind, Nonce, Refusal, Signed, Verifier},
    http::{
        CHECK_SUBSCRIPTIONS, CONTENT_TYPE, MISSED_FOR_WEBSOCKETS, NOTIFY, RECEIVE_FOR_WEBSOCKETS,
        Reply, SET_SUBSCRIPTIONS, SUBSCRIBE_EXACT, SUBSCRIBE_GLOB, UNSUBSCRIBE_EXACT,
        UNSUBSCRIBE_GLOB, WEBSOCKET,
    },
};
use http::{HeaderMap, StatusCode, header};
use tokio::sync::OwnedSemaphorePermit;

use self::body::Pieces;
use crate::{Broadcaster, broadcaster::PeerSide, clock::now, socket::turn, store::StoreError};

impl Broadcaster {
    /// Returns the routes: `/v1/subscribe/exact` and the others, and `/v1/websocket` where there is
    /// a [proxy](crate::BroadcasterBuilder::grip). They may be nested anywhere.
    pub fn router(&self) -> Router {
        let mut router = Router::new()
            .route(SUBSCRIBE_EXACT, post(subscriptions::subscribe_exact))
            .route(SUBSCRIBE_GLOB, post(subscriptions::subscribe_glob))
            .route(UNSUBSCRIBE_EXACT, post(subscriptions::unsubscribe_exact))
            .route(UNSUBSCRIBE_GLOB, post(subscriptions::unsubscribe_glob))
            .route(CHECK_SUBSCRIPTIONS, post(subscriptions::check))
            .route(SET_SUBSCRIPTIONS, post(subscriptions::set))
            .route(NOTIFY, post(notify::notify));
        if self.0.peer.is_some() {
            router = router
                .route(RECEIVE_FOR_WEBSOCKETS, post(peer::receive))
                .route(MISSED_FOR_WEBSOCKETS, post(peer::missed));
        }
        // Which pages may open WebSockets the proxy knows.
        router = router.layer(from_fn_with_state(self.clone(), no_page));
        if let Some(layer) = &self.0.layer {
            // The layer has bounds of its own. Both are one layer, since each is in a box of its own.
            let layers = (layer.clone(), DefaultBodyLimit::disable());
            let sockets = Router::new().route(WEBSOCKET, any(turn)).layer(layers);
            router = router.merge(sockets);
        }
        router.with_state(self.clone())
    }

    /// Checks who asks.
    fn verify(
        &self,
        headers: &HeaderMap,
        signed: &Signed<'_>,
        tracing: &Tracing,
    ) -> Result<(), Failure> {
        verify(&self.0.to_broadcaster, headers, signed, tracing)
    }

    /// Reads a body of whoever asks, for which there is a room of its own until it is known who that is.
    fn pieces(&self, body: Body) -> Pieces {
        Pieces::new(body, self.0.settings.body_timeout, &self.0.unverified)
    }

    /// Takes room for a message before it comes.
    fn room(&self, length: usize) -> Result<OwnedSemaphorePermit, Failure> {
        let busy = Failure::Busy("the messages that are delivered now leave no room");
        self.reserve(length).ok_or(busy)
    }

    /// What others know this broadcaster as. Without it these routes are not there.
    fn peer_side(&self) -> Result<&PeerSide, Failure> {
        let none = Failure::Broken("this broadcaster has no others");
        self.0.peer.as_ref().ok_or(none)
    }

    /// Signs an answer without tracing.
    pub(crate) fn sign(&self, signed: &Signed<'_>) -> Option<Authorization> {
        self.sign_traced(signed, &Tracing::default())
    }

    /// Signs an answer.
    fn sign_traced(&self, signed: &Signed<'_>, tracing: &Tracing) -> Option<Authorization> {
        let credential = self.0.deliverer.to_subscriber();
        if credential.kind() == Kind::None {
            // Nothing to be random either.
            return None;
        }
        credential.sign(signed, tracing, now(), &Nonce::random())
    }
}

/// Refuses what a page in a browser asks for where nothing is signed: whoever looks at the page may reach
/// this broadcaster where the page's author does not (cross-site request forgery).
async fn no_page(State(broadcaster): State<Broadcaster>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let site = headers.get("sec-fetch-site");
    let is_page = headers.contains_key(header::ORIGIN) || site.is_some_and(|site| site != "none");
    let is_open = broadcaster.0.to_broadcaster.credential().kind() == Kind::None;
    match is_page && is_open {
        true => Failure::Page.into_response(),
        false => next.run(request).await,
    }
}

fn verify(
    verifier: &Verifier,
    headers: &HeaderMap,
    signed: &Signed<'_>,
    tracing: &Tracing,
) -> Result<(), Failure> {
    let given = headers.get(header::AUTHORIZATION);
    let given = given
        .map(|value| value.to_str().map_err(|_| Refusal::Malformed))
        .transpose()?;
    Ok(verifier.verify(given, signed, tracing, now())?)
}

fn answer(reply: &Reply) -> Response {
    let octets = [(header::CONTENT_TYPE, CONTENT_TYPE)];
    (octets, Body::from(reply.encode())).into_response()
}

/// Why a request is not done. Who asks learns the status, and a word where it is its own mistake.
#[derive(Debug)]
enum Failure {
    /// 400.
    Malformed(WireError),
    /// 400.
    Broken(&'static str),
    /// 401, 403 or 503.
    Refused(Refusal),
    /// 403.
    Page,
    /// 408.
    Slow,
    /// 409.
    Conflict(&'static str),
    /// 413.
    TooLarge,
    /// 503.
    Busy(&'static str),
    /// 503.
    Store(StoreError),
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::Malformed(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::Malformed(error) => (StatusCode::BAD_REQUEST, ErrorChain(&error).to_string()),
            Self::Broken(text) => (StatusCode::BAD_REQUEST, text.to_owned()),
            Self::Refused(refusal) => {
                tracing::info!(%refusal, "a request is refused");
                let status = StatusCode::from_u16(refusal.status());
                (status.unwrap_or(StatusCode::FORBIDDEN), String::new())
            }
            Self::Page => {
                let text = "pages in a browser may not, as nothing is signed here";
                (StatusCode::FORBIDDEN, text.to_owned())
            }
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, String::new()),
            Self::Conflict(text) => (StatusCode::CONFLICT, text.to_owned()),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, String::new()),
            Self::Busy(text) => {
                tracing::warn!("a request is refused: {text}");
                (StatusCode::SERVICE_UNAVAILABLE, String::new())
            }
            Self::Store(error) => {
                tracing::error!(error = %ErrorChain(&error), "a request is refused");
                (StatusCode::SERVICE_UNAVAILABLE, String::new())
            }
        };
        (status, text).into_response()
    }
}
