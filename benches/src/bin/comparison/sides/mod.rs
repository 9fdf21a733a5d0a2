//! What is measured: servers with their settings, each started anew.

mod bare;
mod brokers;
mod floor;
mod hub;
mod inside;
mod nginx;
mod origin;
mod places;
mod proxy;
mod pushpin;
mod running;
mod settings;
mod side;
mod usage;

use std::path::PathBuf;

pub(crate) use self::{
    bare::{ARGUMENT as BARE, run as run_bare},
    brokers::{Broker, Brokering},
    floor::{ARGUMENT as FLOOR, run as run_floor},
    inside::{ARGUMENT as INSIDE, run as run_inside},
    origin::{CHANNEL, Origin},
    proxy::{Held, Proxy},
    running::Running,
    settings::first_line,
    side::Side,
    usage::Usage,
};
use self::{inside::What, nginx::Nginx, origin::Alone, pushpin::Pushpin};
use crate::{Error, measure::plain};

/// Starts sides, in front of the one origin.
#[derive(Debug)]
pub(crate) struct Starter {
    /// The program `gripware-hub`.
    pub(crate) program: PathBuf,
    pub(crate) origin: Origin,
}

impl Starter {
    /// Starts a side, and returns when it answers.
    pub(crate) async fn start(&self, side: Side) -> Result<Box<dyn Proxy>, Error> {
        let proxy: Box<dyn Proxy> = match side {
            Side::Hub => Box::new(self.hub(side, &[])?),
            Side::Compressing => Box::new(self.hub(side, &["--permessage-deflate"])?),
            Side::Inside => Box::new(inside::start(side, What::Hub)?),
            Side::Router => Box::new(inside::start(side, What::Router)?),
            Side::NoOp => Box::new(inside::start(side, What::NoOp)?),
            Side::Nginx => Box::new(Nginx::proxy(&self.origin)?),
            Side::Nchan => Box::new(Nginx::nchan()?),
            Side::Pushpin => Box::new(Pushpin::start(&self.origin)?),
            Side::Floor => Box::new(floor::start(&self.origin)?),
            Side::Bare => Box::new(bare::start(&self.origin)?),
            Side::Origin => Box::new(Alone::of(&self.origin)),
        };
        plain::wait_until_up(proxy.client()).await?;
        Ok(proxy)
    }

    /// Starts the program with further flags.
    pub(crate) fn hub(&self, side: Side, further: &[&str]) -> Result<Running, Error> {
        hub::start(side, &self.program, &self.origin, further)
    }
}
