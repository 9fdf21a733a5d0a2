//! Channels: the names that clients are subscribed to and items are published to.
//!
//! ```
//! use gripware_core::{Channel, ChannelError, Filter};
//!
//! let room = Channel::new("room-a")?.with_prev_id("41")?.with_filter(Filter::SkipSelf);
//! assert_eq!(room.name(), "room-a");
//! assert!(room.is_header_safe());
//!
//! // Fine in itself, but a header would cut it in two: it travels as JSON.
//! assert!(!Channel::new("a,b")?.is_header_safe());
//!
//! assert_eq!(Channel::new("a\r\nb"), Err(ChannelError::ControlCharacter { position: 1 }));
//! # Ok::<(), ChannelError>(())
//! ```

use std::{convert::Infallible, fmt, str::FromStr};

use thiserror::Error;

use crate::header::trim_ows;

/// The most bytes a channel name or an id may have.
///
/// Proxies state no bound of their own. A name is repeated in headers, in items and in every
/// proxy's tables, and headers of 8 KiB are refused by common servers; 1 KiB keeps a channel with
/// its id well below that.
pub const MAX_NAME_LEN: usize = 1024;

/// A channel, with what a subscription to it says beside its name: the id that the client has
/// already seen, and the filters its items go through.
///
/// A name has 1 to [`MAX_NAME_LEN`] bytes and no control characters. Everything else is allowed;
/// names with `,` `;` `"` or spaces at an end cannot be written in a header
/// ([`is_header_safe`](Self::is_header_safe)) and are sent in an `application/grip-instruct` body.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Channel {
    name: String,
    prev_id: Option<String>,
    filters: Vec<Filter>,
}

impl Channel {
    /// Creates a channel by its name.
    ///
    /// # Errors
    /// If the name is empty, longer than [`MAX_NAME_LEN`] bytes, or has a control character.
    pub fn new(name: impl Into<String>) -> Result<Self, ChannelError> {
        Ok(Self {
            name: checked_name(name.into())?,
            prev_id: None,
            filters: Vec::new(),
        })
    }

    /// Says that the client has seen everything up to and including the item `id`.
    ///
    /// # Errors
    /// As for a channel's name: an id keeps the same rules.
    pub fn with_prev_id(mut self, id: impl Into<String>) -> Result<Self, ChannelError> {
        self.prev_id = Some(checked_name(id.into())?);
        Ok(self)
    }

    /// Adds a filter. They apply in the order in which they are added.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Puts `prefix` before the name. An empty one changes nothing.
    ///
    /// # Errors
    /// If the longer name breaks the rules for names.
    pub fn with_prefix(mut self, prefix: &str) -> Result<Self, ChannelError> {
        if !prefix.is_empty() {
            self.name = checked_name(format!("{prefix}{}", self.name))?;
        }
        Ok(self)
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the id of the last item that the client has seen.
    #[must_use]
    pub fn prev_id(&self) -> Option<&str> {
        self.prev_id.as_deref()
    }

    /// Returns the filters, in their order.
    #[must_use]
    pub fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// Returns `true` if a `Grip-Channel` header can carry this channel without loss (GRIP 1.5:
    /// names are read raw, up to the first `;` or `,`, with their quotes kept and their outer
    /// spaces cut).
    #[must_use]
    pub fn is_header_safe(&self) -> bool {
        is_header_safe(&self.name)
            && self.prev_id.as_deref().is_none_or(is_header_safe)
            && self
                .filters
                .iter()
                .all(|filter| is_header_safe(filter.as_str()))
    }
}

impl TryFrom<&str> for Channel {
    type Error = ChannelError;

    fn try_from(name: &str) -> Result<Self, ChannelError> {
        Self::new(name)
    }
}

impl TryFrom<String> for Channel {
    type Error = ChannelError;

    fn try_from(name: String) -> Result<Self, ChannelError> {
        Self::new(name)
    }
}

impl TryFrom<&String> for Channel {
    type Error = ChannelError;

    fn try_from(name: &String) -> Result<Self, ChannelError> {
        Self::new(name.as_str())
    }
}

impl FromStr for Channel {
    type Err = ChannelError;

    fn from_str(name: &str) -> Result<Self, ChannelError> {
        Self::new(name)
    }
}

macro_rules! filters {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What a proxy does to an item on its way to one subscriber (GRIP 1.9).
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Filter {
            $($(#[$doc])* $variant,)*
            /// A filter this version does not know by name. Proxies ignore those they do not
            /// know either. Built with [`Filter::custom`].
            Custom(CustomFilter),
        }

        impl Filter {
            /// Returns the filter's name on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Custom(name) => &name.0,
                }
            }

            /// Creates a filter by the name it has on the wire; a known name gives its variant.
            ///
            /// # Errors
            /// As for a channel's name.
            pub fn custom(name: impl Into<String>) -> Result<Self, ChannelError> {
                let name = checked_name(name.into())?;
                Ok(match name.as_str() {
                    $($name => Self::$variant,)*
                    _ => Self::Custom(CustomFilter(name)),
                })
            }
        }
    };
}

