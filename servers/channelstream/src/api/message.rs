//! `/message`: messages to channels and users, edits of them, and their end.

use std::{collections::HashMap, sync::atomic::Ordering::Relaxed};

use axum::extract::State;
use gripware_state::StateError;
use serde_json::Value;

use super::{Answer, Answered, Body};
use crate::{
    Wire,
    app::{App, Items},
    error::ApiError,
    name,
    store::{channel::Channel, frames::Addressed},
    wire::{Kind, Message, Moment},
};

pub(crate) async fn post(State(app): State<App>, body: Body) -> Answered {
    let wire = app.settings().wire;
    let messages = Message::read_new(body.json()?, wire, Moment::now())?;
    app.counts()
        .messages
        .fetch_add(messages.len() as u64, Relaxed);
    deliver(&app, &messages, Kind::Message).await?;
    answer(&app, &messages)
}

pub(crate) async fn edit(State(app): State<App>, body: Body) -> Answered {
    let wire = app.settings().wire;
    let edits = Message::read_edits(body.json()?, wire, Moment::now())?;
    for edit in &edits {
        match &edit.channel {
            Some(channel) => app.store().edit(channel, edit).await?,
            None => {
                for user in &edit.pm_users {
                    let grip = name::user_channel(&name::digest(user));
                    app.store().edit_frame(&grip, edit).await?;
                }
            }
        }
    }
    deliver(&app, &edits, Kind::Edit).await?;
    answer(&app, &edits)
}

pub(crate) async fn delete(State(app): State<App>, body: Body) -> Answered {
    let deleted = Message::read_deleted(body.json()?)?;
    for message in &deleted {
        match &message.channel {
            Some(channel) => app.store().delete(channel, &message.uuid).await?,
            None => {
                for user in &message.pm_users {
                    let grip = name::user_channel(&name::digest(user));
                    app.store().delete_frame(&grip, &message.uuid).await?;
                }
            }
        }
    }
    deliver(&app, &deleted, Kind::Delete).await?;
    answer(&app, &deleted)
}

fn answer(app: &App, messages: &[Message]) -> Answered {
    Ok(match app.settings().wire {
        Wire::Newest => Answer::new(messages),
        Wire::First => Answer::new(&Value::Null),
    })
}

/// Delivers messages in their order, and returns once the proxy has all. Those to a channel or a user
/// that is not known are for nobody.
async fn deliver(app: &App, messages: &[Message], kind: Kind) -> Result<(), ApiError> {
    let mut items = Items::new();
    let mut known = Known::default();
    for message in messages {
        let frame = message.frame(kind).encode(app.settings().wire);
        let addressed = Addressed {
            json: frame,
            uuid: (kind == Kind::Message).then(|| message.uuid.clone()),
            ..Addressed::default()
        };
        match &message.channel {
            Some(channel) => {
                let Some(channel) = known.channel(app, channel).await? else {
                    continue;
                };
                if kind == Kind::Message {
                    app.store().remember(channel, message).await?;
                }
                let addressed = Addressed {
                    only_for: digests(&message.pm_users),
                    not_for: digests(&message.exclude_users),
                    ..addressed
                };
                app.to_channel(channel, &addressed, &mut items).await?;
            }
            None => {
                for user in &message.pm_users {
                    let digest = name::digest(user);
                    if app.store().user(&digest).await?.is_some() {
                        app.to_user(&digest, &addressed, &mut items).await?;
                    }
                }
            }
        }
    }
    Ok(app.publish(items).await?)
}

fn digests(users: &[String]) -> Vec<String> {
    users.iter().map(|user| name::digest(user)).collect()
}

/// The channels of one request, each looked up once.
#[derive(Default)]
struct Known<'a>(HashMap<&'a str, Option<Channel>>);

impl<'a> Known<'a> {
    async fn channel(&mut self, app: &App, name: &'a str) -> Result<Option<&Channel>, StateError> {
        if !self.0.contains_key(name) {
            let channel = app.store().channel(name).await?;
            self.0.insert(name, channel);
        }
        Ok(self.0.get(name).and_then(Option::as_ref))
    }
}
