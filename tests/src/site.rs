use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::{
    Answer, ISSUER, KEY, Origin, PATIENCE, Pending, Place, Pushpin, Refusal, Request, Socket, Valve,
};

/// How long a part of a site that is not ready yet is given to answer.
const PROBE: Duration = Duration::from_millis(500);

/// A web application as its clients see it: a conformance server behind a Pushpin.
#[derive(Debug)]
pub struct Site {
    pushpin: Pushpin,
    origin: Origin,
    valve: Valve,
    prefix: String,
}

/// How a site is set up.
#[derive(Debug)]
pub struct SiteBuilder {
    origin: String,
    settings: Vec<(String, String)>,
    debug: bool,
    grip_url: String,
}

impl Site {
    /// A site whose origin checks signatures, and whose Pushpin tells what is wrong with answers.
    pub async fn of(origin: &str) -> Self {
        Self::with(origin).start().await
    }

    /// Settings for a site.
    #[must_use]
    pub fn with(origin: &str) -> SiteBuilder {
        SiteBuilder {
            origin: origin.to_owned(),
            settings: Vec::new(),
            debug: true,
            grip_url: format!("http://@control@/?verify-key={KEY}&verify-iss={ISSUER}"),
        }
    }

    /// The proxy.
    #[must_use]
    pub fn pushpin(&self) -> &Pushpin {
        &self.pushpin
    }

    /// The proxy, to stop and start it.
    #[must_use]
    pub fn pushpin_mut(&mut self) -> &mut Pushpin {
        &mut self.pushpin
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

    /// A client's request.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, self.pushpin.client(), path)
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
        Socket::connect(self.pushpin.client(), path, headers).await
    }

    /// Publishes an item, as JSON, at the proxy: past the origin and its publisher.
    ///
    /// # Panics
    /// Where the proxy refuses it.
    pub async fn publish(&self, item: &str) {
        let answer = Request::new("POST", self.pushpin.control(), "/publish/")
            .body(format!("{{\"items\": [{item}]}}"))
            .send()
            .await;
        let status = answer.status();
        assert_eq!(
            (status, answer.text().await.as_str()),
            (200, "Published\n"),
            "{item}"
        );
    }

    /// Waits until a response hold on this channel is settled.
    ///
    /// Pushpin asks the origin a second time, about a second later, where a hold is the first
    /// subscriber to its channel (GRIP 1.8).
    pub async fn settled(&self, channel: &str) {
        self.pushpin.repeats(channel, 1).await;
    }

    /// Waits until everything between a client, the handler of holds and the origin is connected.
    ///
    /// Pushpin's programs connect to each other in the background, and what comes before is
    /// answered with an error, cut or lost. So one stream and one WebSocket have to work from end
    /// to end, unless the origin does not trust this proxy.
    async fn ready(&mut self) {
        let start = Instant::now();
        // Each attempt has a channel of its own: Pushpin may keep the client of a failed one.
        let mut channels = (0..).map(|n| format!("ready-{n}"));
        while !(self.streams(&channels.next().expect("a name")).await && self.echoes().await) {
            self.pushpin.assert_running();
            assert!(start.elapsed() < PATIENCE, "the site is not ready");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn streams(&self, channel: &str) -> bool {
        let path = format!("/hold/stream?channel={channel}");
        let ask = self.request("GET", &path).try_send();
        let Ok(Ok(mut answer)) = timeout(PROBE, ask).await else {
            return false;
        };
        if answer.status() != 200 {
            return answer.status() == 501;
        }
        let channel = format!("{}{channel}", self.prefix);
        let served = answer.has_next("[open]\n", PROBE).await
            && self.publishes_ready(&channel).await
            && answer.has_next("ready\n", PROBE).await;
        // That the client is gone has to arrive too: a message that is lost on this way makes
        // Pushpin cut the connection when the next one comes.
        let nobody = format!("publish channel={channel} receivers=0");
        let before = self.pushpin.times_logged(&nobody);
        drop(answer);
        let noticed = async {
            while self.publishes_ready(&channel).await
                && self.pushpin.times_logged(&nobody) == before
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        served && timeout(PROBE, noticed).await.is_ok()
    }

    async fn publishes_ready(&self, channel: &str) -> bool {
        let publish = Request::new("POST", self.pushpin.control(), "/publish/").body(format!(
            r#"{{"items": [{{"channel": "{channel}", "http-stream": {{"content": "ready\n"}}}}]}}"#
        ));
        matches!(timeout(PROBE, publish.try_send()).await, Ok(Ok(_)))
    }

    async fn echoes(&self) -> bool {
        let ask = Socket::try_connect(self.pushpin.client(), "/ws/echo", &[]);
        match timeout(PROBE, ask).await {
            Ok(Ok(Ok(mut socket))) => socket.echoes("ready", PROBE).await,
            Ok(Ok(Err(refusal))) => [403, 501].contains(&refusal.status),
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// Starts the proxy again, after it was stopped.
    pub async fn start_pushpin_again(&mut self) {
        self.pushpin.start_again();
        self.ready().await;
    }
}

impl SiteBuilder {
    /// Sets an environment variable of the origin.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the origin's `GRIP_URL`; `@control@` stands for the address of the control endpoint,
    /// behind the site's [`Valve`].
    #[must_use]
    pub fn grip_url(mut self, url: &str) -> Self {
        url.clone_into(&mut self.grip_url);
        self
    }

    /// Lets the proxy keep to itself what is wrong with an origin's answer, as it does as shipped.
    #[must_use]
    pub fn without_debug(mut self) -> Self {
        self.debug = false;
        self
    }

    /// Starts everything, and waits until a client is served.
    pub async fn start(self) -> Site {
        let place = Place::new();
        let (client, control) = (place.free_address(), place.free_address());
        let valve = Valve::start(place.free_address(), control).await;
        let url = self
            .grip_url
            .replace("@control@", &valve.address().to_string());
        let mut origin = Origin::of(&self.origin).env("GRIP_URL", &url);
        for (name, value) in &self.settings {
            origin = origin.env(name, value);
        }
        let prefix = self.settings.iter().find(|(name, _)| name == "GRIP_PREFIX");
        let prefix = prefix.map_or(String::new(), |(_, prefix)| prefix.clone());
        let origin = origin.start().await;
        let pushpin = Pushpin::start(place, client, control, origin.address(), self.debug);
        let mut site = Site {
            pushpin,
            origin,
            valve,
            prefix,
        };
        site.ready().await;
        site
    }
}
