//! What a URL is subscribed to as a list, and the strong etag by which both ends find out whether
//! they mean the same.

use std::{collections::BTreeMap, fmt};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{Address, Digest, Glob, Topic, WireError, digest::Hasher, wire::Write};

/// A topic, or a pattern for topics.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// One topic.
    Exact(Topic),
    /// All topics that match.
    Glob(Glob),
}

impl Pattern {
    /// Whether messages of `topic` are meant.
    #[must_use]
    pub fn matches(&self, topic: &Topic) -> bool {
        match self {
            Self::Exact(exact) => exact == topic,
            Self::Glob(glob) => glob.matches(topic),
        }
    }

    /// Returns the bytes of the topic or of the glob.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Exact(topic) => topic.as_bytes(),
            Self::Glob(glob) => glob.as_str().as_bytes(),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(topic) => write!(f, "{topic}"),
            Self::Glob(glob) => write!(f, "{glob}"),
        }
    }
}

/// What one URL is subscribed to, each with the URL that is told of missed messages. Ascending, as
/// etags and `set_subscriptions` want it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionList {
    /// The topics.
    pub topics: BTreeMap<Topic, Option<Address>>,
    /// The patterns.
    pub globs: BTreeMap<Glob, Option<Address>>,
}

impl SubscriptionList {
    /// Adds a subscription, or changes its recovery URL.
    pub fn insert(&mut self, pattern: Pattern, recovery: Option<Address>) {
        match pattern {
            Pattern::Exact(topic) => self.topics.insert(topic, recovery),
            Pattern::Glob(glob) => self.globs.insert(glob, recovery),
        };
    }

    /// Returns all subscriptions, topics first.
    pub fn iter(&self) -> impl Iterator<Item = (Pattern, Option<&Address>)> {
        let topics = self.topics.iter();
        let globs = self.globs.iter();
        topics
            .map(|(topic, recovery)| (Pattern::Exact(topic.clone()), recovery.as_ref()))
            .chain(globs.map(|(glob, recovery)| (Pattern::Glob(glob.clone()), recovery.as_ref())))
    }

    /// Returns the number of subscriptions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.topics.len() + self.globs.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the etag of these subscriptions of `url`: the SHA-512 of `URL`, the URL, `\nEXACT`,
    /// the topics, `\nGLOB`, the globs, each with its recovery URL, and `\n`.
    #[must_use]
    pub fn etag(&self, url: &Address) -> Etag {
        let mut hasher = Hasher::new();
        let mut line = Vec::new();
        line.extend_from_slice(b"URL");
        line.l2(url.as_str().as_bytes());
        line.extend_from_slice(b"\nEXACT");
        for (topic, recovery) in &self.topics {
            line.l2(topic.as_bytes());
            line.recovery(recovery.as_ref());
            hasher.update(&line);
            line.clear();
        }
        line.extend_from_slice(b"\nGLOB");
        for (glob, recovery) in &self.globs {
            line.l2(glob.as_str().as_bytes());
            line.recovery(recovery.as_ref());
            hasher.update(&line);
            line.clear();
        }
        line.push(b'\n');
        hasher.update(&line);
        Etag(hasher.finish())
    }
}

/// A strong etag of format 0, the only one there is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Etag(Digest);

impl Etag {
    /// The byte that says how an etag was made.
    pub const FORMAT: u8 = 0;

    /// Takes an etag that came over the wire.
    #[must_use]
    pub fn new(digest: Digest) -> Self {
        Self(digest)
    }

    /// Returns its 64 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 64] {
        self.0.as_bytes()
    }

    pub(crate) fn read(reader: &mut crate::wire::Reader) -> Result<Self, WireError> {
        match reader.u8()? {
            Self::FORMAT => Ok(Self(reader.digest()?)),
            _ => Err(WireError::Value {
                field: "the format of the etag",
            }),
        }
    }
}

impl fmt::Debug for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Etag({})", URL_SAFE_NO_PAD.encode(self.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_the_one_that_the_original_computes() {
        let url = Address::new("http://127.0.0.1:3002/v1/receive").unwrap();
        let recovery = Address::new("http://127.0.0.1:3002/v1/recover").unwrap();
        let mut list = SubscriptionList::default();
        list.insert(Pattern::Glob(Glob::new("foo/*").unwrap()), None);
        list.insert(
            Pattern::Exact(Topic::try_from("foo/bar").unwrap()),
            Some(recovery),
        );
        let etag: String = list
            .etag(&url)
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            etag,
            "52ded28b85c4c735371ea32281c8c4b821202994972eddd0a10450cad1c1a7a7\
             23142817f116ce110f5b697c44f725a5effb8705c5938640bf065fedf73fe296"
        );
    }
}
