use std::net::SocketAddr;

use crate::{
    HubProgram, Pushpin, Request,
    hub_library::HubLibrary,
    hub_nodes::HubNodes,
    hub_pipe::HubPipe,
    looking::{self, Subscribers},
};

/// A running proxy.
#[derive(Debug)]
pub(crate) enum Proxy {
    Pushpin(Pushpin),
    Program(HubProgram),
    Pipe(HubPipe),
    Nodes(Box<HubNodes>),
    Library(HubLibrary),
}

impl Proxy {
    pub(crate) fn client(&self) -> SocketAddr {
        match self {
            Self::Pushpin(pushpin) => pushpin.client(),
            Self::Program(hub) => hub.client(),
            Self::Pipe(pipe) => pipe.hub().client(),
            Self::Nodes(nodes) => nodes.client(),
            Self::Library(hub) => hub.client(),
        }
    }

    pub(crate) fn control(&self) -> SocketAddr {
        match self {
            Self::Pushpin(pushpin) => pushpin.control(),
            Self::Program(hub) => hub.control(),
            Self::Pipe(pipe) => pipe.hub().control(),
            Self::Nodes(nodes) => nodes.control(),
            Self::Library(hub) => hub.control(),
        }
    }

    pub(crate) async fn stop(&mut self) {
        match self {
            Self::Pushpin(pushpin) => pushpin.stop().await,
            Self::Program(hub) => hub.stop().await,
            Self::Pipe(pipe) => pipe.stop().await,
            Self::Nodes(nodes) => nodes.stop().await,
            Self::Library(hub) => hub.stop().await,
        }
    }

    pub(crate) async fn start_again(&mut self) {
        match self {
            Self::Pushpin(pushpin) => pushpin.start_again(),
            Self::Program(hub) => hub.start_again().await,
            Self::Pipe(pipe) => pipe.start_again().await,
            Self::Nodes(nodes) => nodes.start_again().await,
            Self::Library(_) => panic!("it ends with its origin"),
        }
    }

    /// Waits until a client is served. A hub is ready when it says so.
    pub(crate) async fn is_ready(&mut self, prefix: &str) {
        match self {
            Self::Pushpin(pushpin) => pushpin.is_ready(prefix).await,
            Self::Program(_) | Self::Pipe(_) | Self::Nodes(_) | Self::Library(_) => {}
        }
    }

    /// Who follows a channel, where the proxy tells: Pushpin does not.
    pub(crate) async fn subscribers(&self, channel: &str) -> Option<Subscribers> {
        match self {
            Self::Pushpin(_) => None,
            Self::Program(_) | Self::Pipe(_) | Self::Nodes(_) => {
                Some(looking::subscribers(self.control(), channel).await)
            }
            Self::Library(hub) => Some(hub.subscribers(channel)),
        }
    }

    /// The metrics of a hub.
    pub(crate) async fn metrics(&self) -> String {
        match self {
            Self::Pushpin(_) => panic!("Pushpin's metrics are of no use to tests"),
            Self::Program(_) | Self::Pipe(_) => metrics(self.control()).await,
            Self::Nodes(nodes) => {
                let [one, other] = nodes.controls();
                metrics(one).await + &metrics(other).await
            }
            Self::Library(hub) => hub.metrics().await,
        }
    }
}

async fn metrics(control: SocketAddr) -> String {
    let request = Request::new("GET", control, "/metrics");
    request.send().await.text().await
}
