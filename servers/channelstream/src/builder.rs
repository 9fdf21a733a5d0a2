use std::{error::Error, net::IpAddr};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{any, get, post},
};
use gripware_axum::Grip;
use gripware_state::State;

use crate::{
    Wire, admin, api,
    app::App,
    cors::cors,
    demo,
    listen::listen,
    nudge::Refresh,
    settings::{Admin, Callers, Settings},
    signer::{MAX_AGE, Signer},
    socket::socket,
    wire::random_uuid,
};

/// Users, channels and connections, with the API that tells them what to do.
///
/// A handle: clones share everything.
#[derive(Clone, Debug)]
pub struct ChannelStream(App);

/// Sets up a [`ChannelStream`].
#[must_use]
pub struct ChannelStreamBuilder {
    grip: Grip,
    settings: Settings,
}

impl ChannelStream {
    /// Browsers at a proxy, and callers of the API that sign with this secret.
    pub fn builder(grip: &Grip, secret: &str) -> ChannelStreamBuilder {
        ChannelStreamBuilder {
            grip: grip.clone(),
            settings: Settings::new(secret),
        }
    }

    /// The routes, with the [`GripLayer`](gripware_axum::GripLayer) that they need. They may be
    /// merged with others or nested below a path.
    ///
    /// It has to be called in a tokio runtime, on which connections that are no longer heard of are
    /// looked for.
    pub fn router(&self) -> Router {
        self.0.spawn_sweep();
        let guarded = Router::new()
            .route("/connect", post(api::connect))
            .route("/subscribe", post(api::subscribe))
            .route("/unsubscribe", post(api::unsubscribe))
            .route("/user_state", post(api::user_state))
            .route("/user_status", post(api::user_status))
            .route(
                "/message",
                post(api::post).patch(api::edit).delete(api::delete),
            )
            .route("/channel_config", post(api::channel_config))
            .route("/info", any(api::info))
            .layer(from_fn_with_state(self.0.clone(), api::guard));
        let open = Router::new()
            .route("/disconnect", get(api::disconnect).post(api::disconnect))
            .route("/listen", get(listen))
            .route("/ws", any(socket));
        let looked_at = Router::new()
            .route("/admin", get(admin::page))
            .route("/admin/admin.json", get(admin::json).post(admin::json))
            .route("/openapi.json", get(admin::openapi))
            .route("/metrics", get(admin::metrics))
            .layer(from_fn_with_state(self.0.clone(), admin::guard))
            .route(
                "/admin/sign_in",
                get(admin::sign_in_page).post(admin::sign_in),
            )
            .route("/admin/sign_out", get(admin::sign_out));
        let demo = match self.0.settings().has_demo {
            true => demo::routes(),
            false => Router::new(),
        };
        guarded
            .merge(open)
            .merge(looked_at)
            .merge(demo)
            .layer(DefaultBodyLimit::max(self.0.settings().max_body))
            .layer(from_fn_with_state(self.0.clone(), cors))
            .layer(self.0.layer())
            .with_state(self.0.clone())
    }
}

impl ChannelStreamBuilder {
    /// Which version answers and frames are like. What is read is that of both. Default:
    /// [`Wire::Newest`].
    pub fn wire(mut self, wire: Wire) -> Self {
        self.settings.wire = wire;
        self
    }

    /// From which addresses the API may be called. Default: 127.0.0.1.
    pub fn allow_posting_from(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.settings.callers = Callers::From(addresses.into_iter().collect());
        self
    }

    /// Lets the API be called from everywhere, by whoever has the secret.
    pub fn allow_posting_from_anywhere(mut self) -> Self {
        self.settings.callers = Callers::Anybody;
        self
    }

    /// Which proxies in front are believed, beside the GRIP proxy: whom they forward for, and
    /// whether a client came by HTTPS. Default: none.
    pub fn trusted_proxies(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.settings.trusted_proxies = addresses.into_iter().collect();
        self
    }

