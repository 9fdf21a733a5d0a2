//! How a hub is set up.

#[cfg(feature = "relay")]
mod relay;

use std::{io, sync::Arc};

use gripware_core::sig::{Key, KeyError, SignError, Signer};
use gripware_publish::{ConfigError, GripBuilder};
use thiserror::Error;

#[cfg(feature = "tls")]
use crate::tls::{Tls, TlsError};
use crate::{
    cluster::Cluster,
    control::{ControlKey, ControlKeyError, ControlOptions},
    gateway::Options,
    hub::{Hub, Place},
    local_publisher::LocalPublisher,
    node::Node,
    setting::Setting,
    settings::Settings,
};

/// The issuer in the signatures of a hub, where nothing else is set.
pub(crate) const ISSUER: &str = "gripware";

/// Settings for a [`Hub`].
///
/// ```
/// use std::time::Duration;
///
/// use gripware_hub::{Hub, SlowClients};
///
/// let hub = Hub::builder()
///     .prefix("app-")
///     .queue_bytes(256 * 1024)
///     .slow_clients(SlowClients::Drop)
///     .drain(Duration::from_secs(10))
///     .build()?;
/// assert_eq!(hub.grip().policy().prefix(), "app-");
///
/// assert!(Hub::builder().shards(1000).build().is_err());
/// # Ok::<(), gripware_hub::BuildError>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct HubBuilder {
    pub(crate) settings: Settings,
    pub(crate) options: Options,
    key: Option<Key>,
    issuer: String,
    is_unsigned: bool,
    control: ControlOptions,
    #[cfg(feature = "relay")]
    relay: crate::relay::Choice,
    grip: GripBuilder,
}

impl Hub {
    /// Returns a hub with the default settings, and a random key that only this process knows.
    ///
    /// # Panics
    /// If the system has no threads or no random numbers left, for which [`HubBuilder::build`]
    /// returns an error.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it starts threads")]
    #[expect(clippy::expect_used, reason = "documented, and there is a way without")]
    pub fn new() -> Self {
        Self::builder().build().expect("threads and random numbers")
    }

    /// Settings for a hub.
    pub fn builder() -> HubBuilder {
        HubBuilder::new()
    }

    /// Reads the environment. If `GRIP_URL` names a proxy, that one holds the clients:
    /// [`grip`](Self::grip) is [`Grip::from_env`](gripware_publish::Grip::from_env), and [`serve`](Self::serve) serves the application
    /// as it is. Otherwise this hub holds them, with a relay to other nodes where `GRIPWARE_RELAY` has
    /// the URL of a broker, for those of `GRIPWARE_CLUSTER`. `GRIP_PREFIX` and `GRIP_PROXY_REQUIRED`
    /// count in both cases.
    ///
    /// A relay needs the feature `relay` and a broker that is handed in, for which
    /// [`HubBuilder::from_env`] is.
    ///
    /// # Errors
    /// Where a variable cannot be used, and as [`HubBuilder::build`].
    pub fn from_env() -> Result<Self, BuildError> {
        Self::builder().from_env()
    }
}

impl HubBuilder {
    pub(crate) fn new() -> Self {
        Self {
            settings: Settings::default(),
            options: Options::default(),
            key: None,
            issuer: ISSUER.to_owned(),
            is_unsigned: false,
            control: ControlOptions::default(),
            #[cfg(feature = "relay")]
            relay: crate::relay::Choice::default(),
            grip: GripBuilder::default(),
        }
    }

