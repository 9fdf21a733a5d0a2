use std::{net::SocketAddr, sync::Arc};

use crate::{
    Front, HubProgram, ISSUER, KEY, Layout, Origin, Place, Pushpin, Recorded, Recorder, Site,
    Valve,
    hub_library::{HubLibrary, HubLibrarySettings},
    hub_nodes::HubNodes,
    hub_pipe::HubPipe,
    proxy::Proxy,
    recorder::{self, Scripted},
};

/// How a site is set up.
#[derive(Debug)]
pub struct SiteBuilder {
    layout: Layout,
    settings: Vec<(String, String)>,
    debug: bool,
    grip_url: Option<String>,
    loses: bool,
    script: Option<Scripted>,
    origin: Option<SocketAddr>,
    native: Option<SocketAddr>,
    arguments: Vec<&'static str>,
}

impl SiteBuilder {
    pub(crate) fn new(layout: Layout) -> Self {
        Self {
            layout,
            settings: Vec::new(),
            debug: true,
            grip_url: None,
            loses: false,
            script: None,
            origin: None,
            native: None,
            arguments: Vec::new(),
        }
    }

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
        self.grip_url = Some(url.to_owned());
        self
    }

    /// Lets the site's [`Valve`] lose what the origin publishes, where a test tells it to.
    #[must_use]
    pub fn with_losses(mut self) -> Self {
        self.loses = true;
        self
    }

    /// Keeps what the proxy asks the origin.
    #[must_use]
    pub fn recorded(mut self) -> Self {
        self.script = Some(Scripted(recorder::no_script()));
        self
    }

    /// The same, and answers some of it in place of the origin.
    #[must_use]
    pub fn scripted(
        mut self,
        script: impl Fn(&Recorded) -> Option<http::Response<bytes::Bytes>> + Send + Sync + 'static,
    ) -> Self {
        self.script = Some(Scripted(Arc::new(script)));
        self
    }

    /// Puts the proxy before another origin than the layout's.
    #[must_use]
    pub fn origin_at(mut self, address: SocketAddr) -> Self {
        self.origin = Some(address);
        self
    }

    /// Sends what is below `/native` to another origin, which speaks WebSocket itself. The proxy is
    /// Pushpin or the program.
    #[must_use]
    pub fn native(mut self, address: SocketAddr) -> Self {
        self.native = Some(address);
        self
    }

    /// Starts the hub's program with a further argument.
    #[must_use]
    pub fn hub_argument(mut self, argument: &'static str) -> Self {
        self.arguments.push(argument);
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
        let url = |url: &str| url.replace("@control@", &valve.address().to_string());
        let given = self.grip_url.as_deref().map(url);
        let default = format!("http://@control@/?verify-key={KEY}&verify-iss={ISSUER}");

        let mut settings = self.settings;
        let prefix = settings.iter().find(|(name, _)| name == "GRIP_PREFIX");
        let prefix = prefix.map_or(String::new(), |(_, prefix)| prefix.clone());
        let embedded = self.layout.front == Front::HubLibrary;
        if let Some(url) = given.or_else(|| (!embedded).then(|| url(&default))) {
            settings.push(("GRIP_URL".to_owned(), url));
        }
        let (proxy, origin, recorder) = if embedded {
            let hub = HubLibrary::start(HubLibrarySettings {
                origin: self.layout.origin,
                client,
                control,
                direct: place.free_address(),
                variables: settings.clone(),
                to_lose: self.loses.then(|| valve.to_lose()),
                development: self.debug,
            })
            .await;
            let origin = Origin::at(hub.origin());
            (Proxy::Library(hub), origin, None)
        } else {
            let origin = match self.origin {
                Some(address) => Origin::at(address),
                None => start_origin(self.layout, None, &settings).await,
            };
            let mut address = origin.address();
            let mut recorder = None;
            if let Some(Scripted(script)) = self.script {
                let started = Recorder::start(place.free_address(), address, script).await;
                address = started.address();
                recorder = Some(started);
            }
            let route = self.native.map(native_route);
            let mut further = self.arguments;
            further.extend(self.debug.then_some("--development"));
            let further: Vec<_> = further.into_iter().chain(route.as_deref()).collect();
            let mut proxy = match self.layout.front {
                Front::Pushpin => Proxy::Pushpin(match self.native {
                    Some(native) => Pushpin::start_with_native(
                        place,
                        client,
                        control,
                        [address, native],
                        self.debug,
                    ),
                    None => Pushpin::start(place, client, control, address, self.debug),
                }),
                Front::HubPipe => {
                    Proxy::Pipe(HubPipe::start(place, client, control, address, &further).await)
                }
                Front::HubNodes => {
                    let nodes = HubNodes::start(place, client, control, address, &further);
                    Proxy::Nodes(Box::new(nodes.await))
                }
                Front::HubProgram | Front::HubLibrary => Proxy::Program(
                    HubProgram::start(place, client, control, address, &further).await,
                ),
            };
            proxy.is_ready(&prefix).await;
            (proxy, origin, recorder)
        };
        if let Some(recorder) = &recorder {
            recorder.forgets();
        }
        Site {
            proxy,
            origin,
            valve,
            recorder,
            prefix,
            layout: self.layout,
            origin_settings: settings,
        }
    }
}

/// What tells the program of an origin that speaks WebSocket itself.
fn native_route(origin: SocketAddr) -> String {
    format!("--route=*,path_beg=/native http://{origin},native_ws")
}

/// Starts the conformance server of a layout, at this address or at a free one.
pub(crate) async fn start_origin(
    layout: Layout,
    address: Option<SocketAddr>,
    settings: &[(String, String)],
) -> Origin {
    let mut origin = Origin::of(layout.origin);
    if let Some(address) = address {
        origin = origin.listen(address);
    }
    for (name, value) in settings {
        origin = origin.env(name, value);
    }
    origin.start().await
}
