//! What the handlers of one process share.

use std::{
    error::Error as StdError,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    time::{Duration, SystemTime},
};

use gripware_axum::{Grip, GripLayer, PublishError, Publisher};
use gripware_core::webhook::{ReplayCache, ReplayError, WebhookKey};
use gripware_publish::CommandSocket;
use gripware_state::{State, StateError};
use http::HeaderMap;
use thiserror::Error;
use tokio::sync::Semaphore;

use crate::{
    Backend, DeliverError, HeaderMapping, Hooks, Rooms, Status, Trigger,
    backend::{BackendError, Bootstrap},
    connection::unix_seconds,
    counts::Counts,
    hook_runner::{HookRunner, UserEvent},
    recheck::{self, Recheck},
    room::Room,
    sessions::Sessions,
};

/// How many connections ask the backend at a time what they may hear. The others wait.
const MAX_BOOTSTRAPS: usize = 100;

/// How many signed requests are remembered: 160 a second for as long as their signatures are valid.
const MAX_REPLAYS: usize = 100_000;

/// How long one is remembered in a state that processes share: on both sides of the tolerance.
const REPLAY_TTL: Duration = Duration::from_secs(600);

/// What is set by [`TemplarBuilder`](crate::TemplarBuilder).
pub(crate) struct Settings {
    pub(crate) backend: Backend,
    pub(crate) headers: HeaderMapping,
    pub(crate) hooks: Option<Arc<dyn Hooks>>,
    pub(crate) trigger_keys: Vec<TriggerKey>,
    pub(crate) rooms: Rooms,
    pub(crate) idle: Duration,
    /// As many as the proxy's limits allow where there is none.
    pub(crate) max_subscriptions: Option<usize>,
    pub(crate) session_cookie: String,
    /// Where the id of a user is in what the backend says of them. Empty: nowhere.
    pub(crate) user_id_path: Vec<String>,
    pub(crate) command_sockets: Vec<CommandSocket>,
    pub(crate) request_ids_in_replies: bool,
    pub(crate) state: Option<State>,
}

/// A key as it was given, for `Authorization: Bearer`, and for signatures.
pub(crate) struct TriggerKey {
    pub(crate) text: String,
    pub(crate) webhook: WebhookKey,
}

#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

struct Inner {
    layer: GripLayer,
    publisher: Publisher,
    settings: Settings,
    sessions: Sessions,
    replays: Mutex<ReplayCache>,
    counts: Counts,
    hooks: Option<HookRunner>,
    max_subscriptions: usize,
    bootstraps: Semaphore,
    online_since: SystemTime,
}

impl App {
    pub(crate) fn new(grip: &Grip, settings: Settings, max_subscriptions: usize) -> Self {
        let hooks = settings.hooks.clone();
        Self(Arc::new(Inner {
            hooks: hooks.map(|hooks| HookRunner::new(hooks, settings.backend.clone())),
            max_subscriptions,
            layer: GripLayer::new(grip),
            publisher: grip.publisher(),
            sessions: Sessions::new(settings.state.as_ref(), settings.forget_after()),
            settings,
            replays: Mutex::new(ReplayCache::new(MAX_REPLAYS)),
            counts: Counts::default(),
            bootstraps: Semaphore::new(MAX_BOOTSTRAPS),
            online_since: SystemTime::now(),
        }))
    }