    /// Returns all that can be set by a value, in the order of their documentation: for programs that
    /// read settings from elsewhere.
    pub fn settings() -> impl Iterator<Item = &'static Setting> {
        Settings::TABLE.iter().chain(Options::TABLE)
    }

    /// Sets the key that requests to the application are signed with, and the issuer in the
    /// signatures. Default: a random secret that this process alone has, and `gripware`.
    pub fn sign_with(mut self, key: Key, issuer: impl Into<String>) -> Self {
        self.key = Some(key);
        self.issuer = issuer.into();
        self
    }

    /// Sends requests to the application without a signature. One that checks them, as gripware
    /// does, will not hold.
    pub fn unsigned(mut self) -> Self {
        self.is_unsigned = true;
        self
    }

    /// Asks for this key on the control API.
    ///
    /// # Errors
    /// Where it cannot stand in a header.
    pub fn control_key(mut self, key: &str) -> Result<Self, ControlKeyError> {
        self.control.key = Some(ControlKey::new(key)?);
        Ok(self)
    }

    /// Runs the turns of WebSockets on the hub's own threads, each on the one that holds the WebSocket, so
    /// that no other thread is woken for one. Default: on the runtime that serves the application.
    ///
    /// It is for an application in this process ([`Hub::serve`]) whose handler of WebSockets computes
    /// little and never blocks: meanwhile all that the thread holds waits. The handler is within a runtime
    /// of that thread, which has what it spawns too.
    pub fn turns_on_own_threads(mut self) -> Self {
        self.options.turns_on_own_threads = true;
        self
    }

    /// Serves clients over HTTPS, with certificates and a private key in PEM. HTTP/2 is offered.
    ///
    /// A further call adds a certificate for other names: a client gets the one for the name that it
    /// asks for, and the first where none is. To ask clients for certificates of theirs, see
    /// [`Tls::client_authorities`].
    ///
    /// # Errors
    /// Where they cannot be used.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, certificates: &[u8], private_key: &[u8]) -> Result<Self, TlsError> {
        match &self.options.tls {
            Some(tls) => tls.add_pem(certificates, private_key)?,
            None => self.options.tls = Some(Tls::from_pem(certificates, private_key)?),
        }
        Ok(self)
    }

    /// Serves clients over HTTPS, with certificates that can be [replaced](Tls::replace) while it
    /// does.
    #[cfg(feature = "tls")]
    pub fn tls_with(mut self, tls: Tls) -> Self {
        self.options.tls = Some(tls);
        self
    }

    /// Serves the control API over HTTPS, so that publishers on other machines can send its
    /// [key](Self::control_key). Default: plain HTTP.
    #[cfg(feature = "tls")]
    pub fn control_tls(mut self, tls: Tls) -> Self {
        self.control.tls = Some(tls);
        self
    }

    /// Sets what is put before every channel name of the application; see
    /// [`GripBuilder::prefix`](gripware_publish::GripBuilder::prefix).
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        self.grip_with(|grip| grip.prefix(prefix))
    }

    /// Changes how [`Hub::grip`] is built: whether a proxy is required, the
    /// [key](GripBuilder::link_key) of private streams, the limits, or what else is
    /// published to. A publisher that is given there has no effect: it is the hub's own, and so are the limits of
    /// channels, meta and turns, which are [`max_channels`](Self::max_channels),
    /// [`max_meta`](Self::max_meta) and [`max_turn`](Self::max_turn).
    pub fn grip_with(mut self, change: impl FnOnce(GripBuilder) -> GripBuilder) -> Self {
        self.grip = change(self.grip);
        self
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn into_settings(self) -> Settings {
        self.settings
    }

    /// Starts the hub.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(self) -> Result<Hub, BuildError> {
        let Self {
            mut settings,
            options,
            key,
            issuer,
            is_unsigned,
            control,
            #[cfg(feature = "relay")]
            relay,
            grip,
        } = self;
        settings.check()?;
        options.check()?;
        let (max_channels, max_meta) = (settings.max_channels, settings.max_meta);
        let max_turn = settings.max_turn;
        let key = match key {
            Some(key) => key,
            None => random_key()?,
        };
        if !is_unsigned {
            let signer = Signer::new(key.clone())?;
            settings.signer = Some(signer.with_issuer(issuer.as_str()));
        }
        #[cfg(feature = "relay")]
        let (broker, relay_settings) = (relay.open()?, relay.settings(&settings));
        let node = Arc::new(Node::start(settings).map_err(BuildError::System)?);
        #[cfg(feature = "relay")]
        let member = broker
            .map(|broker| crate::relay::Member::start(broker, relay_settings, &node))
            .transpose()
            .map_err(BuildError::System)?;
        let cluster = Arc::new(Cluster::new(
            node,
            #[cfg(feature = "relay")]
            member,
        ));
        let sink = LocalPublisher::new(Arc::clone(&cluster));
        // A handler is told what the hub would refuse.
        let grip = grip
            .trust_forwarded_for()
            .limits_with(|limits| {
                limits.channels = max_channels;
                limits.meta = max_meta;
                limits.websocket_body = max_turn;
                limits.websocket_event = max_turn;
            })
            .publisher_with(|publisher| publisher.sink(sink));
        let grip = match is_unsigned {
            true => grip,
            false => grip.verify_key(key, issuer),
        };
        Ok(Hub {
            grip: grip.build()?,
            place: Place::Here {
                cluster,
                options,
                control,
            },
        })
    }
}