filters! {
    /// Drops the item where its meta `sender` is the connection's meta `user`.
    SkipSelf = "skip-self",
    /// Drops the item where its meta `skip_users` lists the connection's meta `user`.
    SkipUsers = "skip-users",
    /// Drops the item unless the connection is subscribed to the channel in its meta
    /// `require_sub` too.
    RequireSub = "require-sub",
    /// Puts ids in place of `%I` in the content, as the meta `id_format` says.
    BuildId = "build-id",
    /// Puts the connection's meta in place of `%(name)s` in the content.
    VarSubst = "var-subst",
    /// Asks a URL whether the item is delivered. Not before Pushpin 2.0.
    HttpCheck = "http-check",
    /// Asks a URL what is delivered. Not before Pushpin 2.0.
    HttpModify = "http-modify",
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<&str> for Filter {
    type Error = ChannelError;

    fn try_from(name: &str) -> Result<Self, ChannelError> {
        Self::custom(name)
    }
}

/// The name of a filter that [`Filter`] has no variant for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CustomFilter(String);

/// Why a text is no channel name, id or filter name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// It is empty.
    #[error("a channel name, id or filter name cannot be empty")]
    Empty,
    /// It is longer than [`MAX_NAME_LEN`].
    #[error("a channel name, id or filter name of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// It has a control character, such as CR, LF or NUL.
    #[error("a channel name, id or filter name has a control character at byte {position}")]
    ControlCharacter {
        /// Where, in bytes from the start.
        position: usize,
    },
}

impl From<Infallible> for ChannelError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The text itself, where it keeps the rules for names and ids.
pub(crate) fn checked_name(name: String) -> Result<String, ChannelError> {
    if name.is_empty() {
        return Err(ChannelError::Empty);
    }
    if name.len() > MAX_NAME_LEN {
        return Err(ChannelError::TooLong {
            length: name.len(),
            limit: MAX_NAME_LEN,
        });
    }
    match name.char_indices().find(|(_, c)| c.is_control()) {
        Some((position, _)) => Err(ChannelError::ControlCharacter { position }),
        None => Ok(name),
    }
}

/// Whether a proxy reads this text back as it is from a place where it stands raw in a header.
fn is_header_safe(text: &str) -> bool {
    trim_ows(text) == text && !text.contains([',', ';', '"', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_refused_where_no_proxy_could_carry_it() {
        assert_eq!(Channel::new(""), Err(ChannelError::Empty));
        assert_eq!(
            Channel::new("x".repeat(1025)),
            Err(ChannelError::TooLong {
                length: 1025,
                limit: 1024
            })
        );
        for (name, position) in [
            ("a\0", 1),
            ("\r", 0),
            ("é\n", 2),
            ("a\u{85}", 1),
            ("\u{7f}", 0),
        ] {
            assert_eq!(
                Channel::new(name),
                Err(ChannelError::ControlCharacter { position })
            );
        }
    }

    #[test]
    fn names_that_a_header_would_change_are_known() {
        for name in [
            "news",
            "café",
            "s p",
            "a=b",
            "%2C",
            "'",
            "a/b?c",
            "\u{a0}a\u{3000}",
        ] {
            assert!(Channel::new(name).unwrap().is_header_safe(), "{name}");
        }
        for name in ["a,b", "a;b", "\"q\"", " a", "a ", "a\\b"] {
            assert!(!Channel::new(name).unwrap().is_header_safe(), "{name}");
        }
        let id = Channel::new("a").unwrap().with_prev_id("1;2").unwrap();
        assert!(!id.is_header_safe());
    }

    #[test]
    fn a_known_filter_name_gives_its_variant() {
        assert_eq!(Filter::try_from("skip-self"), Ok(Filter::SkipSelf));
        assert_eq!(Filter::custom("mine").unwrap().as_str(), "mine");
        assert_eq!(
            Filter::custom("a\nb"),
            Err(ChannelError::ControlCharacter { position: 1 })
        );
    }

    #[test]
    fn a_prefix_keeps_the_rules_for_names() {
        let channel = Channel::new("a").unwrap().with_prefix("app-").unwrap();
        assert_eq!(channel.name(), "app-a");
        assert!(channel.with_prefix("\n").is_err());
    }
}
