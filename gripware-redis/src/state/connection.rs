//! The connection to Redis: one, multiplexed, made anew where it breaks.

use std::{fmt, time::Duration};

use gripware_state::StateError;
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, RedisError, ScriptInvocation,
    aio::MultiplexedConnection,
};
use tokio::{sync::Mutex, time::Instant};

use super::error::{is_broken, of_connecting, of_reply};

/// How long connecting may take, and a reply, where nothing else is set. A stopped server is not
/// told from a slow one before.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// How long after a failed attempt to connect every call fails at once. Callers would otherwise
/// stand in line, each for its own attempt.
pub const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// After how long without a call a connection is tried with a `PING` first: it may have broken
/// unnoticed, and what is sent on a broken one is uncertain.
const IDLE: Duration = Duration::from_secs(1);

/// A connection that is made when it is needed.
///
/// redis-rs's own `ConnectionManager` gives up after its retries; this one never does.
pub(super) struct Connection {
    client: Client,
    config: AsyncConnectionConfig,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    current: Option<MultiplexedConnection>,
    /// Counts connections, so that a broken one is not taken for its successor.
    generation: u64,
    used: Option<Instant>,
    failed: Option<(Instant, RedisError)>,
}

/// Whether a script may be sent again where it is not known what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It changes nothing, or the same.
    Allowed,
    /// It would be done twice.
    Never,
}

impl Connection {
    pub(super) fn new(client: Client, timeout: Duration) -> Self {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout));
        Self {
            client,
            config,
            slot: Mutex::default(),
        }
    }

    /// Runs a script.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        repeat: Repeat,
    ) -> Result<T, StateError> {
        let mut is_first = true;
        loop {
            let (generation, mut connection) = self.get().await?;
            let error = match script.invoke_async(&mut connection).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            if is_broken(&error) {
                self.discard(generation).await;
                if is_first && repeat == Repeat::Allowed {
                    is_first = false;
                    continue;
                }
            }
            return Err(of_reply(error));
        }
    }

    /// The connection, and which it is.
    async fn get(&self) -> Result<(u64, MultiplexedConnection), StateError> {
        let mut slot = self.slot.lock().await;
        let is_idle = slot.used.is_none_or(|used| used.elapsed() > IDLE);
        if let Some(mut connection) = slot.current.take()
            && (!is_idle || ping(&mut connection).await.is_ok())
        {
            slot.used = Some(Instant::now());
            slot.current = Some(connection.clone());
            return Ok((slot.generation, connection));
        }
        if let Some((at, error)) = &slot.failed
            && at.elapsed() < RETRY_INTERVAL
        {
            return Err(of_connecting(error.clone()));
        }
        #[cfg(feature = "tls")]
        install_provider();
        let connected = self
            .client
            .get_multiplexed_async_connection_with_config(&self.config);
        match connected.await {
            Ok(connection) => {
                slot.generation += 1;
                slot.failed = None;
                slot.used = Some(Instant::now());
                slot.current = Some(connection.clone());
                Ok((slot.generation, connection))
            }
            Err(error) => {
                slot.failed = Some((Instant::now(), error.clone()));
                Err(of_connecting(error))
            }
        }
    }

    async fn discard(&self, generation: u64) {
        let mut slot = self.slot.lock().await;
        if slot.generation == generation {
            slot.current = None;
        }
    }
}

async fn ping(connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
    redis::cmd("PING").exec_async(connection).await
}

/// rustls panics where the process has no provider and more than one to choose from.
#[cfg(feature = "tls")]
fn install_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Where another thread was first, that is as well.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

/// Without the URL, which has a password.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = &self.client.get_connection_info().addr();
        f.debug_struct("Connection")
            .field("address", &format_args!("{address}"))
            .finish_non_exhaustive()
    }
}
