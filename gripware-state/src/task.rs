use std::{future, pin::Pin};

/// What a method of a backend returns: a future that can be sent to another thread and borrows its
/// arguments. Boxed, so that backends are trait objects.
pub type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A result that is there already.
pub(crate) fn ready<'a, T: Send + 'a>(result: T) -> Task<'a, T> {
    Box::pin(future::ready(result))
}
