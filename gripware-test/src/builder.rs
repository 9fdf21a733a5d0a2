use gripware_core::{
    GripUrl,
    sig::{Key, Signer},
};
use gripware_publish::{Grip, Publisher};
use http::HeaderValue;

use crate::{
    IntoOrigin, Proxy,
    published::Inbox,
    state::Shared,
    transcript::{Transcript, fail},
};

/// What Pushpin 1.41 says it can do.
const FEATURES: &str = "status, session, link:next, link:gone, filter:skip-self, \
                        filter:skip-users, filter:require-sub, filter:build-id, filter:var-subst";

/// Where items would go, were there a network.
const CONTROL_URI: &str = "http://localhost:5561/";

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
    pub(crate) fn new() -> Self {
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
        Proxy::assemble(origin.into_origin(), self.state, signer, self.features)
    }
}
