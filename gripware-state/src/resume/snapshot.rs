use std::{error::Error, fmt, sync::Arc};

use gripware_core::HttpStream;

use crate::{Continuity, Position, StateError, StateErrorKind, Task};

/// What a client gets that has no cursor yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// The entries that are kept. The default.
    #[default]
    Kept,
    /// Nothing but what comes from now on.
    Now,
    /// The snapshot, as a client that has missed too much.
    Snapshot,
}

/// Why a snapshot is taken, and what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Missed {
    /// Why the client needs it; [`Complete`](Continuity::Complete) for one that begins.
    pub continuity: Continuity,
    /// Where the client goes on: the snapshot has everything up to here, and may have more. A
    /// browser is told it as the last event id.
    pub position: Position,
}

type Take =
    dyn Fn(Missed) -> Task<'static, Result<HttpStream, Box<dyn Error + Send + Sync>>> + Send + Sync;

/// How a snapshot is taken.
#[derive(Clone)]
pub(super) struct Snapshot(Arc<Take>);

impl Snapshot {
    pub(super) fn new<F, T, S, E>(take: F) -> Self
    where
        F: Fn(Missed) -> T + Send + Sync + 'static,
        T: Future<Output = Result<S, E>> + Send + 'static,
        S: Into<HttpStream>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self(Arc::new(move |missed| {
            let taking = take(missed);
            Box::pin(async move { taking.await.map(Into::into).map_err(Into::into) })
        }))
    }

    pub(super) async fn take(&self, missed: Missed) -> Result<HttpStream, StateError> {
        (self.0)(missed)
            .await
            .map_err(|error| StateError::new(StateErrorKind::Snapshot).with_source(error))
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Snapshot")
    }
}
