use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use gripware_core::{
    header::{GRIP_FEATURE, GRIP_LAST, GRIP_SIG},
    proxy::append_last,
    sig::Signer,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, Uri,
    header::{HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION},
    uri::{Authority, InvalidUri, PathAndQuery, Scheme},
};

use crate::{
    Answer, Held, Opening, Proxy,
    transcript::{Transcript, fail},
};

/// A request as the proxy passes it on: with its signature, its features, and the client's
/// headers.
///
/// It is sent by one of three: `.await` gives the origin's [`Answer`] as it is, [`hold`](Self::hold)
/// obeys it and keeps the client, [`open`](Self::open) asks for a WebSocket.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use axum::{Router, routing::get};
/// use gripware_axum::{GripContext, GripLayer};
/// use gripware_test::Proxy;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let proxy = Proxy::new(|grip| {
///     let who = async |cx: GripContext| format!("{} {:?}", cx.is_signed(), cx.last().get("news"));
///     Router::new().route("/", get(who)).layer(GripLayer::new(grip))
/// });
/// proxy.get("/").last("news", "4").await.assert_text("true Some(\"4\")");
///
/// // Of a request that is not the proxy's nothing is believed.
/// proxy.get("/").last("news", "4").forged().await.assert_text("false None");
/// proxy.get("/").expired().await.assert_text("false None");
/// proxy.get("/").unsigned().await.assert_text("false None");
/// let long_ago = SystemTime::now() - Duration::from_secs(4000);
/// proxy.get("/").signed_at(long_ago).await.assert_text("false None");
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request is sent by `.await`, `hold` or `open`"]
pub struct Request {
    proxy: Proxy,
    outgoing: Outgoing,
}

/// What a request consists of, before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    signature: Signature,
    is_direct: bool,
}

/// Who signs a request, and when.
#[derive(Clone, Debug)]
enum Signature {
    Now,
    At(SystemTime),
    Expired,
    Forged,
    By(String),
    Token(String),
    None,
}

impl Request {
    pub(crate) fn new(proxy: &Proxy, method: Method, uri: &str) -> Self {
        Self {
            proxy: proxy.clone(),
            outgoing: Outgoing::new(method, uri.to_owned()),
        }
    }

    /// Adds a header of the client.
    ///
    /// # Panics
    /// Where it is none that HTTP can carry.
    #[track_caller]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let named = HeaderName::try_from(name);
        let value = HeaderValue::from_bytes(value.as_ref());
        match (named, value) {
            (Ok(name), Ok(value)) => {
                self.outgoing.headers.append(name, value);
            }
            _ => fail(
                format_args!("{name} is no header that can be sent"),
                &Transcript::default(),
            ),
        }
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.outgoing.body = body.into();
        self
    }

    /// Says which item of a channel the proxy delivered last, in a `Grip-Last` header.
    pub fn last(mut self, channel: &str, id: &str) -> Self {
        append_last(&mut self.outgoing.headers, channel, id);
        self
    }

    /// Offers WebSocket subprotocols, in a comma-separated list.
    ///
    /// # Panics
    /// As [`header`](Self::header).
    #[track_caller]
    pub fn protocols(self, protocols: &str) -> Self {
        self.header(SEC_WEBSOCKET_PROTOCOL.as_str(), protocols)
    }

    /// Signs as the proxy would have done at that time. A signature holds for an hour.
    pub fn signed_at(mut self, time: SystemTime) -> Self {
        self.outgoing.signature = Signature::At(time);
        self
    }

    /// Signs with the proxy's key, in the name of another issuer.
    pub fn signed_by(mut self, issuer: impl Into<String>) -> Self {
        self.outgoing.signature = Signature::By(issuer.into());
        self
    }

    /// Sends this as the signature, whatever it is.
    pub fn signature(mut self, token: impl Into<String>) -> Self {
        self.outgoing.signature = Signature::Token(token.into());
        self
    }

    /// Sends a signature that was the proxy's own, and holds no more.
    pub fn expired(mut self) -> Self {
        self.outgoing.signature = Signature::Expired;
        self
    }

    /// Sends a signature that nobody with the key has made.
    pub fn forged(mut self) -> Self {
        self.outgoing.signature = Signature::Forged;
        self
    }

    /// Sends no signature, as a proxy without a key.
    pub fn unsigned(mut self) -> Self {
        self.outgoing.signature = Signature::None;
        self
    }

    /// Sends the request past the proxy: no signature, no features, no last ids but those that
    /// were set as headers.
    pub fn direct(mut self) -> Self {
        self.outgoing.signature = Signature::None;
        self.outgoing.is_direct = true;
        self.outgoing.headers.remove(GRIP_LAST);
        self
    }

    /// Sends the request and holds the client as the answer says.
    ///
    /// As Pushpin does, the proxy asks the origin again at once where its first client follows a
    /// channel, or where the answer goes on from another id than the one it delivered last. See
    /// [`ProxyBuilder::update_on_first_subscription`](crate::ProxyBuilder::update_on_first_subscription).
    ///
    /// # Panics
    /// Where the answer holds nothing, or a proxy would answer its client with 502.
    pub async fn hold(self) -> Held {
        let Self { proxy, outgoing } = self;
        let (response, transcript) = proxy.exchange(&outgoing).await;
        let held = {
            let state = &mut proxy.state().lock();
            state.hold(outgoing, &response, transcript.clone())
        };
        let held = match held {
            Ok(id) => Held::new(&proxy, id),
            Err(why) => fail(why, &transcript),
        };
        proxy.settle().await;
        held
    }

    /// Asks for a WebSocket at this address. The client's headers come with every request of it.
    ///
    /// # Panics
    /// Where the answer neither accepts nor refuses it.
    pub async fn open(mut self) -> Opening {
        let outgoing = &mut self.outgoing;
        outgoing.method = Method::POST;
        let version = HeaderValue::from_static("13");
        outgoing.headers.insert(SEC_WEBSOCKET_VERSION, version);
        let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
        outgoing.headers.insert(SEC_WEBSOCKET_KEY, key);
        Opening::ask(self.proxy, self.outgoing).await
    }
}

