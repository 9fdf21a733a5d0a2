//! What the handlers of one process share, and how frames get from them to browsers.

use std::{
    fmt,
    sync::{Arc, Weak, atomic::Ordering::Relaxed},
};

use futures_util::future::try_join_all;
use gripware_axum::{CloseCode, Grip, GripLayer, HttpResponse, Item, PublishError, Publisher};
use gripware_state::{Expect, StateError};
use serde_json::{Value, json};

use crate::{
    counts::Counts,
    error::ApiError,
    name,
    settings::Settings,
    store::{
        Store,
        channel::Channel,
        connection::{Connection, Loaded},
        frames::Addressed,
    },
    wire::{Frame, Kind, Moment, random_uuid},
};

/// Items with the GRIP channels that they are for.
pub(crate) type Items = Vec<(String, Item)>;

#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

/// The app, for as long as anybody else holds it.
pub(crate) struct WeakApp(Weak<Inner>);

struct Inner {
    layer: GripLayer,
    publisher: Publisher,
    settings: Settings,
    store: Store,
    counts: Counts,
    started: Moment,
}

impl App {
    pub(crate) fn new(grip: &Grip, settings: Settings) -> Self {
        Self(Arc::new(Inner {
            layer: GripLayer::new(grip),
            publisher: grip.publisher(),
            store: Store::new(&settings),
            settings,
            counts: Counts::default(),
            started: Moment::now(),
        }))
    }

    pub(crate) fn downgrade(&self) -> WeakApp {
        WeakApp(Arc::downgrade(&self.0))
    }

    pub(crate) fn layer(&self) -> GripLayer {
        self.0.layer.clone()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.0.counts
    }

    pub(crate) fn started(&self) -> Moment {
        self.0.started
    }

    pub(crate) async fn publish(&self, items: Items) -> Result<(), PublishError> {
        let count = items.len();
        if count == 0 {
            return Ok(());
        }
        let published = self.0.publisher.publish_all(items).await;
        let counter = match published {
            Ok(()) => &self.counts().items,
            Err(_) => &self.counts().lost,
        };
        counter.fetch_add(count as u64, Relaxed);
        published
    }

    /// Publishes what helps, and is not missed where the proxy does not take it. Returns `true` if it
    /// has.
    pub(crate) async fn try_publish(&self, channel: String, item: Item) -> bool {
        let published = self.0.publisher.publish(channel, item).await;
        if let Err(error) = &published {
            let error = error as &dyn std::error::Error;
            tracing::debug!(error, "a socket or a poll is not told to look");
        }
        published.is_ok()
    }

    /// Keeps a frame of a channel, and adds the items that it is made of. With `only_for` it is for
    /// these users where they are in the channel.
    pub(crate) async fn to_channel(
        &self,
        channel: &Channel,
        frame: &Addressed,
        items: &mut Items,
    ) -> Result<(), StateError> {
        let grip = name::channel(&channel.name);
        let kept = self.store().keep(channel, frame).await?;
        items.extend(kept.into_item().map(|item| (grip.clone(), item)));
        let is_kept_from = |user: &&String| frame.not_for.contains(*user);
        for user in frame.only_for.iter().filter(|user| !is_kept_from(user)) {
            if self.settings().addresses_sockets {
                self.to_connections_in(channel, user, frame, items).await?;
                continue;
            }
            // The proxy's filter lets pass what is for somebody in the channel.
            let item = frame.live().http_response(HttpResponse::hint());
            items.push((name::user_channel(user), item.require_sub(grip.as_str())));
        }
        Ok(())
    }

    /// Adds items for each connection that a user has in a channel, by the channels of sockets and
    /// polls.
    async fn to_connections_in(
        &self,
        channel: &Channel,
        user: &str,
        frame: &Addressed,
        items: &mut Items,
    ) -> Result<(), StateError> {
        for id in self.store().connections_of(user).await? {
            let digest = name::digest(&id);
            let loaded = self.store().connection(&digest).await?;
            let connection = loaded.map(|loaded| loaded.connection);
            let Some(connection) = connection.filter(|it| it.channels.contains_key(&channel.name))
            else {
                continue;
            };
            items.push(match &connection.socket {
                Some(socket) => (name::socket(socket), frame.live()),
                None => (name::poll(&digest), HttpResponse::hint().into()),
            });
        }
        Ok(())
    }

