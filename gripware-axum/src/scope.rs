//! Under which layer the code that runs just now is.
//!
//! An extractor has to know the policy of the layer around its route. In a request's extensions that
//! would cost each request an allocation and more: they are a hash map, which those of axum fill to
//! the size that it grows at. Most handlers never ask. So nothing is put into a request whose context
//! follows from its headers and the first policy of the process; that a layer with it is there is
//! noted here while the layer runs what is inside of it.
//!
//! What is found here is the policy alone. Whom a request is from is read from its own headers, so a
//! request that a handler makes up and answers with a router of its own is no more trusted than it
//! would be with a layer around that.

use std::{cell::Cell, time::SystemTime};

use gripware_core::{Admission, GripContext, RequestMarks, SharedPolicy};
use http::{Extensions, HeaderMap, request::Parts};

thread_local! {
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs what is inside of a layer that has admitted a request.
pub(crate) fn run<T>(admission: &Admission, inside: impl FnOnce() -> T) -> T {
    /// Goes back to what was before, after a panic too.
    struct Before(bool);

    impl Drop for Before {
        fn drop(&mut self) {
            IS_INSIDE.set(self.0);
        }
    }

    if !admission.is_implied() {
        return inside();
    }
    let _before = Before(IS_INSIDE.replace(true));
    inside()
}

/// Leaves an admission in the request, where it does not follow from the headers.
pub(crate) fn leave(admission: &Admission, extensions: &mut Extensions) {
    if !admission.is_implied() {
        extensions.insert(admission.clone());
    } else if !SharedPolicy::is_only_one() {
        // One of another policy may be around this layer.
        extensions.remove::<Admission>();
    }
}

/// Returns what the layer knows of a request; `None` if there is no layer.
pub(crate) fn admission(headers: &HeaderMap, extensions: &Extensions) -> Option<Admission> {
    let first;
    let policy = match extensions.get::<Admission>() {
        Some(left) if left.is_refused() => return Some(left.clone()),
        Some(left) => left.shared_policy(),
        None => {
            first = SharedPolicy::first().filter(|_| IS_INSIDE.get())?;
            &first
        }
    };
    Some(policy.admit(&RequestMarks::of(headers), SystemTime::now))
}

/// Returns what a handler may know of its request; `None` if there is no layer.
pub(crate) fn context(parts: &Parts) -> Option<GripContext> {
    let admission = admission(&parts.headers, &parts.extensions)?;
    Some(admission.context(&parts.headers))
}
