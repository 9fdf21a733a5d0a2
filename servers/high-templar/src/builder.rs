use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{any, post},
};
use gripware_axum::Grip;
use gripware_core::webhook::{WebhookKey, WebhookKeyError};
use gripware_state::{State, StateError};

use crate::{
    Backend, Broker, DeliverError, HeaderMapping, Hooks, Status, Trigger,
    app::{App, Settings, TriggerKey},
    endpoint, trigger, turn,
};

/// How triggers and subscriptions find each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rooms {
    /// A trigger is for the rooms that it names, as with high-templar 3: a `*` in one is a value
    /// like any other.
    #[default]
    Exact,
    /// A `*` in a trigger reaches each room that fits it, and a subscription to a room with `*`
    /// hears each trigger that fits it: in one frame, however many rooms of the trigger do.
    Wildcard,
}

/// Rooms for a backend that speaks HTTP.
///
/// A handle: clones share everything.
#[derive(Clone, Debug)]
pub struct Templar(App);

/// Sets up a [`Templar`].
#[must_use]
pub struct TemplarBuilder {
    grip: Grip,
    settings: Settings,
}

impl Templar {
    /// Rooms for the clients of a proxy, whose users a backend knows.
    pub fn builder(grip: &Grip, backend: Backend) -> TemplarBuilder {
        TemplarBuilder {
            grip: grip.clone(),
            settings: Settings {
                backend,
                headers: HeaderMapping::default(),
                hooks: None,
                trigger_keys: Vec::new(),
                rooms: Rooms::default(),
                idle: Duration::from_secs(300),
                max_subscriptions: 1000,
                session_cookie: "sessionid".to_owned(),
                request_ids_in_replies: false,
                state: None,
            },
        }
    }

    /// The routes: `/ws/` for clients, and `POST /trigger/` if there is a key for it.
    ///
    /// The router has the [`GripLayer`](gripware_axum::GripLayer) that it needs, and may be merged
    /// with other routes or nested below a path. It has to be called in a tokio runtime, on which
    /// connections that got lost are looked for.
    pub fn router(&self) -> Router {
        self.0.spawn_sweep();
        let mut router = Router::new().route("/ws/", any(turn::socket));
        if !self.0.settings().trigger_keys.is_empty() {
            let endpoint = post(endpoint::trigger);
            let limit = DefaultBodyLimit::max(trigger::MAX_BODY);
            router = router.route("/trigger/", endpoint.layer(limit));
        }
        router.layer(self.0.layer()).with_state(self.0.clone())
    }

    /// Reads triggers from a broker, for ever: a broker that is not there is waited for. Dropping
    /// the future ends it; what was read and not published by then goes back to the queue.
    pub async fn listen(&self, broker: Broker) {
        broker.run(self.0.clone()).await;
    }

    /// Publishes a trigger to whoever hears it.
    ///
    /// # Errors
    /// [`DeliverError`] if the proxy has not taken it, or a shared state fails.
    pub async fn trigger(&self, trigger: &Trigger) -> Result<(), DeliverError> {
        self.0.trigger(trigger).await
    }

    /// Counts of this process, and of connections and rooms of all that share a
    /// [`state`](TemplarBuilder::state).
    ///
    /// # Errors
    /// [`StateError`] if there is such a state, and it fails.
    pub async fn status(&self) -> Result<Status, StateError> {
        self.0.status().await
    }
}

impl TemplarBuilder {
    /// Which headers of a handshake the backend sees. Default: those of high-templar 3.1.0.
    pub fn headers(mut self, headers: HeaderMapping) -> Self {
        self.settings.headers = headers;
        self
    }

    /// What runs when users come, are there, and go. Default: nothing.
    pub fn hooks(mut self, hooks: impl Hooks) -> Self {
        self.settings.hooks = Some(Arc::new(hooks));
        self
    }

    /// Accepts `POST /trigger/` from whoever has the key: a text or `whsec_` with base64. May be
    /// called again, while keys are exchanged. Without a key the route is 404.
    ///
    /// # Errors
    /// [`WebhookKeyError`] if the key is empty or not what it says it is.
    pub fn trigger_key(mut self, key: &str) -> Result<Self, WebhookKeyError> {
        self.settings.trigger_keys.push(TriggerKey {
            text: key.to_owned(),
            webhook: WebhookKey::parse(key)?,
        });
        Ok(self)
    }

    /// How triggers and subscriptions find each other. Default: [`Rooms::Exact`].
    pub fn rooms(mut self, rooms: Rooms) -> Self {
        self.settings.rooms = rooms;
        self
    }

    /// How long a client may say nothing before it is closed, in whole seconds; what is shorter than
    /// the proxy's least keep-alive interval (20 s) is raised to that. Default: 300 s, as
    /// high-templar.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.settings.idle = Duration::from_secs(idle.as_secs().max(1));
        self
    }

    /// How many subscriptions a connection may have. Default: 1000. The proxy has a limit of its
    /// own, over which it drops what comes: 20, unless it is raised by the hub's `max_channels` and
    /// `max_meta`, or Pushpin's `connection_subscription_max`. One channel is that of the session.
    pub fn max_subscriptions(mut self, max: usize) -> Self {
        self.settings.max_subscriptions = max;
        self
    }

    /// The cookie by which a backend names a user whose permissions have changed. Default:
    /// `sessionid`, as Django has it.
    pub fn session_cookie(mut self, name: impl Into<String>) -> Self {
        self.settings.session_cookie = name.into();
        self
    }

    /// Whether the answer to a frame repeats its `requestId`, as the description of high-templar
    /// has it. Default: it does not, as in its versions 3.
    pub fn request_ids_in_replies(mut self, repeats: bool) -> Self {
        self.settings.request_ids_in_replies = repeats;
        self
    }

    /// Keeps what is known of connections in a state that several processes share, so that any of
    /// them may have the next turn of a connection, and finds the rooms of all of them. Default: in
    /// this process, which then has to have all turns of the connections that it has opened.
    pub fn state(mut self, state: &State) -> Self {
        self.settings.state = Some(state.clone());
        self
    }

    /// Finishes.
    #[must_use]
    pub fn build(self) -> Templar {
        Templar(App::new(&self.grip, self.settings))
    }
}

impl std::fmt::Debug for TemplarBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TemplarBuilder").finish_non_exhaustive()
    }
}