impl HubBuilder {
    /// Reads the environment, as [`Hub::from_env`] says, beside these settings. What is set there goes
    /// before what was set here.
    ///
    /// # Errors
    /// Where a variable cannot be used, and as [`build`](Self::build).
    pub fn from_env(self) -> Result<Hub, BuildError> {
        let is_proxied = std::env::var_os("GRIP_URL").is_some_and(|urls| !urls.is_empty());
        let builder = Self {
            grip: self.grip.env()?,
            ..self
        };
        if !is_proxied {
            return builder.relay_env()?.build();
        }
        builder.settings.check()?;
        builder.options.check()?;
        Ok(Hub {
            grip: builder.grip.build()?,
            place: Place::Elsewhere {
                settings: Arc::new(builder.settings),
            },
        })
    }
}

/// A hub that cannot have other nodes says so, rather than leave them without its items.
#[cfg(not(feature = "relay"))]
impl HubBuilder {
    fn relay_env(self) -> Result<Self, BuildError> {
        match std::env::var_os("GRIPWARE_RELAY") {
            Some(url) if !url.is_empty() => Err(BuildError::NoRelay),
            _ => Ok(self),
        }
    }
}

fn random_key() -> Result<Key, BuildError> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)
        .map_err(|error| BuildError::System(io::Error::other(error.to_string())))?;
    Ok(Key::secret(secret)?)
}

/// Why a hub cannot be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A value is out of its range.
    #[error("{setting} has to be {limits}")]
    OutOfRange {
        /// The setter of it.
        setting: &'static str,
        /// What it may be, such as `at least 1, at most 64`.
        limits: &'static str,
    },
    /// The key cannot be used.
    #[error("the key cannot be used")]
    Key(#[from] KeyError),
    /// The key cannot sign.
    #[error("the key cannot sign")]
    Signer(#[from] SignError),
    /// The settings of the application's side cannot be used.
    #[error("the settings cannot be used")]
    Grip(#[from] ConfigError),
    /// `GRIPWARE_RELAY` names a broker, and gripware-hub was built without its feature `relay`.
    #[cfg(not(feature = "relay"))]
    #[error("GRIPWARE_RELAY is set, and gripware-hub was built without its feature `relay`")]
    NoRelay,
    /// No broker is known for the URL of the relay, or it cannot be used.
    #[cfg(feature = "relay")]
    #[error("the relay cannot be used")]
    Relay(#[from] gripware_relay::OpenError),
    /// The URL of the relay cannot be used.
    #[cfg(feature = "relay")]
    #[error("the URL of the relay cannot be used")]
    RelayUrl(#[from] gripware_relay::RelayUrlError),
    /// The name of the cluster cannot be used.
    #[cfg(feature = "relay")]
    #[error("the name of the cluster cannot be used")]
    Cluster(#[from] gripware_relay::NameError),
    /// The system has no threads or no random numbers left.
    #[error("the hub cannot be started")]
    System(#[source] io::Error),
}
