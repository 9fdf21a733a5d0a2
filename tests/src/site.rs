use std::net::SocketAddr;

use serde_json::json;

use crate::{
    Answer, DIFFERENCES, Difference, Layout, Origin, PATIENCE, Pending, Recorder, Refusal, Request,
    SiteBuilder, Socket, Valve,
    looking::{self, Subscribers},
    proxy::Proxy,
    publishing,
    site_builder::start_origin,
    until,
};

/// A web application as its clients see it: a conformance server behind a proxy.
#[derive(Debug)]
pub struct Site {
    pub(crate) proxy: Proxy,
    pub(crate) origin: Origin,
    pub(crate) valve: Valve,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) prefix: String,
    pub(crate) layout: Layout,
    pub(crate) origin_settings: Vec<(String, String)>,
}

impl Site {
    /// A site whose origin checks signatures, and whose proxy tells what is wrong with answers.
    pub async fn of(layout: impl Into<Layout>) -> Self {
        Self::with(layout).start().await
    }

    /// Settings for a site. The name of a conformance server alone stands for that server behind
    /// Pushpin.
    #[must_use]
    pub fn with(layout: impl Into<Layout>) -> SiteBuilder {
        SiteBuilder::new(layout.into())
    }

    /// Where clients connect.
    #[must_use]
    pub fn client(&self) -> SocketAddr {
        self.proxy.client()
    }

    /// Where items are published over HTTP.
    #[must_use]
    pub fn control(&self) -> SocketAddr {
        self.proxy.control()
    }

    /// Whether the proxy in front does this as a hub does it, and not as Pushpin.
    #[must_use]
    pub fn differs(&self, difference: Difference) -> bool {
        let is_hub = !matches!(self.proxy, Proxy::Pushpin(_));
        is_hub && DIFFERENCES.contains(&difference)
    }

    /// Ends the proxy, and with it every client's connection.
    pub async fn stop_proxy(&mut self) {
        self.proxy.stop().await;
    }

    /// Ends the origin and starts it again at the same address. It has forgotten everything.
    pub async fn restart_origin(&mut self) {
        let address = self.origin.address();
        self.origin.stop(PATIENCE).await;
        self.origin = start_origin(self.layout, Some(address), &self.origin_settings).await;
    }

    /// Starts the proxy again at the same addresses, after [`stop_proxy`](Self::stop_proxy), and
    /// waits until a client is served.
    pub async fn start_proxy_again(&mut self) {
        self.proxy.start_again().await;
        self.proxy.is_ready(&self.prefix).await;
    }

    /// The conformance server.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The conformance server, to stop it.
    #[must_use]
    pub fn origin_mut(&mut self) -> &mut Origin {
        &mut self.origin
    }

    /// What stands between the origin's publisher and the proxy.
    #[must_use]
    pub fn valve(&self) -> &Valve {
        &self.valve
    }

    /// What stands between the proxy and the origin.
    ///
    /// # Panics
    /// Where the site is not [`recorded`](SiteBuilder::recorded).
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        self.recorder.as_ref().expect("a site that is recorded")
    }

    /// A client's request.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, self.client(), path)
    }

    /// A client's request that waits for its answer while the test goes on.
    #[must_use]
    pub fn hold(&self, path: &str) -> Pending {
        self.request("GET", path).send_and_wait()
    }

    /// A client's GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send().await
    }

    /// A client's POST.
    pub async fn post(&self, path: &str, body: impl Into<bytes::Bytes>) -> Answer {
        self.request("POST", path).body(body).send().await
    }

    /// A client's WebSocket, accepted.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn socket(&self, path: &str) -> Socket {
        self.try_socket(path, &[])
            .await
            .unwrap_or_else(|refusal| panic!("{path}: {refusal:?}"))
    }

    /// A client's WebSocket with further headers in its request.
    ///
    /// # Errors
    /// Where it is refused.
    pub async fn try_socket(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Socket, Refusal> {
        Socket::connect(self.client(), path, headers).await
    }

    /// Publishes an item, as JSON, at the proxy: past the origin and its publisher.
    ///
    /// # Panics
    /// Where the proxy refuses it.
    pub async fn publish(&self, item: &str) {
        publishing::publish(self.control(), item).await;
    }

    /// Waits until so many subscriptions to a channel have been made.
    ///
    /// # Panics
    /// Where they have not within [`PATIENCE`].
    pub async fn subscriptions(&self, channel: &str, times: usize) {
        self.subscribers(channel, times, |subscribers| subscribers.total() >= times)
            .await;
    }

    /// Waits until nobody is subscribed to a channel.
    ///
    /// # Panics
    /// Where there still is one after [`PATIENCE`].
    pub async fn has_no_subscribers(&self, channel: &str) {
        let Proxy::Pushpin(pushpin) = &self.proxy else {
            return self
                .subscribers(channel, 0, |subscribers| subscribers.total() == 0)
                .await;
        };
        let nobody = format!("publish channel={channel} receivers=0");
        let before = pushpin.times_logged(&nobody);
        let item = json!({
            "channel": channel,
            "http-response": {"body": ""},
            "http-stream": {"content": ""},
            "ws-message": {"content": ""},
        });
        until("everybody to be gone", async || {
            self.publish(&item.to_string()).await;
            pushpin.times_logged(&nobody) > before
        })
        .await;
    }

    /// Waits until a response hold on this channel is settled.
    ///
    /// Pushpin asks the origin a second time, about a second later, where a hold is the first
    /// subscriber to its channel (GRIP 1.8). A hub does not.
    pub async fn settled(&self, channel: &str) {
        if let Proxy::Pushpin(pushpin) = &self.proxy {
            return pushpin.repeats(channel, 1).await;
        }
        self.subscribers(channel, 1, |subscribers| subscribers.response > 0)
            .await;
    }

    /// Waits until the request of the one response hold on a channel, which was settled, has been
    /// sent to the origin once more, and been held again.
    pub async fn is_asked_again(&self, channel: &str) {
        if let Proxy::Pushpin(pushpin) = &self.proxy {
            return pushpin.repeats(channel, 2).await;
        }
        until("the request to be repeated", async || {
            self.metric("gripware_hub_asks_total").await >= 1.0
        })
        .await;
        self.settled(channel).await;
    }

    /// The value of a hub's metric, added up over its labels.
    ///
    /// # Panics
    /// Where the proxy is no hub.
    pub async fn metric(&self, name: &str) -> f64 {
        looking::metric(&self.proxy.metrics().await, name)
    }

    async fn subscribers(
        &self,
        channel: &str,
        times: usize,
        are_enough: impl Fn(Subscribers) -> bool,
    ) {
        if let Proxy::Pushpin(pushpin) = &self.proxy {
            return pushpin.subscriptions(channel, times).await;
        }
        until("subscribers", async || {
            let subscribers = self.proxy.subscribers(channel).await;
            subscribers.is_some_and(&are_enough)
        })
        .await;
    }
}
