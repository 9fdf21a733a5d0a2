use std::{io, num::NonZero, sync::Arc, thread, time::Duration};

use gripware_core::sig::{Key, KeyError, SignError, Signer};
use gripware_publish::{ConfigError, GripBuilder};
use thiserror::Error;

use crate::{
    Hub,
    channels::registry::MAX_SHARDS,
    control::{ControlKey, ControlKeyError},
    gateway::Options,
    hub::Place,
    local_publisher::LocalPublisher,
    node::Node,
    settings::{Settings, SlowClients},
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
    settings: Settings,
    options: Options,
    key: Option<Key>,
    issuer: String,
    is_unsigned: bool,
    control_key: Option<ControlKey>,
    grip: GripBuilder,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $($path:ident).+ => $name:ident: $kind:ty;)*) => {
        impl HubBuilder {
            $(
                $(#[$doc])*
                pub fn $name(mut self, value: $kind) -> Self {
                    self.$($path).+ = value;
                    self
                }
            )*
        }
    };
}

setters! {
    /// Sets how many threads hold connections, from 1 to 64. Default: one for each core.
    settings.shards => shards: usize;
    /// Sets whether clients are told why an instruction of the application was refused, which is
    /// in the log anyway. Default: no.
    settings.development => development: bool;
    /// Sets what one connection may have waiting for a client that does not read, in bytes. A single
    /// message may be larger. Default: 1 MiB.
    settings.queue_bytes => queue_bytes: usize;
    /// Sets the same in messages. Default: 10 000.
    settings.queue_messages => queue_messages: usize;
    /// Sets what becomes of a client whose queue is full. Default: it is disconnected.
    settings.slow_clients => slow_clients: SlowClients;
    /// Sets how many bytes of published items may wait to be handed to their connections, before
    /// whoever publishes waits. Default: 16 MiB.
    settings.backlog_bytes => backlog_bytes: usize;
    /// Sets how long an item waits for the one before it (GRIP 3.6). Default: 5 s.
    settings.message_wait => message_wait: Duration;
    /// Sets how long an id is remembered, so that an item that comes twice is delivered once.
    /// Default: 60 s.
    settings.id_memory => id_memory: Duration;
    /// Sets the least time between two polls of an idle WebSocket; an application that asks for
    /// less gets this (GRIP 2.3). Default: 20 s, as with Pushpin.
    settings.min_keep_alive_interval => min_keep_alive_interval: Duration;
    /// Sets the largest message that a WebSocket client may send, in bytes. Default: 512 KiB.
    settings.max_message => max_message: usize;
    /// Sets how long a WebSocket client may take to go on with a message that it has begun. Within
    /// that time 1 KiB more of it has to come, or its end; otherwise the client is closed with code
    /// 1008 and what came of the message is given back. Time in which the hub does not read from it,
    /// since the application is slower, does not count. Default: 60 s.
    settings.message_timeout => message_timeout: Duration;
    /// Sets the largest head of a request that can be held, in bytes of its target and headers: a
    /// WebSocket's goes to the application with each message, a response hold's when it is asked
    /// again. A larger one gets 431. Of a stream's head only the target and `Host` are kept, and
    /// count. Default: 16 KiB.
    settings.max_held_head => max_held_head: usize;
    /// Sets the largest body of a request that can be held, since it may have to be sent again.
    /// Default: 100 000 bytes.
    settings.max_held_request => max_held_request: usize;
    /// Sets the largest response that is kept: that of a response hold, or an
    /// `application/grip-instruct`. Default: 100 000 bytes.
    settings.max_held_response => max_held_response: usize;
    /// Sets how long the application may take for what the hub asks by itself: turns of WebSockets,
    /// next links, repeated requests. Default: 60 s.
    settings.origin_timeout => origin_timeout: Duration;
    /// Sets how many such requests may be under way at a time. Default: 1024.
    settings.max_origin_requests => max_origin_requests: usize;
    /// Sets how many turns of WebSockets one client address may have under way to the application at
    /// a time: requests with what clients have said. An IPv6 address counts by its /64. More wait, and
    /// addresses take turns, so that clients of one address that keep a slow handler busy do not make
    /// those of another wait. All turns together have three quarters of [`max_origin_requests`](Self::max_origin_requests).
    ///
    /// Behind a proxy all clients have the proxy's address: set
    /// [`trust_forwarded`](Self::trust_forwarded), and the address that the proxy adds to
    /// `X-Forwarded-For` counts. Where no address is known, as on a unix socket, each connection
    /// counts by itself. Default: 128.
    settings.max_turns_per_address => max_turns_per_address: usize;
    /// Sets how long the end may take; see [`Hub::shutdown`]. Default: 5 s.
    settings.drain => drain: Duration;
    /// Sets whether what a client says in `X-Forwarded-For` and the like is passed on and added to.
    /// It is right only behind a proxy that sets them itself. Default: no, it is replaced.
    options.trust_forwarded => trust_forwarded: bool;
    /// Sets how long the head of a request may take, and how long an idle connection is kept.
    /// Default: 60 s.
    options.header_timeout => header_timeout: Duration;
    /// Sets the largest head of a request, in bytes. Larger ones get 431. Default: 64 KiB.
    options.max_header_size => max_header_size: usize;
    /// Sets how many requests may be in progress on one HTTP/2 connection; clients that are held
    /// count. It is what browsers are told, which let more requests wait. Default: 250.
    options.max_streams => max_streams: u32;
    /// Sets how long a client may leave an answer untaken that is not held. An answer whose client
    /// takes less than 16 KiB of it in this time, and not all that waits, is ended: an HTTP/1.1
    /// connection is closed, a stream of HTTP/2 reset. Time in which the application has nothing to
    /// send does not count. Default: 60 s.
    options.answer_timeout => answer_timeout: Duration;
    /// Sets how many requests of one client address may be in progress at the application, from the
    /// moment that it is asked until its answer has ended; clients that are held do not count. More
    /// wait for up to 10 s, and then get 503 with `Retry-After`. An IPv6 address counts as its /64.
    ///
    /// The address is the other end of the connection; with [`trust_forwarded`](Self::trust_forwarded)
    /// it is the last one in `X-Forwarded-For`. So where a proxy is in front, either set that, or
    /// this to what all of the proxy's clients may have. Clients on a unix socket have no limit.
    /// Default: 256. A large number, such as [`usize::MAX`], is no limit.
    options.max_client_requests => max_client_requests: usize;
}