    pub(crate) fn layer(&self) -> GripLayer {
        self.0.layer.clone()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.0.counts
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// Accepts a signed request, which may come once.
    pub(crate) async fn accept_once(&self, id: &str) -> Result<(), AcceptError> {
        match self.sessions().insert_webhook_id(id, REPLAY_TTL).await? {
            Some(true) => Ok(()),
            Some(false) => Err(AcceptError::Replay(ReplayError::Replayed)),
            None => Ok(self.replays().insert(id, SystemTime::now())?),
        }
    }

    /// Lets it come again, as it has had no effect.
    pub(crate) async fn accept_again(&self, id: &str) {
        self.replays().remove(id);
        if let Err(error) = self.sessions().remove_webhook_id(id).await {
            let error = &error as &dyn StdError;
            tracing::warn!(error, "a trigger that failed cannot be sent again");
        }
    }

    fn replays(&self) -> MutexGuard<'_, ReplayCache> {
        self.0
            .replays
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn status(&self) -> Result<Status, StateError> {
        let counts = self.counts();
        let sizes = self.sessions().sizes().await?;
        Ok(Status {
            open_connections: sizes.connections,
            num_rooms: sizes.rooms,
            online_since: unix_seconds(self.0.online_since),
            rabbitmq_messages_received: counts.triggers_received.load(Relaxed),
            rabbitmq_messages_lost: counts.triggers_lost.load(Relaxed),
            ws_messages_received: counts.frames_received.load(Relaxed),
            ws_messages_send: counts.frames_sent.load(Relaxed),
            ws_messages_send_error: counts.frames_lost.load(Relaxed),
            ws_messages_send_queued: 0,
            rabbitmq_connections_lost: counts.broker_losses.load(Relaxed),
            hooks_skipped: counts.hooks_skipped.load(Relaxed),
        })
    }

    /// Publishes a trigger to whoever hears it.
    pub(crate) async fn trigger(&self, trigger: &Trigger) -> Result<(), DeliverError> {
        self.counts().triggers_received.fetch_add(1, Relaxed);
        let delivered = self.deliver(trigger).await;
        if let Err(error) = &delivered {
            self.counts().triggers_lost.fetch_add(1, Relaxed);
            tracing::error!(
                error = error as &dyn StdError,
                "a trigger was not published"
            );
        }
        delivered
    }

    async fn deliver(&self, trigger: &Trigger) -> Result<(), DeliverError> {
        let rooms: Vec<Room> = match self.settings().rooms {
            // A room that is named twice hears it twice, as with high-templar.
            Rooms::Exact => trigger.rooms.clone(),
            Rooms::Wildcard => {
                let rooms = self.sessions().matching(&trigger.rooms).await?;
                rooms.into_iter().collect()
            }
        };
        let frames = self.sessions().subscriptions_of(&rooms);
        let published = self.publish(trigger, &rooms).await;
        let counter = match &published {
            Ok(()) => &self.counts().frames_sent,
            Err(_) => &self.counts().frames_lost,
        };
        counter.fetch_add(frames as u64, Relaxed);
        Ok(published?)
    }

    async fn publish(&self, trigger: &Trigger, rooms: &[Room]) -> Result<(), PublishError> {
        let mut items = trigger.items_for(rooms).peekable();
        while items.peek().is_some() {
            let some = items.by_ref().take(trigger.items_at_a_time());
            self.0.publisher.publish_all(some).await?;
        }
        Ok(())
    }

    /// Has the connections of a user, or those that hear a room, ask the backend again.
    pub(crate) async fn recheck(&self, whose: &Recheck) -> Result<(), DeliverError> {
        let channels = whose.channels(self.sessions()).await?;
        let sockets = &self.settings().command_sockets;
        recheck::refresh(&self.0.publisher, sockets, channels).await
    }

    /// Asks the backend what the user of a handshake may hear.
    pub(crate) async fn bootstrap(&self, headers: HeaderMap) -> Result<Bootstrap, BackendError> {
        // It is never closed.
        let _permit = self.0.bootstraps.acquire().await;
        let settings = self.settings();
        let path = &settings.user_id_path;
        settings.backend.bootstrap(headers, path).await
    }

    /// Whether the backend is told of users.
    pub(crate) fn has_hooks(&self) -> bool {
        self.0.hooks.is_some()
    }

    /// Runs the hook of a connection's user beside the connection.
    pub(crate) fn run_hook(&self, id: &str, headers: &HeaderMap, event: UserEvent) {
        if let Some(hooks) = &self.0.hooks
            && !hooks.run(id, headers, event)
        {
            self.counts().hooks_skipped.fetch_add(1, Relaxed);
            tracing::warn!(?event, "a hook was left out, as too many are under way");
        }
    }

    /// Waits until no hook is under way.
    pub(crate) async fn finish_hooks(&self) {
        if let Some(hooks) = &self.0.hooks {
            hooks.finish().await;
        }
    }

    /// Forgets connections whose end was never told of, for as long as anybody holds the app.
    pub(crate) fn spawn_sweep(&self) {
        let app = Arc::downgrade(&self.0);
        let pause = self.settings().forget_after() / 8;
        tokio::spawn(async move {
            while let Some(inner) = app.upgrade() {
                let app = Self(inner);
                // It is let go of from time to time.
                let _ = tokio::time::timeout(pause, app.sessions().sweep_rooms()).await;
                app.forget_lost().await;
            }
        });
    }

    pub(crate) async fn forget_lost(&self) {
        let silence = self.settings().forget_after();
        let lost = match self.sessions().forget(silence).await {
            Ok(lost) => lost,
            Err(error) => {
                let error = &error as &dyn StdError;
                tracing::warn!(error, "lost connections are looked for later");
                return;
            }
        };
        if !lost.is_empty() {
            let lost = lost.len();
            tracing::warn!(lost, "connections ended without a word of the proxy");
        }
        for lost in lost {
            if let Some(user) = lost.user {
                self.run_hook(&lost.id, &user, UserEvent::Disconnect);
            }
        }
    }

    pub(crate) fn max_subscriptions(&self) -> usize {
        self.0.max_subscriptions
    }
}

impl Settings {
    /// After which silence a connection is taken for gone, as its end was never told of.
    fn forget_after(&self) -> Duration {
        let twice = self.idle.saturating_mul(2);
        twice.saturating_add(Duration::from_secs(60))
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

/// Why a signed request is not accepted.
#[derive(Debug, Error)]
pub(crate) enum AcceptError {
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    State(#[from] StateError),
}
