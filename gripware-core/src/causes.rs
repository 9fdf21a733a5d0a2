use std::{error::Error, fmt};

/// An error with everything that it comes from, on one line, for a log.
///
/// ```
/// use gripware_core::{Causes, Hold, Limits, Refusal};
///
/// let error = Hold::stream("a\nb").check(&Limits::default()).unwrap_err();
/// assert_eq!(
///     Causes(&Refusal::from(error)).to_string(),
///     "the hold cannot be sent: a hold with an invalid channel: \
///      a channel name, id or filter name has a control character at byte 1",
/// );
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Causes<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
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
