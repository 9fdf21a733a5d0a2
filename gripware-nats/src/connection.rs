//! One connection, which does not reconnect.
//!
//! The client's own reconnecting sends what was queued for the old connection over the new one,
//! after what was lost with the old one. Nodes would drop the part that is sent again, as it has
//! lower numbers. So each connection is a client of its own, whose queue ends with it.

use std::{
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::{
    AuthError, Client, ConnectErrorKind, ConnectOptions, Event, ServerError, Subscriber,
};
use gripware_relay::{BrokerError, BrokerErrorKind};
use tokio::{sync::mpsc, time::timeout};

use crate::servers::Servers;

/// How long a connection may take, with its handshakes.
const CONNECT: Duration = Duration::from_secs(2);

/// How often the server is asked whether it lives. One that is stopped keeps its connections open.
const PING: Duration = Duration::from_secs(2);

/// How many messages wait for a node that is busy.
const MESSAGES: usize = 4096;

/// How many commands wait to be sent: a batch, with room to spare.
const COMMANDS: usize = 2048;

/// How many events wait. What is lost with one shows in the numbers, or in the node's own beats.
const EVENTS: usize = 64;

/// A connection, and what comes over it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) items: Subscriber,
    pub(crate) node: Subscriber,
    pub(crate) events: mpsc::Receiver<Event>,
}

impl Connection {
    pub(crate) async fn open(
        servers: &Servers,
        name: &str,
        subjects: [String; 2],
    ) -> Result<Self, BrokerError> {
        provide_cryptography();
        let (sender, events) = mpsc::channel(EVENTS);
        let is_used = Arc::new(AtomicBool::new(false));
        let (auth, used) = (servers.auth.clone(), Arc::clone(&is_used));
        let options = ConnectOptions::with_auth_callback(move |_| {
            let (auth, is_used) = (auth.clone(), used.load(Ordering::Relaxed));
            async move {
                match is_used {
                    true => Err(AuthError::new("a new connection is made instead")),
                    false => Ok(auth),
                }
            }
        });
        let mut options = options
            .name("gripware")
            .connection_timeout(CONNECT)
            .ping_interval(PING)
            .subscription_capacity(MESSAGES)
            .client_capacity(COMMANDS)
            .max_reconnects(servers.addresses.len())
            .ignore_discovered_servers()
            .event_callback(move |event| {
                let sent = sender.try_send(event);
                async move { drop(sent) }
            });
        if let Some(file) = &servers.ca {
            options = options.add_root_certificates(file.clone());
        }
        let client = options
            .connect(&servers.addresses[..])
            .await
            .map_err(|error| connect_error(name, &error))?;
        is_used.store(true, Ordering::Relaxed);

        let failed =
            |error: &dyn Display| BrokerError::new(BrokerErrorKind::Unreachable, name, error);
        let [items, node] = subjects;
        let items = client.subscribe(items).await.map_err(|it| failed(&it))?;
        let node = client.subscribe(node).await.map_err(|it| failed(&it))?;
        let flushed = timeout(CONNECT, client.flush()).await;
        flushed
            .map_err(|it| failed(&it))?
            .map_err(|it| failed(&it))?;
        Ok(Self {
            client,
            items,
            node,
            events,
        })
    }
}

/// Without a process-wide provider of cryptography, rustls panics where several are compiled in.
/// One that the application has installed stays.
fn provide_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // It fails where another thread has been faster.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

fn connect_error(name: &str, error: &async_nats::ConnectError) -> BrokerError {
    let kind = match error.kind() {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            BrokerErrorKind::Denied
        }
        ConnectErrorKind::TimedOut => BrokerErrorKind::TimedOut,
        ConnectErrorKind::ServerParse => BrokerErrorKind::Settings,
        _ => BrokerErrorKind::Unreachable,
    };
    BrokerError::new(kind, name, error)
}

/// The error of a server that ends the use of a connection; `None` for others.
pub(crate) fn denial(name: &str, error: &ServerError) -> Option<BrokerError> {
    let is_denial = match error {
        ServerError::AuthorizationViolation => true,
        ServerError::Other(text) => {
            let text = text.to_ascii_lowercase();
            text.contains("permissions violation") || text.contains("authentication")
        }
        ServerError::SlowConsumer(_) => false,
    };
    is_denial.then(|| BrokerError::new(BrokerErrorKind::Denied, name, error))
}
