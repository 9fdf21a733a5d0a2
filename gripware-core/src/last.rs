//! The last ids that a proxy delivered, from `Grip-Last` (GRIP 1.2).
//!
//! ```
//! use gripware_core::LastIds;
//! use http::{HeaderMap, HeaderValue};
//!
//! let mut headers = HeaderMap::new();
//! headers.append("grip-last", HeaderValue::from_static("app-news; last-id=41"));
//! headers.append("grip-last", HeaderValue::from_static("app-a,b; last-id=7"));
//! headers.append("grip-last", HeaderValue::from_static("no id at all"));
//!
//! let last = LastIds::parse(&headers, "app-");
//! assert_eq!(last.get("news"), Some("41"));
//! assert_eq!(last.get("a,b"), Some("7"));
//! assert_eq!(last.iter().count(), 2);
//! ```

use http::HeaderMap;

use crate::{
    Channel,
    header::{GRIP_LAST, trim_ows},
};

/// The most channels that are read; a proxy has no more on one connection.
const MAX_CHANNELS: usize = 100;

/// The last id of each channel, as the proxy knows it. It is right where a cursor in the
/// request's own URL is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastIds(Vec<(String, String)>);

impl LastIds {
    /// Reads every `Grip-Last` line, and takes `prefix` off the channels.
    ///
    /// A line holds one channel, and neither its name nor its id is quoted or escaped. What is no
    /// such line, and channels that do not have the prefix, are passed over; of two lines for one
    /// channel the first counts; beyond 100 channels nothing is read.
    #[must_use]
    pub fn parse(headers: &HeaderMap, prefix: &str) -> Self {
        let mut last = Self::default();
        let lines = headers.get_all(GRIP_LAST).iter();
        let lines = lines.filter_map(|line| std::str::from_utf8(line.as_bytes()).ok());
        for (channel, id) in lines.filter_map(parse_line) {
            if last.0.len() == MAX_CHANNELS {
                break;
            }
            if let Some(channel) = channel.strip_prefix(prefix)
                && last.get(channel).is_none()
            {
                last.0.push((channel.to_owned(), id.to_owned()));
            }
        }
        last
    }

    /// Returns the last id of a channel.
    #[must_use]
    pub fn get(&self, channel: &str) -> Option<&str> {
        self.iter()
            .find(|(name, _)| *name == channel)
            .map(|(_, id)| id)
    }

    /// Returns every channel with its last id, in the order of the lines.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(channel, id)| (channel.as_str(), id.as_str()))
    }

    /// Returns `true` if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Adds the `Grip-Last` line of a channel (GRIP 1.2). What no header can carry is left out.
#[cfg(feature = "proxy")]
pub fn append_last(headers: &mut HeaderMap, channel: &str, id: &str) {
    if let Ok(value) = http::HeaderValue::try_from(format!("{channel}; last-id={id}")) {
        headers.append(GRIP_LAST, value);
    }
}

/// The channel and the id of a line. A name may have anything in it, so the last parameter counts.
fn parse_line(line: &str) -> Option<(&str, &str)> {
    let (channel, id) = line.rsplit_once("last-id=")?;
    let channel = trim_ows(trim_ows(channel).strip_suffix(';')?);
    let id = trim_ows(id);
    let channel_is_one = Channel::new(channel).is_ok();
    let id_is_one = Channel::new(id).is_ok();
    (channel_is_one && id_is_one).then_some((channel, id))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn parse(lines: &[&str], prefix: &str) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(GRIP_LAST, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        LastIds::parse(&headers, prefix).0
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    }

    #[test]
    fn names_and_ids_are_taken_as_they_stand() {
        assert_eq!(parse(&["rel; last-id=3"], ""), pairs(&[("rel", "3")]));
        assert_eq!(parse(&["a,b;last-id= x "], ""), pairs(&[("a,b", "x")]));
        assert_eq!(
            parse(&["caf\u{e9}; last-id=1=2"], ""),
            pairs(&[("caf\u{e9}", "1=2")])
        );
        assert_eq!(
            parse(&["a; last-id=1; last-id=2"], ""),
            pairs(&[("a; last-id=1", "2")])
        );
    }

    #[test]
    fn only_blanks_and_tabs_are_cut_off() {
        assert_eq!(
            parse(&["\u{2003}a\u{a0} ;\tlast-id= \u{3000}1\u{a0}\t"], ""),
            pairs(&[("\u{2003}a\u{a0}", "\u{3000}1\u{a0}")])
        );
        assert_eq!(
            parse(&["\u{a0}; last-id=\u{a0}"], "\u{a0}"),
            pairs(&[("", "\u{a0}")])
        );
    }

    #[test]
    fn what_is_no_such_line_is_passed_over() {
        assert_eq!(
            parse(&["", "a", "a; last-id=", "; last-id=1", "a last-id=1"], ""),
            []
        );
        assert_eq!(
            parse(&["a; last-id=1", "a; last-id=2"], ""),
            pairs(&[("a", "1")])
        );
    }

    #[test]
    fn channels_of_another_prefix_are_not_ours() {
        let lines = ["app-a; last-id=1", "other-a; last-id=2"];
        assert_eq!(parse(&lines, "app-"), pairs(&[("a", "1")]));
    }

    #[test]
    fn the_list_is_bounded() {
        let lines: Vec<_> = (0..150).map(|n| format!("c{n}; last-id=1")).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        assert_eq!(parse(&lines, "").len(), MAX_CHANNELS);
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_passed_over(line in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(value) = HeaderValue::from_bytes(&line) {
                let mut headers = HeaderMap::new();
                headers.append(GRIP_LAST, value);
                for (channel, id) in LastIds::parse(&headers, "").iter() {
                    prop_assert!(Channel::new(channel).is_ok() && Channel::new(id).is_ok());
                }
            }
        }
    }
}