    /// The same for all that a user has.
    pub(crate) async fn to_user(
        &self,
        digest: &str,
        frame: &Addressed,
        items: &mut Items,
    ) -> Result<(), StateError> {
        let kept = self.store().keep_for_user(digest, frame).await?;
        let item = kept.into_item();
        items.extend(item.map(|item| (name::user_channel(digest), item)));
        Ok(())
    }

    /// Tells a channel that a user has come or gone, if the channel wants to know.
    pub(crate) async fn tell_presence(
        &self,
        channel: &Channel,
        username: &str,
        has_joined: bool,
    ) -> Result<(), ApiError> {
        if !channel.config.notify_presence {
            return Ok(());
        }
        let users = match channel.config.broadcast_presence_with_user_lists {
            true => self.users_with_state(&channel.name).await?,
            false => Vec::new(),
        };
        let digest = name::digest(username);
        let state = match has_joined {
            true => self.public_state(&digest).await?,
            false => Value::Null,
        };
        let action = if has_joined { "joined" } else { "parted" };
        let frame = Frame {
            timestamp: Some(Moment::now().to_string()),
            user: Some(username.to_owned()),
            channel: Some(channel.name.clone()),
            message: serde_json::value::to_raw_value(&json!({ "action": action })).ok(),
            users: Some(Value::Array(users)),
            state: Some(state),
            ..Frame::new(Kind::Presence, &random_uuid())
        };
        let addressed = Addressed {
            json: frame.encode(self.settings().wire),
            not_for: vec![digest],
            ..Addressed::default()
        };
        let mut items = Items::new();
        self.to_channel(channel, &addressed, &mut items).await?;
        Ok(self.publish(items).await?)
    }

    async fn users_with_state(&self, channel: &str) -> Result<Vec<Value>, StateError> {
        let users = self.store().users_in(channel).await?;
        let states = users.iter().map(|user| async move {
            let state = self.public_state(&name::digest(user)).await?;
            Ok::<_, StateError>(json!({ "user": user, "state": state }))
        });
        try_join_all(states).await
    }

    async fn public_state(&self, digest: &str) -> Result<Value, StateError> {
        let user = self.store().user(digest).await?;
        Ok(user.map_or_else(|| json!({}), |user| json!(user.public_state())))
    }

    /// Adds a connection to channels that its record has already, and tells them.
    pub(crate) async fn join(
        &self,
        channels: &[Channel],
        connection: &Connection,
        digest: &str,
    ) -> Result<(), ApiError> {
        for channel in channels {
            let user = &connection.user;
            if self.store().join(&channel.name, user, digest).await? {
                self.tell_presence(channel, user, true).await?;
            }
        }
        Ok(())
    }

    /// Removes a connection from channels that its record no longer has, and tells them.
    pub(crate) async fn leave(
        &self,
        channels: impl IntoIterator<Item = &String>,
        username: &str,
        digest: &str,
    ) -> Result<(), ApiError> {
        for name in channels {
            if self.store().leave(name, digest).await?
                && let Some(channel) = self.store().channel(name).await?
            {
                self.tell_presence(&channel, username, false).await?;
            }
        }
        Ok(())
    }

    /// Drops a connection: of all who try, the one whose record it was does. Returns `false` if
    /// there is none, or it has changed.
    pub(crate) async fn drop_connection(
        &self,
        digest: &str,
        loaded: &Loaded,
        expect: Expect,
    ) -> Result<bool, ApiError> {
        if !self.store().remove_connection(digest, expect).await? {
            return Ok(false);
        }
        self.dropped(digest, &loaded.connection).await?;
        Ok(true)
    }

    /// What is to be done where a connection's record was removed, or has expired.
    pub(crate) async fn dropped(
        &self,
        digest: &str,
        connection: &Connection,
    ) -> Result<(), ApiError> {
        let user = &connection.user;
        self.leave(connection.channels.keys(), user, digest).await?;
        self.store().unlist_connection(digest, user).await?;
        if let Some(socket) = &connection.socket {
            let close = Item::close(CloseCode::NORMAL, "the connection has ended");
            self.try_publish(name::socket(socket), close).await;
        }
        self.try_publish(name::poll(digest), HttpResponse::hint().into())
            .await;
        Ok(())
    }

    /// Closes a socket that another one has taken the place of.
    pub(crate) async fn close_replaced(&self, socket: &str) {
        let close = Item::close(CloseCode::NORMAL, "another socket has taken its place");
        self.try_publish(name::socket(socket), close).await;
    }
}

impl WeakApp {
    pub(crate) fn upgrade(&self) -> Option<App> {
        self.0.upgrade().map(App)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}