impl IntoFuture for Request {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (response, transcript) = self.proxy.exchange(&self.outgoing).await;
            self.proxy.settle().await;
            Answer::new(response, transcript)
        })
    }
}

impl Outgoing {
    pub(crate) fn new(method: Method, uri: String) -> Self {
        Self {
            method,
            uri,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            signature: Signature::Now,
            is_direct: false,
        }
    }

    /// A request of the proxy's own, none of whose headers are the client's but the host.
    pub(crate) fn to(method: Method, target: &Uri) -> Self {
        let path = target.path_and_query().map_or("/", PathAndQuery::as_str);
        let mut request = Self::new(method, path.to_owned());
        let host = target
            .authority()
            .map(|it| HeaderValue::try_from(it.as_str()));
        if let Some(Ok(host)) = host {
            request.headers.insert(HOST, host);
        }
        request
    }

    /// The address that is asked, with the host where the client names one.
    pub(crate) fn address(&self) -> Result<Uri, String> {
        let wrong = |error: &dyn fmt::Display| format!("{} cannot be asked for: {error}", self.uri);
        let uri: Uri = self
            .uri
            .parse()
            .map_err(|error: InvalidUri| wrong(&error))?;
        let Some(host) = self.headers.get(HOST).filter(|_| uri.host().is_none()) else {
            return Ok(uri);
        };
        let mut parts = uri.into_parts();
        parts.scheme = Some(Scheme::HTTP);
        let host = Authority::try_from(host.as_bytes());
        parts.authority = Some(host.map_err(|error| wrong(&error))?);
        Uri::from_parts(parts).map_err(|error| wrong(&error))
    }

    /// The request as it is sent, with what the transcript says of its signature.
    pub(crate) fn sign(
        &self,
        signer: &Signer,
        features: &HeaderValue,
    ) -> Result<(http::Request<Bytes>, String), String> {
        let now = SystemTime::now();
        let sign = |signer: &Signer, at: SystemTime| signer.sign(at).map_err(|it| it.to_string());
        let (token, said) = match &self.signature {
            Signature::None => (None, String::new()),
            Signature::Now => (Some(sign(signer, now)?), "signed now".to_owned()),
            Signature::At(time) => {
                let said = match now.duration_since(*time) {
                    Ok(ago) => format!("signed {} s ago", ago.as_secs()),
                    Err(ahead) => format!("signed {} s ahead", ahead.duration().as_secs()),
                };
                (Some(sign(signer, *time)?), said)
            }
            Signature::Expired => {
                let long_ago = now - Duration::from_secs(24 * 3600);
                (Some(sign(signer, long_ago)?), "expired".to_owned())
            }
            Signature::Forged => (Some(forge(sign(signer, now)?)), "forged".to_owned()),
            Signature::By(issuer) => {
                let other = signer.clone().with_issuer(issuer.as_str());
                (Some(sign(&other, now)?), format!("signed by {issuer}"))
            }
            Signature::Token(token) => (Some(token.clone()), token.clone()),
        };
        let mut request = http::Request::builder()
            .method(self.method.clone())
            .uri(&self.uri)
            .body(self.body.clone())
            .map_err(|error| format!("{} cannot be asked for: {error}", self.uri))?;
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        if let Some(token) = token {
            let token = HeaderValue::try_from(token).map_err(|error| error.to_string())?;
            headers.insert(GRIP_SIG, token);
        }
        if !self.is_direct {
            headers.insert(GRIP_FEATURE, features.clone());
        }
        Ok((request, said))
    }
}

/// Changes the first character of a token's signature.
fn forge(token: String) -> String {
    match token.rsplit_once('.') {
        Some((signed, signature)) => {
            let first = if signature.starts_with('A') { 'B' } else { 'A' };
            format!("{signed}.{first}{}", signature.get(1..).unwrap_or_default())
        }
        None => token,
    }
}

/// An answer and what was said until then.
pub(crate) type Exchange = (Response<Bytes>, Transcript);
