//! The rooms as an application has them: set up, and then routes, a broker to listen to, and counts.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{any, post},
};
use gripware_axum::Grip;
use gripware_core::webhook::{WebhookKey, WebhookKeyError};
use gripware_publish::CommandSocket;
use gripware_state::{State, StateError};

use crate::{
    Backend, Broker, BuildError, DeliverError, HeaderMapping, Hooks, Status, Trigger,
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

/// How many subscriptions a connection may have, where the proxy allows as many.
const MAX_SUBSCRIPTIONS: usize = 1000;

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
                max_subscriptions: None,
                session_cookie: "sessionid".to_owned(),
                user_id_path: Vec::new(),
                command_sockets: Vec::new(),
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

    /// Waits until no [hook](TemplarBuilder::hooks) is under way: before the process ends, when all
    /// connections have, so that the backend is told of every user who has gone.
    pub async fn finish_hooks(&self) {
        self.0.finish_hooks().await;
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

    /// How many subscriptions a connection may have; a client that wants more is told so. Default: as
    /// many as the proxy allows channels, less those of the session and the user, and meta, and at most
    /// 1000.
    ///
    /// What a proxy allows is known from the limits of the [`Grip`]: the hub's `max_channels` and
    /// `max_meta`, which are 20 and 64 unless they are raised, or for another proxy those of
    /// [`limits_with`](gripware_axum::gripware_publish::GripBuilder::limits_with), which are Pushpin's
    /// as shipped. So by default there are 19, and a warning in the log.
    pub fn max_subscriptions(mut self, max: usize) -> Self {
        self.settings.max_subscriptions = Some(max);
        self
    }

    /// The cookie by which a backend names a user whose permissions have changed. Default:
    /// `sessionid`, as Django has it.
    pub fn session_cookie(mut self, name: impl Into<String>) -> Self {
        self.settings.session_cookie = name.into();
        self
    }

    /// Where the id of a user is in the backend's answer to `bootstrap/`, by the names of members: with
    /// `["user", "data", "id"]` it is 7 in `{"user": {"data": {"id": 7}}, …}`, and in a list a name is a
    /// number. It is a text or a number, and the backend may name the user by it whose permissions have
    /// changed. Each connection has one channel more then. Default: empty, and there is none.
    ///
    /// It is high-templar's `USER_ID_PATH`, of which versions 3 make nothing.
    pub fn user_id_path<T: Into<String>>(mut self, path: impl IntoIterator<Item = T>) -> Self {
        self.settings.user_id_path = path.into_iter().map(Into::into).collect();
        self
    }

    /// Has permissions asked for again by the command socket of a Pushpin, and no longer by an item,
    /// which Pushpin refuses before 1.38. May be called again where there are several. Default: none.
    pub fn command_socket(mut self, commands: CommandSocket) -> Self {
        self.settings.command_sockets.push(commands);
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
    ///
    /// With [`hooks`](Self::hooks) the headers that the backend sees are in it as well, also cookies, so
    /// that any process can tell of a user who is lost. Expired records are taken from the state, so
    /// an application that does the same has another cluster.
    pub fn state(mut self, state: &State) -> Self {
        self.settings.state = Some(state.clone());
        self
    }

    /// Finishes.
    ///
    /// # Errors
    /// [`BuildError`] if the proxy does not allow what was set.
    pub fn build(self) -> Result<Templar, BuildError> {
        let limits = self.grip.policy().limits();
        let (channels, meta) = (limits.channels, limits.meta);
        let own_channels = 1 + usize::from(!self.settings.user_id_path.is_empty());
        let allowed = channels.saturating_sub(own_channels).min(meta);
        let max = match self.settings.max_subscriptions {
            Some(max) if max > allowed => {
                return Err(BuildError::TooManySubscriptions {
                    max,
                    own_channels,
                    channels,
                    meta,
                });
            }
            Some(max) => max,
            None => allowed.min(MAX_SUBSCRIPTIONS),
        };
        if self.settings.max_subscriptions.is_none() && max < MAX_SUBSCRIPTIONS {
            tracing::warn!(
                channels,
                meta,
                "a connection may have {max} subscriptions, as the proxy allows no more channels and                  meta; clients that want more get an error"
            );
        }
        Ok(Templar(App::new(&self.grip, self.settings, max)))
    }
}

impl std::fmt::Debug for TemplarBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TemplarBuilder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::{Duration, SystemTime},
    };

    use bytes::Bytes;
    use gripware_axum::Grip;
    use http::{HeaderMap, Request, Response};
    use http_body_util::Full;
    use tower::service_fn;

    use super::{Templar, TemplarBuilder};
    use crate::{Backend, BuildError, NotifyOnline, app::App, connection::Connection};

    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<String>>>);

    impl Told {
        fn backend(&self) -> Backend {
            let told = self.clone();
            Backend::service(service_fn(move |request: Request<Full<Bytes>>| {
                let user = request.headers()["cookie"].to_str().unwrap();
                let line = format!("{} {user}", request.uri().path());
                told.0.lock().unwrap().push(line);
                async { Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::default())) }
            }))
        }
    }

    fn app(told: &Told, set: impl Fn(TemplarBuilder) -> TemplarBuilder) -> App {
        let grip = Grip::builder().build().unwrap();
        let builder = Templar::builder(&grip, told.backend()).hooks(NotifyOnline);
        set(builder).build().unwrap().0
    }

    fn connection(silence: Duration) -> Connection {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", "sessionid=me".parse().unwrap());
        Connection::new(Vec::new(), SystemTime::now() - silence).with_user(headers)
    }

    const LONG: Duration = Duration::from_secs(700);

    #[tokio::test]
    async fn a_user_whose_proxy_is_gone_is_told_of_as_gone() {
        let told = Told::default();
        let app = app(&told, |builder| builder);
        for (id, silence) in [("lost", LONG), ("there", Duration::ZERO)] {
            app.sessions().save(id, connection(silence)).await.unwrap();
        }
        for _ in 0..2 {
            app.forget_lost().await;
        }
        app.finish_hooks().await;
        assert_eq!(
            *told.0.lock().unwrap(),
            ["/user/notify_offline/ sessionid=me"]
        );
        assert!(app.sessions().load("there").await.unwrap().is_some());
        // What is still heard of it is no other end.
        assert!(!app.sessions().close_unknown("lost"));
        assert!(app.sessions().close_unknown("of another run"));
    }

    #[test]
    fn a_connection_has_as_many_subscriptions_as_the_proxy_has_room_for() {
        let told = Told::default();
        let allowing = |channels: usize, meta: usize| {
            let grip = Grip::builder().limits_with(|limits| {
                limits.channels = channels;
                limits.meta = meta;
            });
            Templar::builder(&grip.build().unwrap(), told.backend())
        };
        let max = |builder: TemplarBuilder| builder.build().map(|it| it.0.max_subscriptions());
        assert_eq!(max(allowing(20, 64)), Ok(19));
        assert_eq!(max(allowing(500, 64)), Ok(64));
        assert_eq!(max(allowing(10_000, 10_000)), Ok(1000));
        assert_eq!(
            max(allowing(10_000, 10_000).max_subscriptions(2000)),
            Ok(2000)
        );
        assert_eq!(max(allowing(20, 64).max_subscriptions(5)), Ok(5));
        assert_eq!(max(allowing(20, 64).user_id_path(["user", "id"])), Ok(18));
        let too_many = BuildError::TooManySubscriptions {
            max: 20,
            own_channels: 1,
            channels: 20,
            meta: 64,
        };
        assert_eq!(max(allowing(20, 64).max_subscriptions(20)), Err(too_many));
    }
}
