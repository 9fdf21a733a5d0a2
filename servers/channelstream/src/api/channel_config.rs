//! `/channel_config`: the settings of channels, which it makes where there are none.

use axum::extract::State;

use super::{Answer, Answered, Body};
use crate::{
    app::App,
    wire::{Info, channel_configs},
};

pub(crate) async fn channel_config(State(app): State<App>, body: Body) -> Answered {
    let configs = channel_configs(body.json()?)?;
    for (name, config) in &configs {
        app.store().configure_channel(name, config).await?;
    }
    let info = Info {
        channels: Some(configs.into_iter().map(|(name, _)| name).collect()),
        include_history: false,
        include_users: false,
        ..Info::default()
    };
    Ok(Answer::new(&app.channels_info(&info).await?))
}
