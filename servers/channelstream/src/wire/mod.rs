//! What callers of the API and browsers say and hear, as channelstream 0.7.1 has it, or 0.2.

mod bodies;
mod config;
mod fields;
mod frame;
mod message;
mod moment;

pub(crate) use self::{
    bodies::{Connect, Info, Subscribe, UserState, channel_configs, connection_id, user_status},
    config::ChannelConfig,
    fields::{Invalid, random_uuid},
    frame::{Frame, Kind, list, replayed},
    message::Message,
    moment::Moment,
};

/// Which of its versions answers and frames are like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wire {
    /// 0.7.1, the newest.
    #[default]
    Newest,
    /// 0.2, the first, with what its description promises of frames.
    First,
}
