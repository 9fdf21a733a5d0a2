//! Requests to broadcasters, of which one after the other is tried.

use std::{error::Error, io, path::PathBuf, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use tokio::{
    fs::File,
    io::AsyncReadExt,
    time::{sleep, timeout},
};

use super::{ClientError, broadcasters::Broadcasters, clock::now, connect::Connector};
use crate::{
    Address, Tracing,
    auth::{Signed, Verifier, random_bytes},
    http::{CONTENT_TYPE, Reply},
};

/// Most bytes of an answer: a reply whose fields are as long as they can be.
const MAX_ANSWER: usize = 2 + 2 * (2 + 65_535) + 1 + 255 + 64;

/// How long an idle connection is kept: servers of Python close after five seconds.
const IDLE: Duration = Duration::from_secs(4);

/// How much of a file is read at a time.
pub(super) const PIECE: usize = 64 * 1024;

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What a body is made from, for each try anew.
pub(super) enum Source {
    /// It is at hand.
    Bytes(Bytes),
    /// A head, and a file of so many bytes behind it.
    File(Bytes, PathBuf, u64),
}

impl Source {
    async fn body(&self) -> io::Result<Body> {
        match self {
            Self::Bytes(bytes) => {
                let body = Full::new(bytes.clone()).map_err(|never| match never {});
                Ok(BodyExt::boxed_unsync(body))
            }
            Self::File(head, path, length) => {
                let file = File::open(path).await?;
                Ok(file_body(head.clone(), file, *length))
            }
        }
    }
}

/// A head and a file behind it. A file that has become shorter ends the request.
fn file_body(head: Bytes, file: File, length: u64) -> Body {
    let pieces = stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let mut piece = BytesMut::with_capacity(most);
        let read = (&mut file).take(most as u64).read_buf(&mut piece).await?;
        match read {
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            read => Ok(Some((piece.freeze(), (file, left - read as u64)))),
        }
    });
    let frames = stream::iter([Ok(head)]).chain(pieces);
    let body = StreamBody::new(frames.map(|piece| piece.map(Frame::data)));
    BodyExt::boxed_unsync(body)
}

/// How often to try, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retries {
    pub(super) rounds: u32,
    pub(super) ambiguous: bool,
    pub(super) timeout: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            rounds: 2,
            ambiguous: false,
            timeout: Duration::from_secs(60),
        }
    }
}

/// How long to wait before round `round`, from 1: 1 s, 2 s, 4 s and so on up to 64 s, and at random up
/// to a second more.
pub(super) fn backoff(round: u32) -> Duration {
    let [random] = random_bytes::<1>();
    let seconds = 1_u64 << round.saturating_sub(1).min(6);
    Duration::from_secs(seconds) + Duration::from_millis(u64::from(random) * 4)
}

pub(super) struct Sender {
    broadcasters: Broadcasters,
    retries: Retries,
    to_broadcaster: Arc<Verifier>,
    client: Client<Connector, Body>,
}

/// Why one broadcaster has not done it.
enum Failed {
    /// Another one may.
    Elsewhere(Box<dyn Error + Send + Sync>),
    /// It may have.
    Ambiguous(Box<dyn Error + Send + Sync>),
    /// No other one would.
    Refused(ClientError),
}

impl Sender {
    pub(super) fn new(
        broadcasters: Broadcasters,
        retries: Retries,
        to_broadcaster: Arc<Verifier>,
        connector: Connector,
    ) -> Self {
        Self {
            broadcasters,
            retries,
            to_broadcaster,
            client: Client::builder(TokioExecutor::new())
                .pool_idle_timeout(IDLE)
                .pool_timer(TokioTimer::new())
                .build(connector),
        }
    }

    /// Sends what `source` makes, for each try anew, to one broadcaster after the other until one has
    /// answered. Each try is signed anew: a signature is good once.
    pub(super) async fn send(
        &self,
        path: &str,
        signed: &Signed<'_>,
        tracing: &Tracing,
        source: &Source,
    ) -> Result<Reply, ClientError> {
        let mut last: Box<dyn Error + Send + Sync> = "there is none".into();
        let mut may_be_done = false;
        for round in 0..self.retries.rounds {
            if round > 0 {
                sleep(backoff(round)).await;
            }
            for broadcaster in self.broadcasters.in_turn() {
                let body = source.body().await.map_err(ClientError::Message)?;
                let request = self.request(broadcaster, path, signed, tracing, body);
                // Connecting is over long before, so what takes too long has been sent.
                let sent = timeout(self.retries.timeout, self.try_one(request?)).await;
                let sent = sent.unwrap_or_else(|error| Err(Failed::Ambiguous(error.into())));
                match sent {
                    Ok(reply) => return Ok(reply),
                    Err(Failed::Elsewhere(error)) => last = error,
                    Err(Failed::Ambiguous(error)) if self.retries.ambiguous => {
                        (last, may_be_done) = (error, true);
                    }
                    Err(Failed::Ambiguous(error)) => return Err(ClientError::Ambiguous(error)),
                    Err(Failed::Refused(error)) => return Err(error),
                }
            }
        }
        Err(match may_be_done {
            true => ClientError::Ambiguous(last),
            false => ClientError::Unreachable(last),
        })
    }

    /// As [`send`](Self::send), with a body that is at hand.
    pub(super) async fn send_bytes(
        &self,
        path: &str,
        signed: &Signed<'_>,
        tracing: &Tracing,
        body: Bytes,
    ) -> Result<Reply, ClientError> {
        self.send(path, signed, tracing, &Source::Bytes(body)).await
    }

    fn request(
        &self,
        broadcaster: &Address,
        path: &str,
        signed: &Signed<'_>,
        tracing: &Tracing,
        body: Body,
    ) -> Result<Request<Body>, ClientError> {
        let impossible = |error: http::Error| ClientError::Unreachable(error.into());
        let uri: Uri = broadcaster.join(path).uri();
        let mut request = Request::post(uri)
            .header(header::CONTENT_TYPE, CONTENT_TYPE)
            .body(body)
            .map_err(impossible)?;
        let now = now();
        if let Some(authorization) = self.to_broadcaster.sign(signed, tracing, now) {
            let value = HeaderValue::try_from(authorization.as_str());
            let mut value = value.map_err(|error| impossible(error.into()))?;
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        Ok(request)
    }

    async fn try_one(&self, request: Request<Body>) -> Result<Reply, Failed> {
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Err(Failed::Elsewhere(error.into())),
            Err(error) => return Err(Failed::Ambiguous(error.into())),
        };
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect();
        let body = body.await.map_err(Failed::Ambiguous)?.to_bytes();
        match status {
            StatusCode::OK => Reply::decode(body)
                .map_err(|error| Failed::Refused(ClientError::Answer(error.into()))),
            StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => {
                Err(Failed::Elsewhere(format!("the answer is {status}").into()))
            }
            status => {
                let text = String::from_utf8_lossy(&body);
                let line = text.lines().next().unwrap_or_default();
                let text = line.chars().take(200).collect();
                let status = status.as_u16();
                Err(Failed::Refused(ClientError::Refused { status, text }))
            }
        }
    }
}
