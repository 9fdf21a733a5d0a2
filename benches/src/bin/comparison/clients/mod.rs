//! Clients and publishers, which parse as little as they can.

mod connect;
mod control;
mod crowd;
mod frames;
mod gather;
mod kind;
mod lag;
mod tally;
mod visitor;

pub(crate) use self::{
    connect::{connect, connect_from, open_head},
    control::Control,
    crowd::Crowd,
    frames::Frames,
    gather::{Guests, OFFER},
    kind::{Kind, upgrade},
    lag::{MARK, message, message_of},
    tally::Tally,
    visitor::{Seen, Visitor, numbered},
};
