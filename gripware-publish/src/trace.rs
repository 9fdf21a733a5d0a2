//! Events for the log, or nothing where the feature `tracing` is off.

/// What an operator has to know.
macro_rules! warning {
    ($($event:tt)*) => {
        #[cfg(feature = "tracing")]
        tracing::warn!($($event)*)
    };
}

/// What helps to find out why.
macro_rules! debug {
    ($($event:tt)*) => {
        #[cfg(feature = "tracing")]
        tracing::debug!($($event)*)
    };
}

pub(crate) use debug;
pub(crate) use warning;
