//! What users, channels and connections are called in keys, channels and meta.
//!
//! A name of a client may have any characters, and 512 of them. A channel of GRIP and a key of a
//! record may not, and lists in meta have commas: so what does not fit is called by its digest.

use sha2::{Digest as _, Sha256};

/// The most bytes of a name that is used as it is, so that it has room in a key.
const MAX_PLAIN: usize = 300;

/// The GRIP channel, and the key of the record, of a channel's name.
pub(crate) fn channel(name: &str) -> String {
    plain_or_digest("channel", name)
}

/// The history of a channel that keeps one, which nobody is subscribed to.
pub(crate) fn history(name: &str) -> String {
    plain_or_digest("history", name)
}

/// The GRIP channel of what is for one user, given by the digest of its name.
pub(crate) fn user_channel(digest: &str) -> String {
    format!("user:{digest}")
}

/// The key of a user's record, by the same digest.
pub(crate) fn user_key(digest: &str) -> String {
    format!("{USER}:{digest}")
}

/// The GRIP channel of one socket, by the proxy's id of it. It is told there to look at its record.
pub(crate) fn socket(connection_id: &str) -> String {
    format!("socket:{connection_id}")
}

/// The GRIP channel of a connection's long polls.
pub(crate) fn poll(digest: &str) -> String {
    format!("poll:{digest}")
}

/// The kind of records that are connections.
pub(crate) const CONNECTION: &str = "channelstream-connection";

/// The kind of records that are users.
pub(crate) const USER: &str = "channelstream-user";

/// The key of a connection's record.
pub(crate) fn connection_key(digest: &str) -> String {
    format!("{CONNECTION}:{digest}")
}

/// The digest that a connection's key was made of.
pub(crate) fn digest_in(key: &str) -> Option<&str> {
    key.strip_prefix(CONNECTION)?.strip_prefix(':')
}

/// The key of a channel's record.
pub(crate) fn channel_key(name: &str) -> String {
    format!("channelstream-{}", channel(name))
}

/// What stands for a name in meta and in lists: 32 digits.
pub(crate) fn digest(name: &str) -> String {
    let mut hex = String::with_capacity(32);
    for byte in Sha256::digest(name).iter().take(16) {
        for digit in [byte >> 4, byte & 15] {
            hex.extend(char::from_digit(digit.into(), 16));
        }
    }
    hex
}

fn plain_or_digest(kind: &str, name: &str) -> String {
    match name.len() <= MAX_PLAIN && !name.contains(char::is_control) {
        true => format!("{kind}:{name}"),
        // No plain name begins so: the kind has a colon behind it.
        false => format!("{kind}-digest:{}", digest(name)),
    }
}

#[cfg(test)]
mod tests {
    use gripware_axum::Channel;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_no_channel_may_be_called_goes_by_its_digest() {
        assert_eq!(channel("a room"), "channel:a room");
        let digest = digest("a\nroom");
        assert_eq!(channel("a\nroom"), format!("channel-digest:{digest}"));
        assert_ne!(channel(&"x".repeat(400)), channel(&"x".repeat(401)));
    }

    proptest! {
        #[test]
        fn every_name_has_a_channel_and_a_key(name in any::<String>()) {
            for text in [channel(&name), history(&name), channel_key(&name)] {
                prop_assert!(Channel::new(text.as_str()).is_ok() && text.len() <= 512);
            }
            prop_assert_eq!(digest(&name).len(), 32);
        }
    }
}
