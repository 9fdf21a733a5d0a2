//! `/v1/subscribe/*`, `/v1/unsubscribe/*`, `/v1/check_subscriptions` and `/v1/set_subscriptions`.

use axum::{body::Body, extract::State, response::Response};
use bytes::Bytes;
use gripware_topics::{
    Address, Pattern, Tracing, WireError,
    auth::Signed,
    http::{CheckSubscriptions, MAX_HEAD, Reply, SetSubscriptions, Subscribe, Unsubscribe},
};
use http::HeaderMap;
use tokio::task::spawn_blocking;

use super::{Failure, answer};
use crate::Broadcaster;

/// Most bytes of a body other than a list: four fields of 65 535 bytes and their lengths.
const MAX_BODY: usize = 4 * (2 + 65_535);

/// What a subscription of a list takes in memory while the list is looked at, in bytes: a node of a tree
/// has a topic and a recovery URL, each with its own allocation.
const IN_MEMORY: usize = 256;

type Answer = Result<Response, Failure>;

pub(super) async fn subscribe_exact(
    State(broadcaster): State<Broadcaster>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    broadcaster
        .subscribe(&headers, body, Subscribe::decode_exact)
        .await
}

pub(super) async fn subscribe_glob(
    State(broadcaster): State<Broadcaster>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    broadcaster
        .subscribe(&headers, body, Subscribe::decode_glob)
        .await
}

pub(super) async fn unsubscribe_exact(
    State(broadcaster): State<Broadcaster>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    broadcaster
        .unsubscribe(&headers, body, Unsubscribe::decode_exact)
        .await
}

pub(super) async fn unsubscribe_glob(
    State(broadcaster): State<Broadcaster>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    broadcaster
        .unsubscribe(&headers, body, Unsubscribe::decode_glob)
        .await
}

pub(super) async fn check(
    State(broadcaster): State<Broadcaster>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let mut pieces = broadcaster.pieces(body);
    let body = pieces.whole(MAX_BODY).await?;
    let CheckSubscriptions { tracing, url } = CheckSubscriptions::decode(body)?;
    let signed = Signed::CheckSubscriptions { url: url.as_str() };
    broadcaster.verify(&headers, &signed, &tracing)?;
    let etag = broadcaster
        .blocking(move |store| Ok(store.list(&url).etag(&url)))
        .await?;
    Ok(answer(&Reply::Check {
        authorization: broadcaster.sign(&Signed::Checked { etag: &etag }),
        tracing: Tracing::default(),
        etag,
    }))
}

pub(super) async fn set(
    State(broadcaster): State<Broadcaster>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let mut pieces = broadcaster.pieces(body);
    // What is signed stands first: a list is read from nobody else.
    let head = pieces.head(MAX_HEAD, SetSubscriptions::decode_head).await?;
    let ((tracing, url, etag), _, arrived) = head;
    let signed = Signed::SetSubscriptions {
        url: url.as_str(),
        etag: &etag,
    };
    broadcaster.verify(&headers, &signed, &tracing)?;
    // It may be as long as a message, and takes room among those.
    pieces.take_from(&broadcaster.0.buffers);
    pieces.grow(arrived.len())?;
    let body = pieces
        .rest(arrived, broadcaster.0.settings.max_list)
        .await?;
    let this = broadcaster.clone();
    let reading = spawn_blocking(move || {
        pieces.grow(SetSubscriptions::count(&body)?.saturating_mul(IN_MEMORY))?;
        let SetSubscriptions { subscriptions, .. } = SetSubscriptions::decode(body)?;
        for (pattern, recovery) in subscriptions.iter() {
            this.check_pattern(&pattern)?;
            this.check_targets(&url, recovery)?;
        }
        Ok::<_, Failure>((pieces, url, subscriptions))
    });
    let busy = |_| Failure::Busy("the reading of a list has ended early");
    let (_pieces, url, subscriptions) = reading.await.map_err(busy)??;
    broadcaster
        .blocking(move |store| store.replace(&url, &subscriptions))
        .await?;
    Ok(answer(&Reply::Generic {
        authorization: broadcaster.sign(&Signed::Set { etag: &etag }),
        tracing: Tracing::default(),
    }))
}

impl Broadcaster {
    async fn subscribe(
        &self,
        headers: &HeaderMap,
        body: Body,
        decode: fn(Bytes) -> Result<Subscribe, WireError>,
    ) -> Answer {
        let mut pieces = self.pieces(body);
        let Subscribe {
            url,
            pattern,
            recovery,
            tracing,
        } = decode(pieces.whole(MAX_BODY).await?)?;
        let signed = Signed::Subscribe {
            url: url.as_str(),
            recovery: recovery.as_ref().map(Address::as_str),
            pattern: &pattern,
        };
        self.verify(headers, &signed, &tracing)?;
        self.check_pattern(&pattern)?;
        self.check_targets(&url, recovery.as_ref())?;
        let confirmed = Signed::ConfirmSubscribe {
            url: url.as_str(),
            recovery: recovery.as_ref().map(Address::as_str),
            pattern: &pattern,
        };
        let authorization = self.sign(&confirmed);
        let added = self.blocking(move |store| store.subscribe(&url, &pattern, recovery.as_ref()));
        match added.await? {
            true => Ok(generic(authorization)),
            false => Err(Failure::Conflict("it is subscribed already")),
        }
    }

    async fn unsubscribe(
        &self,
        headers: &HeaderMap,
        body: Body,
        decode: fn(Bytes) -> Result<Unsubscribe, WireError>,
    ) -> Answer {
        let mut pieces = self.pieces(body);
        let Unsubscribe {
            url,
            pattern,
            tracing,
        } = decode(pieces.whole(MAX_BODY).await?)?;
        let signed = Signed::Subscribe {
            url: url.as_str(),
            recovery: None,
            pattern: &pattern,
        };
        self.verify(headers, &signed, &tracing)?;
        let confirmed = Signed::ConfirmSubscribe {
            url: url.as_str(),
            recovery: None,
            pattern: &pattern,
        };
        let authorization = self.sign(&confirmed);
        let removed = self.blocking(move |store| store.unsubscribe(&url, &pattern));
        match removed.await? {
            true => Ok(generic(authorization)),
            false => Err(Failure::Conflict("it is not subscribed")),
        }
    }

    fn check_pattern(&self, pattern: &Pattern) -> Result<(), Failure> {
        match pattern {
            Pattern::Glob(glob) if glob.as_str().len() > self.0.settings.max_glob => {
                Err(Failure::Broken("the pattern is over the limit here"))
            }
            _ => Ok(()),
        }
    }

    fn check_targets(&self, url: &Address, recovery: Option<&Address>) -> Result<(), Failure> {
        let refused = |url| self.0.targets.refuse(url);
        match refused(url) || recovery.is_some_and(refused) {
            true => Err(Failure::Broken(
                "the broadcaster may not POST to this address",
            )),
            false => Ok(()),
        }
    }
}

fn generic(authorization: Option<gripware_topics::Authorization>) -> Response {
    answer(&Reply::Generic {
        authorization,
        tracing: Tracing::default(),
    })
}
