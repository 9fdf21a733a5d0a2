//! What the handlers of one process share.

use std::{
    error::Error,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use gripware_axum::{Grip, GripLayer, Item, PublishError, Publisher, WsMessage};
use gripware_core::webhook::{ReplayCache, WebhookKey};
use http::HeaderMap;
use sha2::{Digest as _, Sha256};
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    Backend, HeaderMapping, Hooks, Rooms, Status, Trigger,
    connection::Slot,
    connections::Connections,
    counts::Counts,
    hooks::{HookFuture, User},
    room::Room,
};

/// How many hooks run at a time.
const MAX_HOOKS: usize = 256;

/// How many signed requests are remembered: 160 a second for as long as their signatures are valid.
const MAX_REPLAYS: usize = 100_000;

/// What is set by [`TemplarBuilder`](crate::TemplarBuilder).
pub(crate) struct Settings {
    pub(crate) backend: Backend,
    pub(crate) headers: HeaderMapping,
    pub(crate) hooks: Option<Arc<dyn Hooks>>,
    pub(crate) trigger_keys: Vec<TriggerKey>,
    pub(crate) rooms: Rooms,
    pub(crate) idle: Duration,
    pub(crate) max_subscriptions: usize,
    pub(crate) session_cookie: String,
    pub(crate) request_ids_in_replies: bool,
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
    connections: Mutex<Connections>,
    replays: Mutex<ReplayCache>,
    counts: Counts,
    hooks_under_way: Arc<Semaphore>,
    online_since: SystemTime,
}

impl App {
    pub(crate) fn new(grip: &Grip, settings: Settings) -> Self {
        Self(Arc::new(Inner {
            layer: GripLayer::new(grip),
            publisher: grip.publisher(),
            settings,
            connections: Mutex::default(),
            replays: Mutex::new(ReplayCache::new(MAX_REPLAYS)),
            counts: Counts::default(),
            hooks_under_way: Arc::new(Semaphore::new(MAX_HOOKS)),
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

    pub(crate) fn connections(&self) -> MutexGuard<'_, Connections> {
        self.0
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn replays(&self) -> MutexGuard<'_, ReplayCache> {
        self.0
            .replays
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self) -> Status {
        let counts = self.counts();
        let connections = self.connections();
        let since = self.0.online_since.duration_since(UNIX_EPOCH);
        Status {
            open_connections: connections.len(),
            num_rooms: connections.rooms(),
            online_since: since.unwrap_or_default().as_secs(),
            rabbitmq_messages_received: counts.triggers_received.get(),
            rabbitmq_messages_lost: counts.triggers_lost.get(),
            ws_messages_received: counts.frames_received.get(),
            ws_messages_send: counts.frames_sent.get(),
            ws_messages_send_error: counts.frames_lost.get(),
            ws_messages_send_queued: 0,
        }
    }

    /// Publishes a trigger to whoever hears it.
    pub(crate) async fn trigger(&self, trigger: &Trigger) -> Result<(), PublishError> {
        self.counts().triggers_received.add(1);
        let (rooms, frames) = {
            let connections = self.connections();
            let rooms: Vec<Room> = match self.settings().rooms {
                // A room that is named twice hears it twice, as with high-templar.
                Rooms::Exact => trigger.rooms.clone(),
                Rooms::Wildcard => connections.matching(&trigger.rooms).into_iter().collect(),
            };
            let frames: usize = rooms
                .iter()
                .map(|room| connections.subscriptions_of(room))
                .sum();
            (rooms, frames)
        };
        let published = trigger.publish(&self.0.publisher, &rooms).await;
        match &published {
            Ok(()) => self.counts().frames_sent.add(frames),
            Err(error) => {
                self.counts().triggers_lost.add(1);
                self.counts().frames_lost.add(frames);
                tracing::error!(error = error as &dyn Error, "a trigger was not published");
            }
        }
        published
    }

    /// Has the connections of a user, or those that hear a room, ask the backend again.
    pub(crate) async fn recheck(&self, whose: &Recheck) -> Result<(), PublishError> {
        let channels: Vec<String> = match whose {
            Recheck::Cookie(value) => vec![cookie_channel(value)],
            Recheck::Room(room) => {
                let rooms = self.connections().matching(std::slice::from_ref(room));
                rooms
                    .iter()
                    .flat_map(Slot::all)
                    .map(|slot| slot.channel)
                    .collect()
            }
        };
        let items = channels
            .into_iter()
            .map(|channel| (channel, Item::from(WsMessage::refresh())));
        self.0.publisher.publish_all(items).await
    }

    /// Runs a hook beside the connection.
    pub(crate) fn run_hook(&self, headers: &HeaderMap, hook: fn(&dyn Hooks, User) -> HookFuture) {
        let Some(hooks) = &self.settings().hooks else {
            return;
        };
        let under_way = Arc::clone(&self.0.hooks_under_way);
        let Ok(permit) = under_way.try_acquire_owned() else {
            self.counts().hooks_skipped.add(1);
            tracing::warn!("a hook was left out, as {MAX_HOOKS} are under way");
            return;
        };
        let running = hook(
            &**hooks,
            User::new(self.settings().backend.clone(), headers.clone()),
        );
        tokio::spawn(async move {
            running.await;
            drop(permit);
        });
    }

    /// Forgets connections whose end was never told of, for as long as anybody holds the app.
    pub(crate) fn spawn_sweep(&self) {
        let app = Arc::downgrade(&self.0);
        let idle = self.settings().idle;
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(idle).await;
                let Some(inner) = app.upgrade() else { return };
                let app = Self(inner);
                let forgotten = app.connections().forget(idle * 2, Instant::now());
                if forgotten > 0 {
                    tracing::warn!(forgotten, "connections ended without a word of the proxy");
                }
            }
        });
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

/// Whose permissions are asked for again.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Recheck {
    /// The value of the session cookie.
    Cookie(String),
    Room(Room),
}

/// The channel of all connections with one session cookie. A channel is named in logs and lists, so
/// its name does not tell the cookie.
pub(crate) fn cookie_channel(value: &str) -> String {
    let digest = Sha256::digest(value);
    let hex: String = digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("session-{hex}")
}
