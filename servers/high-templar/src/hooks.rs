//! Code that runs when a user connects, pings and disconnects.

use std::{fmt, future::Future, pin::Pin};

use http::HeaderMap;

use crate::Backend;

/// What a hook does. It runs beside the connection, which does not wait for it.
pub type HookFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Is told of each user who comes, is there, and goes.
///
/// Those of one connection run one after the other. Up to 256 run at a time; beyond that they are left
/// out and counted, as a backend that is slow must not hold up the clients. For users who have gone
/// 10 000 more wait.
pub trait Hooks: Send + Sync + 'static {
    /// A user was let in. One who was refused is never told of.
    fn on_connect(&self, user: User) -> HookFuture;

    /// A client has sent `ping`.
    fn on_ping(&self, user: User) -> HookFuture;

    /// A user who was let in has gone, also one whose proxy is gone or whose connection an earlier run
    /// of this process has had. It may be told of twice, where several processes do not share a state.
    fn on_disconnect(&self, user: User) -> HookFuture;
}

/// A user, as the backend knows them: by the headers of their handshake.
#[derive(Clone)]
pub struct User {
    backend: Backend,
    headers: HeaderMap,
}

impl User {
    pub(crate) fn new(backend: Backend, headers: HeaderMap) -> Self {
        Self { backend, headers }
    }

    /// Posts to a path of the backend in the user's name. What goes wrong is in the log.
    pub async fn post(&self, path: &str) {
        if let Err(error) = self.backend.post(path, self.headers.clone()).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, path, "the backend was not told of a user");
        }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").finish_non_exhaustive()
    }
}

/// Tells the backend who is online: posts to `user/notify_online/` for each connect and ping, and
/// to `user/notify_offline/` for each disconnect. It is the example that high-templar comes with.
#[derive(Clone, Copy, Debug, Default)]
pub struct NotifyOnline;

impl Hooks for NotifyOnline {
    fn on_connect(&self, user: User) -> HookFuture {
        Box::pin(async move { user.post("user/notify_online/").await })
    }

    fn on_ping(&self, user: User) -> HookFuture {
        self.on_connect(user)
    }

    fn on_disconnect(&self, user: User) -> HookFuture {
        Box::pin(async move { user.post("user/notify_offline/").await })
    }
}
