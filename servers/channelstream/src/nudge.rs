//! A connection whose record has changed is told to look at it.

use std::{error::Error, fmt, pin::Pin, sync::Arc, time::Duration};

use gripware_axum::{HttpResponse, Item, WsMessage};

use crate::{app::App, error::ApiError, name, store::connection::Connection};

/// How long a call waits until a socket follows what it was told to, and how long it sleeps first.
const FOLLOW_SLEEPS: u32 = 7;
const FOLLOW_SLEEP: Duration = Duration::from_millis(2);

type Failure = Box<dyn Error + Send + Sync>;
type Asking = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// Has the proxy make a turn of a socket, given by the proxy's id of it, in another way than by an
/// item.
#[derive(Clone)]
pub(crate) struct Refresh(Arc<dyn Fn(String) -> Asking + Send + Sync>);

impl Refresh {
    pub(crate) fn new<F, T>(refresh: F) -> Self
    where
        F: Fn(String) -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        Self(Arc::new(move |socket| Box::pin(refresh(socket))))
    }

    pub(crate) async fn ask(&self, socket: String) -> Result<(), Failure> {
        (self.0)(socket).await
    }
}

impl App {
    /// Has a connection look at its record, which has changed: its socket by a turn, a poll by
    /// asking again. Returns once the socket has, or after a quarter of a second, or at once where the
    /// proxy makes no such turns: the client's next frame makes one.
    pub(crate) async fn nudge(
        &self,
        digest: &str,
        connection: &Connection,
        version: u64,
    ) -> Result<(), ApiError> {
        let Some(socket) = &connection.socket else {
            self.try_publish(name::poll(digest), HttpResponse::hint().into())
                .await;
            return Ok(());
        };
        let mut is_asked = self.ask_for_turn(socket, version).await;
        let mut sleep = FOLLOW_SLEEP;
        for _ in 0..FOLLOW_SLEEPS {
            // A proxy that is asked by the socket's id refuses one that is still opening.
            if !is_asked && self.settings().refresh.is_none() {
                break;
            }
            let loaded = self.store().connection(digest).await?;
            if loaded.is_none_or(|loaded| !loaded.connection.is_behind()) {
                break;
            }
            tokio::time::sleep(sleep).await;
            sleep *= 2;
            is_asked = is_asked || self.ask_for_turn(socket, version).await;
        }
        Ok(())
    }

    /// Returns `true` if the proxy says that it will make a turn.
    async fn ask_for_turn(&self, socket: &str, version: u64) -> bool {
        let Some(refresh) = &self.settings().refresh else {
            // The id is for a socket that is about to subscribe: it sees that it has missed it.
            let refresh = Item::from(WsMessage::refresh()).id(version.to_string());
            return self.try_publish(name::socket(socket), refresh).await;
        };
        let asked = refresh.ask(socket.to_owned()).await;
        if let Err(error) = &asked {
            tracing::debug!("a socket is not told to look: {error}");
        }
        asked.is_ok()
    }
}

impl fmt::Debug for Refresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refresh")
    }
}
