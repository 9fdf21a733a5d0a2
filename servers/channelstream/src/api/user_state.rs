//! `/user_state`, and `/user_status`, which 0.2 has instead.

use std::collections::BTreeSet;

use axum::extract::State;
use serde_json::{Value, json};

use super::{Answer, Answered, Body};
use crate::{
    app::{App, Items},
    error::ApiError,
    name,
    store::{
        channel::Channel,
        frames::Addressed,
        user::{Changed, User},
    },
    wire::{Frame, Kind, Moment, UserState, random_uuid, user_status as read_status},
};

pub(crate) async fn user_state(State(app): State<App>, body: Body) -> Answered {
    let wanted = UserState::read(body.json()?)?;
    let (user, changed) = change(&app, &wanted)
        .await?
        .ok_or_else(|| ApiError::field("user", "Unknown user"))?;
    Ok(Answer::new(&json!({
        "user_state": user.state,
        "changed_state": changed,
        "public_keys": user.public_keys,
    })))
}

/// A number, which is kept as the key `status` of the state.
pub(crate) async fn user_status(State(app): State<App>, body: Body) -> Answered {
    let (user, status) = read_status(body.json()?)?;
    let wanted = UserState {
        user,
        user_state: vec![("status".to_owned(), json!(status))],
        state_public_keys: None,
    };
    change(&app, &wanted).await?;
    Ok(Answer::new(&json!({})))
}

async fn change(app: &App, wanted: &UserState) -> Result<Option<(User, Vec<Changed>)>, ApiError> {
    let digest = name::digest(&wanted.user);
    let changed = app
        .store()
        .change_user(&digest, |user| {
            if let Some(keys) = &wanted.state_public_keys {
                user.public_keys.clone_from(keys);
            }
            user.merge(&wanted.user_state)
        })
        .await?;
    let Some((user, changed)) = changed else {
        return Ok(None);
    };
    if !changed.is_empty() {
        tell(app, &user, &changed).await?;
    }
    Ok(Some((user, changed)))
}

/// Tells the channels of a user what has changed, where they want to know.
async fn tell(app: &App, user: &User, changed: &[Changed]) -> Result<(), ApiError> {
    let digest = name::digest(&user.name);
    let mut channels = BTreeSet::new();
    for connection in app.store().connections_of(&digest).await? {
        let connection = app.store().connection(&name::digest(&connection)).await?;
        channels.extend(connection.into_iter().flat_map(|it| it.connection.names()));
    }
    let mut items = Items::new();
    for channel in &channels {
        let channel = app.store().channel(channel).await?;
        if let Some(channel) = channel.filter(|channel| channel.config.notify_state) {
            let frame = frame(app, user, changed, &channel);
            app.to_channel(&channel, &frame, &mut items).await?;
        }
    }
    Ok(app.publish(items).await?)
}

fn frame(app: &App, user: &User, changed: &[Changed], channel: &Channel) -> Addressed {
    let public: Vec<_> = changed.iter().filter(|it| user.shows(&it.key)).collect();
    let message: Value = json!({"state": user.public_state(), "changed": public});
    let frame = Frame {
        timestamp: Some(Moment::now().to_string()),
        user: Some(user.name.clone()),
        channel: Some(channel.name.clone()),
        message: serde_json::value::to_raw_value(&message).ok(),
        ..Frame::new(Kind::UserState, &random_uuid())
    };
    Addressed {
        json: frame.encode(app.settings().wire),
        ..Addressed::default()
    }
}
