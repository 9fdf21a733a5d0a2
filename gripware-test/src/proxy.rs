use std::{fmt, rc::Rc};

use gripware_core::{
    GripUrl, Item,
    sig::{Key, Signer},
};
use gripware_publish::{Grip, Publisher};
use http::{HeaderValue, Method};

use crate::{
    IntoOrigin, Opening, Origin, Published, Request,
    published::Inbox,
    request::{Exchange, Outgoing},
    state::Shared,
    transcript::{Transcript, fail},
};

/// What Pushpin 1.41 says it can do.
const FEATURES: &str = "status, session, link:next, link:gone, filter:skip-self, \
                        filter:skip-users, filter:require-sub, filter:build-id, filter:var-subst";

/// Where items would go, were there a network.
const CONTROL_URI: &str = "http://localhost:5561/";

/// How often in a row the proxy asks the origin by itself. An origin that makes it do so more
/// often never lets it rest.
const MAX_STEPS: usize = 100;

/// A pretend GRIP proxy in front of an application.
///
/// It has a key and an issuer of its own, which the [`Grip`] that it hands out trusts, and gets
/// what that publishes. Clones are the same proxy. See the [crate](crate) for a whole test.
#[derive(Clone)]
pub struct Proxy {
    origin: Rc<dyn Origin>,
    state: Shared,
    signer: Signer,
    features: HeaderValue,
}

impl Proxy {
    /// A proxy in front of the application that `app` makes of its configuration.
    pub fn new<K, O: IntoOrigin<K>>(app: impl FnOnce(&Grip) -> O) -> Self {
        let builder = Self::builder();
        let app = app(&builder.grip());
        builder.origin(app)
    }

    /// A proxy that is told more before it stands in front of something.
    pub fn builder() -> ProxyBuilder {
        ProxyBuilder::new()
    }

    /// A request with any method.
    ///
    /// # Panics
    /// Where that is no method.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str) -> Request {
        match Method::from_bytes(method.as_bytes()) {
            Ok(method) => Request::new(self, method, path),
            Err(error) => fail(format_args!("{method:?}: {error}"), &Transcript::default()),
        }
    }

    /// A `GET` request. The path may have a query.
    pub fn get(&self, path: &str) -> Request {
        Request::new(self, Method::GET, path)
    }

    /// A `POST` request.
    pub fn post(&self, path: &str) -> Request {
        Request::new(self, Method::POST, path)
    }

    /// A client asks for a WebSocket. For headers of its own there is [`Request::open`].
    ///
    /// # Panics
    /// As [`Request::open`].
    pub async fn open(&self, path: &str) -> Opening {
        self.get(path).open().await
    }

    /// What was published since the last call.
    #[must_use]
    pub fn published(&self) -> Vec<Published> {
        std::mem::take(&mut self.state.lock().published)
    }

    /// Asserts that exactly one item was published since [`published`](Self::published) was
    /// called, and which.
    ///
    /// # Panics
    /// Where it was another one, none, or more.
    #[track_caller]
    pub fn assert_published(&self, channel: &str, item: impl Into<Item>) {
        let published = self.published();
        let item = item.into();
        let [one] = published.as_slice() else {
            fail(
                format_args!("{} items were published: {published:#?}", published.len()),
                &Transcript::default(),
            );
        };
        if one.channel() != channel || *one.item() != item {
            fail(
                format_args!(
                    "what was published is {:#?} to {:?}, and not {item:#?} to {channel:?}",
                    one.item(),
                    one.channel()
                ),
                &Transcript::default(),
            );
        }
    }

    /// Refuses what is published from now on, so that publishing fails with this reason.
    pub fn refuse_items(&self, reason: impl Into<String>) {
        self.state.lock().refusal = Some(reason.into());
    }

    /// Takes again what is published.
    pub fn take_items(&self) {
        self.state.lock().refusal = None;
    }

    /// Makes the requests that the proxy owes the origin: a hint or a refresh was published, a
    /// stream missed something, the client's answer to a close is to be told. Whatever sends a
    /// request does it as well, so this is needed only where a test publishes by itself.
    ///
    /// # Panics
    /// Where an answer is one that a proxy could not obey, and where there is no end to it.
    pub async fn settle(&self) {
        for _ in 0..MAX_STEPS {
            let Some(step) = self.next_step() else {
                return;
            };
            let (response, exchange) = self.exchange(&step.request).await;
            let obeyed = self.state.lock().take_answer(step.id, &exchange, &response);
            if let Err(why) = obeyed {
                fail(why, &self.state.lock().transcript(step.id));
            }
        }
        if let Some(step) = self.next_step() {
            fail(
                "the proxy asks the origin again and again: does it name a new channel each time?",
                &self.state.lock().transcript(step.id),
            );
        }
    }

    /// Lets the time pass after which a proxy waits no longer for items that are missing (5 s in
    /// Pushpin): what came after them is delivered, and streams ask the origin for what they
    /// missed.
    ///
    /// # Panics
    /// As [`settle`](Self::settle).
    pub async fn recover(&self) {
        self.state.lock().expire();
        self.settle().await;
    }

    fn next_step(&self) -> Option<crate::state::Step> {
        self.state.lock().next_step()
    }

    pub(crate) fn state(&self) -> &Shared {
        &self.state
    }

    /// Signs a request, sends it, and notes what came back.
    pub(crate) async fn exchange(&self, outgoing: &Outgoing) -> Exchange {
        let mut transcript = Transcript::default();
        let (request, said) = match outgoing.sign(&self.signer, &self.features) {
            Ok(signed) => signed,
            Err(why) => fail(why, &transcript),
        };
        transcript.request(&request, &said);
        match self.origin.send(request).await {
            Ok(response) => {
                transcript.response(&response);
                (response, transcript)
            }
            Err(error) => fail(format_args!("the origin failed: {error}"), &transcript),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("signer", &self.signer)
            .field("features", &self.features)
            .finish_non_exhaustive()
    }
}

