//! The `SseEvents` of an adapter.

/// Gives an adapter a list of server-sent events that is a response.
///
/// As with [`adapter_hold!`](crate::adapter_hold), a framework's response traits can only be
/// implemented for a type of the adapter. The documentation of the type is passed in.
///
/// ```
/// use std::time::Duration;
///
/// use gripware_core::{ItemError, SseEvent};
///
/// gripware_core::adapter_sse_events! {
///     /// Server-sent events for some framework.
/// }
///
/// let events = SseEvents::new()
///     .retry(Duration::from_secs(3))
///     .event(SseEvent::new().id("7").data("one"))
///     .event(SseEvent::new().id("8").data("two"));
/// assert_eq!(
///     events.encode()?,
///     "retry: 3000\n\nid: 7\ndata: one\n\nid: 8\ndata: two\n\n",
/// );
///
/// let wrong = SseEvents::from(SseEvent::new().id("7\n"));
/// assert_eq!(wrong.encode(), Err(ItemError::EventId));
/// # Ok::<(), ItemError>(())
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! adapter_sse_events {
    ($(#[$attribute:meta])*) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[must_use = "events are sent when they are returned"]
        pub struct SseEvents(Vec<$crate::SseEvent>);

        impl SseEvents {
            /// Creates an empty list.
            pub fn new() -> Self {
                Self::default()
            }

            /// Adds an event.
            pub fn event(mut self, event: $crate::SseEvent) -> Self {
                self.0.push(event);
                self
            }

            /// Sets how long a browser waits before it connects again, in whole milliseconds.
            /// Browsers have defaults of their own, of a few seconds.
            pub fn retry(self, after: ::std::time::Duration) -> Self {
                self.event($crate::SseEvent::new().retry(after))
            }

            /// Returns the events as they stand in the stream.
            ///
            /// # Errors
            /// The first mistake that a setter of an event found.
            pub fn encode(&self) -> Result<String, $crate::ItemError> {
                self.0.iter().map($crate::SseEvent::encode).collect()
            }
        }

        impl From<$crate::SseEvent> for SseEvents {
            fn from(event: $crate::SseEvent) -> Self {
                Self(vec![event])
            }
        }

        impl From<Vec<$crate::SseEvent>> for SseEvents {
            fn from(events: Vec<$crate::SseEvent>) -> Self {
                Self(events)
            }
        }

        impl FromIterator<$crate::SseEvent> for SseEvents {
            fn from_iter<I: IntoIterator<Item = $crate::SseEvent>>(events: I) -> Self {
                Self(events.into_iter().collect())
            }
        }

        impl Extend<$crate::SseEvent> for SseEvents {
            fn extend<I: IntoIterator<Item = $crate::SseEvent>>(&mut self, events: I) {
                self.0.extend(events);
            }
        }
    };
}