    /// Whether tokens expire, 60 s after they were signed. Default: they do.
    pub fn validate_requests(mut self, validates: bool) -> Self {
        self.settings.max_age = validates.then_some(MAX_AGE);
        self
    }

    /// Whether the value that a token signs has to be the path of the request, as 0.2 has it.
    /// Default: any value will do, as with 0.7.1.
    pub fn sign_paths(mut self, binds: bool) -> Self {
        self.settings.binds_paths = binds;
        self
    }

    /// Whether `/listen` may be asked for JSONP. It hands what a connection hears to any page that
    /// knows its id. Default: it may not.
    pub fn jsonp(mut self, allowed: bool) -> Self {
        self.settings.allows_jsonp = allowed;
        self
    }

    /// Whether requests that did not come by HTTPS are refused with 406, as a
    /// [trusted](Self::trusted_proxies) proxy says. Default: they are not.
    pub fn enforce_https(mut self, enforced: bool) -> Self {
        self.settings.needs_https = enforced;
        self
    }

    /// Pages of which hosts, and of those below them, may read answers. Default: all.
    pub fn allow_cors(mut self, hosts: impl IntoIterator<Item = String>) -> Self {
        self.settings.cors = hosts.into_iter().collect();
        self
    }

    /// How large the body of a request may be. Default: 1 MiB.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.settings.max_body = bytes;
        self
    }

    /// How many channels a connection may have. Default: 100. The proxy has a limit of its own, and
    /// two more of each connection: 20 in all, unless it is raised by the hub's `max_channels`, or
    /// Pushpin's `connection_subscription_max`.
    pub fn max_channels(mut self, max: usize) -> Self {
        self.settings.max_channels = max;
        self
    }

    /// Keeps what is known in a state that several processes share, which has to be this
    /// application's alone. Default: in this process.
    pub fn state(mut self, state: &State) -> Self {
        self.settings.state = state.clone();
        self
    }

    /// Lets somebody look at everything, at `/admin`, by a name and a password. `cookie_secret` is
    /// what the cookie of a login is signed with; several processes need the same, and without one
    /// it is random.
    pub fn admin(mut self, user: &str, password: &str, cookie_secret: Option<&str>) -> Self {
        let cookies = match cookie_secret {
            Some(secret) => Signer::new(secret),
            None => Signer::new(&random_uuid()),
        };
        self.settings.admin = Some(Admin {
            user: user.to_owned(),
            password: password.to_owned(),
            cookies,
        });
        self
    }

    /// Whether there is a chat at `/demo`, for everybody. Default: there is not.
    pub fn demo(mut self, has_demo: bool) -> Self {
        self.settings.has_demo = has_demo;
        self
    }

    /// Whether a private message in a channel goes to each socket of its users, and not by the
    /// proxy's filter `require-sub`: for Pushpin, which does not apply that one to WebSockets. It
    /// reads all connections of these users. Default: it goes by the filter.
    pub fn address_sockets(mut self, addresses: bool) -> Self {
        self.settings.addresses_sockets = addresses;
        self
    }

    /// Has the proxy make turns of a socket in this way, and not by an item: for Pushpin 1.36, which
    /// refuses the item, `CommandSocket::refresh_connection` of `gripware-publish`. It gets the
    /// proxy's id of the socket, its `Connection-Id`. Default: by an item.
    ///
    /// A call that changes the channels of an open socket asks for a turn, and so does a socket that
    /// has subscribed, so that it gets at once what was published while it did.
    pub fn refreshing<F, T>(mut self, refresh: F) -> Self
    where
        F: Fn(String) -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        self.settings.refresh = Some(Refresh::new(refresh));
        self
    }

    /// Finishes.
    #[must_use]
    pub fn build(self) -> ChannelStream {
        ChannelStream(App::new(&self.grip, self.settings))
    }
}

impl std::fmt::Debug for ChannelStreamBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChannelStreamBuilder")
            .finish_non_exhaustive()
    }
}
