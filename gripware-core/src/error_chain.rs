//! An error with its causes, for a log.

use std::{error::Error, fmt};

/// An error with everything that it comes from, on one line, for a log.
///
/// ```
/// use gripware_core::{ErrorChain, Hold, Limits, Refusal};
///
/// let error = Hold::stream("a\nb").check(&Limits::default()).unwrap_err();
/// assert_eq!(
///     ErrorChain(&Refusal::from(error)).to_string(),
///     "the hold cannot be sent: a hold with an invalid channel: \
///      a channel name, id or filter name has a control character at byte 1",
/// );
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ErrorChain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