/// Builds a [`Proxy`].
///
/// The application is made between [`grip`](Self::grip) and [`origin`](Self::origin):
///
/// ```
/// use axum::{Router, routing::get};
/// use gripware_axum::{GripLayer, Hold};
/// use gripware_test::Proxy;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let proxy = Proxy::builder().prefix("app-");
/// let app = Router::new()
///     .route("/news", get(|| async { Hold::stream("news") }))
///     .layer(GripLayer::new(&proxy.grip()));
/// let proxy = proxy.origin(app);
/// proxy.get("/news").await.assert_header("grip-channel", "app-news");
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ProxyBuilder {
    key: Key,
    issuer: String,
    prefix: String,
    features: HeaderValue,
    state: Shared,
}

impl ProxyBuilder {
    #[expect(clippy::expect_used, reason = "a constant that is a key")]
    fn new() -> Self {
        let state = Shared::default();
        state.lock().repeats_first = true;
        Self {
            key: Key::secret("the key of a test's proxy").expect("any text is a secret"),
            issuer: "pushpin".to_owned(),
            prefix: String::new(),
            features: HeaderValue::from_static(FEATURES),
            state,
        }
    }

    /// Sets the key that requests are signed with: a shared secret or a private key. Default: a
    /// secret of the kit's.
    pub fn key(mut self, key: Key) -> Self {
        self.key = key;
        self
    }

    /// Sets the issuer that signs. Default: `pushpin`.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = issuer.into();
        self
    }

    /// Sets what the configuration that [`grip`](Self::grip) returns puts before every channel.
    /// Default: nothing.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets what the proxy says it can do, a comma-separated list. Default: what Pushpin 1.41 says.
    /// What it does stays the same.
    ///
    /// # Panics
    /// Where it is nothing that a header can carry.
    #[track_caller]
    pub fn features(mut self, features: &str) -> Self {
        match HeaderValue::try_from(features) {
            Ok(features) => self.features = features,
            Err(error) => fail(
                format_args!("{features:?}: {error}"),
                &Transcript::default(),
            ),
        }
        self
    }

    /// Sets whether the proxy asks the origin again when its first client follows a channel, to
    /// find out what was published meanwhile. Default: yes, as in Pushpin, where the option has
    /// this name. So an origin sees many requests twice.
    pub fn update_on_first_subscription(self, updates: bool) -> Self {
        self.state.lock().repeats_first = updates;
        self
    }

    /// A URL of this proxy, with its key and its issuer: for a
    /// [`GripBuilder`](gripware_publish::GripBuilder) of one's own, together with
    /// [`publisher`](Self::publisher).
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "a constant that is a URL"
    )]
    #[must_use]
    pub fn url(&self) -> GripUrl {
        let url = GripUrl::new(CONTROL_URI).expect("it is a URL");
        url.with_verify_key(self.key.clone())
            .with_verify_iss(self.issuer.as_str())
    }

    /// A publisher to this proxy.
    ///
    /// # Panics
    /// Where the [`prefix`](Self::prefix) cannot stand before a channel's name.
    #[must_use]
    #[track_caller]
    pub fn publisher(&self) -> Publisher {
        let builder = Publisher::builder()
            .sink(Inbox(self.state.clone()))
            .prefix(self.prefix.as_str());
        match builder.build() {
            Ok(publisher) => publisher,
            Err(error) => fail(error, &Transcript::default()),
        }
    }

    /// A configuration that trusts this proxy alone, and publishes to it.
    ///
    /// # Panics
    /// As [`publisher`](Self::publisher).
    #[must_use]
    #[track_caller]
    pub fn grip(&self) -> Grip {
        let grip = Grip::builder()
            .url(self.url())
            .prefix(self.prefix.as_str())
            .publisher(self.publisher());
        match grip.build() {
            Ok(grip) => grip,
            Err(error) => fail(error, &Transcript::default()),
        }
    }

    /// The proxy, in front of this application.
    ///
    /// # Panics
    /// Where the [`key`](Self::key) is a public one, which cannot sign.
    #[track_caller]
    pub fn origin<K>(self, origin: impl IntoOrigin<K>) -> Proxy {
        let signer = match Signer::new(self.key) {
            Ok(signer) => signer.with_issuer(self.issuer),
            Err(error) => fail(error, &Transcript::default()),
        };
        Proxy {
            origin: Rc::new(origin.into_origin()),
            state: self.state,
            signer,
            features: self.features,
        }
    }
}
