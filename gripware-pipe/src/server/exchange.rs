use std::sync::Arc;

use http::Request;

use super::Inner;
use crate::{
    Body, CallErrorKind, Exception, Lost, Name, Remote,
    answer::{Exchange, PassingOn},
};

/// What the clients of a server have to do with each other.
pub(super) struct Clients(pub(super) Arc<Inner>);

impl Exchange for Clients {
    fn pass_on(&self, from: Name, to: Name, request: Request<Body>) -> PassingOn {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let to = inner.aliases.get(to.as_str()).cloned().unwrap_or(to);
            // It comes first, so that nobody finds out which clients there are.
            if !(inner.may_pass_on)(&from, &to) {
                let what = format!("calls to {to} are not passed on");
                return Exception::of_kind(CallErrorKind::Forbidden, what);
            }
            let Some(slot) = inner.registry.slot(&to) else {
                let what = format!("there is no client {to}");
                return Exception::of_kind(CallErrorKind::Unknown, what);
            };
            let settings = Arc::clone(&inner.settings);
            let telemetry = Arc::clone(&inner.telemetry);
            let remote = Remote::client(slot, to, settings, telemetry);
            match remote.call_for(&from, request).await {
                Ok(response) => response,
                Err(error) => Exception::of_call(&error, inner.settings.development),
            }
        })
    }

    fn leaves(&self, name: &Name, generation: u64) {
        let link = self.0.registry.slot(name).and_then(|slot| slot.current());
        // Not another connection of the same client, which has taken its place.
        if let Some(link) = link.filter(|link| link.generation == generation) {
            link.ending.end(Lost::Ended);
        }
    }
}