impl HubBuilder {
    pub(crate) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            settings: Settings {
                signer: None,
                max_channels: 20,
                shards: cores.min(MAX_SHARDS),
                development: false,
                queue_bytes: 1024 * 1024,
                queue_messages: 10_000,
                slow_clients: SlowClients::default(),
                backlog_bytes: 16 * 1024 * 1024,
                message_wait: Duration::from_secs(5),
                id_memory: Duration::from_secs(60),
                min_keep_alive_interval: Duration::from_secs(20),
                max_message: 512 * 1024,
                message_timeout: Duration::from_secs(60),
                max_held_head: 16 * 1024,
                max_held_request: 100_000,
                max_held_response: 100_000,
                origin_timeout: Duration::from_secs(60),
                max_origin_requests: 1024,
                max_turns_per_address: 128,
                drain: Duration::from_secs(5),
            },
            options: Options::default(),
            key: None,
            issuer: ISSUER.to_owned(),
            is_unsigned: false,
            control_key: None,
            grip: GripBuilder::default(),
        }
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

    /// Sets how many connections may be open that are not held. More wait until one ends. Default:
    /// as many as the system allows.
    pub fn max_connections(mut self, count: usize) -> Self {
        self.options.max_connections = Some(count);
        self
    }

    /// Asks for this key on the control API.
    ///
    /// # Errors
    /// Where it cannot stand in a header.
    pub fn control_key(mut self, key: &str) -> Result<Self, ControlKeyError> {
        self.control_key = Some(ControlKey::new(key)?);
        Ok(self)
    }

    /// Serves clients over HTTPS, with certificates and a private key in PEM. HTTP/2 is offered.
    ///
    /// # Errors
    /// Where they cannot be used.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, certificates: &[u8], private_key: &[u8]) -> Result<Self, crate::TlsError> {
        self.options.tls = Some(crate::Tls::from_pem(certificates, private_key)?);
        Ok(self)
    }

    /// Sets what is put before every channel name of the application; see
    /// [`GripBuilder::prefix`](gripware_publish::GripBuilder::prefix).
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        self.grip_with(|grip| grip.prefix(prefix))
    }

    /// Changes how [`Hub::grip`] is built: whether a proxy is required, the limits, or what else is
    /// published to. A publisher that is given there has no effect: it is the hub's own.
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
            control_key,
            grip,
        } = self;
        if !(1..=MAX_SHARDS).contains(&settings.shards) {
            return Err(BuildError::Shards {
                count: settings.shards,
            });
        }
        let key = match key {
            Some(key) => key,
            None => random_key()?,
        };
        if !is_unsigned {
            let signer = Signer::new(key.clone())?;
            settings.signer = Some(signer.with_issuer(issuer.as_str()));
        }
        let inner = Arc::new(Node::start(settings).map_err(BuildError::System)?);
        let sink = LocalPublisher::new(Arc::clone(&inner));
        let grip = grip.publisher_with(|publisher| publisher.sink(sink));
        let grip = match is_unsigned {
            true => grip,
            false => grip.verify_key(key, issuer),
        };
        Ok(Hub {
            grip: grip.build()?,
            place: Place::Here {
                inner,
                options,
                control_key,
            },
        })
    }
}

impl HubBuilder {
    /// Reads the environment, as [`Hub::from_env`] says, beside these settings.
    ///
    /// # Errors
    /// Where a variable cannot be used, and as [`build`](Self::build).
    pub fn build_unless_proxied(self) -> Result<Hub, BuildError> {
        let is_proxied = std::env::var_os("GRIP_URL").is_some_and(|urls| !urls.is_empty());
        let builder = Self {
            grip: self.grip.env()?,
            ..self
        };
        if !is_proxied {
            return builder.build();
        }
        Ok(Hub {
            grip: builder.grip.build()?,
            place: Place::Elsewhere,
        })
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
    /// There is at least one shard, and at most 64.
    #[error("{count} shards: there may be 1 to {MAX_SHARDS}")]
    Shards {
        /// How many were asked for.
        count: usize,
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
    /// The system has no threads or no random numbers left.
    #[error("the hub cannot be started")]
    System(#[source] io::Error),
}
