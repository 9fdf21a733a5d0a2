//! `/info`: what there is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use axum::extract::State;
use gripware_state::StateError;
use serde::Serialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::{Answer, Answered, Body};
use crate::{
    Wire,
    app::App,
    error::ApiError,
    name,
    store::channel::Channel,
    wire::{ChannelConfig, Info},
};

/// What an answer tells of channels, and of the users that are in them.
#[derive(Debug, Serialize)]
pub(crate) struct ChannelsInfo {
    pub(crate) channels: BTreeMap<String, ChannelInfo>,
    users: Vec<UserInfo>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ChannelInfo {
    uuid: String,
    name: String,
    long_name: Option<String>,
    settings: ChannelConfig,
    history: Vec<Box<RawValue>>,
    last_active: String,
    total_connections: u64,
    total_users: u64,
    users: Vec<String>,
}

#[derive(Debug, Serialize)]
struct UserInfo {
    user: String,
    state: Map<String, Value>,
}

pub(crate) async fn info(State(app): State<App>, body: Body) -> Answered {
    let body = match body.0.is_empty() {
        true => "",
        false => body.json()?,
    };
    let info = match Info::read(body) {
        // It looks for channels, and tells all where it finds none.
        Err(_) if app.settings().wire == Wire::First => Info::default(),
        read => read?,
    };
    match app.settings().wire {
        Wire::Newest => Ok(Answer::new(&app.channels_info(&info).await?)),
        Wire::First => first(&app, &info).await,
    }
}

impl App {
    pub(crate) async fn channels_info(&self, info: &Info) -> Result<ChannelsInfo, ApiError> {
        let names = match &info.channels {
            Some(names) => names.iter().cloned().collect(),
            None => BTreeSet::from_iter(self.store().all_channels().await?),
        };
        let mut channels = BTreeMap::new();
        let mut users = BTreeSet::new();
        for name in names {
            if info.exclude_channels.contains(&name) {
                continue;
            }
            if let Some(channel) = self.store().channel(&name).await? {
                let told = self.channel_info(channel, info).await?;
                users.extend(told.users.iter().cloned());
                channels.insert(name, told);
            }
        }
        let mut told = Vec::with_capacity(users.len());
        for name in users {
            if let Some(user) = self.store().user(&name::digest(&name)).await? {
                let state = match info.return_public_state {
                    true => user.public_state(),
                    false => user.state,
                };
                told.push(UserInfo { user: name, state });
            }
        }
        Ok(ChannelsInfo {
            channels,
            users: told,
        })
    }

    async fn channel_info(&self, channel: Channel, info: &Info) -> Result<ChannelInfo, StateError> {
        let size = self.store().size_of(&channel.name).await?;
        let users = match info.include_users {
            true => self.store().users_in(&channel.name).await?,
            false => Vec::new(),
        };
        let history = match info.include_history {
            true => self.store().remembered(&channel).await?,
            false => Vec::new(),
        };
        let history = history.into_iter().map(RawValue::from_string);
        let last_active = self.store().last_active(&channel).await?;
        Ok(ChannelInfo {
            history: history.filter_map(Result::ok).collect(),
            last_active: last_active.to_string(),
            total_connections: size.connections,
            // As 0.7.1, which counts those that it lists.
            total_users: if info.include_users { size.users } else { 0 },
            users,
            uuid: channel.uuid,
            name: channel.name,
            long_name: None,
            settings: channel.config,
        })
    }
}

/// As 0.2 has it: users with their connections, and no history.
async fn first(app: &App, info: &Info) -> Answered {
    let told = app.channels_info(info).await?;
    let connections = app.store().all_connections().await?;
    let states: HashMap<&str, &Map<String, Value>> = told
        .users
        .iter()
        .map(|user| (user.user.as_str(), &user.state))
        .collect();
    let mut channels = Map::new();
    for (name, channel) in &told.channels {
        let users = channel.users.iter().map(|user| {
            let status = states
                .get(user.as_str())
                .and_then(|state| state.get("status"));
            json!({
                "user": user,
                "status": status.unwrap_or(&json!(1)),
                "connections": connections.get(user).map_or(&[][..], Vec::as_slice),
            })
        });
        let users: Vec<Value> = users.collect();
        let told = json!({
            "total_users": channel.total_users,
            "total_connections": channel.total_connections,
            "users": users,
            "last_active": channel.last_active,
        });
        channels.insert(name.clone(), told);
    }
    Ok(Answer::new(&json!({
        "channels": channels,
        "unique_users": app.store().count_users().await?,
    })))
}
