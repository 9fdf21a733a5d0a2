use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::{
    Answer, ISSUER, KEY, Origin, PATIENCE, Pending, Place, Pushpin, Refusal, Request, Socket, Valve,
};

/// A web application as its clients see it: a conformance server behind a Pushpin.
#[derive(Debug)]
pub struct Site {
    pushpin: Pushpin,
    origin: Origin,
    prefix: String,
    valve: Valve,
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
        headers: &[(&'static str, &str)],
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

    /// Waits until everything between a client and the handler of holds is connected. Pushpin's
    /// programs connect to each other in the background, and answer 500 or lose what comes before.
    /// An origin that does not trust this proxy says 501.
    pub(crate) async fn ready(&mut self) {
        let start = Instant::now();
        loop {
            let ask = self.request("GET", "/hold/stream?channel=ready").try_send();
            match timeout(Duration::from_millis(300), ask).await {
                Ok(Ok(answer)) if answer.status() == 200 => return self.end(answer).await,
                Ok(Ok(answer)) if answer.status() == 501 => return,
                _ => {}
            }
            self.pushpin.assert_running();
            assert!(start.elapsed() < PATIENCE, "the site is not ready");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends a stream from the proxy's side. Where the client left instead, Pushpin might take the
    /// next client, who gets the same number, for this one, and cut it off.
    async fn end(&self, stream: Answer) {
        let ended = stream.bytes();
        tokio::pin!(ended);
        let channel = format!("{}ready", self.prefix);
        let item = format!(r#"{{"channel": "{channel}", "http-stream": {{"action": "close"}}}}"#);
        loop {
            self.publish(&item).await;
            if timeout(Duration::from_millis(50), &mut ended).await.is_ok() {
                return;
            }
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
        let mut prefix = String::new();
        for (name, value) in &self.settings {
            origin = origin.env(name, value);
            if name == "GRIP_PREFIX" {
                prefix.clone_from(value);
            }
        }
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
