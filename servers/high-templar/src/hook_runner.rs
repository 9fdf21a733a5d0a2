//! Runs hooks beside the connections: one after the other for each connection, and within bounds.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::HeaderMap;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
};

use crate::{
    Backend, Hooks,
    hooks::{HookFuture, User},
};

/// How many hooks run at a time.
pub(crate) const MAX_RUNNING: u32 = 256;

/// How many more may wait, all of users who have gone: a backend that is not told of one takes them
/// for online for ever.
pub(crate) const MAX_WAITING: u32 = 10_000;

/// What happens to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserEvent {
    Connect,
    Ping,
    Disconnect,
}

pub(crate) struct HookRunner {
    hooks: Arc<dyn Hooks>,
    backend: Backend,
    running: Arc<Semaphore>,
    /// Those that run and those that wait.
    pending: Arc<Semaphore>,
    latest: Arc<Latest>,
}

/// The latest hook of each connection that has one, which the next one waits for: a user who is gone at
/// once is not told of as one who has come.
#[derive(Debug, Default)]
struct Latest(Mutex<LatestInner>);

#[derive(Debug, Default)]
struct LatestInner {
    tasks: HashMap<String, (u64, JoinHandle<()>)>,
    count: u64,
}

impl HookRunner {
    pub(crate) fn new(hooks: Arc<dyn Hooks>, backend: Backend) -> Self {
        let semaphore = |permits: u32| Arc::new(Semaphore::new(permits as usize));
        Self {
            hooks,
            backend,
            running: semaphore(MAX_RUNNING),
            pending: semaphore(MAX_RUNNING + MAX_WAITING),
            latest: Arc::default(),
        }
    }

    /// Runs the hook of an event. Returns `false` if it is left out, as too many are under way.
    pub(crate) fn run(&self, id: &str, headers: &HeaderMap, event: UserEvent) -> bool {
        let Ok(pending) = Arc::clone(&self.pending).try_acquire_owned() else {
            return false;
        };
        let running = Arc::clone(&self.running);
        let running = match event {
            UserEvent::Disconnect => Err(running),
            UserEvent::Connect | UserEvent::Ping => match running.try_acquire_owned() {
                Ok(permit) => Ok(permit),
                Err(_) => return false,
            },
        };
        let hooks = Arc::clone(&self.hooks);
        let user = User::new(self.backend.clone(), headers.clone());
        self.latest.follow(id, async move {
            let _permits: (Option<OwnedSemaphorePermit>, _) = match running {
                Ok(permit) => (Some(permit), pending),
                // It is never closed.
                Err(running) => (running.acquire_owned().await.ok(), pending),
            };
            started(&*hooks, user, event).await;
        });
        true
    }

    /// Waits until no hook is under way.
    pub(crate) async fn finish(&self) {
        // It is never closed.
        drop(self.pending.acquire_many(MAX_RUNNING + MAX_WAITING).await);
    }
}

fn started(hooks: &dyn Hooks, user: User, event: UserEvent) -> HookFuture {
    match event {
        UserEvent::Connect => hooks.on_connect(user),
        UserEvent::Ping => hooks.on_ping(user),
        UserEvent::Disconnect => hooks.on_disconnect(user),
    }
}

impl Latest {
    /// Runs a hook of a connection when the one before it has ended.
    fn follow(self: &Arc<Self>, id: &str, hook: impl Future<Output = ()> + Send + 'static) {
        // Until the task is noted it cannot end.
        let mut inner = self.inner();
        inner.count += 1;
        let ending = Ending {
            latest: Arc::clone(self),
            id: id.to_owned(),
            number: inner.count,
        };
        let earlier = inner.tasks.remove(id);
        let task = tokio::spawn(async move {
            let _ending = ending;
            if let Some((_, earlier)) = earlier {
                // One that has panicked has ended.
                let _ = earlier.await;
            }
            hook.await;
        });
        let number = inner.count;
        inner.tasks.insert(id.to_owned(), (number, task));
    }

