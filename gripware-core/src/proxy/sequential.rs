use std::sync::Arc;

/// A published item, as far as its place among others matters (GRIP 3.6).
///
/// Whoever holds connections implements it for what it hands to them, which may be encoded already.
pub trait Sequential {
    /// The name of its channel.
    fn channel(&self) -> &str;

    /// The id of the item in its channel.
    fn id(&self) -> Option<&str>;

    /// The id of the item before it.
    fn prev_id(&self) -> Option<&str>;

    /// Whether the item is left out of the channel's order.
    fn no_seq(&self) -> bool;

    /// About how many bytes it takes while it waits.
    fn cost(&self) -> usize;

    /// Whether it says what becomes of holds and not what is new, wherever they are in the channel's
    /// order. None is by default, as with Pushpin.
    fn is_signal(&self) -> bool {
        false
    }
}

impl<T: Sequential + ?Sized> Sequential for Arc<T> {
    fn channel(&self) -> &str {
        (**self).channel()
    }

    fn id(&self) -> Option<&str> {
        (**self).id()
    }

    fn prev_id(&self) -> Option<&str> {
        (**self).prev_id()
    }

    fn no_seq(&self) -> bool {
        (**self).no_seq()
    }

    fn cost(&self) -> usize {
        (**self).cost()
    }

    fn is_signal(&self) -> bool {
        (**self).is_signal()
    }
}
