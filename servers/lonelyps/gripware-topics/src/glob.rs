//! Patterns for topics, in one dialect on both wires.
//!
//! | pattern | matches |
//! |---|---|
//! | `*` | any number of characters, also none, also `/` |
//! | `?` | one character, also `/` |
//! | `[abc]`, `[a-z]` | one character that is in the list or the range |
//! | `[^abc]` | one character that is not |
//! | anything else | itself |
//!
//! It is that of SQLite's `GLOB`, which the original's broadcaster has for HTTP: case counts, there is
//! no escape (`[*]` is a star), `]` right behind `[` or `[^` is a member of the list, and a list
//! without an end matches nothing. Topics that are not UTF-8 match no pattern.

use std::fmt;

use crate::{Topic, WireError, topic::MAX_FIELD};

/// A pattern for topics, of at most 65 535 bytes. See the [module](self) for the dialect.
///
/// ```
/// use gripware_topics::{Glob, Topic};
///
/// let glob = Glob::new("foo/*/[0-9]?")?;
/// assert!(glob.matches(&Topic::try_from("foo/bar/baz/42")?));
/// assert!(!glob.matches(&Topic::try_from("foo/bar/4")?));
/// assert!(!Glob::new("*")?.matches(&Topic::try_from(b"\xff")?));
/// # Ok::<(), gripware_topics::WireError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Glob(Box<str>);

impl Glob {
    /// Takes a pattern. Every text is one.
    ///
    /// # Errors
    /// [`WireError::TooLong`] over 65 535 bytes.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, WireError> {
        let text = text.into();
        match text.len() {
            length if length > MAX_FIELD => Err(WireError::TooLong {
                field: "the glob",
                length,
                limit: MAX_FIELD,
            }),
            _ => Ok(Self(text)),
        }
    }

    /// Returns the pattern.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the characters before the first that means something: topics that match begin with
    /// them.
    #[must_use]
    pub fn literal_prefix(&self) -> &str {
        let end = self.0.find(['*', '?', '[']).unwrap_or(self.0.len());
        self.0.get(..end).unwrap_or_default()
    }

    /// Whether a topic matches. Takes a time that is bounded by the length of the pattern times that
    /// of the topic: a star is tried again only behind the last one, so that no pattern takes
    /// exponential time (catastrophic backtracking).
    #[must_use]
    pub fn matches(&self, topic: &Topic) -> bool {
        topic.as_str().is_some_and(|topic| matches(&self.0, topic))
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({:?})", self.0)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_debug())
    }
}

impl TryFrom<&str> for Glob {
    type Error = WireError;

    fn try_from(text: &str) -> Result<Self, WireError> {
        Self::new(text)
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // Behind the last star: the pattern, and the text it was last tried with.
    let mut again: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let mut ahead = pattern.clone();
        let fits = match ahead.next() {
            Some('*') => {
                again = Some((ahead.clone(), text.clone()));
                pattern = ahead;
                continue;
            }
            None if text.as_str().is_empty() => return true,
            None => false,
            Some(c) => {
                let mut rest = text.clone();
                let fits = rest.next().is_some_and(|given| match c {
                    '?' => true,
                    '[' => in_list(&mut ahead, given),
                    c => c == given,
                });
                if fits {
                    text = rest;
                }
                fits
            }
        };
        if fits {
            pattern = ahead;
            continue;
        }
        let Some((behind, tried)) = &mut again else {
            return false;
        };
        if tried.next().is_none() {
            return false;
        }
        pattern = behind.clone();
        text = tried.clone();
    }
}

/// Whether `given` is in the list that `pattern` stands in, behind its `[`; moves behind its `]`.
fn in_list(pattern: &mut std::str::Chars<'_>, given: char) -> bool {
    let mut next = pattern.next();
    let inverted = next == Some('^');
    if inverted {
        next = pattern.next();
    }
    let mut found = false;
    let mut previous = None;
    if next == Some(']') {
        found = given == ']';
        next = pattern.next();
    }
    while let Some(c) = next {
        if c == ']' {
            return found != inverted;
        }
        let end = pattern.clone().next().filter(|&end| end != ']');
        match (c, previous, end) {
            ('-', Some(start), Some(end)) => {
                found |= (start..=end).contains(&given);
                previous = None;
                pattern.next();
            }
            _ => {
                found |= c == given;
                previous = Some(c);
            }
        }
        next = pattern.next();
    }
    // Without an end.
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_as_the_table_says() {
        for (pattern, yes, no) in [
            ("", &[""][..], &["a"][..]),
            ("*", &["", "a", "a/b"], &[]),
            ("a", &["a"], &["", "A", "aa"]),
            (
                "foo/*",
                &["foo/", "foo/bar", "foo/bar/baz"],
                &["foo", "fo/"],
            ),
            ("*bar", &["bar", "barbar", "abar"], &["bara", "ba"]),
            ("a*b*c", &["abc", "aabbcc", "abcbc"], &["ab", "acb"]),
            ("a?c", &["abc", "a/c", "a\u{1f600}c"], &["ac", "abbc"]),
            ("[abc]", &["a", "c"], &["d", "", "ab"]),
            ("[a-c]x", &["ax", "cx"], &["dx", "-x"]),
            ("[^a-c]", &["d", "-"], &["a", "b"]),
            ("[]]", &["]"], &["a", "[]]"]),
            ("[^]]", &["a"], &["]"]),
            ("[*]", &["*"], &["a"]),
            ("[a-]", &["a", "-"], &["b"]),
            ("[-a]", &["a", "-"], &["b"]),
            ("[a", &[], &["a", "[a"]),
            ("*[a", &[], &["a", "[a"]),
            ("{a,b}", &["{a,b}"], &["a"]),
        ] {
            for text in yes {
                assert!(matches(pattern, text), "{pattern} should match {text}");
            }
            for text in no {
                assert!(!matches(pattern, text), "{pattern} should not match {text}");
            }
        }
    }

    #[test]
    fn many_stars_do_not_take_exponential_time() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!matches(&pattern, &"a".repeat(2_000)));
    }

    proptest! {
        #[test]
        fn a_literal_matches_itself_and_its_prefix_is_one(text in "[^*?\\[]{0,20}", behind in ".{0,20}") {
            prop_assert!(matches(&text, &text));
            let star = format!("{text}*");
            let whole = format!("{text}{behind}");
            prop_assert!(matches(&star, &whole));
            let glob = Glob::new(star).unwrap();
            prop_assert_eq!(glob.literal_prefix(), text);
        }

        #[test]
        fn what_matches_begins_with_the_literal_prefix(pattern in "[ab*?\\[\\]^-]{0,8}", text in "[ab\\]^-]{0,8}") {
            let glob = Glob::new(pattern).unwrap();
            if glob.matches(&Topic::try_from(text.as_str()).unwrap()) {
                prop_assert!(text.starts_with(glob.literal_prefix()));
            }
        }
    }
}
