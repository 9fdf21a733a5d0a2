//! Recovery of a hold (GRIP 1.8): where an item shows that others are missing, the origin is asked,
//! and what comes meanwhile is buffered until its answer says where the client is.
//!
//! It stands between the fan-out and a held client. Who asks, and how, is its owner's affair.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use super::Sequential;

/// The most items that are buffered while the origin is asked, which is Pushpin's limit. With more
/// the answer is too old, and it is asked again.
pub const MAX_BUFFERED: usize = 100;

/// The same in bytes, since an item may have a mebibyte.
pub const MAX_BUFFERED_BYTES: usize = 1 << 20;

/// Whether the origin has to be asked what the client has missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResyncState {
    /// It has not: items go to the client.
    #[default]
    Synced,
    /// It has.
    Wanted,
    /// It is being asked.
    Asked,
}

/// The synchronisation of one hold with its origin.
///
/// ```
/// use gripware_core::proxy::{Resync, ResyncState, Sequential};
///
/// #[derive(Clone, Debug, PartialEq)]
/// struct Item(&'static str, &'static str);
///
/// impl Sequential for Item {
///     fn channel(&self) -> &str {
///         "news"
///     }
///     fn id(&self) -> Option<&str> {
///         Some(self.0)
///     }
///     fn prev_id(&self) -> Option<&str> {
///         Some(self.1)
///     }
///     fn no_seq(&self) -> bool {
///         false
///     }
///     fn cost(&self) -> usize {
///         1
///     }
/// }
///
/// let mut resync = Resync::default();
/// assert!(!resync.buffer(&Item("1", "0")), "it goes to the client");
/// // "2" is lost, as "3" shows.
/// resync.want();
/// assert!(resync.ask());
/// assert!(resync.buffer(&Item("4", "3")));
/// assert!(resync.buffer(&Item("5", "4")));
/// // The origin's answer has all up to "4".
/// let ready = resync.resume(|item| Some(item.prev_id() == Some("4")));
/// assert_eq!(ready, [Item("5", "4")]);
/// assert_eq!(resync.state(), ResyncState::Synced);
/// ```
#[derive(Debug)]
pub struct Resync<T> {
    state: ResyncState,
    buffered: VecDeque<T>,
    bytes: usize,
    /// Whether the answer may be too old: more was missed after it was asked for.
    is_outdated: bool,
}

impl<T> Default for Resync<T> {
    fn default() -> Self {
        Self {
            state: ResyncState::Synced,
            buffered: VecDeque::new(),
            bytes: 0,
            is_outdated: false,
        }
    }
}

impl<T: Sequential> Resync<T> {
    /// Whether the origin has to be asked.
    #[must_use]
    pub fn state(&self) -> ResyncState {
        self.state
    }

    /// Wants the origin to be asked, and forgets what is buffered. If it is being asked already, it
    /// may not have known yet what there is now, and is asked once more.
    pub fn want(&mut self) {
        self.forget();
        self.is_outdated = self.state == ResyncState::Asked;
        if self.state == ResyncState::Synced {
            self.state = ResyncState::Wanted;
        }
    }

    /// Takes an answer that has a part and says where the next one is: that is wanted, and what is
    /// buffered stays for after the last one.
    pub fn want_page(&mut self) {
        self.state = ResyncState::Wanted;
    }

    /// Notes that the request goes out. Returns `false` if none is wanted.
    pub fn ask(&mut self) -> bool {
        if self.state != ResyncState::Wanted {
            return false;
        }
        self.state = ResyncState::Asked;
        // What was too much came before the request, and is in its answer.
        if std::mem::take(&mut self.is_outdated) {
            self.forget();
        }
        true
    }

    /// Buffers an item that came while the origin is asked. Returns `false` if it is not, and the
    /// item is for the client now.
    pub fn buffer(&mut self, item: &T) -> bool
    where
        T: Clone,
    {
        if self.state == ResyncState::Synced {
            return false;
        }
        self.bytes = self.bytes.saturating_add(item.cost());
        if self.buffered.len() < MAX_BUFFERED && self.bytes <= MAX_BUFFERED_BYTES {
            self.buffered.push_back(item.clone());
        } else {
            self.is_outdated = true;
        }
        true
    }

    /// Takes the origin's answer, and returns what goes to the client after it: of each channel
    /// from the first item on that follows what the answer said.
    ///
    /// `follows` says that of an item, and is `None` if its channel is no longer subscribed to.
    /// Returns nothing if the answer may be too old; then the origin is to be asked again.
    pub fn resume(&mut self, follows: impl Fn(&T) -> Option<bool>) -> VecDeque<T> {
        let buffered = self.forget();
        if std::mem::take(&mut self.is_outdated) {
            self.state = ResyncState::Wanted;
            return VecDeque::new();
        }
        self.state = ResyncState::Synced;
        let mut ready: VecDeque<T> = VecDeque::new();
        for item in buffered {
            let Some(is_next) = follows(&item) else {
                continue;
            };
            let is_behind = |it: &T| it.channel() == item.channel() && !is_unordered(it);
            if is_next || is_unordered(&item) || ready.iter().any(is_behind) {
                ready.push_back(item);
            }
        }
        ready
    }

    fn forget(&mut self) -> VecDeque<T> {
        self.bytes = 0;
        std::mem::take(&mut self.buffered)
    }
}

/// Whether an item comes at any place.
fn is_unordered(item: &impl Sequential) -> bool {
    item.no_seq() || item.is_signal()
}
