use std::{error::Error, fmt, sync::Arc};

use crate::{
    history::{HistoryBackend, MemoryHistory},
    namespace::Namespace,
    presence::{DEFAULT_MEMBERS, MemoryPresence, PresenceBackend},
    records::{MemoryRecords, RecordsBackend},
};

/// Opens the backends of an engine by a URL. It is handed to [`State::with`](crate::State::with).
pub trait StateProvider: fmt::Debug + Send + Sync + 'static {
    /// The schemes of the URLs that it takes, such as `redis` and `rediss`.
    fn schemes(&self) -> &[&str];

    /// Opens the backends at a URL. Nothing has to be connected yet: what can be told without the
    /// engine is told here.
    ///
    /// # Errors
    /// Where the URL cannot be used. No password is in the error.
    fn open(
        &self,
        url: &str,
        namespace: &Namespace,
    ) -> Result<Backends, Box<dyn Error + Send + Sync>>;
}

impl<P: StateProvider + ?Sized> StateProvider for Box<P> {
    fn schemes(&self) -> &[&str] {
        (**self).schemes()
    }

    fn open(
        &self,
        url: &str,
        namespace: &Namespace,
    ) -> Result<Backends, Box<dyn Error + Send + Sync>> {
        (**self).open(url, namespace)
    }
}

/// The backends of one engine.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "providers build it")]
pub struct Backends {
    /// The history of channels.
    pub history: Arc<dyn HistoryBackend>,
    /// Who is in them.
    pub presence: Arc<dyn PresenceBackend>,
    /// Records.
    pub records: Arc<dyn RecordsBackend>,
}

impl Backends {
    /// Those in the memory of this process, with their default bounds.
    #[must_use]
    pub fn memory() -> Self {
        let history = MemoryHistory::default();
        Self {
            history: Arc::new(history.clone()),
            presence: Arc::new(MemoryPresence::new(history, DEFAULT_MEMBERS)),
            records: Arc::new(MemoryRecords::default()),
        }
    }
}

/// Opens nothing: for [`State::with`](crate::State::with) where there is memory alone.
#[derive(Clone, Copy, Debug)]
pub enum NoProvider {}

impl StateProvider for NoProvider {
    fn schemes(&self) -> &[&str] {
        match *self {}
    }

    fn open(&self, _: &str, _: &Namespace) -> Result<Backends, Box<dyn Error + Send + Sync>> {
        match *self {}
    }
}
