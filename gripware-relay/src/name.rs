//! The names of clusters and nodes, which become parts of subjects and keys.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    str::FromStr,
    sync::Arc,
};

use thiserror::Error;

/// The most bytes of a name. It is repeated in each message, and in the names of subjects and keys.
pub const MAX_NAME_LEN: usize = 32;

/// Why a text is no name of a cluster or a node.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is empty or longer than [`MAX_NAME_LEN`].
    #[error("a name of {length} bytes: 1 to {MAX_NAME_LEN} are allowed")]
    Length {
        /// Its length in bytes.
        length: usize,
    },
    /// It has a character outside `a` to `z`, `0` to `9` and `-`. Others have a meaning in the
    /// subjects and keys of some broker.
    #[error("a name has a character at byte {position} that is not one of a-z, 0-9 and -")]
    Character {
        /// Where, in bytes from the start.
        position: usize,
    },
}

fn check(name: &str) -> Result<(), NameError> {
    if !(1..=MAX_NAME_LEN).contains(&name.len()) {
        return Err(NameError::Length { length: name.len() });
    }
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    match name.bytes().position(|byte| !is_allowed(byte)) {
        Some(position) => Err(NameError::Character { position }),
        None => Ok(()),
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = NameError;

            fn try_from(name: &str) -> Result<Self, NameError> {
                check(name)?;
                Ok(Self(name.into()))
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::try_from(name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// The nodes that pass items to each other: all that use the same broker and this name. 1 to 32
    /// bytes of `a` to `z`, `0` to `9` and `-`.
    ///
    /// ```
    /// use gripware_relay::{ClusterName, NameError};
    ///
    /// assert_eq!("blue-2".parse::<ClusterName>()?.as_str(), "blue-2");
    /// assert_eq!("a.b".parse::<ClusterName>(), Err(NameError::Character { position: 1 }));
    /// # Ok::<(), NameError>(())
    /// ```
    ClusterName;

    /// One node of a cluster, by the same rules as [`ClusterName`]. No two that run at the same
    /// time may have the same, so the default is a random one.
    NodeId;
}

impl NodeId {
    /// Returns a random one of 16 hexadecimal digits.
    #[must_use]
    pub fn random() -> Self {
        Self(format!("{:016x}", random()).into())
    }
}

/// A number that nobody can foretell, from the seeds that the standard library draws for its maps.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_has_no_character_with_a_meaning() {
        assert!(ClusterName::try_from("a-9").is_ok());
        assert_eq!(
            ClusterName::try_from(""),
            Err(NameError::Length { length: 0 })
        );
        assert_eq!(
            NodeId::try_from("x".repeat(33).as_str()),
            Err(NameError::Length { length: 33 })
        );
        for name in ["A", "a.b", "a*", "a>", "a:b", "a b", "é", "a\n", "a{b}"] {
            assert!(
                matches!(
                    ClusterName::try_from(name),
                    Err(NameError::Character { .. })
                ),
                "{name}"
            );
        }
    }

    #[test]
    fn random_nodes_are_valid_and_differ() {
        let (one, other) = (NodeId::random(), NodeId::random());
        assert_ne!(one, other);
        assert_eq!(NodeId::try_from(one.as_str()), Ok(one));
    }
}