    fn inner(&self) -> MutexGuard<'_, LatestInner> {
        // Nothing panics while it is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a hook that has ended, also by a panic.
struct Ending {
    latest: Arc<Latest>,
    id: String,
    number: u64,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let mut inner = self.latest.inner();
        if matches!(inner.tasks.get(&self.id), Some((number, _)) if *number == self.number) {
            inner.tasks.remove(&self.id);
        }
    }
}

impl fmt::Debug for HookRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookRunner").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use http::{HeaderMap, Request, Response};
    use http_body_util::Full;
    use tokio::sync::Semaphore;
    use tower::service_fn;

    use super::{HookRunner, MAX_RUNNING, MAX_WAITING, UserEvent};
    use crate::{Backend, HookFuture, Hooks, User};

    /// Notes what ends. To connect takes until it is let.
    #[derive(Clone)]
    struct Slow {
        ended: Arc<Mutex<Vec<UserEvent>>>,
        connects: Arc<Semaphore>,
    }

    impl Slow {
        fn new() -> Self {
            Self {
                ended: Arc::default(),
                connects: Arc::new(Semaphore::new(0)),
            }
        }

        fn runner(&self) -> HookRunner {
            let backend = service_fn(|_: Request<Full<Bytes>>| async {
                Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::default()))
            });
            HookRunner::new(Arc::new(self.clone()), Backend::service(backend))
        }

        fn ended(&self) -> Vec<UserEvent> {
            self.ended.lock().unwrap().clone()
        }
    }

    impl Hooks for Slow {
        fn on_connect(&self, _: User) -> HookFuture {
            let this = self.clone();
            Box::pin(async move {
                let _permit = this.connects.acquire().await;
                this.ended.lock().unwrap().push(UserEvent::Connect);
            })
        }

        fn on_ping(&self, _: User) -> HookFuture {
            Box::pin(async { panic!("a hook of a user") })
        }

        fn on_disconnect(&self, _: User) -> HookFuture {
            self.ended.lock().unwrap().push(UserEvent::Disconnect);
            Box::pin(async {})
        }
    }

    /// Lets whatever can go on do so.
    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_is_gone_at_once_is_gone_for_the_backend() {
        let hooks = Slow::new();
        let runner = hooks.runner();
        for event in [UserEvent::Connect, UserEvent::Ping, UserEvent::Disconnect] {
            assert!(runner.run("a", &HeaderMap::new(), event));
        }
        settle().await;
        assert_eq!(hooks.ended(), []);
        assert!(runner.run("b", &HeaderMap::new(), UserEvent::Disconnect));
        settle().await;
        assert_eq!(hooks.ended(), [UserEvent::Disconnect], "another connection");
        hooks.connects.add_permits(1);
        runner.finish().await;
        let all = [
            UserEvent::Disconnect,
            UserEvent::Connect,
            UserEvent::Disconnect,
        ];
        assert_eq!(hooks.ended(), all);
        assert!(runner.latest.inner().tasks.is_empty());
    }

    #[tokio::test]
    async fn who_has_gone_waits_for_a_backend_that_is_slow() {
        let hooks = Slow::new();
        let runner = hooks.runner();
        let run = |n: u32, event| runner.run(&n.to_string(), &HeaderMap::new(), event);
        for n in 0..MAX_RUNNING {
            assert!(run(n, UserEvent::Connect));
        }
        assert!(!run(MAX_RUNNING, UserEvent::Connect));
        for n in 0..MAX_WAITING {
            assert!(run(n, UserEvent::Disconnect));
        }
        assert!(!run(MAX_WAITING, UserEvent::Disconnect));
        settle().await;
        assert_eq!(hooks.ended(), []);
        hooks.connects.add_permits(1);
        runner.finish().await;
        assert_eq!(hooks.ended().len(), (MAX_RUNNING + MAX_WAITING) as usize);
    }
}
