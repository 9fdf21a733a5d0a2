//! What the original's broadcaster puts into the tracing of [`Reply::Notify`](crate::http::Reply):
//! when it got the message, when it answered, and what happened in between.
//!
//! Tracing is opaque by the protocol, but `lonelypsc` with the tracing that comes with it takes this
//! form for granted, and fails on any other, as on one without an event.
//!
//! ```text
//! u8 truncated · u16 n · n × (L2 name, L2 JSON, f64 seconds since 1970) · u64 got · u64 sent, in nanoseconds
//! ```
//!
//! ```
//! use std::time::Duration;
//! use gripware_topics::trace::{Trace, TraceEvent};
//!
//! let trace = Trace {
//!     received: Duration::from_secs(1_700_000_000),
//!     sent: Duration::from_millis(1_700_000_000_250),
//!     events: vec![TraceEvent::new("delivered", "{}", Duration::from_secs(1_700_000_000))],
//! };
//! assert_eq!(Trace::decode(&trace.encode())?, trace);
//! # Ok::<(), gripware_topics::WireError>(())
//! ```

use std::time::Duration;

use bytes::BufMut;

use crate::{
    Tracing, WireError,
    topic::MAX_FIELD,
    wire::{Reader, Write, utf8},
};

/// Bytes of what stands behind the events.
const TIMES: usize = 16;

/// What happened to a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// When it came, since 1970.
    pub received: Duration,
    /// When it was answered, since 1970.
    pub sent: Duration,
    /// What happened in between. Those that do not fit into 65 535 bytes are left out.
    pub events: Vec<TraceEvent>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceEvent {
    /// What.
    pub name: String,
    /// More about it, in JSON.
    pub extra: String,
    /// When, in seconds since 1970.
    pub at: f64,
}

impl TraceEvent {
    /// Makes an event.
    #[must_use]
    pub fn new(name: impl Into<String>, extra: impl Into<String>, at: Duration) -> Self {
        Self {
            name: name.into(),
            extra: extra.into(),
            at: at.as_secs_f64(),
        }
    }
}

impl Trace {
    /// Encodes it.
    #[must_use]
    pub fn encode(&self) -> Tracing {
        let mut events = Vec::new();
        let mut count = 0_u16;
        for event in &self.events {
            let length = 2 + event.name.len() + 2 + event.extra.len() + 8;
            if 3 + events.len() + length + TIMES > MAX_FIELD {
                break;
            }
            events.l2(event.name.as_bytes());
            events.l2(event.extra.as_bytes());
            events.put_f64(event.at);
            // Each has twelve bytes at least, so that no more than 5 460 fit.
            count = count.saturating_add(1);
        }
        let mut out = Vec::with_capacity(3 + events.len() + TIMES);
        out.put_u8(u8::from(usize::from(count) < self.events.len()));
        out.put_u16(count);
        out.put_slice(&events);
        for time in [self.received, self.sent] {
            // Until 2554.
            out.put_u64(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        }
        // It was kept within the bound.
        Tracing::new(out).unwrap_or_default()
    }

    /// Decodes it.
    ///
    /// # Errors
    /// Where it is of another form.
    pub fn decode(tracing: &Tracing) -> Result<Self, WireError> {
        let mut reader = Reader::new(tracing.to_bytes());
        let _truncated = reader.u8()?;
        let mut events = Vec::new();
        for _ in 0..reader.u16()? {
            events.push(TraceEvent {
                name: utf8(&reader.l2()?, "a name")?,
                extra: utf8(&reader.l2()?, "JSON")?,
                at: f64::from_bits(reader.u64()?),
            });
        }
        let trace = Self {
            received: Duration::from_nanos(reader.u64()?),
            sent: Duration::from_nanos(reader.u64()?),
            events,
        };
        reader.end()?;
        Ok(trace)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out() {
        let event = TraceEvent::new("n".repeat(30_000), "{}", Duration::ZERO);
        let trace = Trace {
            received: Duration::ZERO,
            sent: Duration::ZERO,
            events: vec![event; 3],
        };
        let encoded = trace.encode();
        assert_eq!(encoded.as_bytes().first(), Some(&1));
        assert_eq!(Trace::decode(&encoded).unwrap().events.len(), 2);
    }

    proptest! {
        #[test]
        fn nothing_panics_on_any_bytes(bytes: Vec<u8>) {
            let _ = Trace::decode(&Tracing::new(bytes).unwrap());
        }
    }
}
